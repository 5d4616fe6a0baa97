package lifecycle

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Ended says what became of an attempt to end a runner.
type Ended string

const (
	EndDone Ended = "done" // it is ending, or had ended before
	EndBusy Ended = "busy" // it has a job: left alone
)

// End lets a runner go that has taken no job: it can claim nothing any more, its
// registrations are deleted on GitHub, and only then its task is stopped.
//
// Deleting is the one atomic test for "busy" that GitHub offers (422). A runner
// that is busy is opened again: the webhook that told us was lost. End may be
// repeated after it was cut short anywhere.
func (f Fleet) End(ctx context.Context, runnerID, reason string) (Ended, error) {
	runner, ok, err := f.beginEnd(ctx, runnerID, reason)
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
		_, _, err := f.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
			return r.Reopen(), r.Phase == fleet.Closing
		})
		return EndBusy, err
	}
	if runner.TaskARN != "" && !runner.Stopped() {
		if err := f.Tasks.Stop(ctx, runner.TaskARN, reason); err != nil {
			return "", err
		}
	}
	return EndDone, f.Signal(ctx, runner)
}

// beginEnd sets CLOSING and clears the expectation in one transaction, so that
// the run, if it is wanted again, can have its next runner at once.
func (f Fleet) beginEnd(ctx context.Context, runnerID, reason string) (fleet.Runner, bool, error) {
	var ending bool
	runner, _, err := f.changeBoth(ctx, runnerID, func(r fleet.Runner, run *fleet.Run) (fleet.Runner, *fleet.Run, bool) {
		next, ok := r.BeginEnd(reason, f.Now())
		if ending = ok; !ok || r.Phase == fleet.Closing {
			return r, nil, false
		}
		if run != nil {
			cleared := *run
			cleared.RunnerID = ""
			run, next.For = &cleared, ""
		}
		return next, run, true
	})
	return runner, ending, err
}

// Deregister deletes every registration that the runner may have on GitHub,
// found by name because an id may have been lost. busy is true if GitHub
// refuses since the runner has a job. Offline registrations of an ended runner
// are deleted in the same way.
func (f Fleet) Deregister(ctx context.Context, runner fleet.Runner) (busy bool, err error) {
	for k := 1; k <= runner.Claims; k++ {
		name := fleet.RunnerName(runner.RunnerID, k)
		reg, found, err := f.GitHub.Registration(ctx, runner.Repository, name)
		if err != nil {
			return false, err
		}
		if !found {
			continue
		}
		err = f.GitHub.Delete(ctx, runner.Repository, reg.ID)
		switch {
		case fleet.IsNamed(err, fleet.GitHubRunnerBusy):
			return true, nil
		case fleet.IsNamed(err, fleet.GitHubNotFound):
		case err != nil:
			return false, err
		}
	}
	return false, nil
}

func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }
