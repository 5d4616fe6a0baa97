package webhook

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// workflowJob decides about a workflow_job delivery that GitHub did send.
func (h Handler) workflowJob(ctx context.Context, doc json.RawMessage, d *delivery) Response {
	var p payload
	if err := decode(doc, &p); err != nil {
		return invalid("%s", err)
	}
	d.action = clip(p.Action, maxShort)
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
	if !h.Policy.AllowsRepository(job.Repository) {
		return reply(http.StatusForbidden, Forbidden, "%s is not a repository of this fleet; add it to github_repo, or delete the webhook there", job.Repository)
	}
	if d.action == fleet.JobQueued && job.Status == "" {
		return invalid("%s", missing("workflow_job.status"))
	}
	if d.action == fleet.JobQueued && job.Status != fleet.JobQueued {
		// GitHub does so for a job whose environment needs an approval, and
		// sends another queued event when it is given.
		return ignore("the job's status is %q, so it cannot start yet", job.Status)
	}
	outcome := Accepted
	decision := h.Policy.Admit(job)
	var wants fleet.Wants
	switch decision.Verdict {
	case fleet.Admitted:
		wants = decision.Wants()
	case fleet.Ignored:
		if !h.ranHere(d.action, job) {
			return ignore("%s", decision.Reason)
		}
		decision.Reason = ""
	case fleet.Refused:
		outcome = Refused
	}
	job.Labels, job.HookID = slimLabels(job.Labels), d.hookID
	if err := h.put(ctx, job, wants, d); err != nil {
		d.cause = err.Error()
		return unavailable("the event could not be stored just now")
	}
	return Response{
		Status: http.StatusAccepted,
		Body:   Reply{Status: outcome, Reason: decision.Reason, RunID: fleet.RunID(job.JobID)},
	}
}

// ranHere tells whether the event says that a runner of ours has or had the job.
// Then the fleet must know, whatever the job's labels are.
func (h Handler) ranHere(action string, job fleet.Job) bool {
	if action != fleet.JobInProgress && action != fleet.JobCompleted {
		return false
	}
	_, _, ours := fleet.ParseRunnerID(h.Policy.FleetName, job.RunnerName)
	return ours
}

func (h Handler) put(ctx context.Context, job fleet.Job, wants fleet.Wants, d *delivery) error {
	now := h.Now().UTC()
	detail, err := json.Marshal(fleet.WorkflowJob{Action: d.action, Delivery: d.id, ReceivedAt: now, Job: job, Wants: wants})
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
func (h Handler) ping(doc json.RawMessage) Response {
	var p hook
	if err := decode(doc, &p); err != nil {
		return invalid("%s", err)
	}
	switch {
	case !p.sends(fleet.WorkflowJobEvent):
		return reply(http.StatusOK, Pong, "the signature is right, but this webhook sends no workflow_job events; choose \"Workflow jobs\" in its settings")
	case p.Repository != nil && !h.Policy.AllowsRepository(p.Repository.FullName):
		return reply(http.StatusOK, Pong, "the signature is right, but %s is not a repository of this fleet; add it to github_repo", clip(p.Repository.FullName, maxText))
	}
	return reply(http.StatusOK, Pong, "")
}
