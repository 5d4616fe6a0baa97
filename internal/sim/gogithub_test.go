package sim_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gogithub "github.com/google/go-github/v89/github"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// independent is a client that was written by others, for GitHub itself.
func (w *world) independent(credential string) *gogithub.Client {
	w.t.Helper()
	client, err := gogithub.NewClient(gogithub.WithAuthToken(credential), gogithub.WithEnterpriseURLs(w.url, w.url))
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

func TestGoGitHubRegistersAndRemovesRunners(t *testing.T) {
	w := newWorld(t, sim.Config{})
	actions := w.independent(token).Actions
	var ids []int64
	for _, name := range []string{"a", "b", "c"} {
		config, _, err := actions.CreateRepoJITConfig(t.Context(), "octo", "widgets", gogithub.CreateJITConfigRequest{
			Name: name, RunnerGroupID: 1, Labels: []string{"self-hosted", "Class:Small"},
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, config.GetRunner().GetID())
		if reg, err := protocol.Decode(config.GetEncodedJITConfig()); err != nil || reg.RunnerName != name {
			t.Errorf("the config is of %q, %v", reg.RunnerName, err)
		}
	}

	var names []string
	for runner, err := range actions.ListRunnersIter(t.Context(), "octo", "widgets", &gogithub.ListRunnersOptions{
		ListOptions: gogithub.ListOptions{PerPage: 2},
	}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, runner.GetName())
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	page, response, err := actions.ListRunners(t.Context(), "octo", "widgets", &gogithub.ListRunnersOptions{Name: new("b")})
	if err != nil || page.TotalCount != 1 || page.Runners[0].GetID() != ids[1] || response.NextPage != 0 {
		t.Errorf("the filter gives %v, %v", page, err)
	}
	if response.Rate.Limit != 5000 || response.Rate.Remaining <= 0 {
		t.Errorf("the budget is %v", response.Rate)
	}

	runner, _, err := actions.GetRunner(t.Context(), "octo", "widgets", ids[0])
	if err != nil || runner.GetStatus() != "offline" || runner.GetOS() != "unknown" || !runner.GetEphemeral() || runner.Labels[1].GetName() != "class:small" {
		t.Errorf("runner is %v, %v", runner, err)
	}
	if _, err := actions.RemoveRunner(t.Context(), "octo", "widgets", ids[0]); err != nil {
		t.Error(err)
	}
	if len(w.Runners()) != 2 {
		t.Errorf("runners are %+v", w.Runners())
	}
	downloads, _, err := actions.ListRunnerApplicationDownloads(t.Context(), "octo", "widgets")
	if err != nil || len(downloads) != 2 || downloads[0].GetOS() != "linux" {
		t.Errorf("downloads are %v, %v", downloads, err)
	}
}

func TestGoGitHubSeesJobsAndRuns(t *testing.T) {
	w := newWorld(t, sim.Config{})
	actions := w.independent(token).Actions
	id := w.Queue(spec("done", "x"))
	queued := w.Queue(spec("queued", "y"))
	r := w.start("r", "x")
	r.take(id)
	w.clock.Advance(time.Second)
	r.finish(id, protocol.Success)

	job, _, err := actions.GetWorkflowJobByID(t.Context(), "octo", "widgets", id)
	if err != nil || job.GetConclusion() != "success" || job.GetRunnerName() != "r" || job.GetCompletedAt().Sub(job.GetCreatedAt().Time) != time.Second {
		t.Errorf("job is %v, %v", job, err)
	}
	if len(job.Steps) != 4 || job.Steps[1].GetName() != "Run echo one" || job.Steps[1].GetNumber() != 2 {
		t.Errorf("steps are %v", job.Steps)
	}
	for _, tc := range []struct {
		status string
		want   []int64
	}{
		{"queued", []int64{w.job(queued).RunID}},
		{"completed", []int64{w.job(id).RunID}},
		{"in_progress", nil},
		{"", []int64{w.job(queued).RunID, w.job(id).RunID}},
	} {
		runs, _, err := actions.ListRepositoryWorkflowRuns(t.Context(), "octo", "widgets", &gogithub.ListWorkflowRunsOptions{Status: tc.status})
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, run := range runs.WorkflowRuns {
			got = append(got, run.GetID())
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || runs.GetTotalCount() != len(tc.want) {
			t.Errorf("%q: %s", tc.status, diff)
		}
	}
	jobs, _, err := actions.ListWorkflowJobs(t.Context(), "octo", "widgets", w.job(queued).RunID, &gogithub.ListWorkflowJobsOptions{Filter: "latest"})
	if err != nil || jobs.GetTotalCount() != 1 || jobs.Jobs[0].GetID() != queued || !slices.Equal(jobs.Jobs[0].Labels, []string{"y"}) {
		t.Errorf("jobs are %v, %v", jobs, err)
	}
}

func TestGoGitHubReadsWebhooks(t *testing.T) {
	w, in := hookedWorld(t, sim.Config{})
	in.fail = 1
	id := w.Queue(spec("j", "Self-Hosted"))
	w.Ping()
	w.settleWebhooks(2)

	event := func(i int) any {
		t.Helper()
		got := in.all()[i]
		r := &http.Request{Method: http.MethodPost, Header: got.header, Body: io.NopCloser(bytes.NewReader(got.raw))}
		payload, err := gogithub.ValidatePayload(r, []byte(hookSecret))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := gogithub.ParseWebHook(gogithub.WebHookType(r), payload)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	queued, ok := event(0).(*gogithub.WorkflowJobEvent)
	if !ok || queued.GetAction() != "queued" || queued.GetWorkflowJob().GetID() != id || queued.GetRepo().GetFullName() != "octo/widgets" ||
		!slices.Equal(queued.GetWorkflowJob().Labels, []string{"Self-Hosted"}) {
		t.Errorf("the first event is %v", queued)
	}
	ping, ok := event(1).(*gogithub.PingEvent)
	if !ok || ping.GetHookID() != w.HookID() || ping.GetHook().GetConfig().GetContentType() != "json" {
		t.Errorf("the second event is %v", ping)
	}

	repositories := w.independent(token).Repositories
	var deliveries []*gogithub.HookDelivery
	for delivery, err := range repositories.ListHookDeliveriesIter(t.Context(), "octo", "widgets", w.HookID(), &gogithub.ListCursorOptions{PerPage: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		deliveries = append(deliveries, delivery)
	}
	if len(deliveries) != 2 || deliveries[1].GetStatusCode() != 500 || deliveries[1].GetEvent() != "workflow_job" || deliveries[0].GetStatus() != "OK" {
		t.Fatalf("deliveries are %v", deliveries)
	}
	failed, _, err := repositories.GetHookDelivery(t.Context(), "octo", "widgets", w.HookID(), deliveries[1].GetID())
	if err != nil {
		t.Fatal(err)
	}
	if payload, err := failed.ParseRequestPayload(); err != nil || payload.(*gogithub.WorkflowJobEvent).GetWorkflowJob().GetID() != id {
		t.Errorf("its payload is %v, %v", payload, err)
	}
	// go-github makes an error of every 202.
	_, _, err = repositories.RedeliverHookDelivery(t.Context(), "octo", "widgets", w.HookID(), failed.GetID())
	if _, accepted := errors.AsType[*gogithub.AcceptedError](err); !accepted {
		t.Errorf("redelivery gives %v", err)
	}
	w.settleWebhooks(3)
	if again := w.Deliveries()[2]; again.GUID != failed.GetGUID() || !again.Redelivery || !again.OK() {
		t.Errorf("the redelivery is %+v", again)
	}
}

func TestGoGitHubKnowsTheErrors(t *testing.T) {
	type call func(*gogithub.Client) error
	get := func(c *gogithub.Client) error {
		_, _, err := c.Actions.GetRunner(t.Context(), "octo", "widgets", 1)
		return err
	}
	register := func(name string) call {
		return func(c *gogithub.Client) error {
			_, _, err := c.Actions.CreateRepoJITConfig(t.Context(), "octo", "widgets",
				gogithub.CreateJITConfigRequest{Name: name, RunnerGroupID: 1, Labels: []string{"x"}})
			return err
		}
	}
	status := func(want int) func(error) bool {
		return func(err error) bool {
			refusal, ok := errors.AsType[*gogithub.ErrorResponse](err)
			return ok && refusal.Response.StatusCode == want && refusal.Message != "" && refusal.DocumentationURL != ""
		}
	}
	for name, tc := range map[string]struct {
		cfg        sim.Config
		credential string
		call       call
		is         func(error) bool
	}{
		"a wrong token":          {sim.Config{}, "guess", get, status(401)},
		"an unknown runner":      {sim.Config{}, token, get, status(404)},
		"a name that is taken":   {sim.Config{}, token, register("busy"), status(409)},
		"a name that is no name": {sim.Config{}, token, register(""), status(422)},
		"a runner with a job": {sim.Config{}, token, func(c *gogithub.Client) error {
			page, _, err := c.Actions.ListRunners(t.Context(), "octo", "widgets", nil)
			if err != nil {
				return err
			}
			_, err = c.Actions.RemoveRunner(t.Context(), "octo", "widgets", page.Runners[0].GetID())
			return err
		}, status(422)},
		"a budget that is used up": {sim.Config{RateLimit: 1}, token, get, func(err error) bool {
			limit, ok := errors.AsType[*gogithub.RateLimitError](err)
			return ok && limit.Rate.Limit == 1 && limit.Rate.Remaining == 0 && limit.Rate.Reset.Time.Equal(newClock().Now().Add(time.Hour))
		}},
		"a secondary limit": {sim.Config{PointsPerMinute: 5}, token, get, func(err error) bool {
			limit, ok := errors.AsType[*gogithub.AbuseRateLimitError](err)
			return ok && limit.GetRetryAfter() == time.Minute
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.cfg)
			r := w.start("busy", "x")
			r.take(w.Queue(spec("j", "x")))
			if err := tc.call(w.independent(tc.credential)); !tc.is(err) {
				t.Errorf("error is %T %v", err, err)
			}
		})
	}
}

func TestGoGitHubRunsFailedJobsAgain(t *testing.T) {
	w := newWorld(t, sim.Config{})
	actions := w.independent(token).Actions
	run := w.NewRun()
	failed, well := spec("failed", "x"), spec("well", "y")
	failed.RunID, well.RunID = run, run
	first, other := w.Queue(failed), w.Queue(well)
	x, y := w.start("x", "x"), w.start("y", "y")
	x.take(first)
	y.take(other)
	refusedWith := func(want int) {
		t.Helper()
		_, err := actions.RerunFailedJobsByID(t.Context(), "octo", "widgets", run)
		if refusal, ok := errors.AsType[*gogithub.ErrorResponse](err); !ok || refusal.Response.StatusCode != want {
			t.Errorf("it is refused with %v, want %d", err, want)
		}
	}
	refusedWith(403)
	x.finish(first, protocol.Failure)
	refusedWith(403)
	y.finish(other, protocol.Success)
	if response, err := actions.RerunFailedJobsByID(t.Context(), "octo", "widgets", run); err != nil || response.StatusCode != 201 {
		t.Fatal(response, err)
	}
	refusedWith(403)
	got, _, err := actions.GetWorkflowRunByID(t.Context(), "octo", "widgets", run)
	if err != nil || got.GetRunAttempt() != 2 || got.GetStatus() != "queued" {
		t.Errorf("the workflow run is %v, %v", got, err)
	}
	jobs, _, err := actions.ListWorkflowJobs(t.Context(), "octo", "widgets", run, &gogithub.ListWorkflowJobsOptions{Filter: "latest"})
	if err != nil || jobs.GetTotalCount() != 1 || jobs.Jobs[0].GetID() == first || jobs.Jobs[0].GetName() != "failed" || jobs.Jobs[0].GetRunAttempt() != 2 {
		t.Errorf("its jobs are %v, %v", jobs, err)
	}
	run = 1
	refusedWith(404)
}
