// Package dispatch handles every event on the bus and turns it into facts, launches and
// signals.
//
// Events come late, twice, out of order or not at all, and dispatch may die at
// any line. So it holds no state, handles every event as if it might be a
// repetition, and writes a fact before it signals it.
package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Handler handles the events of the bus.
type Handler struct {
	Fleet  lifecycle.Fleet
	Images lifecycle.Images

	Cursors lifecycle.Cursors // of repositories
	Policy  fleet.Policy      // without classes
}

// Handle acts on one event. An event that is not the fleet's is no error. After an
// error the same event has to be handled again.
func (h Handler) Handle(ctx context.Context, event fleet.Event) error {
	switch event.DetailType {
	case fleet.WorkflowJobEvent:
		return decodeAnd(event, func(e fleet.WorkflowJob) error { return h.workflowJob(ctx, e) })
	case fleet.TaskEvent:
		return decodeAnd(event, func(t fleet.Task) error { return h.task(ctx, t) })
	case fleet.BuildEvent:
		return decodeAnd(event, func(b fleet.Build) error { return h.Fleet.BuildEvent(ctx, h.Images, b) })
	case fleet.ExecutionEvent:
		return decodeAnd(event, func(e fleet.ExecutionEnded) error { return h.executionEnded(ctx, e) })
	case fleet.FleetResumedEvent:
		return decodeAnd(event, func(r fleet.Resumed) error { return h.resumed(ctx, r) })
	}
	return nil
}

func decodeAnd[T any](event fleet.Event, handle func(T) error) error {
	var detail T
	if err := json.Unmarshal(event.Detail, &detail); err != nil {
		return fmt.Errorf("read event %s (%s): %w", event.ID, event.DetailType, err)
	}
	return handle(detail)
}

func (h Handler) resumed(ctx context.Context, r fleet.Resumed) error {
	if r.RunID == "" {
		return h.Fleet.LaunchWaiting(ctx)
	}
	if _, known, err := h.Fleet.Records.Run(ctx, r.RunID); err != nil || !known {
		return err
	}
	_, err := h.Fleet.Launch(ctx, r.RunID)
	return err
}

func (h Handler) workflowJob(ctx context.Context, e fleet.WorkflowJob) error {
	if e.NotOurs {
		return h.Fleet.JobEnded(ctx, e.Job.Repository)
	}
	if err := lifecycle.LearnRepository(ctx, h.Cursors, h.Policy, e.Job); err != nil {
		return err
	}
	if e.Action == fleet.JobQueued {
		if e.Job.Status != fleet.JobQueued {
			return nil // an environment's gate: the queued event that counts comes later
		}
		if err := h.Fleet.Queued(ctx, e.Job, e.Wants, e.ReceivedAt); err != nil {
			return err
		}
		return h.Fleet.LaunchPaced(ctx)
	}
	job := e.Job
	if e.Action == fleet.JobWaiting {
		// This event may be late, and the job queued since: only GitHub knows. If
		// GitHub does not answer, the event counts.
		if now, err := h.Fleet.GitHub.Job(ctx, job.Repository, job.JobID); err == nil {
			job.Status, job.RunnerName, job.Conclusion = now.Status, now.RunnerName, now.Conclusion
			job.StartedAt, job.CompletedAt = now.StartedAt, now.CompletedAt
		}
	}
	learning := h.Fleet
	learning.HandledAgain = true
	if _, err := learning.LearnJob(ctx, job); err != nil || e.Action != fleet.JobInProgress {
		return err
	}
	return h.Fleet.LaunchPaced(ctx)
}

func (h Handler) task(ctx context.Context, task fleet.Task) error {
	if _, _, ours := fleet.ParseRunnerID(h.Fleet.Name, task.StartedBy); !ours {
		return nil
	}
	if _, known, err := h.Fleet.Records.Runner(ctx, task.StartedBy); err != nil || !known {
		return err
	}
	runner, changed, err := h.Fleet.ChangeRunner(ctx, task.StartedBy, func(r fleet.Runner) (fleet.Runner, bool) {
		next, changed := r.ApplyTask(task, h.Fleet.Now())
		return next.Mark(fleet.StageTaskStarted, h.startOf(task)), changed
	})
	if err != nil {
		return err
	}
	if !runner.Stopped() {
		if unclaimed := runner.Claims == 0 && runner.Took == 0; runner.Phase != fleet.Open && unclaimed {
			// The runner was let go while RunTask started it, and RunTask died before
			// it stopped the task. Without a claim it cannot have a job.
			return h.Fleet.Tasks.Stop(ctx, runner.TaskARN, fleet.NeededNoLonger)
		}
		if !changed && task.LastStatus != fleet.TaskPending { // which is recorded before it is heard of
			return nil
		}
		if err := h.Fleet.Heartbeat(ctx, runner); err != nil || task.LastStatus != fleet.TaskRunning {
			return err
		}
		return h.Fleet.Passed(ctx, runner, fleet.PassedStart)
	}
	if runner.Claims > 0 && runner.Took == 0 && runner.For != "" {
		if runner, err = h.mayHaveRun(ctx, runner); err != nil {
			return err
		}
	}
	return h.Fleet.Signal(ctx, runner)
}

// startOf is when the platform accepted the task: RunTask may have died before it
// recorded that.
func (h Handler) startOf(task fleet.Task) time.Time {
	if task.CreatedAt != nil {
		return *task.CreatedAt
	}
	return h.Fleet.Now()
}

// mayHaveRun asks GitHub about a runner that stopped and has no recorded job: it may
// have run the job that it was meant for, and the webhook is late or lost.
func (h Handler) mayHaveRun(ctx context.Context, runner fleet.Runner) (fleet.Runner, error) {
	runner, err := h.Fleet.AskAfter(ctx, runner)
	if untold, ok := errors.AsType[lifecycle.Untold](err); ok {
		h.Fleet.Log.WarnContext(ctx, "taking the runner to have had no job: GitHub did not say", "runner_id", runner.RunnerID, "error", untold.Error())
		return runner, nil
	}
	return runner, err
}

// executionEnded closes what an execution left open that ended without RecordStatus or
// RecordFailure: because a person stopped it, it timed out, or there is a bug.
func (h Handler) executionEnded(ctx context.Context, e fleet.ExecutionEnded) error {
	// A closed runner is finished again: the process that closed it may have died
	// before it launched the next.
	if _, ok, err := h.Fleet.Records.Runner(ctx, e.Name); err != nil || !ok {
		return err
	}
	name, cause := e.Error, e.Cause
	switch name {
	case fleet.RunnerNotWanted: // an operator stopped it: nothing failed
		name = ""
	case "":
		name, cause = "Execution."+e.Status, "the execution ended as "+e.Status
	}
	_, _, err := h.Fleet.Finish(ctx, e.Name, nil, name, cause)
	return err
}
