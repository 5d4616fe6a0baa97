// Package claim gives a runner's container its GitHub credential, once.
//
// A just-in-time configuration is single-use but too large and too secret for
// task overrides, history and events. So the task starts with a claim token
// only, and asks here for the configuration when its container is up. Whoever
// reads the token afterwards, job code included, gets nothing for it.
package claim

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// registrar registers runners on GitHub. Errors carry the GitHub.* names.
type registrar interface {
	Register(ctx context.Context, repository, name string, labels []string) (reg fleet.Registration, encodedJITConfig string, err error)
}

// Bounds of asking again with the same nonce.
const (
	maxRepeats  = 3
	askAgainFor = 10 * time.Minute
)

// Request is one claim.
type Request struct {
	RunnerID string
	Token    string // the bearer token
	Nonce    string // made up by the container; the same when it asks again
}

// Reply is the answer to a claim. Its statuses are 200, 400 (no usable nonce),
// 401 (wrong token or unknown runner), 409 (claimed with another nonce), 410 (no
// longer wanted, or the credential has been used), 424 (GitHub refuses) and 503
// (ask again after RetryAfter).
type Reply struct {
	Status     int
	Body       fleet.ClaimResponse
	RetryAfter time.Duration
}

// Handler answers claims.
type Handler struct {
	Fleet  lifecycle.Fleet
	GitHub registrar
	Keys   [][]byte // claim keys; two exist during rotation
	Log    *slog.Logger
}

// Handle answers one claim. The token is checked before anything is read.
func (h Handler) Handle(ctx context.Context, req Request) Reply {
	if !fleet.CheckClaimToken(h.Keys, req.RunnerID, req.Token) {
		return refuse(http.StatusUnauthorized, "", "wrong claim token or unknown runner")
	}
	if req.Nonce == "" || len(req.Nonce) > fleet.MaxNonce {
		return refuse(http.StatusBadRequest, "", "the claim needs a nonce of 1 to 128 characters")
	}
	reply := h.handle(ctx, req)
	h.Log.InfoContext(ctx, "claim answered", "runner_id", req.RunnerID, "status", reply.Status, "error", reply.Body.Error, "reason", reply.Body.Message)
	return reply
}

func (h Handler) handle(ctx context.Context, req Request) Reply {
	runner, known, err := h.Fleet.Records.Runner(ctx, req.RunnerID)
	if err != nil {
		return later(time.Second, fleet.RecordsUnavailable, "the records did not answer")
	}
	if !known {
		return refuse(http.StatusUnauthorized, "", "wrong claim token or unknown runner")
	}
	if reply, ok := h.clearOld(ctx, runner, req.Nonce); !ok {
		return reply
	}
	runner, reply, ok := h.takeNumber(ctx, req)
	if !ok {
		return reply
	}
	name := fleet.RunnerName(runner.RunnerID, runner.Claims)
	reg, config, err := h.GitHub.Register(ctx, runner.Repository, name, runner.Labels)
	if err != nil {
		return h.registerFailed(ctx, runner, name, err)
	}
	return h.registered(ctx, runner, name, reg, config)
}

// clearOld prepares for a claim that is asked again: a registration whose answer
// was lost is deleted, but only if it is not online. ok is false with the reply
// if there is nothing to be had any more.
func (h Handler) clearOld(ctx context.Context, runner fleet.Runner, nonce string) (Reply, bool) {
	if runner.NonceHash != fleet.NonceHash(nonce) {
		return Reply{}, true
	}
	if gone, reason := unwanted(runner); gone {
		return refuse(http.StatusGone, fleet.RunnerNotWanted, reason), false
	}
	if runner.RegistrationID == 0 { // no credential was given out: the first answer was never written
		h.clearUnused(ctx, runner, fleet.RunnerName(runner.RunnerID, runner.Claims))
		return Reply{}, true
	}
	if runner.Repeats >= maxRepeats || h.Fleet.Now().Sub(runner.At(fleet.StageClaimed)) > askAgainFor {
		return refuse(http.StatusGone, fleet.RunnerNotWanted, "the credential was given out before"), false
	}
	reg, found, err := h.Fleet.GitHub.Registration(ctx, runner.Repository, fleet.RunnerName(runner.RunnerID, runner.Claims))
	if err != nil {
		return later(5*time.Second, fleet.ErrorName(err), "GitHub did not say what became of the first credential"), false
	}
	if !found || reg.Online || reg.Busy {
		return refuse(http.StatusGone, fleet.RunnerNotWanted, "the credential has been used"), false
	}
	err = h.Fleet.GitHub.Delete(ctx, runner.Repository, reg.ID)
	switch {
	case fleet.IsNamed(err, fleet.GitHubRunnerBusy, fleet.GitHubNotFound):
		return refuse(http.StatusGone, fleet.RunnerNotWanted, "the credential has been used"), false
	case err != nil:
		return later(5*time.Second, fleet.ErrorName(err), "GitHub did not delete the first credential"), false
	}
	return Reply{}, true
}

// takeNumber takes the next claim number, bound to the nonce, in one write.
func (h Handler) takeNumber(ctx context.Context, req Request) (fleet.Runner, Reply, bool) {
	var reply Reply
	hash := fleet.NonceHash(req.Nonce)
	runner, taken, err := h.Fleet.ChangeWanted(ctx, req.RunnerID, func(r fleet.Runner, wanted bool) (fleet.Runner, bool) {
		now := h.Fleet.Now()
		gone, reason := unwanted(r)
		switch {
		case r.NonceHash != "" && r.NonceHash != hash:
			reply = refuse(http.StatusConflict, "Claim.Conflict", "this runner was claimed by somebody else")
			return r, false
		case gone:
			reply = refuse(http.StatusGone, fleet.RunnerNotWanted, reason)
			return r, false
		case !wanted:
			reply = refuse(http.StatusGone, fleet.RunnerNotWanted, "the job needs this runner no longer")
			return r, false
		case r.NonceHash != "" && now.Sub(r.At(fleet.StageClaimed)) > askAgainFor:
			reply = refuse(http.StatusGone, fleet.RunnerNotWanted, "the time to claim is over")
			return r, false
		}
		if r.RegistrationID != 0 {
			r.Repeats++
		}
		r.NonceHash, r.RegistrationID = hash, 0
		r.Claims++
		return r.Mark(fleet.StageClaimed, now), true
	})
	if err != nil {
		return runner, later(time.Second, fleet.RecordsUnavailable, "the records did not answer"), false
	}
	if reply.Status == http.StatusConflict {
		h.Log.ErrorContext(ctx, "a second container or a stranger claimed a runner", "runner_id", req.RunnerID)
	}
	return runner, reply, taken
}

// registered writes the registration on the condition that nothing has changed,
// and only then gives the credential out.
func (h Handler) registered(ctx context.Context, claimed fleet.Runner, name string, reg fleet.Registration, config string) Reply {
	runner, written, err := h.Fleet.ChangeWanted(ctx, claimed.RunnerID, func(r fleet.Runner, wanted bool) (fleet.Runner, bool) {
		if gone, _ := unwanted(r); gone || !wanted || r.Claims != claimed.Claims {
			return r, false
		}
		r.RegistrationID = reg.ID
		return r.Progress(fleet.RunnerWaitingForJob).Mark(fleet.StageRegistered, h.Fleet.Now()), true
	})
	if err != nil {
		// It may be written: whoever asks again, or ends the runner, deletes it.
		return later(time.Second, fleet.RecordsUnavailable, "the records did not answer")
	}
	if !written {
		clean := context.WithoutCancel(ctx)
		err := h.Fleet.GitHub.Delete(clean, claimed.Repository, reg.ID)
		if err != nil && !fleet.IsNamed(err, fleet.GitHubNotFound) {
			h.Log.WarnContext(ctx, "a registration without a runner is left for the sweep", "runner_name", name, "error", err.Error())
		}
		return refuse(http.StatusGone, fleet.RunnerNotWanted, "the job needs this runner no longer")
	}
	h.progress(ctx, runner)
	if err := h.Fleet.MarkPassed(ctx, runner, fleet.PassedRegister); err != nil {
		h.Log.WarnContext(ctx, "holds go on until the next runner registers or gets a job", "runner_id", runner.RunnerID, "error", err.Error())
	}
	return Reply{Status: http.StatusOK, Body: fleet.ClaimResponse{RunnerName: name, EncodedJITConfig: config}}
}

func (h Handler) registerFailed(ctx context.Context, runner fleet.Runner, name string, err error) Reply {
	errorName := fleet.ErrorName(err)
	if errorName == fleet.GitHubNotFound {
		errorName = fleet.GitHubNoAccess // the repository is all that a registration names
	}
	switch errorName {
	case fleet.GitHubUnauthorized, fleet.GitHubNoAccess, fleet.GitHubInvalid:
		_, _, werr := h.Fleet.ChangeRunner(ctx, runner.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
			if r.FailureName != "" {
				return r, false
			}
			r.FailureName, r.Failure = errorName, err.Error()
			return r, true
		})
		if werr != nil {
			return later(time.Second, fleet.RecordsUnavailable, "the records did not answer")
		}
		return refuse(http.StatusFailedDependency, errorName, err.Error())
	case fleet.GitHubRateLimited:
		h.progress(ctx, runner)
		return later(retryAfter(err, time.Minute), errorName, "GitHub limits the rate of requests")
	}
	// A conflict or an unclear answer: it may have registered after all. Whatever
	// is there is deleted, and the next ask comes under the next name.
	h.clearUnused(ctx, runner, name)
	h.progress(ctx, runner)
	return later(2*time.Second, errorName, "GitHub gave no clear answer")
}

// clearUnused deletes a registration whose credential nobody got. What it cannot
// delete is left for the end of the runner.
func (h Handler) clearUnused(ctx context.Context, runner fleet.Runner, name string) {
	reg, found, err := h.Fleet.GitHub.Registration(ctx, runner.Repository, name)
	if err == nil && found && !reg.Online && !reg.Busy {
		err = h.Fleet.GitHub.Delete(ctx, runner.Repository, reg.ID)
	}
	if err != nil {
		h.Log.WarnContext(ctx, "a registration may be left for the end of the runner", "runner_name", name, "error", err.Error())
	}
}

// progress tells the execution that its runner is alive. A lost heartbeat only
// means an inspection.
func (h Handler) progress(ctx context.Context, runner fleet.Runner) {
	if err := h.Fleet.Heartbeat(ctx, runner); err != nil {
		h.Log.WarnContext(ctx, "heartbeat lost", "runner_id", runner.RunnerID, "error", err.Error())
	}
}

func unwanted(r fleet.Runner) (bool, string) {
	switch {
	case r.Took != 0:
		return true, "the runner has had its job"
	case r.Phase != fleet.Open:
		return true, cmp.Or(r.Reason, "the job needs this runner no longer")
	case r.Stopped():
		return true, "the runner's task has stopped"
	}
	return false, ""
}

func retryAfter(err error, otherwise time.Duration) time.Duration {
	if wait := fleet.RetryAfter(err); wait > 0 {
		return wait
	}
	return otherwise
}

func refuse(status int, name, message string) Reply {
	return Reply{Status: status, Body: fleet.ClaimResponse{Error: name, Message: message}}
}

func later(wait time.Duration, name, message string) Reply {
	return Reply{Status: http.StatusServiceUnavailable, RetryAfter: wait, Body: fleet.ClaimResponse{Error: name, Message: message}}
}
