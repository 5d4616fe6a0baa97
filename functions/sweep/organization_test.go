package sweep_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// organization is a world whose fleet serves all of octo, with so many repositories that
// nothing happens in.
func organization(t *testing.T, quiet int) *world {
	w := lifecycletest.New(t)
	for i := range quiet {
		w.GitHub.Listed = append(w.GitHub.Listed, fleet.ListedRepository{ID: int64(i + 1), Name: fmt.Sprintf("octo/Quiet-%d", i+1), Private: true})
	}
	return w
}

func ofAll(w *world) sweep.Handler {
	h := handler(w)
	h.Policy.Repositories, h.Policy.Organization = nil, "octo"
	h.Fleet.SharedPlace = fleet.OrganizationPlace("octo")
	return h
}

// sweepAll sweeps once a minute, n times.
func sweepAll(t *testing.T, w *world, h sweep.Handler, n int) {
	t.Helper()
	for range n {
		w.Pass(time.Minute)
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// askedFor counts what GitHub was asked for.
func askedFor(w *world, call string) (n int) {
	for _, c := range w.GitHub.Calls {
		if c == call {
			n++
		}
	}
	return n
}

func queuedIn(w *world, id int64, repository string) {
	job := w.Job(id)
	job.Repository = repository
	w.GitHub.Set(job)
}

func TestALostJobOfAnOrganization(t *testing.T) {
	for name, test := range map[string]struct {
		listed fleet.ListedRepository
		public bool
		within int // minutes
		found  bool
	}{
		"in a repository that was pushed to":   {fleet.ListedRepository{Name: "octo/site", Private: true, PushedAt: time.Unix(1<<40, 0)}, false, 7, true},
		"in a quiet one, by the round":         {fleet.ListedRepository{Name: "octo/site", Private: true}, false, 62, true},
		"in a public one":                      {fleet.ListedRepository{Name: "octo/site", PushedAt: time.Unix(1<<40, 0)}, false, 62, false},
		"in a public one that the fleet takes": {fleet.ListedRepository{Name: "octo/site"}, true, 62, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := organization(t, 3)
			h := ofAll(w)
			sweepAll(t, w, h, 1) // it was looked at just before
			if !test.listed.PushedAt.IsZero() {
				test.listed.PushedAt = w.Now()
			}
			w.GitHub.Listed = append(w.GitHub.Listed, test.listed)
			h.Policy.AllowPublic = test.public
			queuedIn(w, 7, "octo/site")
			sweepAll(t, w, h, test.within)
			if _, known, err := w.Records.Run(t.Context(), "job-7"); err != nil || known != test.found {
				t.Errorf("found: %t, %v", known, err)
			}
		})
	}
}

// A quiet organization costs a round an hour, and what it leaves of the limit decides how
// fast that goes.
func TestTheRoundLeavesMostOfTheLimit(t *testing.T) {
	for name, test := range map[string]struct {
		used int
		most int // looks in one sweep
	}{
		"nothing was used": {0, 32},
		"others used much": {2000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := organization(t, 100)
			h := ofAll(w)
			w.GitHub.Left = fleet.Budget{Credential: "token", Resource: "core", Limit: 5000, Remaining: 5000 - test.used, Reset: w.Now().Add(time.Hour)}
			w.GitHub.Costs = true
			for range 3 {
				w.GitHub.Calls = nil
				w.Pass(time.Minute)
				if _, err := h.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n := askedFor(w, "WorkflowRuns"); n == 0 || n > test.most {
					t.Errorf("%d repositories were looked at in one sweep", n)
				}
			}
		})
	}
}

// Pages that have not changed are free: with a token, whose ETags stay good, each quiet
// repository is looked at once an hour, and no more.
func TestARoundOfUnchangedPages(t *testing.T) {
	w := organization(t, 450)
	h := ofAll(w)
	sweepAll(t, w, h, 60)
	if n := askedFor(w, "WorkflowRuns"); n != 450 {
		t.Errorf("450 repositories were looked at %d times in the first hour", n)
	}
	w.GitHub.Left = fleet.Budget{Credential: "token", Resource: "core", Limit: 5000, Remaining: 3000, Reset: w.Now().Add(24 * time.Hour)}
	w.GitHub.Costs = true
	w.GitHub.Calls, w.GitHub.Unchanged = nil, 0
	sweepAll(t, w, h, 60)
	if n := askedFor(w, "WorkflowRuns"); n < 400 || w.GitHub.Left.Remaining < 2950 {
		t.Errorf("%d looks cost %d requests", n, 3000-w.GitHub.Left.Remaining)
	}
}

// A repository that GitHub fails to answer for does not hold up those after it, nor does
// one that is gone.
func TestARoundGoesOn(t *testing.T) {
	w := organization(t, 6)
	h := ofAll(w)
	h.GitHub = failing{w.GitHub, map[string]error{
		"octo/Quiet-1": fleet.Errorf(fleet.GitHubNotFound, "gone"),
		"octo/Quiet-2": fleet.Errorf(fleet.GitHubUnavailable, "500"),
		"octo/Quiet-3": fleet.Errorf(fleet.GitHubNoAccess, "403"),
	}}
	for range 3 {
		w.Pass(time.Minute)
		_, _ = h.Run(t.Context())
	}
	if n := askedFor(w, "WorkflowRuns"); n != 3 {
		t.Errorf("%d of the 3 others were looked at", n)
	}
}

// A round that GitHub lets not begin, such as before a token is stored, begins with the next
// sweep.
func TestARoundThatCannotBegin(t *testing.T) {
	w := organization(t, 3)
	h := ofAll(w)
	for _, name := range []string{fleet.SecretMissing, fleet.GitHubUnauthorized, fleet.GitHubUnavailable} {
		w.GitHub.Fails["Repositories"] = fleet.Errorf(name, "not now")
		w.Pass(time.Minute)
		_, _ = h.Run(t.Context())
	}
	delete(w.GitHub.Fails, "Repositories")
	sweepAll(t, w, h, 2)
	if n := askedFor(w, "WorkflowRuns"); n != 3 {
		t.Errorf("%d of 3 repositories were looked at", n)
	}
}

// The next page of a round is an address of one credential, and of one organization.
func TestARoundWhoseNextPageIsGone(t *testing.T) {
	for name, lost := range map[string]func(w *world, h *sweep.Handler){
		"GitHub App in place of a token": func(w *world, _ *sweep.Handler) {
			w.GitHub.Fails["Repositories"] = fleet.Errorf(fleet.GitHubNoAccess, "403")
			w.Pass(time.Minute)
		},
		"page that is gone": func(w *world, _ *sweep.Handler) {
			w.GitHub.Fails["Repositories"] = fleet.Errorf(fleet.GitHubNotFound, "404")
			w.Pass(time.Minute)
		},
		"another organization": func(_ *world, h *sweep.Handler) {
			h.Policy.Organization, h.Fleet.SharedPlace = "other", fleet.OrganizationPlace("other")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := organization(t, 250)
			h := ofAll(w)
			sweepAll(t, w, h, 1)
			if n := askedFor(w, "WorkflowRuns"); n == 0 || n >= 250 {
				t.Fatalf("%d repositories were looked at by the first sweep: the round is not under way", n)
			}
			lost(w, &h)
			_, _ = h.Run(t.Context())
			delete(w.GitHub.Fails, "Repositories")
			w.GitHub.Calls = nil
			for range 4 {
				w.Pass(time.Minute)
				_, _ = h.Run(t.Context())
			}
			if n := askedFor(w, "WorkflowRuns"); n < 50 {
				t.Errorf("%d repositories were looked at after it", n)
			}
		})
	}
}

type failing struct {
	*lifecycletest.GitHub
	in map[string]error
}

func (b failing) WorkflowRuns(ctx context.Context, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
	if err := b.in[repository]; err != nil {
		return fleet.Page[fleet.WorkflowRun]{}, err
	}
	return b.GitHub.WorkflowRuns(ctx, repository, status, was)
}

// What is kept of an organization has a bound, however many repositories are pushed to.
func TestWhatIsKeptOfTwentyThousandRepositories(t *testing.T) {
	w := organization(t, 0)
	long := strings.Repeat("x", 95)
	for i := range 20_000 {
		w.GitHub.Listed = append(w.GitHub.Listed, fleet.ListedRepository{ID: 1 << 40, Name: fmt.Sprintf("octo/%s%d", long, i), Private: true, PushedAt: w.Now().Add(-time.Duration(i) * time.Second)})
	}
	for cursor, w := range map[string]*world{"organization/lately": w, "organization/round": organization(t, 20_000)} {
		sweepAll(t, w, ofAll(w), 2)
		text, err := w.Records.Cursor(t.Context(), cursor)
		if err != nil || text == "" || len(text) > 300<<10 {
			t.Errorf("%s has %d bytes, %v", cursor, len(text), err)
		}
	}
}

func TestDeliveriesOfAnOrganizationsWebhook(t *testing.T) {
	for name, place := range map[string]string{"of all repositories": "", "of a list": "octo/", "of an enterprise": "/corp"} {
		w := lifecycletest.New(t)
		w.GitHub.HookID = 5
		tell(w, 1, 5)
		w.EditRun("job-1", func(r *fleet.Run) { r.Job.HookOfOrganization = true })
		delivers(w, "a500 b200 c502")
		w.GitHub.Delivered[2].Foreign = true
		h := ofAll(w)
		if place != "" {
			h.Policy.Repositories = []string{lifecycletest.Repository}
			registersIn(&h, place)
		}
		sweepAll(t, w, h, 2)
		if !slices.Equal(w.GitHub.Redelivered, []int64{1}) {
			t.Errorf("%s: requested %d again", name, w.GitHub.Redelivered)
		}
		if hook, err := w.Records.Cursor(t.Context(), "hook/octo/"); err != nil || hook != "5" {
			t.Errorf("%s: the webhook is %q, %v", name, hook, err)
		}
	}
}

// A run that misses its runner does not wait for the next list of its repository.
func TestARunWithoutARunnerInAnOrganization(t *testing.T) {
	w := organization(t, 0)
	w.Job(7)
	tell(w, 7, 0)
	w.EditRun("job-7", func(r *fleet.Run) { r.Status = fleet.RunQueued })
	h := ofAll(w)
	sweepAll(t, w, h, 3)
	if run := w.Run("job-7"); run.RunnerID == "" || askedFor(w, "WorkflowRuns") != 0 {
		t.Errorf("after %d lists the run is\n%s", askedFor(w, "WorkflowRuns"), w.State())
	}
}

// Runners are listed once for the organization, and not each minute.
func TestRegistrationsOfAnOrganization(t *testing.T) {
	w := organization(t, 2)
	sweepAll(t, w, ofAll(w), 11)
	if n := askedFor(w, "Registrations"); n != 3 {
		t.Errorf("the runners were listed %d times in 11 minutes", n)
	}
}

// A runner of an organization or enterprise may have had a job of another repository than
// its own.
func TestAJobOfAnotherRepositoryOfWhichNoWebhookCame(t *testing.T) {
	for name, in := range map[string]struct {
		place, repository string
		list              []string
	}{
		"of all repositories": {"octo/", "octo/site", nil},
		"of a list":           {"octo/", "octo/site", []string{lifecycletest.Repository, "octo/site"}},
		"of an enterprise":    {"/corp", "other/site", []string{lifecycletest.Repository, "other/site"}},
	} {
		w := unresolved(t)
		job := w.GitHub.Has(8)
		job.Repository = in.repository
		w.GitHub.Set(job)
		w.GitHub.Unlisted[8] = true
		w.GitHub.Listed = []fleet.ListedRepository{{ID: 2, Name: "octo/site", Private: true, PushedAt: w.Now()}}
		h := ofAll(w)
		h.Policy.Repositories = in.list
		registersIn(&h, in.place)
		sweepAll(t, w, h, 3)
		if r := w.Runner("fleet-7-1"); r.Took != 8 || r.Unresolved {
			t.Errorf("%s: it took %d\n%s", name, r.Took, w.State())
		}
		if left, err := w.Records.Cursor(t.Context(), "organization/search"); err != nil || left != "" {
			t.Errorf("%s: the search goes on: %s, %v", name, left, err)
		}
	}
}

// After one search the job of a runner that had none is not searched for again.
func TestTheSearchInAnOrganizationEnds(t *testing.T) {
	w := unresolved(t)
	w.GitHub.Set(w.Job(8)) // GitHub gave the runner no job after all
	w.GitHub.Calls = nil
	sweepAll(t, w, ofAll(w), 4)
	if n := askedFor(w, "EndedRuns"); n != 1 || w.Runner("fleet-7-1").Unresolved {
		t.Errorf("ended workflow runs were listed %d times", n)
	}
}

// GitHub is asked for a job under the present name of its repository, which the newest
// job of that has: the former name may be another's.
func TestARenamedRepositoryOfAnOrganization(t *testing.T) {
	w := organization(t, 0)
	for i, name := range []string{"octo/was", "octo/is"} {
		id := int64(7 + i)
		job := w.Job(id)
		job.Repository, job.RepositoryID = "octo/is", 1
		w.GitHub.Set(job)
		job.Repository = name
		w.Launch(job)
		w.EditRun(fleet.RunID(id), func(r *fleet.Run) { r.RunnerID, r.LastRunner = "", "" })
		w.Pass(time.Minute)
	}
	h := ofAll(w)
	asked := &asksJobs{GitHub: w.GitHub}
	h.Fleet.GitHub = asked
	sweepAll(t, w, h, 2)
	if slices.Contains(asked.in, "octo/was") || !slices.Contains(asked.in, "octo/is") {
		t.Errorf("asked in %q", asked.in)
	}
}

type asksJobs struct {
	*lifecycletest.GitHub
	in []string
}

func (a *asksJobs) Job(ctx context.Context, repository string, id int64) (fleet.Job, error) {
	a.in = append(a.in, repository)
	return a.GitHub.Job(ctx, repository, id)
}

// What a sweep has learnt is kept: another one does not begin anew.
func TestTheRoundIsKept(t *testing.T) {
	w := organization(t, 3)
	sweepAll(t, w, ofAll(w), 1)
	text, err := w.Records.Cursor(t.Context(), "organization/round")
	var at struct {
		Began int64    `json:"began"`
		Left  []string `json:"left"`
	}
	if err != nil || json.Unmarshal([]byte(text), &at) != nil || at.Began == 0 || len(at.Left) != 0 {
		t.Errorf("%s, %v", text, err)
	}
	w.GitHub.Calls = nil
	sweepAll(t, w, ofAll(w), 30)
	if n := askedFor(w, "WorkflowRuns"); n != 0 {
		t.Errorf("within the hour the repositories were looked at %d times more", n)
	}
}

// runsAsked notes of which repositories GitHub was asked for workflow runs.
type runsAsked struct {
	*lifecycletest.GitHub
	of map[string]bool
}

func (a runsAsked) WorkflowRuns(ctx context.Context, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
	a.of[repository] = true
	return a.GitHub.WorkflowRuns(ctx, repository, status, was)
}

// A warm runner of an organization belongs to no repository until it has a job.
func TestAnIdleRunnerOfAnOrganizationIsNoRepository(t *testing.T) {
	w := organization(t, 3)
	w.Keeps = &fleet.Warm{Count: 1}
	h := ofAll(w)
	h.Policy.RunnerGroup = "fleet"
	of := map[string]bool{}
	h.GitHub = runsAsked{w.GitHub, of}
	sweepAll(t, w, h, 12)
	if len(warmIDs(w)) != 1 || len(of) == 0 || of[""] {
		t.Errorf("with %q, GitHub was asked for the workflow runs of %v", warmIDs(w), of)
	}
}
