package forecast

import (
	"fmt"
	"os"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Names of faults that come with the program.
const (
	NoFaults = "none"
	Rough    = "rough"
)

// Faults are those of a name, or of a file, for a workload that lasts so long. Their times
// count from its first job.
func Faults(name string, lasts time.Duration) ([]kernel.Fault, error) {
	switch name {
	case NoFaults:
		return nil, nil
	case Rough:
		return rough(lasts), nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w; faults are %s, %s or a file", err, NoFaults, Rough)
	}
	faults, err := simulation.ReadFaults(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return faults, nil
}

// rough is a week in which something is always wrong, and twice a day much is. It is made up:
// nobody publishes how often these happen.
func rough(lasts time.Duration) []kernel.Fault {
	after := func(d time.Duration) kernel.Duration { return kernel.Duration{Duration: d} }
	faults := []kernel.Fault{
		{Kind: "github.webhook_lost", With: "502", Rate: 0.01},
		{Kind: "github.webhook_late", Rate: 0.02, For: after(time.Minute)},
		{Kind: "github.answers", With: "502", Rate: 0.002},
		{Kind: kernel.Killed, Rate: 0.0002},
		{Kind: "dynamo.throttled", Rate: 0.0005},
		{Kind: "events.lost", Of: "aws.", Rate: 0.005},
		{Kind: "ecs.run_task_error", Rate: 0.005},
		{Kind: "ecs.slow_launch", Rate: 0.05, For: after(90 * time.Second)},
		{Kind: "ecs.pull_fails", Rate: 0.005},
		{Kind: "ecs.spot_interrupted", Rate: 0.05, For: after(3 * time.Minute)},
		{Kind: "codebuild.fails", With: "COMMAND_EXECUTION_ERROR", Rate: 0.05},
	}
	for day := time.Duration(0); day <= lasts; day += 24 * time.Hour {
		faults = append(faults,
			kernel.Fault{Kind: "ecs.no_capacity", From: after(day + 2*time.Hour), Until: after(day + 2*time.Hour + 20*time.Minute)},
			kernel.Fault{Kind: "github.down", From: after(day + 5*time.Hour), Until: after(day + 5*time.Hour + 10*time.Minute)},
		)
	}
	return faults
}
