package sim_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

var widgets = github.Repository{Owner: "octo", Name: "widgets"}

// client is the fleet's own client of the simulated GitHub.
func (w *world) client(credential string) *github.Client {
	return github.New(w.url+"/api/v3", github.PAT(func(context.Context) (string, error) { return credential, nil }), nil)
}

// all returns what an iterator yields before its end or its error.
func all[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var got []T
	for one, err := range seq {
		if err != nil {
			return got, err
		}
		got = append(got, one)
	}
	return got, nil
}

// TestClientKeepsGitHubsContract lets the fleet's client make every request it
// can make, and gets every answer that GitHub describes for it.
func TestClientKeepsGitHubsContract(t *testing.T) {
	w, _ := hookedWorld(t, sim.Config{})
	good, wrong := w.client(token), w.client("guess")
	elsewhere := github.Repository{Owner: "octo", Name: "gadgets"}

	id := w.Queue(spec("j", "x"))
	w.settleWebhooks(1)
	delivery := w.Deliveries()[0].ID
	run, hook := w.job(id).RunID, w.HookID()
	busy := w.start("busy", "x")
	busy.take(id)
	idle, gone := w.register("idle", "y").reg.RunnerID, int64(1)

	type call func(*github.Client, github.Repository, int64) error
	name := 0
	get := func(c *github.Client, r github.Repository, id int64) error {
		_, err := c.GetRunner(t.Context(), r, id)
		return err
	}
	remove := func(c *github.Client, r github.Repository, id int64) error { return c.DeleteRunner(t.Context(), r, id) }
	register := func(c *github.Client, r github.Repository, group int64) error {
		name++
		_, err := c.GenerateJITConfig(t.Context(), r, github.JITRequest{Name: "n" + strconv.Itoa(name), RunnerGroupID: group, Labels: []string{"x"}})
		return err
	}
	named := func(runner string) call {
		return func(c *github.Client, r github.Repository, _ int64) error {
			_, err := c.GenerateJITConfig(t.Context(), r, github.JITRequest{Name: runner, RunnerGroupID: 1, Labels: []string{"x"}})
			return err
		}
	}
	find := func(c *github.Client, r github.Repository, _ int64) error {
		_, _, err := c.FindRunner(t.Context(), r, "idle")
		return err
	}
	runners := func(c *github.Client, r github.Repository, _ int64) error {
		_, err := all(c.Runners(t.Context(), r))
		return err
	}
	downloads := func(c *github.Client, r github.Repository, _ int64) error {
		_, err := c.RunnerDownloads(t.Context(), r)
		return err
	}
	job := func(c *github.Client, r github.Repository, id int64) error {
		_, err := c.GetJob(t.Context(), r, id)
		return err
	}
	jobs := func(c *github.Client, r github.Repository, id int64) error {
		_, err := all(c.RunJobs(t.Context(), r, id))
		return err
	}
	runs := func(status string) call {
		return func(c *github.Client, r github.Repository, _ int64) error {
			_, err := all(c.WorkflowRuns(t.Context(), r, status))
			return err
		}
	}
	deliveries := func(c *github.Client, r github.Repository, id int64) error {
		_, err := all(c.HookDeliveries(t.Context(), r, id))
		return err
	}
	redeliver := func(c *github.Client, r github.Repository, id int64) error {
		return c.Redeliver(t.Context(), r, hook, id)
	}
	known, err := good.GetJob(t.Context(), widgets, id)
	if err != nil {
		t.Fatal(err)
	}
	head := known.HeadSHA
	status := func(sha string) call {
		return func(c *github.Client, r github.Repository, _ int64) error {
			return c.CreateStatus(t.Context(), r, sha, github.CommitStatus{State: github.StatusFailure, Description: "d", Context: "c", TargetURL: "https://example.com"})
		}
	}

	for _, tc := range []struct {
		name string
		call call
		c    *github.Client
		repo github.Repository
		id   int64
		want string // "" is success
	}{
		{"a runner is shown", get, good, widgets, idle, ""},
		{"a runner that is gone", get, good, widgets, gone, github.NotFound},
		{"a runner, without permission", get, wrong, widgets, idle, github.Unauthorized},
		{"a runner is found by its name", find, good, widgets, 0, ""},
		{"runners are listed", runners, good, widgets, 0, ""},
		{"runners, without permission", runners, wrong, widgets, 0, github.Unauthorized},
		{"runners of another repository", runners, good, elsewhere, 0, github.NotFound},
		{"a runner is registered", register, good, widgets, 1, ""},
		{"a runner in another group", register, good, widgets, 3, github.NotFound},
		{"a runner in GitHub's group", register, good, widgets, 2, github.NoAccess},
		{"a runner, without permission to register it", register, wrong, widgets, 1, github.Unauthorized},
		{"a name that is taken", named("idle"), good, widgets, 0, github.Conflict},
		{"a name that is too long", named(strings.Repeat("n", 65)), good, widgets, 0, github.Invalid},
		{"a runner is deleted", remove, good, widgets, idle, ""},
		{"a runner that is deleted twice", remove, good, widgets, idle, github.NotFound},
		{"a runner with a job", remove, good, widgets, busy.reg.RunnerID, github.RunnerBusy},
		{"a runner, without permission to delete it", remove, wrong, widgets, busy.reg.RunnerID, github.Unauthorized},
		{"downloads are listed", downloads, good, widgets, 0, ""},
		{"downloads, without permission", downloads, wrong, widgets, 0, github.Unauthorized},
		{"a job is shown", job, good, widgets, id, ""},
		{"a job that is not there", job, good, widgets, gone, github.NotFound},
		{"a job, without permission", job, wrong, widgets, id, github.Unauthorized},
		{"jobs of a run are listed", jobs, good, widgets, run, ""},
		{"jobs of a run that is not there", jobs, good, widgets, gone, github.NotFound},
		{"jobs of a run, without permission", jobs, wrong, widgets, run, github.Unauthorized},
		{"runs are listed", runs(""), good, widgets, 0, ""},
		{"runs that are queued", runs("queued"), good, widgets, 0, ""},
		{"runs that are in progress", runs("in_progress"), good, widgets, 0, ""},
		{"runs that wait for an approval", runs("waiting"), good, widgets, 0, ""},
		{"runs that are pending", runs("pending"), good, widgets, 0, ""},
		{"runs, without permission", runs(""), wrong, widgets, 0, github.Unauthorized},
		{"deliveries are listed", deliveries, good, widgets, hook, ""},
		{"deliveries of a hook that is not there", deliveries, good, widgets, gone, github.NotFound},
		{"deliveries, without permission", deliveries, wrong, widgets, hook, github.Unauthorized},
		{"a status is posted", status(head), good, widgets, 0, ""},
		{"a status of a commit that is not there", status(strings.Repeat("0", 40)), good, widgets, 0, github.Invalid},
		{"a status in another repository", status(head), good, elsewhere, 0, github.NotFound},
		{"a status, without a token", status(head), wrong, widgets, 0, github.Unauthorized},
		{"a delivery is repeated", redeliver, good, widgets, delivery, ""},
		{"a delivery that is not there", redeliver, good, widgets, gone, github.NotFound},
		{"a delivery, without permission to repeat it", redeliver, wrong, widgets, delivery, github.Unauthorized},
	} {
		got := ""
		if err := tc.call(tc.c, tc.repo, tc.id); err != nil {
			got = err.Error()
			if failure, ok := errors.AsType[*github.Error](err); ok {
				got = failure.ErrorName()
			}
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}

	// Answers that GitHub describes and this client cannot cause. A wrong cursor is in
	// TestTheOtherAnswersOfTheSimulator.
	unseen := []string{
		"GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries 400",
		"GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries 422",
		"POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts 400",
		"POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts 422",
	}
	seen := w.contract.Seen()
	missing := slices.DeleteFunc(w.contract.Described(), func(one string) bool { return slices.Contains(seen, one) })
	if diff := cmp.Diff(unseen, missing); diff != "" {
		t.Errorf("what GitHub describes and this test has not seen: %s", diff)
	}
}

// settleWebhooks returns once n deliveries were made.
func (w *world) settleWebhooks(n int) {
	w.t.Helper()
	if err := w.Wait(w.t.Context(), func() bool { return len(w.Deliveries()) >= n }); err != nil {
		w.t.Fatal(err)
	}
}

// TestTheOtherAnswersOfTheSimulator covers requests that only people and other programs
// make.
func TestTheOtherAnswersOfTheSimulator(t *testing.T) {
	w, _ := hookedWorld(t, sim.Config{})
	w.Queue(spec("j", "x"))
	w.settleWebhooks(1)
	hook := "/hooks/" + itoa(w.HookID())
	for path, want := range map[string]int{
		"GET " + hook + "/deliveries?status=failure":                            200,
		"GET " + hook + "/deliveries?cursor=yesterday":                          422,
		"GET " + hook + "/deliveries/" + itoa(w.Deliveries()[0].ID):             200,
		"GET " + hook + "/deliveries/1":                                         404,
		"GET /hooks":                                                            200,
		"POST " + hook + "/pings":                                               204,
		"POST /hooks/1/pings":                                                   404,
		"GET /actions/runs/" + itoa(w.Jobs()[0].RunID) + "/attempts/2/jobs":     404,
		"GET /actions/runs/" + itoa(w.Jobs()[0].RunID) + "/jobs?filter=all":     200,
		"POST /actions/runs/" + itoa(w.Jobs()[0].RunID) + "/cancel":             202,
		"POST /actions/runs/1/cancel":                                           404,
		"GET /actions/runs?status=completed&per_page=1&page=2&event=dispatch":   200,
		"GET " + hook + "/deliveries?status=success&per_page=1&cursor=v1_99999": 200,
	} {
		method, path, _ := strings.Cut(path, " ")
		if got := w.api(method, path, nil); got.status != want {
			t.Errorf("%s %s: %d %s, want %d", method, path, got.status, got.raw, want)
		}
	}
}

// activeJobs are the jobs of all workflow runs that have not ended.
func activeJobs(t *testing.T, hub github.ForFleet, repository string) (jobs []fleet.Job) {
	t.Helper()
	seen := map[int64]bool{}
	for _, status := range fleet.ActiveStatuses {
		runs, err := all(fleet.AllPages(func(was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
			return hub.WorkflowRuns(t.Context(), repository, status, was)
		}))
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range runs {
			if seen[run.ID] {
				continue
			}
			seen[run.ID] = true
			of, err := all(fleet.AllPages(func(was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error) {
				return hub.JobsOf(t.Context(), repository, run, was)
			}))
			if err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, of...)
		}
	}
	return jobs
}

func TestClientFindsTheJobsOfAllActiveRuns(t *testing.T) {
	w := newWorld(t, sim.Config{})
	hub := github.ForFleet{Client: w.client(token)}
	run := w.NewRun()
	running := w.Queue(sim.JobSpec{RunID: run, Name: "running", Labels: []string{"x"}})
	behind := w.Queue(sim.JobSpec{RunID: run, Name: "behind", Labels: []string{"y"}})
	gated := sim.JobSpec{RunID: w.NewRun(), Name: "gated", Labels: []string{"y"}, Environment: "prod"}
	waiting := w.Queue(gated)
	gated.Name, gated.Environment = "beside the gate", ""
	beside := w.Queue(gated)
	var alone []int64
	for range 120 { // more than a page
		alone = append(alone, w.Queue(spec("alone", "y")))
	}
	w.start("r", "x").take(running)
	cancelled := alone[7]
	if err := w.Cancel(cancelled); err != nil {
		t.Fatal(err)
	}

	var got []int64
	status := map[int64]string{}
	for _, job := range activeJobs(t, hub, "octo/widgets") {
		got = append(got, job.JobID)
		status[job.JobID] = job.Status
	}
	if status[running] != "in_progress" || status[behind] != "queued" || status[waiting] != "waiting" || status[beside] != "queued" {
		t.Errorf("statuses are %v", status)
	}
	want := append(slices.DeleteFunc(alone, func(id int64) bool { return id == cancelled }), running, behind, waiting, beside)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	registrations, err := all(hub.Registrations(t.Context(), "octo/widgets"))
	if err != nil || len(registrations) != 1 || registrations[0].Name != "r" || !registrations[0].Busy {
		t.Errorf("registrations are %+v, %v", registrations, err)
	}
}

func TestClientRepeatsAFailedDelivery(t *testing.T) {
	w, in := hookedWorld(t, sim.Config{})
	client := w.client(token)
	in.fail = 1
	w.Queue(spec("lost", "x"))
	for range 119 { // more than a page
		w.Ping()
	}
	w.settleWebhooks(120)
	hook, err := strconv.ParseInt(in.all()[0].header.Get("X-GitHub-Hook-ID"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}

	deliveries, err := all(client.HookDeliveries(t.Context(), widgets, hook))
	if err != nil || len(deliveries) != 120 {
		t.Fatalf("%d deliveries, %v", len(deliveries), err)
	}
	failed := deliveries[119]
	if failed.OK() || failed.Event != "workflow_job" || failed.Action != "queued" || failed.GUID != in.all()[0].header.Get("X-GitHub-Delivery") {
		t.Errorf("the oldest delivery is %+v", failed)
	}
	if newest := deliveries[0]; !newest.OK() || newest.Status != "OK" || newest.ID <= deliveries[1].ID {
		t.Errorf("the newest delivery is %+v", newest)
	}
	if err := client.Redeliver(t.Context(), widgets, hook, failed.ID); err != nil {
		t.Fatal(err)
	}
	w.settleWebhooks(121)
	newest, err := (github.ForFleet{Client: client}).DeliveriesPage(t.Context(), "octo/widgets", hook, fleet.Page[fleet.Delivery]{})
	if d := newest.Items[0]; err != nil || d.GUID != failed.GUID || d.Status != http.StatusOK || d.Event != "workflow_job" {
		t.Errorf("in the fleet's words the redelivery is %+v, %v", d, err)
	}
	for again, err := range client.HookDeliveries(t.Context(), widgets, hook) {
		if err != nil || !again.OK() || !again.Redelivery || again.GUID != failed.GUID || again.ID == failed.ID {
			t.Errorf("the redelivery is %+v, %v", again, err)
		}
		break
	}

	w.clock.Advance(4 * 24 * time.Hour)
	old, err := all(client.HookDeliveries(t.Context(), widgets, hook))
	if err != nil || slices.ContainsFunc(old, func(d github.Delivery) bool { return d.ID == failed.ID }) {
		t.Errorf("after four days the deliveries are %+v, %v", old, err)
	}
	if err := client.Redeliver(t.Context(), widgets, hook, failed.ID); err == nil {
		t.Error("a delivery of four days ago is repeated")
	}
}

// TestClientFindsHowAWebhookWasAnswered among the deliveries of other jobs and events.
func TestClientFindsHowAWebhookWasAnswered(t *testing.T) {
	w, in := hookedWorld(t, sim.Config{})
	hub := github.ForFleet{Client: w.client(token)}
	in.fail = 1
	lost := w.Queue(spec("lost", "x"))
	w.settleWebhooks(1)
	came := w.Queue(spec("came", "x"))
	for range 119 { // more than a page
		w.Ping()
	}
	w.settleWebhooks(121)
	find := func(id int64, delivers func(string) bool) (github.Answered, bool) {
		t.Helper()
		job, err := hub.Job(t.Context(), "octo/widgets", id)
		if err != nil {
			t.Fatal(err)
		}
		answered, known, err := hub.DeliveryOf(t.Context(), job, fleet.HookPlaces("", []string{"octo/widgets"}), false, delivers)
		if err != nil {
			t.Fatal(err)
		}
		return answered, known
	}
	every := func(string) bool { return true }
	if a, known := find(lost, every); !known || a.Status != http.StatusInternalServerError || a.Action != "queued" || a.At.IsZero() {
		t.Errorf("of the webhook that failed: %+v %v", a, known)
	}
	if a, known := find(came, every); !known || a.Status != http.StatusOK {
		t.Errorf("of the webhook that came: %+v %v", a, known)
	}
	if a, known := find(came, func(url string) bool { return !github.IsWebhook(url) }); known {
		t.Errorf("a webhook that is not the fleet's: %+v", a)
	}
	if err := w.Redeliver(w.Deliveries()[0].ID); err != nil {
		t.Fatal(err)
	}
	w.settleWebhooks(122)
	if a, known := find(lost, every); !known || a.Status != http.StatusOK {
		t.Errorf("of the webhook that was delivered again: %+v %v", a, known)
	}
}

func TestClientReadsTheNewestRunnersVersion(t *testing.T) {
	w := newWorld(t, sim.Config{RunnerVersion: "2.400.1"})
	downloads, err := w.client(token).RunnerDownloads(t.Context(), widgets)
	if err != nil || len(downloads) == 0 {
		t.Fatalf("downloads are %v, %v", downloads, err)
	}
	for _, d := range downloads {
		if d.Version() != "2.400.1" {
			t.Errorf("the version of %s is %q", d.Filename, d.Version())
		}
	}
}

func TestSecondaryLimit(t *testing.T) {
	w := newWorld(t, sim.Config{PointsPerMinute: 6})
	client := w.client(token)
	w.register("r", "x") // 5 points
	if _, _, err := client.FindRunner(t.Context(), widgets, "r"); err != nil {
		t.Fatal(err)
	}
	_, _, err := client.FindRunner(t.Context(), widgets, "r")
	failure, ok := errors.AsType[*github.Error](err)
	if !ok || failure.ErrorName() != github.RateLimited || failure.StatusCode != http.StatusForbidden || failure.RetryAfter != time.Minute {
		t.Errorf("one too many gives %v", err)
	}
	w.clock.Advance(time.Minute)
	if _, _, err := client.FindRunner(t.Context(), widgets, "r"); err != nil {
		t.Error(err)
	}
}
