package lifecycle

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Ended is the outcome of an attempt to end a runner.
type Ended string

const (
	EndDone Ended = "done" // it is ending, or had ended before
	EndBusy Ended = "busy" // it has a job: left alone
)

// End ends a runner that has taken no job: it closes the runner for claims, deletes its
// registrations on GitHub, and only then stops its task.
//
// Deleting is the one atomic test for "busy" that GitHub offers (422). End opens a busy
// runner again: the webhook about its job was lost. End may be repeated after it was cut
// short anywhere.
func (f Fleet) End(ctx context.Context, runnerID, reason string) (Ended, error) {
	return f.end(ctx, runnerID, reason, nil)
}

// end is End for an operator, nil for the fleet itself. What the operator does is written
// together with what it changes.
func (f Fleet) end(ctx context.Context, runnerID, reason string, by *fleet.Action) (Ended, error) {
	runner, ok, err := f.beginEnd(ctx, runnerID, reason, by)
	if err != nil {
		return "", err
	}
	if !ok {
		if runner.Took != 0 {
			return EndBusy, nil
		}
		return EndDone, nil // closed
	}
	busy, err := f.Deregister(ctx, runner)
	if err != nil {
		return "", err
	}
	if busy {
		return EndBusy, f.reopen(ctx, runnerID, by)
	}
	if runner.TaskARN != "" && !runner.Stopped() {
		if err := f.Tasks.Stop(ctx, runner.TaskARN, reason); err != nil {
			return "", err
		}
	}
	return EndDone, f.Signal(ctx, runner)
}

// beginEnd sets CLOSING. If the run that expects the runner is not wanted, the same
// transaction clears the expectation, so that the run can have its next runner at once
// when it is wanted again. A wanted run goes on expecting the runner until Close has
// counted how it ended.
func (f Fleet) beginEnd(ctx context.Context, runnerID, reason string, by *fleet.Action) (fleet.Runner, bool, error) {
	var ending bool
	runner, _, err := f.changeBothBy(ctx, runnerID, by, func(r fleet.Runner, run *fleet.Run) (fleet.Runner, *fleet.Run, bool) {
		next, ok := r.BeginEnd(reason, f.Now())
		if ending = ok; !ok || r.Phase == fleet.Closing {
			return r, nil, false
		}
		if run != nil && !run.Wanted() {
			run, next.For = unexpecting(*run), ""
		}
		if by != nil {
			next = next.Trace(by.OfIdle())
		}
		if by != nil && run != nil {
			traced := run.Trace(by.OfIdle())
			run = &traced
		}
		return next, run, true
	})
	return runner, ending, err
}

// reopen takes beginEnd back for a busy runner. A run that expected the runner no longer
// does: no webhook has reported whose job the runner has. An operator did not end the
// runner then, and the list of actions says so.
func (f Fleet) reopen(ctx context.Context, runnerID string, by *fleet.Action) error {
	if by != nil {
		left := *by
		left.Outcome = leftAlone
		by = &left
	}
	_, _, err := f.changeBothBy(ctx, runnerID, by, func(r fleet.Runner, run *fleet.Run) (fleet.Runner, *fleet.Run, bool) {
		if r.Phase != fleet.Closing {
			return r, nil, false
		}
		next := r.Reopen()
		if run != nil && r.Took == 0 {
			run, next.For = unexpecting(*run), ""
		}
		if by != nil {
			next = next.Untrace(by.ID)
		}
		if by != nil && run != nil {
			untraced := run.Untrace(by.ID)
			run = &untraced
		}
		return next, run, true
	})
	return err
}

// leftAlone is the outcome of an operator's action on a runner that has a job.
const leftAlone = "left alone: the runner has a job"

func unexpecting(run fleet.Run) *fleet.Run {
	run.RunnerID = ""
	return &run
}

// endFor ends the runner that waits for the job of a run which no longer needs one, or
// returns it to its pool. If
// the run does not expect its last runner any more, but that one's end was cut short,
// endFor goes on with that end.
func (f Fleet) endFor(ctx context.Context, run fleet.Run, reason string) error {
	runnerID := run.RunnerID
	if runnerID == "" {
		if run.LastRunner == "" {
			return nil
		}
		last, ok, err := f.Records.Runner(ctx, run.LastRunner)
		if err != nil || !ok || last.Phase != fleet.Closing {
			return err
		}
		runnerID = last.RunnerID
	}
	if returned, err := f.returnToPool(ctx, runnerID); err != nil || returned {
		return err
	}
	_, err := f.End(ctx, runnerID, reason)
	return err
}

func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }
