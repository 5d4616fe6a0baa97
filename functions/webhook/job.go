package webhook

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// workflowJob decides about a workflow_job delivery that GitHub did send.
func (h Handler) workflowJob(ctx context.Context, doc []byte, d *delivery) Response {
	p, err := read(doc)
	if err != nil {
		return invalid("%s", err)
	}
	d.action = fleet.ClipBytes(p.Action, maxShort)
	switch d.action {
	case "":
		return invalid("%s", missing("action"))
	case fleet.JobQueued, fleet.JobWaiting, fleet.JobInProgress, fleet.JobCompleted:
	default:
		return ignore("the action %q is not used", d.action)
	}
	job, err := p.job()
	if err != nil {
		return invalid("%s", err)
	}
	d.job = job
	decision := h.Policy.Admit(job)
	ours, refusal := h.isOurs(ctx, decision, d)
	if refusal != nil {
		return *refusal
	}
	if d.action == fleet.JobQueued && job.Status == "" {
		return invalid("%s", missing("workflow_job.status"))
	}
	if d.action == fleet.JobQueued && job.Status != fleet.JobQueued {
		// GitHub does so for a job whose environment needs an approval, and sends
		// another queued event when the approval is given.
		return ignore("the job's status is %q, so it cannot start yet", job.Status)
	}
	if !ours {
		if d.action == fleet.JobCompleted {
			h.mayRelease(ctx, d)
		}
		return ignore("%s", decision.Reason)
	}
	outcome := Accepted
	if decision.Verdict == fleet.Refused {
		outcome = Refused
	} else {
		decision.Reason = "" // the job runs, or is decided about when more is known of it
	}
	job.Labels, job.HookID, job.HookOfOrganization = slimLabels(job.Labels), d.hookID, d.ofOrganization
	if err := h.put(ctx, fleet.WorkflowJob{Job: job, Wants: decision.Wants()}, d); err != nil {
		d.cause = err.Error()
		return unavailable("the event could not be stored just now")
	}
	return Response{
		Status: http.StatusAccepted,
		Body:   Reply{Status: outcome, Reason: decision.Reason, RunID: fleet.RunID(job.JobID)},
	}
}

// isOurs reports whether the fleet needs the event: by the job's labels; or, once the
// job runs or has ended, by its runner or its run, whatever its labels are. GitHub has
// reported the end of a job with labels: [] (actions/actions-runner-controller#1370),
// and the configuration may have other labels by then. Jobs of a repository that is not
// the fleet's are refused. If everything in the event says that the job is not the
// fleet's, nothing is read.
func (h Handler) isOurs(ctx context.Context, decision fleet.Decision, d *delivery) (ours bool, refusal *Response) {
	ours = decision.Verdict != fleet.Ignored
	listed := h.Policy.AllowsRepository(d.job.Repository)
	if began := d.action == fleet.JobInProgress || d.action == fleet.JobCompleted; !ours && began {
		_, _, ours = fleet.ParseRunnerID(h.Policy.FleetName, d.job.RunnerName)
		if !ours && listed {
			var err error
			if _, ours, err = h.Records.Run(ctx, fleet.RunID(d.job.JobID)); err != nil {
				return false, h.unread(d, err)
			}
		}
	}
	switch {
	case !ours && listed:
		return false, nil
	case !ours:
		return false, forbid(h.Policy.NotServed(d.job.Repository))
	}
	why, err := lifecycle.ServesRepository(ctx, h.Records, h.Policy, d.job.Repository, d.job.RepositoryID)
	switch {
	case err != nil && listed:
		// Its name says that it is the fleet's, and dispatch has to read the table
		// anyway.
		h.Log.WarnContext(ctx, "taking the repository to be the one of the configuration", "repository", d.job.Repository, "error", err.Error())
	case err != nil:
		return false, h.unread(d, err)
	case why != "":
		return false, forbid(why)
	}
	return true, nil
}

func forbid(why string) *Response {
	resp := reply(http.StatusForbidden, Forbidden, "%s", why)
	return &resp
}

// unread is the answer if the table could not say whether a job is the fleet's.
func (h Handler) unread(d *delivery, err error) *Response {
	d.cause = err.Error()
	resp := unavailable("whether the job is this fleet's could not be read just now")
	return &resp
}

// mayRelease reports on the bus that a job which is not the fleet's has ended, if runs
// of its repository wait because GitHub gave their runners no job: a concurrency group
// or max-parallel may have held theirs back. Those runs are tried again in any case, so
// a failure costs only time.
func (h Handler) mayRelease(ctx context.Context, d *delivery) {
	holds, err := h.Records.HoldsBelow(ctx, fleet.IdleHoldsOf(d.job.Repository), 1)
	if err == nil && len(holds) > 0 {
		err = h.put(ctx, fleet.WorkflowJob{Job: fleet.Job{JobID: d.job.JobID, Repository: d.job.Repository, Status: d.job.Status}, NotOurs: true}, d)
	}
	if err != nil {
		h.Log.WarnContext(ctx, "runs that GitHub may have held back are tried again at their time", "repository", d.job.Repository, "error", err.Error())
	}
}

// put puts what GitHub reports on the bus.
func (h Handler) put(ctx context.Context, event fleet.WorkflowJob, d *delivery) error {
	now := h.Now().UTC()
	event.Action, event.Delivery, event.ReceivedAt = d.action, d.id, now
	detail, err := json.Marshal(event)
	if err != nil {
		return err
	}
	return h.Bus.Put(ctx, fleet.Event{
		ID:         h.NewID(),
		Source:     fleet.WebhookSource,
		DetailType: fleet.WorkflowJobEvent,
		Time:       now,
		Detail:     detail,
	})
}

// ping answers GitHub's first delivery, and says what the webhook lacks.
func (h Handler) ping(doc []byte) Response {
	var p hook
	if err := decode(doc, &p); err != nil {
		return invalid("%s", err)
	}
	switch {
	case !p.sends(fleet.WorkflowJobEvent):
		return reply(http.StatusOK, Pong, "the signature is right, but this webhook sends no workflow_job events; choose \"Workflow jobs\" in its settings")
	case p.Repository != nil && !h.Policy.AllowsRepository(p.Repository.FullName):
		return reply(http.StatusOK, Pong, "the signature is right, but %s is not a repository of this fleet; add it to github_repo", fleet.ClipBytes(p.Repository.FullName, maxText))
	}
	return reply(http.StatusOK, Pong, "")
}
