package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// failsOnPurpose is the example workflow whose jobs fail.
const failsOnPurpose = "failing"

// verdict says how the jobs ended. It is success only if every job was completed, and
// none failed but those that fail on purpose.
func verdict(w io.Writer, runs []report.Run, jobs int, waitErr error) error {
	completed, onPurpose, failed := 0, 0, 0
	for _, run := range runs {
		if run.Status == fleet.RunCompleted {
			completed++
		}
		switch {
		case run.Conclusion != "failure":
		case run.WorkflowName == failsOnPurpose:
			onPurpose++
		default:
			failed++
		}
	}
	fmt.Fprintf(w, "%d of %s COMPLETED", completed, numberOf(jobs, "job"))
	if onPurpose > 0 {
		fmt.Fprintf(w, ", %d of them with a failing step, as failing.yml wants", onPurpose)
	}
	fmt.Fprint(w, ". GitHub and its runner were simulated; the fleet was not.\n", swapped(runs))
	switch {
	case errors.Is(waitErr, context.Canceled):
		return errors.New("interrupted before all jobs were completed: run it again")
	case waitErr != nil:
		return fmt.Errorf("not all jobs were completed: %w: run it again with --keep and see fleet.log in the data directory", waitErr)
	case completed != jobs:
		return fmt.Errorf("%s not completed: run it again with --keep, and see why with `ecsrunner runs show`", wasOrWere(jobs-completed))
	case failed > 0:
		return fmt.Errorf("the steps of %s failed that should not: they are run by bash or sh, which the PATH must have; run it again with --keep, and see why with `ecsrunner runners logs`", numberOf(failed, "job"))
	}
	return nil
}

// swapped says that jobs ran on runners which were launched for others, "" if none did.
func swapped(runs []report.Run) string {
	n, example := 0, ""
	for _, run := range runs {
		if _, jobID, ok := fleet.ParseRunnerID(demoFleet, run.RunnerID); ok && jobID != run.JobID {
			if n++; n == 1 {
				example = fmt.Sprintf("%s on %s", run.RunID, run.RunnerID)
			}
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s ran on a runner that was launched for another one, such as %s: GitHub gives a job to any idle runner with its labels. The fleet noticed, and no job went without a runner.\n", numberOf(n, "job"), example)
}

func numberOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func wasOrWere(n int) string {
	if n == 1 {
		return "1 job was"
	}
	return fmt.Sprintf("%d jobs were", n)
}

// typed is what a user types to run this program again: `go run` puts nothing on the
// PATH.
func typed() string {
	if self, err := os.Executable(); err == nil && strings.Contains(self, "go-build") {
		return "go run ./cmd/ecsrunner"
	}
	return os.Args[0]
}
