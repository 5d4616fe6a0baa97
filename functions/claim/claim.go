// Package claim gives a runner's container its GitHub credential, once.
//
// A just-in-time configuration is single-use but too large and too secret for task
// overrides, history and events. So the task starts with a claim token only, and asks
// here for the configuration when its container is up. Later the token is worthless:
// job code that reads it gets nothing for it.
package claim

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// registrar registers runners on GitHub. Errors carry the GitHub.* names.
type registrar interface {
	Register(ctx context.Context, place, name string, labels []string) (reg fleet.Registration, encodedJITConfig string, err error)
}

// Request is one claim.
type Request struct {
	RunnerID string
	Token    string // the bearer token
	Nonce    string // chosen by the container; the same when it asks again
	Identity *fleet.Identity
	CanAsk   bool       // the container's job-started hook can ask about the job
	Address  netip.Addr // that the claim comes from, where the platform knows containers by their addresses
}

// Reply is the answer to a claim. Its statuses are 200, 400 (no usable nonce),
// 401 (wrong token, unknown runner, or not from its task), 409 (claimed with another
// nonce), 410 (no longer wanted, or the credential has been used), 424 (GitHub refuses, or a
// warm runner cannot ask about its job) and 503 (ask again after RetryAfter).
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
	// GitHubCA are the authorities of the GitHub server, in PEM; "" are the public ones alone.
	GitHubCA string

	// Enforce has the job-started hooks of runners ask about their jobs, and Judge answers
	// them. A hook goes on asking when the fleet enforces its policy no more.
	Enforce bool
	Judge   Judge

	// Signers and Tasks find out which task a claim comes from. Without them a claim is
	// refused if its runner's record demands that.
	Signers signers
	Tasks   tasks
	// Containers knows the runners' containers by their addresses; nil on AWS, and
	// where runners are processes or the engine does not show the addresses.
	Containers containers

	// JobLog is what the runner's hooks print in the log of its job; nil prints nothing.
	JobLog func(fleet.Runner) *fleet.JobLog

	Metrics metric.Recorder // nil measures nothing
}

// Handle answers one claim. It checks the token before it reads anything.
func (h Handler) Handle(ctx context.Context, req Request) Reply {
	if !fleet.CheckClaimToken(h.Keys, req.RunnerID, req.Token) {
		return refuse(http.StatusUnauthorized, "", "wrong claim token or unknown runner")
	}
	if req.Nonce == "" || len(req.Nonce) > fleet.MaxNonce {
		return refuse(http.StatusBadRequest, "", "the claim needs a nonce of 1 to 128 characters")
	}
	reply := h.handle(ctx, req)
	if h.Metrics != nil && reply.Status == http.StatusConflict {
		h.Metrics.Put(metric.ClaimConflict, 1, nil)
	}
	h.Log.InfoContext(ctx, "claim answered", "runner_id", req.RunnerID, "status", reply.Status, "error", reply.Body.Error, "reason", reply.Body.Message)
	return reply
}

func (h Handler) handle(ctx context.Context, req Request) Reply {
	runner, known, err := h.Fleet.Records.Runner(ctx, req.RunnerID)
	if err != nil {
		return unrecorded()
	}
	if !known {
		return refuse(http.StatusUnauthorized, "", "wrong claim token or unknown runner")
	}
	if refusal := h.identify(ctx, runner, req); refusal.Status != 0 {
		return refusal
	}
	runner, refusal, err := h.begin(ctx, req)
	if err == nil && refusal.Status == 0 && runner.RegistrationID != 0 {
		runner, refusal, err = h.replace(ctx, runner)
	}
	switch {
	case err != nil:
		return unrecorded()
	case refusal.Status != 0:
		return refusal
	}
	h.clearOldest(ctx, runner)
	name := fleet.RunnerName(runner.RunnerID, runner.Claims)
	reg, config, err := h.GitHub.Register(ctx, h.Fleet.PlaceOf(runner), name, runner.Labels)
	if err != nil {
		return h.registerFailed(ctx, runner, err)
	}
	return h.registered(ctx, runner, name, reg, config)
}

// begin counts the ask and binds the runner to the nonce, in one write, before GitHub
// is asked for anything. If GitHub must not be asked, refusal has a status.
func (h Handler) begin(ctx context.Context, req Request) (_ fleet.Runner, refusal Reply, _ error) {
	hash := fleet.NonceHash(req.Nonce)
	runner, _, err := h.Fleet.ChangeExpected(ctx, req.RunnerID, func(r fleet.Runner, wanted bool) (fleet.Runner, bool) {
		now, reason, over := h.Fleet.Now(), unwanted(r, wanted), r.ClaimOver(h.Fleet.Now())
		switch {
		case r.NonceHash != "" && r.NonceHash != hash && h.identifies(r) && r.Took != 0:
			// Only its own task gets here, so the job itself is asking.
			refusal = refuse(http.StatusGone, fleet.RunnerNotWanted, reason)
		case r.NonceHash != "" && r.NonceHash != hash:
			refusal = refuse(http.StatusConflict, "Claim.Conflict", "this runner was claimed by somebody else")
			if r.Took == 0 && !r.Contested {
				r.Contested = true
				return r, true
			}
		case reason != "":
			refusal = refuse(http.StatusGone, fleet.RunnerNotWanted, reason)
		case over != "":
			refusal = refuse(http.StatusGone, fleet.RunnerClaimLost, over)
		case r.IsWarm() && h.hook(req) == fleet.HookMissing:
			refusal = refuse(http.StatusFailedDependency, fleet.RunnerStoppedEarly, noHook)
			if r.FailureName == "" {
				r.FailureName, r.Failure = fleet.RunnerStoppedEarly, noHook
				return r, true
			}
		case now.Before(r.AskAt):
			refusal = later(r.AskAt.Sub(now), "", "GitHub did not register the runner when it was last asked")
		default:
			refusal = Reply{}
			r.Hook = h.hook(req)
			r.RegisteredIn = h.Fleet.PlaceOf(r) // before GitHub may have it
			return r.BeginAsk(hash, now), true
		}
		return r, false
	})
	if runner.Hook == fleet.HookMissing && refusal.Status == 0 {
		h.noteUnenforced(ctx, runner)
	}
	switch refusal.Status {
	case http.StatusConflict:
		h.Log.ErrorContext(ctx, "a second container or a stranger claimed a runner", "runner_id", req.RunnerID, "from_its_task", h.identifies(runner))
		h.takeBack(ctx, runner)
	case http.StatusServiceUnavailable:
		h.progress(ctx, runner)
	}
	return runner, refusal, err
}

// noHook is why a warm runner gets no credential: GitHub may give it a job about which the
// fleet has not decided, and nothing else would end a refused one.
const noHook = "the entrypoint of its image is too old to ask about jobs, which a warm runner must do: have the image built again"

// hook is what the job-started hook of a container that claims will do.
func (h Handler) hook(req Request) fleet.JobHook {
	switch {
	case !h.Enforce:
		return ""
	case req.CanAsk:
		return fleet.HookAsks
	}
	return fleet.HookMissing
}

// noteUnenforced tells the operators, by the log and by doctor. The runner goes on: its job
// may be the only one that wants that image.
func (h Handler) noteUnenforced(ctx context.Context, runner fleet.Runner) {
	h.Log.WarnContext(ctx, "policy is not enforced on a runner: the entrypoint of its image is too old to ask about its job", "runner_id", runner.RunnerID, "image", runner.Image)
	note, err := json.Marshal(fleet.Unenforced{RunnerID: runner.RunnerID, Image: runner.Image, At: h.Fleet.Now().UTC()})
	if err == nil {
		err = h.Judge.Cursors.PutCursor(ctx, fleet.UnenforcedCursor, string(note))
	}
	if err != nil {
		h.Log.WarnContext(ctx, "doctor does not hear of a runner on which policy is not enforced", "runner_id", runner.RunnerID, "error", err.Error())
	}
}

// progress sends the heartbeat that shows that the runner is alive. A lost heartbeat
// only causes an inspection.
func (h Handler) progress(ctx context.Context, runner fleet.Runner) {
	if err := h.Fleet.Heartbeat(ctx, runner); err != nil {
		h.Log.WarnContext(ctx, "heartbeat lost", "runner_id", runner.RunnerID, "error", err.Error())
	}
}

// unwanted says why the runner must not get a credential, "" if it may have one. wanted
// reports whether a wanted run expects the runner.
func unwanted(r fleet.Runner, wanted bool) string {
	switch {
	case r.Took != 0:
		return "the runner has had its job"
	case r.Phase != fleet.Open:
		return r.NotWanted()
	case r.Stopped():
		return "the runner's task has stopped"
	case r.Contested:
		return "the runner was claimed twice"
	case !wanted:
		return fleet.NeededNoLonger
	}
	return ""
}

func refuse(status int, name, message string) Reply {
	return Reply{Status: status, Body: fleet.ClaimResponse{Error: name, Message: message}}
}

func later(wait time.Duration, name, message string) Reply {
	return Reply{Status: http.StatusServiceUnavailable, RetryAfter: wait, Body: fleet.ClaimResponse{Error: name, Message: message}}
}

func unrecorded() Reply {
	return later(time.Second, fleet.RecordsUnavailable, "the records did not answer")
}
