package claim

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// signers finds out who signed a claim.
type signers interface {
	// Task returns the id of the fleet's task that signed the runner id and the nonce
	// just now. It fails with Claim.Unidentified if no task did; any other error may
	// pass.
	Task(ctx context.Context, runnerID, nonce string, signed fleet.Identity) (id string, err error)
}

// tasks is the container platform. If it does not know a task, the task may be too new.
type tasks interface {
	Describe(ctx context.Context, id string) (task fleet.Task, known bool, err error)
}

// containers are the runners' containers on one machine.
type containers interface {
	// From reports whether an address is that of the runner's container.
	From(ctx context.Context, runnerID string, address netip.Addr) (bool, error)
}

// identityPause is how long a container waits if the platform could not identify its
// task.
const identityPause = 5 * time.Second

// identify refuses a claim that does not come from the runner's task, if the runner's
// record demands that. It runs before the nonce is bound: a stranger's claim changes
// nothing.
func (h Handler) identify(ctx context.Context, runner fleet.Runner, req Request) (refusal Reply) {
	if h.Containers != nil {
		own, err := h.Containers.From(ctx, runner.RunnerID, req.Address)
		switch {
		case err != nil:
			return h.unknownTask(ctx, runner, err, "the container engine did not say whose address the claim comes from")
		case !own:
			return h.unidentified(ctx, req, "the claim comes from another address than the runner's container has")
		}
	}
	switch {
	case !runner.Identity:
		return Reply{}
	case req.Identity == nil || h.Signers == nil:
		return h.unidentified(ctx, req, "the claim does not show which task it comes from")
	}
	id, err := h.Signers.Task(ctx, req.RunnerID, req.Nonce, *req.Identity)
	switch {
	case fleet.IsNamed(err, fleet.ClaimUnidentified):
		return h.unidentified(ctx, req, err.Error())
	case err != nil:
		return h.unknownTask(ctx, runner, err, "AWS did not say which task the claim comes from")
	}
	if runner.TaskARN == "" {
		if runner, refusal = h.learnTask(ctx, runner, req, id); refusal.Status != 0 {
			return refusal
		}
	}
	if runner.TaskARN != "" && taskID(runner.TaskARN) != id {
		return h.unidentified(ctx, req, "the claim comes from another task")
	}
	return Reply{}
}

// identifies reports whether a claim that got this far comes from the runner's task.
func (h Handler) identifies(runner fleet.Runner) bool { return runner.Identity || h.Containers != nil }

// learnTask records the task that a claim comes from: RunTask started it for the
// runner, and has not recorded it yet, or died before.
func (h Handler) learnTask(ctx context.Context, runner fleet.Runner, req Request, id string) (_ fleet.Runner, refusal Reply) {
	task, known, err := h.Tasks.Describe(ctx, id)
	switch {
	case err != nil:
		return runner, h.unknownTask(ctx, runner, err, "ECS did not say for whom the task was started")
	case !known:
		return runner, h.unknownTask(ctx, runner, nil, "ECS does not know the task yet")
	case task.StartedBy != runner.RunnerID || taskID(task.ARN) != id:
		return runner, h.unidentified(ctx, req, "the claim comes from a task that was started for another runner")
	}
	runner, _, err = h.Fleet.ChangeRunner(ctx, runner.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if r.TaskARN != "" || r.Phase != fleet.Open {
			return r, false
		}
		r.TaskARN = task.ARN
		return r.Mark(fleet.StageTaskStarted, h.Fleet.Now()), true
	})
	if err != nil {
		return runner, unrecorded()
	}
	return runner, Reply{}
}

// unidentified refuses a claim that has the right token but does not come from the
// runner's task: the token was read by others.
func (h Handler) unidentified(ctx context.Context, req Request, why string) Reply {
	h.Log.WarnContext(ctx, "a claim with the right token does not come from the runner's task", "runner_id", req.RunnerID, "reason", why)
	return refuse(http.StatusUnauthorized, fleet.ClaimUnidentified, why)
}

func (h Handler) unknownTask(ctx context.Context, runner fleet.Runner, err error, why string) Reply {
	if err != nil {
		h.Log.WarnContext(ctx, why, "runner_id", runner.RunnerID, "error", err.Error())
	}
	h.progress(ctx, runner)
	return later(identityPause, "", why)
}

// taskID is the last part of a task's ARN.
func taskID(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
