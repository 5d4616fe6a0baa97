package sweep_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// left sets what is left of a limit of 5,000 requests for half an hour.
func left(w *world, remaining int) {
	w.GitHub.Left = fleet.Budget{Credential: "token", Resource: "core", Limit: 5000, Remaining: remaining, Reset: w.Now().Add(30 * time.Minute)}
}

func usage(t *testing.T, w *world) (u fleet.GitHubUsage) {
	t.Helper()
	text, err := w.Records.Cursor(t.Context(), fleet.GitHubUsageCursor)
	if err == nil {
		err = json.Unmarshal([]byte(text), &u)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// In a broken world every part that asks GitHub has something to do. No part asks for
// anything once only the reserve is left; that is no error, and everything is counted.
func TestTheReserveIsKept(t *testing.T) {
	w := broken(t)
	left(w, 3)
	w.GitHub.Calls = nil
	got, err := run(w)
	if err != nil {
		t.Errorf("what is put off is an error: %v", err)
	}
	if len(w.GitHub.Calls) > 0 {
		t.Errorf("it asks for %q", w.GitHub.Calls)
	}
	for _, cause := range []sweep.Cause{sweep.ExecutionMissing, sweep.TaskEventLost, sweep.Miscounted} {
		if got[cause] == 0 {
			t.Errorf("%s is not repaired", cause)
		}
	}
	u := usage(t, w)
	for _, kind := range []string{"workflow_runs", "registrations", "deliveries", "jobs"} {
		if u.PutOff[kind] == 0 {
			t.Errorf("%s put off are not counted: %v", kind, u.PutOff)
		}
	}
	w.Pass(time.Hour) // a new hour
	settle(t)(w)
}

// Half of the limit is for claims, launches and repairs: the sweep stops looking around
// there, and goes on repairing down to the reserve.
func TestRepairsGoOnWhereLookingAroundStops(t *testing.T) {
	w := broken(t)
	left(w, 2500)
	w.GitHub.Calls = nil
	if _, err := run(w); err != nil {
		t.Error(err)
	}
	for _, call := range w.GitHub.Calls {
		if call != "Job" && call != "Delete" && call != "Registration" {
			t.Errorf("it asks for %s", call)
		}
	}
	if !slices.Contains(w.GitHub.Calls, "Delete") {
		t.Errorf("nothing is repaired: %q", w.GitHub.Calls)
	}
}

// What is above half of the limit is spent in equal parts until the reset.
func TestOneSweepSpendsItsShareAlone(t *testing.T) {
	w := hooked(t)
	for id := range int64(80) {
		job := w.Job(id+100, "ubuntu-latest")
		job.WorkflowRunID = id + 100
		w.GitHub.Set(job)
	}
	w.Pass(grace)
	for _, c := range []struct{ left, want int }{{2500, 0}, {2500 + 31*10, 10}, {2500 + 31*40, 40}} {
		left(w, c.left)
		w.GitHub.Calls, w.GitHub.Unchanged = nil, 0
		spending(w, func() { mustSweep(t, w) })
		if got := len(w.GitHub.Calls) - w.GitHub.Unchanged; got != c.want {
			t.Errorf("with %d left it spends %d, want %d", c.left, got, c.want)
		}
	}
}

// spending lets every request cost one, except those with an unchanged answer.
func spending(w *world, do func()) {
	w.GitHub.Costs = true
	defer func() { w.GitHub.Costs = false }()
	do()
}

// Unchanged pages use up points, too.
func TestASweepLeavesPointsOfTheMinute(t *testing.T) {
	w := lifecycletest.New(t)
	h := handler(w)
	h.Policy.Repositories = nil
	for i := range 4 {
		h.Policy.Repositories = append(h.Policy.Repositories, fmt.Sprintf("octo/r%d", i))
	}
	for i, repository := range h.Policy.Repositories {
		for n := range int64(100) {
			job := w.Job(int64(i)*1000+n+1, "ubuntu-latest")
			job.Repository, job.WorkflowRunID = repository, job.JobID
			w.GitHub.Set(job)
		}
	}
	w.Pass(grace)
	looked := map[string]int{}
	for range 3 {
		w.GitHub.Calls = nil
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(w.GitHub.Calls) > 300 {
			t.Errorf("%d requests in a sweep", len(w.GitHub.Calls))
		}
		for _, call := range w.GitHub.Calls {
			looked[call]++
		}
		w.Pass(time.Minute)
	}
	if looked["JobsOf"] != 400 {
		t.Errorf("after three sweeps %v were asked for, want the jobs of 400 workflow runs once each", looked)
	}
}

// A page is kept once all of its items were dealt with; if one was not, the page is
// requested again.
func TestAPageIsKeptOnceItWasDealtWith(t *testing.T) {
	w := lifecycletest.New(t)
	w.Job(7)
	w.Pass(grace)
	h := handler(w)
	h.Fleet.Executions = noStart{w.Executions}
	if _, err := h.Run(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if page, _ := w.Records.Cursor(t.Context(), "page/jobs/1/0"); page != "" {
		t.Errorf("kept: %s", page)
	}
	mustSweep(t, w)
	if page, _ := w.Records.Cursor(t.Context(), "page/jobs/1/0"); !strings.Contains(page, `"etag"`) {
		t.Errorf("the page is %q", page)
	}
	w.GitHub.Gone(7)
	mustSweep(t, w)
	if page, _ := w.Records.Cursor(t.Context(), "page/jobs/1/0"); page != "" {
		t.Errorf("its workflow run has ended, and it is kept: %s", page)
	}
}

// noStart is a state machine that starts no executions.
type noStart struct{ lifecycle.Executions }

func (noStart) Start(ctx, string, []byte) error { return errors.New("down") }

// Another configuration may admit other jobs: those that were left out of a page are
// looked at again.
func TestAnotherPolicyLooksAtEveryJobAgain(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7, "self-hosted", "gpu")
	w.Pass(grace)
	mustSweep(t, w)
	wantNoRun("job-7")(t, w)
	w.Pass(lookRarely)
	h := handler(w)
	h.Policy.ExtraImages = map[string]string{"gpu": "Dockerfile"}
	if _, err := h.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.Run(fleet.RunID(job.JobID)).RunnerID == "" {
		t.Error("it is not launched")
	}
}

const lookRarely = 30 * time.Minute

func TestWhenAWorkflowRunIsLookedAtAgain(t *testing.T) {
	cases := map[string]struct {
		setup func(w *world)
		want  []int // the minutes after the first look, within half an hour
	}{
		"a job of ours waits, and its runner is on its way": {
			func(w *world) { w.Launch(w.Job(7)) }, []int{3, 6, 9, 12, 15, 18, 21, 24, 27, 30},
		},
		"a job of ours that GitHub holds back, without a webhook": {
			func(w *world) { job := w.Job(7); job.Status = "pending"; w.GitHub.Set(job) }, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30},
		},
		"those of ours have ended": {
			func(w *world) { w.GitHub.Set(completed(w.Job(7), "success")) }, []int{10, 20, 30},
		},
		"none is ours": {
			func(w *world) { w.Job(7, "ubuntu-latest") }, []int{30},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			c.setup(w)
			mustSweep(t, w)
			var looked []int
			for minute := range 30 {
				w.Pass(time.Minute)
				w.GitHub.Calls = nil
				mustSweep(t, w)
				if slices.Contains(w.GitHub.Calls, "JobsOf") {
					looked = append(looked, minute+1)
				}
			}
			if !slices.Equal(looked, c.want) {
				t.Errorf("looked at after %d minutes, want %d", looked, c.want)
			}
		})
	}
}

// Fifty quiet repositories have their turns, each within ten minutes, and a repository
// in which something is open has one each minute.
func TestQuietRepositoriesHaveTheirTurn(t *testing.T) {
	w := lifecycletest.New(t)
	h := handler(w)
	for i := range 49 {
		h.Policy.Repositories = append(h.Policy.Repositories, fmt.Sprintf("octo/quiet%d", i))
	}
	turns := map[string][]int{}
	h.GitHub = heard{w.GitHub, func(repository string) {
		turns[repository] = append(turns[repository], int(w.Now().Sub(start(w))/time.Minute))
	}}
	w.Launch(w.Job(7))
	for range 31 {
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Pass(time.Minute)
	}
	for _, repository := range h.Policy.Repositories {
		want := 4 // at once, and every ten minutes
		if repository == lifecycletest.Repository {
			want = 31
		}
		if got := turns[repository]; len(got) != want {
			t.Errorf("%s had its turn at %d", repository, got)
		}
	}
}

// A quiet repository whose webhooks do not arrive is looked at each minute: it may only
// look quiet because no webhook comes.
func TestAQuietRepositoryWhoseWebhooksFail(t *testing.T) {
	w := lifecycletest.New(t)
	h := handler(w)
	for i := range 49 {
		h.Policy.Repositories = append(h.Policy.Repositories, fmt.Sprintf("octo/quiet%d", i))
	}
	w.GitHub.HookID = 9
	if err := w.Records.PutCursor(t.Context(), "hook/"+lifecycletest.Repository, "9"); err != nil {
		t.Fatal(err)
	}
	w.GitHub.Delivered = []fleet.Delivery{{ID: 1, GUID: "a", Event: fleet.WorkflowJobEvent, Status: 502}}
	turns := 0
	h.GitHub = heard{w.GitHub, func(repository string) {
		if repository == lifecycletest.Repository {
			turns++
		}
	}}
	for range 5 {
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Pass(time.Minute)
	}
	if turns != 5 {
		t.Errorf("it had its turn in %d of 5 minutes", turns)
	}
}

func start(w *world) time.Time { return w.Now().Truncate(24 * time.Hour) }

// heard is GitHub, and records the repositories whose workflow runs are listed.
type heard struct {
	*lifecycletest.GitHub
	hear func(repository string)
}

func (g heard) WorkflowRuns(ctx ctx, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
	if status == "queued" {
		g.hear(repository)
	}
	return g.GitHub.WorkflowRuns(ctx, repository, status, was)
}

func TestATokenThatExpiresSoonIsReported(t *testing.T) {
	for days, said := range map[int]bool{6: true, 8: false} {
		w := lifecycletest.New(t)
		w.GitHub.Left = fleet.Budget{Credential: "c", Resource: "core", Limit: 5000, Remaining: 5000, Reset: w.Now().Add(time.Hour), Expires: w.Now().AddDate(0, 0, days)}
		h := handler(w)
		var log strings.Builder
		h.Fleet.Log = slog.New(slog.NewTextHandler(&log, nil))
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "the GitHub token expires soon: store a new one"); got != said {
			t.Errorf("%d days before its end: %t\n%s", days, got, log.String())
		}
	}
}
