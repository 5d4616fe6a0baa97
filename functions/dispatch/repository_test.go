package dispatch_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// The webhook only reads the table, so dispatch learns what it passes on.
func TestTheIDOfARepositoryIsLearnt(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	job.RepositoryID = 5
	h := dispatch.Handler{Fleet: w.Fleet(), Images: w.Images, Cursors: w.Records, Policy: w.Policy()}
	if err := h.Handle(t.Context(), w.Event(fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: fleet.JobQueued, Job: job, ReceivedAt: w.Now()})); err != nil {
		t.Fatal(err)
	}
	if why, err := lifecycle.ServesRepository(t.Context(), w.Records, w.Policy(), "octo/renamed", 5); why != "" || err != nil {
		t.Errorf("under another name: %q, %v", why, err)
	}
}

// If a job ends with labels: [], its run keeps the labels that it was launched with.
func TestTheEndOfAJobWithoutItsLabels(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	w.Idle(job)
	ended := completed(job, "cancelled")
	ended.Labels = []string{}
	if err := handle(w, w.Event(fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: fleet.JobCompleted, Job: ended, ReceivedAt: w.Now()})); err != nil {
		t.Fatal(err)
	}
	if run := w.Run("job-7"); run.Status != fleet.RunCancelled || len(run.Job.Labels) == 0 {
		t.Errorf("got %s with labels %q", run.Status, run.Job.Labels)
	}
}
