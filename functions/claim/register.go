package claim

import (
	"context"
	"net/http"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// replace deletes the registration of a credential whose answer got lost, if the
// credential is unused, and takes the next number.
func (h Handler) replace(ctx context.Context, asked fleet.Runner) (_ fleet.Runner, refusal Reply, _ error) {
	used := refuse(http.StatusGone, fleet.RunnerClaimLost, "the credential has been used")
	reg, found, err := h.Fleet.GitHub.Registration(ctx, h.Fleet.PlaceOf(asked), fleet.RunnerName(asked.RunnerID, asked.Claims))
	switch {
	case err != nil:
		return asked, h.later(ctx, asked, err, "GitHub did not say what became of the first credential"), nil
	case !found || reg.Online || reg.Busy:
		return asked, used, nil
	}
	err = h.Fleet.GitHub.Delete(ctx, h.Fleet.PlaceOf(asked), reg.ID)
	switch {
	case fleet.IsNamed(err, fleet.GitHubRunnerBusy, fleet.GitHubNotFound):
		return asked, used, nil
	case err != nil:
		return asked, h.later(ctx, asked, err, "GitHub did not delete the first credential"), nil
	}
	return h.change(ctx, asked, func(r fleet.Runner) fleet.Runner {
		r.Repeats++
		return r.DeregisteredNumber(r.Claims).NextClaim()
	})
}

// takeBack deletes the registration that was given out to the first of two claimants:
// it is unknown which of them is the runner's container. GitHub refuses to delete a
// registration that has a job, so that stays. The end of the runner deletes what is
// left.
func (h Handler) takeBack(ctx context.Context, runner fleet.Runner) {
	if runner.Took != 0 || runner.Claims <= runner.Deregistered {
		return
	}
	busy, err := h.Fleet.DeregisterNumber(ctx, runner, runner.Claims)
	if busy || err != nil {
		h.Log.WarnContext(ctx, "the registration of a runner that was claimed twice is left", "runner_name", fleet.RunnerName(runner.RunnerID, runner.Claims), "busy", busy, "error", err)
	}
}

// clearOldest deletes the oldest registration that an earlier number may have left. No
// container has its credential, so what cannot be deleted is left for the end of the
// runner.
func (h Handler) clearOldest(ctx context.Context, runner fleet.Runner) {
	k := runner.Deregistered + 1
	if k >= runner.Claims {
		return
	}
	if busy, err := h.Fleet.DeregisterNumber(ctx, runner, k); busy || err != nil {
		h.Log.WarnContext(ctx, "a registration may be left for the end of the runner", "runner_name", fleet.RunnerName(runner.RunnerID, k), "busy", busy, "error", err)
	}
}

// registered writes the registration on the condition that nothing has changed, and
// only then gives out the credential.
func (h Handler) registered(ctx context.Context, asked fleet.Runner, name string, reg fleet.Registration, config string) Reply {
	runner, refusal, err := h.change(ctx, asked, func(r fleet.Runner) fleet.Runner { return r.Registered(reg.ID, h.Fleet.Now()) })
	switch {
	case err != nil: // it may be written: the next claim, or the runner's end, deletes it
		return unrecorded()
	case refusal.Status != 0:
		err := h.Fleet.GitHub.Delete(context.WithoutCancel(ctx), h.Fleet.PlaceOf(asked), reg.ID)
		if err != nil && !fleet.IsNamed(err, fleet.GitHubNotFound) {
			h.Log.WarnContext(ctx, "a registration without a runner is left for the sweep", "runner_name", name, "error", err.Error())
		}
		return refusal
	}
	h.progress(ctx, runner)
	if err := h.Fleet.MarkPassed(ctx, runner, fleet.PassedRegister); err != nil {
		h.Log.WarnContext(ctx, "holds go on until the next runner registers or gets a job", "runner_id", runner.RunnerID, "error", err.Error())
	}
	body := fleet.ClaimResponse{RunnerName: name, EncodedJITConfig: config, GitHubCA: h.GitHubCA, AskAboutJob: runner.Hook == fleet.HookAsks}
	if h.JobLog != nil {
		body.JobLog = h.JobLog(runner)
	}
	return Reply{Status: http.StatusOK, Body: body}
}

func (h Handler) registerFailed(ctx context.Context, asked fleet.Runner, err error) Reply {
	errorName := fleet.ErrorName(err)
	if errorName == fleet.GitHubNotFound {
		errorName = fleet.GitHubNoAccess // a registration names only the repository
	}
	switch errorName {
	case fleet.GitHubUnauthorized, fleet.GitHubUntrusted, fleet.GitHubNoAccess, fleet.GitHubNoRunnerGroup, fleet.GitHubInvalid:
		_, _, werr := h.Fleet.ChangeRunner(ctx, asked.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
			if r.FailureName != "" {
				return r, false
			}
			r.FailureName, r.Failure = errorName, err.Error()
			return r, true
		})
		if werr != nil {
			return unrecorded()
		}
		return refuse(http.StatusFailedDependency, errorName, err.Error())
	case fleet.GitHubConflict:
		return h.nameTaken(ctx, asked)
	case fleet.GitHubRateLimited:
		return h.later(ctx, asked, err, "GitHub limits the rate of requests")
	}
	// If GitHub registered the runner after all, the next ask under the same name gets
	// GitHub.Conflict.
	return h.later(ctx, asked, err, "GitHub gave no clear answer")
}

// nameTaken gives up a number that an earlier ask has registered, whose answer was
// lost. The next ask deletes that registration.
func (h Handler) nameTaken(ctx context.Context, asked fleet.Runner) Reply {
	if asked.Claims >= fleet.MaxClaims {
		return refuse(http.StatusGone, fleet.RunnerClaimLost, "too many registrations were made for this runner")
	}
	runner, refusal, err := h.change(ctx, asked, func(r fleet.Runner) fleet.Runner {
		r.AskAt = time.Time{}
		return r.NextClaim()
	})
	switch {
	case err != nil:
		return unrecorded()
	case refusal.Status != 0:
		return refusal
	}
	h.progress(ctx, runner)
	return later(time.Second, fleet.GitHubConflict, "GitHub has a registration whose answer was lost")
}

// change writes what became of an ask. If the runner is no longer needed, or a later
// ask has begun, it writes nothing, and refusal says so.
func (h Handler) change(ctx context.Context, asked fleet.Runner, to func(fleet.Runner) fleet.Runner) (_ fleet.Runner, refusal Reply, _ error) {
	runner, _, err := h.Fleet.ChangeExpected(ctx, asked.RunnerID, func(r fleet.Runner, wanted bool) (fleet.Runner, bool) {
		reason := unwanted(r, wanted)
		switch {
		case reason != "":
			refusal = refuse(http.StatusGone, fleet.RunnerNotWanted, reason)
		case !r.SameAsk(asked):
			refusal = later(time.Second, "", "a later claim of this container is being answered")
		default:
			refusal = Reply{}
			return to(r), true
		}
		return r, false
	})
	return runner, refusal, err
}

// later has the container ask again: after the pause of the record, or after the one
// that GitHub demands if that is longer. Until then GitHub is not asked.
func (h Handler) later(ctx context.Context, asked fleet.Runner, failure error, message string) Reply {
	wait := fleet.RetryAfter(failure)
	if wait == 0 && fleet.IsNamed(failure, fleet.GitHubRateLimited) {
		wait = time.Minute // https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
	}
	pause := asked.ClaimPause()
	if wait > pause {
		_, refusal, err := h.change(ctx, asked, func(r fleet.Runner) fleet.Runner {
			r.AskAt = h.Fleet.Now().Add(wait)
			return r
		})
		if err == nil && refusal.Status != 0 {
			return refusal
		}
	}
	h.progress(ctx, asked)
	return later(max(wait, pause), fleet.ErrorName(failure), message)
}
