package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func TestVerdict(t *testing.T) {
	ran := func(jobID int64, workflow, conclusion, runner string) report.Run {
		return report.Run{RunID: fleet.RunID(jobID), JobID: jobID, WorkflowName: workflow, Status: fleet.RunCompleted, Conclusion: conclusion, RunnerID: runner}
	}
	fine, onPurpose := ran(1, "build", "success", "demo-1-1"), ran(2, failsOnPurpose, "failure", "demo-2-1")
	open := report.Run{RunID: "job-3", JobID: 3, Status: fleet.RunQueued}
	const simulated = ". GitHub and its runner were simulated; the fleet was not.\n"
	for name, test := range map[string]struct {
		runs      []report.Run
		waited    error
		said, err string
	}{
		"one job":           {runs: []report.Run{fine}, said: "1 of 1 job COMPLETED" + simulated},
		"one that is to":    {runs: []report.Run{fine, onPurpose}, said: "2 of 2 jobs COMPLETED, 1 of them with a failing step, as failing.yml wants" + simulated},
		"one that is not":   {runs: []report.Run{ran(1, "build", "failure", "demo-1-1")}, said: "1 of 1 job COMPLETED" + simulated, err: "the steps of 1 job failed that should not"},
		"one that is open":  {runs: []report.Run{fine, open}, said: "1 of 2 jobs COMPLETED" + simulated, err: "1 job was not completed"},
		"interrupted":       {runs: []report.Run{open}, waited: context.Canceled, said: "0 of 1 job COMPLETED" + simulated, err: "interrupted before all jobs were completed"},
		"too late":          {runs: []report.Run{open}, waited: context.DeadlineExceeded, said: "0 of 1 job COMPLETED" + simulated, err: "not all jobs were completed: context deadline exceeded"},
		"another's runner":  {runs: []report.Run{ran(1, "build", "success", "demo-2-1")}, said: "1 of 1 job COMPLETED" + simulated + "1 job ran on a runner that was launched for another one, such as job-1 on demo-2-1: GitHub gives a job to any idle runner with its labels. The fleet noticed, and no job went without a runner.\n"},
		"two that swapped":  {runs: []report.Run{ran(1, "build", "success", "demo-2-1"), ran(2, "build", "success", "demo-1-1")}, said: "2 of 2 jobs COMPLETED" + simulated + "2 jobs ran on a runner that was launched for another one, such as job-1 on demo-2-1: GitHub gives a job to any idle runner with its labels. The fleet noticed, and no job went without a runner.\n"},
		"a second launched": {runs: []report.Run{ran(1, "build", "success", "demo-1-2")}, said: "1 of 1 job COMPLETED" + simulated},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			err := verdict(&said, test.runs, len(test.runs), test.waited)
			if said.String() != test.said {
				t.Errorf("it says %q", said.String())
			}
			if (err == nil) != (test.err == "") || err != nil && !strings.HasPrefix(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}
