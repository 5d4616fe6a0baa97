package local

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// takeUp goes on with what an earlier process left open: executions resume, and
// runners whose process is gone are told to have stopped. A runner that has no
// execution yet gets it.
func (f *Fleet) takeUp(ctx context.Context) error {
	if err := f.engine.Resume(ctx); err != nil {
		return err
	}
	runners, err := f.store.OpenRunners(ctx)
	if err != nil {
		return err
	}
	for _, r := range runners {
		if r.RunID != "" && r.TaskARN == "" {
			if err := f.startAgain(ctx, r); err != nil {
				return err
			}
		}
		if r.TaskARN == "" || r.Stopped() {
			continue
		}
		if _, known := f.launcher.Describe(ctx, r.TaskARN); !known {
			now := time.Now()
			f.put(fleet.TaskEvent, fleet.Task{
				ARN: r.TaskARN, StartedBy: r.RunnerID, LastStatus: fleet.TaskStopped, Version: r.TaskVersion + 1,
				StoppedReason: "its process ended with the fleet's own", StoppedAt: &now,
			})
		}
	}
	return f.lifecycle.LaunchWaiting(ctx)
}

func (f *Fleet) startAgain(ctx context.Context, r fleet.Runner) error {
	run, known, err := f.store.Run(ctx, r.RunID)
	if err != nil || !known {
		return err
	}
	input, err := json.Marshal(fleet.Document{Schema: fleet.Schema, RunID: run.RunID, Job: run.Job})
	if err != nil {
		return err
	}
	return f.lifecycle.Executions.Start(ctx, r.RunnerID, input)
}
