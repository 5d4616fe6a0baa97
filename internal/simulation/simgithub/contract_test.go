package simgithub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

// TestTheRealClientWithinTheContract asks for everything that internal/github can ask
// for, and checks requests and answers against GitHub's own description.
func TestTheRealClientWithinTheContract(t *testing.T) {
	cfg := config()
	cfg.Full = true
	w := worldOf(t, cfg)
	checked := contract.New(t)
	client := github.New(base, github.PAT(func(context.Context) (string, error) { return w.token, nil }), &http.Client{Transport: checked.Transport(w)})
	real, repo, ctx := github.ForFleet{Client: client}, github.Repository{Owner: "octo", Name: "app"}, context.Background()

	var waits, runs, stopped int64
	w.do(func() {
		waits = w.queue(simgithub.JobSpec{Environment: true})
		runs = w.queue(simgithub.JobSpec{})
		cancelled := w.queue(simgithub.JobSpec{})
		w.Cancel(cancelled)
		stopped = w.job(cancelled).RunID
	})
	r := w.runner("busy")
	w.pass(time.Minute)
	sameList(t, "taken", r.jobs, runs)

	w.do(func() {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		fails := func(err error, name string) {
			t.Helper()
			var named interface{ ErrorName() string }
			if named, _ = err.(interface{ ErrorName() string }); named == nil || named.ErrorName() != name {
				t.Errorf("got %v, want %s", err, name)
			}
		}
		_, err := real.Job(ctx, app, waits)
		must(err)
		_, err = real.Job(ctx, app, 1)
		fails(err, github.NotFound)
		jobs := map[string]int{}
		var runs fleet.Page[fleet.WorkflowRun]
		for _, status := range append([]string{"completed"}, fleet.ActiveStatuses...) {
			runs, err = real.WorkflowRuns(ctx, app, status, fleet.Page[fleet.WorkflowRun]{})
			must(err)
			for _, run := range runs.Items {
				page, err := real.JobsOf(ctx, app, run, fleet.Page[fleet.Job]{})
				must(err)
				jobs[status] += len(page.Items)
			}
		}
		same(t, "jobs", fmt.Sprint(jobs), "map[completed:1 in_progress:1 waiting:1]")

		registration, _, err := real.Register(ctx, app, "new", labels)
		must(err)
		_, _, err = real.Register(ctx, app, "new", labels)
		fails(err, github.Conflict)
		_, _, err = real.Register(ctx, app, "mislabelled", []string{"a,b"})
		fails(err, github.Invalid)
		_, found, err := real.Registration(ctx, app, "new")
		must(err)
		same(t, "found", found, true)
		for _, err := range real.Registrations(ctx, app) {
			must(err)
		}
		_, err = client.GetRunner(ctx, repo, registration.ID)
		must(err)
		fails(real.Delete(ctx, app, r.id), github.RunnerBusy)
		must(real.Delete(ctx, app, registration.ID))
		fails(real.Delete(ctx, app, registration.ID), github.NotFound)

		var hook int64
		for h, err := range real.Hooks(ctx, app) {
			must(err)
			hook = h.ID
			same(t, "hook", h.URL, cfg.HookURL)
		}
		var last int64
		delivered, err := real.DeliveriesPage(ctx, app, hook, fleet.Page[fleet.Delivery]{})
		must(err)
		for _, d := range delivered.Items {
			last = d.ID
		}
		must(real.Redeliver(ctx, app, hook, last))
		fails(real.Redeliver(ctx, app, hook, 1), github.NotFound)

		job, err := real.Job(ctx, app, waits)
		must(err)
		as, err := real.ShowRefusal(ctx, fleet.Refusal{FleetName: "fleet", Repository: app, SHA: job.HeadSHA, Workflow: "CI", Rule: "class.unknown", Reason: "no"})
		must(err)
		same(t, "as", as, "a failed commit status")
		_, err = real.ShowRefusal(ctx, fleet.Refusal{Repository: app, SHA: strings.Repeat("0", 40)})
		fails(errors.Unwrap(err), github.Invalid)

		over, err := real.WorkflowRun(ctx, app, stopped)
		must(err)
		same(t, "over", over.Status, "completed")
		must(real.RerunFailedJobs(ctx, app, stopped))
		fails(errors.Unwrap(real.RerunFailedJobs(ctx, app, stopped)), github.NoAccess)
		fails(errors.Unwrap(real.RerunFailedJobs(ctx, app, 1)), github.NotFound)
		over, err = real.WorkflowRun(ctx, app, stopped)
		must(err)
		same(t, "again", fmt.Sprint(over.Attempt, over.Status), "2queued")

		release, err := real.LatestRunner(ctx, app)
		must(err)
		same(t, "runner", release.Version, "2.336.0")
		pinned, err := github.PinnedRunner(ctx, &http.Client{Transport: w}, github.ReleasesURL, "2.336.0")
		must(err)
		same(t, "checksums", fmt.Sprint(pinned.SHA256), fmt.Sprint(release.SHA256))
		w.token = "wrong"
		_, err = real.Job(ctx, app, waits)
		fails(err, github.Unauthorized)
	})
	want := []string{
		"DELETE /repos/{owner}/{repo}/actions/runners/{runner_id} 204",
		"DELETE /repos/{owner}/{repo}/actions/runners/{runner_id} 404",
		"DELETE /repos/{owner}/{repo}/actions/runners/{runner_id} 422",
		"GET /repos/{owner}/{repo}/actions/jobs/{job_id} 200",
		"GET /repos/{owner}/{repo}/actions/jobs/{job_id} 401",
		"GET /repos/{owner}/{repo}/actions/jobs/{job_id} 404",
		"GET /repos/{owner}/{repo}/actions/runners 200",
		"GET /repos/{owner}/{repo}/actions/runners/downloads 200",
		"GET /repos/{owner}/{repo}/actions/runners/{runner_id} 200",
		"GET /repos/{owner}/{repo}/actions/runs 200",
		"GET /repos/{owner}/{repo}/actions/runs/{run_id} 200",
		"GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs 200",
		"POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs 201",
		"GET /repos/{owner}/{repo}/hooks 200",
		"GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries 200",
		"POST /repos/{owner}/{repo}/actions/runners/generate-jitconfig 201",
		"POST /repos/{owner}/{repo}/actions/runners/generate-jitconfig 409",
		"POST /repos/{owner}/{repo}/actions/runners/generate-jitconfig 422",
		"POST /repos/{owner}/{repo}/statuses/{sha} 201",
		"POST /repos/{owner}/{repo}/statuses/{sha} 422",
		"POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts 202",
		"POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts 404",
	}
	for _, one := range want {
		if !slices.Contains(checked.Seen(), one) {
			t.Errorf("%s was not asked for; these were: %q", one, checked.Seen())
		}
	}
}

// TestRequestsAreOneCallEach: an operation's name is its kernel.Call's, so that faults
// of other kinds can be aimed at it.
func TestRequestsAreOneCallEach(t *testing.T) {
	w := newWorld(t)
	for path, operation := range map[string]string{
		"GET /repos/octo/app/actions/jobs/1":                       "github.job",
		"GET /repos/octo/app/actions/runs?status=queued":           "github.runs",
		"GET /repos/octo/app/actions/runs/1":                       "github.run",
		"GET /repos/octo/app/actions/runs/1/jobs":                  "github.run_jobs",
		"GET /repos/octo/app/actions/runners?per_page=100":         "github.runners",
		"GET /repos/octo/app/actions/runners?name=a&per_page=100":  "github.runner_by_name",
		"GET /repos/octo/app/actions/runners/1":                    "github.runner",
		"DELETE /repos/octo/app/actions/runners/1":                 "github.delete_runner",
		"POST /repos/octo/app/actions/runners/generate-jitconfig":  "github.generate_jitconfig",
		"GET /repos/octo/app/actions/runners/downloads":            "github.downloads",
		"GET /repos/octo/app/hooks":                                "github.hooks",
		"GET /repos/octo/app/hooks/1/deliveries":                   "github.deliveries",
		"POST /repos/octo/app/hooks/1/deliveries/2/attempts":       "github.redeliver",
		"POST /repos/octo/app/statuses/" + strings.Repeat("0", 40): "github.status",
		"POST /repos/octo/app/actions/runs/1/rerun-failed-jobs":    "github.rerun_failed_jobs",
		"GET /repos/actions/runner/releases/tags/v1.2.3":           "github.releases",
		"GET /repos/octo/app/issues":                               "github.unknown",
		"GET /orgs/octo/actions/runner-groups":                     "github.runner_groups",
		"GET /user":                                                "github.unknown",
		"GET /api/v3/repos/octo/app/actions/jobs/1":                "github.job",
	} {
		before := w.Usage()["fleet"].Requests[operation]
		var method string
		fmt.Sscanf(path, "%s %s", &method, &path)
		w.ask(method, path)
		same(t, path, w.Usage()["fleet"].Requests[operation], before+1)
	}
}
