package recordstatus

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// recorded keeps what was measured.
type recorded struct{ values []string }

func (r *recorded) Put(name metric.Name, value float64, labels metric.Labels) {
	r.values = append(r.values, fmt.Sprintf("%s %g %v", name, value, labels))
}

func TestAClosedRunnerIsMeasured(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ran := fleet.Run{RunID: "job-7", RanOn: "ci-7-1", Times: fleet.Times{fleet.StageQueued: at, fleet.StageJobStarted: at.Add(42 * time.Second)}}
	waits := fleet.Run{RunID: "job-7", Times: fleet.Times{fleet.StageQueued: at}}
	elsewhere := ran
	elsewhere.RanOn = "ci-8-1"
	for sentence, test := range map[string]struct {
		run     *fleet.Run
		failure string
		want    string
	}{
		"a job that ran":                   {&ran, "", "[queue_time_ms 42000 map[]]"},
		"a job that still waits":           {&waits, "", "[]"},
		"a job that ran on another runner": {&elsewhere, "", "[]"},
		"a runner without a run":           {nil, "", "[]"},
		"a runner that failed":             {&waits, fleet.RunnerNoCapacity, "[runner_failed 1 map[error:Runner.NoCapacity]]"},
	} {
		var r recorded
		Step{Metrics: &r}.measure(fleet.CloseResult{Runner: fleet.Runner{RunnerID: "ci-7-1"}, Run: test.run}, test.failure)
		if got := fmt.Sprint(r.values); got != test.want {
			t.Errorf("%s: measured %s, want %s", sentence, got, test.want)
		}
	}
}
