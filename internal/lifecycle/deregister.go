package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Deregister deletes every registration that the runner may have on GitHub. busy is true
// if GitHub refuses because the runner has a job. The offline registrations of an ended
// runner are deleted in the same way.
//
// Deregister asks GitHub once for a registration whose id is recorded, and at most twice
// for each older claim number that may have one. The record keeps which numbers are
// done, so a call that was cut short continues where it stopped.
func (f Fleet) Deregister(ctx context.Context, runner fleet.Runner) (busy bool, err error) {
	last := runner.Claims
	if runner.RegistrationID != 0 { // of the last number
		last--
		if busy, err := f.deleteRegistration(ctx, runner, runner.RegistrationID); busy || err != nil {
			return busy, err
		}
	}
	for k := runner.Deregistered + 1; k <= last; k++ {
		if busy, err := f.DeregisterNumber(ctx, runner, k); busy || err != nil {
			return busy, err
		}
	}
	return false, nil
}

// DeregisterNumber is Deregister for the claim number k alone, whose id is not recorded:
// its answer was lost, or it was replaced by the next number.
func (f Fleet) DeregisterNumber(ctx context.Context, runner fleet.Runner, k int) (busy bool, err error) {
	reg, found, err := f.GitHub.Registration(ctx, f.PlaceOf(runner), fleet.RunnerName(runner.RunnerID, k))
	if err != nil {
		return false, err
	}
	if found {
		if busy, err := f.deleteRegistration(ctx, runner, reg.ID); busy || err != nil {
			return busy, err
		}
	}
	_, _, err = f.ChangeRunner(ctx, runner.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		next := r.DeregisteredNumber(k)
		return next, next.Deregistered != r.Deregistered
	})
	return false, err
}

func (f Fleet) deleteRegistration(ctx context.Context, runner fleet.Runner, id int64) (busy bool, err error) {
	err = f.GitHub.Delete(ctx, f.PlaceOf(runner), id)
	switch {
	case fleet.IsNamed(err, fleet.GitHubRunnerBusy):
		return true, nil
	case fleet.IsNamed(err, fleet.GitHubNotFound):
		return false, nil
	}
	return false, err
}
