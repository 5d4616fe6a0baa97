package sweep_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestTheSweepKeepsPools(t *testing.T) {
	for name, c := range map[string]struct {
		setup func(*world)
		want  int // that idle, or start, afterwards
	}{
		"it fills one":         {func(w *world) { w.Keeps = &fleet.Warm{Count: 2} }, 2},
		"it leaves a full one": {func(w *world) { w.Warm(2) }, 2},
		"it fills one anew":    {func(w *world) { w.Warm(2); w.Launch(w.Job(7)) }, 2},
		"it ends one that the configuration has no more": {func(w *world) { w.Warm(2); w.Keeps = nil }, 0},
		"it ends one at the end of its schedule":         {func(w *world) { w.Warm(2); w.Keeps = &fleet.Warm{Count: 2, Schedule: "daily 22:00-23:00"} }, 0},
		"it fills none with what is kept for claims": {func(w *world) {
			w.Keeps = &fleet.Warm{Count: 2}
			w.GitHub.Left = fleet.Budget{Limit: 5000, Remaining: 3, Reset: w.Now().Add(time.Hour)}
		}, 0},
		"it lists one that the capacity lost": {func(w *world) {
			w.Warm(1)
			w.Records.LoseWarm()
		}, 1},
		"it ends one for a job that waits, if the launch died before": {func(w *world) {
			w.MaxRunners = 1
			w.Warm(1)
			w.GitHub.Fails["Delete"] = fleet.Errorf(fleet.GitHubUnavailable, "502")
			w.Launch(w.Job(7, "self-hosted", "class:large"))
			delete(w.GitHub.Fails, "Delete")
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			c.setup(w)
			mustSweepOrPutOff(t, w)
			got := 0
			for _, id := range warmIDs(w) {
				if w.Runner(id).Idle() {
					got++
				}
			}
			if got != c.want {
				t.Errorf("%d idle, want %d: %q", got, c.want, warmIDs(w))
			}
		})
	}
}

func warmIDs(w *world) (ids []string) {
	for id := range w.Capacity().Warm {
		ids = append(ids, id)
	}
	return ids
}

func mustSweepOrPutOff(t *testing.T, w *world) {
	t.Helper()
	if _, err := run(w); err != nil {
		t.Fatal(err)
	}
}

// People edit the class sizes in a parameter, behind the check of the configuration.
func TestTheSweepKeepsNoPoolsThatTheFleetMustNotHave(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*world, *fleet.Policy)
		want string
	}{
		"too few runners":         {func(w *world, _ *fleet.Policy) { w.Keeps.Count = 0 }, "keep warm runners: class small: warm.count 0: use 1 to 100"},
		"no policy is enforced":   {func(_ *world, p *fleet.Policy) { p.EnforcePolicy = false }, "class small: idle runners need enforce_policy: true"},
		"a label is required":     {func(_ *world, p *fleet.Policy) { p.RequiredLabel = "ours" }, "do not go with required_label"},
		"public repositories":     {func(_ *world, p *fleet.Policy) { p.AllowPublic = true }, "do not go with allow_public_repositories"},
		"no runner group":         {func(_ *world, p *fleet.Policy) { p.Organization = "octo" }, "need a runner_group"},
		"an image that is no one": {func(w *world, _ *fleet.Policy) { w.Keeps.Image = "gpu" }, `warm.image "gpu"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			idle := w.Warm(2)
			h := handler(w)
			c.edit(w, &h.Policy)
			if _, err := h.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the sweep says %v; want %q", err, c.want)
			}
			for _, id := range idle {
				if r := w.Runner(id); r.Idle() {
					t.Errorf("%s idles on", id)
				}
			}
		})
	}
}

// What is wrong with one class is not why the pool of another is not full: the parts of a sweep
// that failed are shown there.
func TestOneWrongPoolIsNoFailureOfTheOthers(t *testing.T) {
	w := lifecycletest.New(t)
	w.Keeps = &fleet.Warm{Count: 1}
	h := handler(w)
	large := h.Policy.Classes["large"]
	large.Warm = &fleet.Warm{}
	h.Policy.Classes["large"] = large
	_, err := h.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "class large") || strings.Contains(err.Error(), "sweep warm runners") {
		t.Errorf("the sweep says %v", err)
	}
	if len(warmIDs(w)) != 1 {
		t.Errorf("idle: %q", warmIDs(w))
	}
}

// After its repository was renamed, the pool counts for it, and is held with it, as its jobs are.
func TestAPoolOfARenamedRepositoryKeepsToItsShare(t *testing.T) {
	const next = "octo/next"
	held := fleet.Hold{Key: "access/" + next, Kind: fleet.SetbackAccess, Needs: 1, InARow: 1, Met: map[string]time.Time{"job-1": {}}}
	for name, c := range map[string]struct {
		share, kept int
		hold        *fleet.Hold
		want        int // idle runners
	}{
		"its share":             {9, 0, nil, 1},
		"what is kept":          {0, 1, nil, 1},
		"its holds":             {0, 0, &held, 0},
		"nothing keeps it back": {0, 0, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			for i, name := range []string{lifecycletest.Repository, next} {
				at := w.Now().Add(time.Duration(i) * time.Minute)
				if err := lifecycle.LearnRepository(t.Context(), w.Records, w.Policy(), fleet.Job{Repository: name, RepositoryID: 1, CreatedAt: &at}); err != nil {
					t.Fatal(err)
				}
			}
			for id := range int64(8) {
				job := w.Job(id + 1)
				job.Repository = next
				w.Launch(job)
			}
			if c.hold != nil {
				c.hold.NextTry = w.Now().Add(time.Hour)
				w.Records.Put(*c.hold)
			}
			w.MaxRunners, w.Keeps = 10, &fleet.Warm{Count: 2}
			h := handler(w)
			h.Fleet.MaxPerRepository, h.Fleet.KeptForOthers, h.Fleet.Repositories = c.share, c.kept, 2
			if _, err := h.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if ids := warmIDs(w); len(ids) != c.want {
				t.Errorf("%q idle, want %d", ids, c.want)
			}
			if got := usage(t, w).Renamed[lifecycletest.Repository]; got != next {
				t.Errorf("those who ask why it is not full are told the name %q", got)
			}
			for _, id := range warmIDs(w) {
				if r := w.Runner(id); r.Repository != next || r.RegisteredIn != next || r.Pool != "small@"+lifecycletest.Repository {
					t.Errorf("%s is of %s in %s, in pool %s", id, r.Repository, r.RegisteredIn, r.Pool)
				}
			}
		})
	}
}

// No launch looks for a runner under a name that its repository had.
func TestIdleRunnersOfARenamedRepositoryAreReplaced(t *testing.T) {
	const first, next = lifecycletest.Repository, "octo/next"
	w := lifecycletest.New(t)
	idle := w.Warm(2)
	for _, name := range []string{first, next, first, next} {
		w.Pass(time.Minute)
		at := w.Now()
		if err := lifecycle.LearnRepository(t.Context(), w.Records, w.Policy(), fleet.Job{Repository: name, RepositoryID: 1, CreatedAt: &at}); err != nil {
			t.Fatal(err)
		}
		for _, id := range idle {
			named := strings.EqualFold(w.Runner(id).RegisteredIn, name)
			mustSweepOrPutOff(t, w)
			if r := w.Runner(id); r.Idle() != named || !named && !strings.Contains(r.Reason, name) {
				t.Errorf("in %s: %s of %s idles: %t, %q", name, id, r.RegisteredIn, r.Idle(), r.Reason)
			}
		}
		idle = warmIDs(w)
		if len(idle) != 2 {
			t.Fatalf("in %s %q idle, want 2", name, idle)
		}
	}
	w.Pass(time.Minute)
	// docs/operations.md tells operators to delete this record when a repository was recreated.
	if err := w.Records.PutCursor(t.Context(), "repository/"+first, ""); err != nil {
		t.Fatal(err)
	}
	mustSweepOrPutOff(t, w)
	for _, id := range idle {
		if !w.Runner(id).Idle() {
			t.Errorf("%s has ended, and nothing is known of its repository", id)
		}
	}
}

// GitHub says whether public repositories may use an organization's runner group: of idle
// runners every ten minutes.
func TestTheSweepAsksWhetherTheGroupAllowsPublicRepositories(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Warm(1)[0]
	once := func() error {
		h := handler(w)
		h.Policy.Organization, h.Policy.RunnerGroup = "octo", "fleet"
		pools, err := h.Policy.Pools()
		if err != nil {
			t.Fatal(err)
		}
		pool := pools[0]
		w.EditRunner(id, func(r *fleet.Runner) { r.Pool, r.Spec = pool.Key, pool.Spec })
		w.Records.LoseWarm() // the sweep lists it anew
		_, err = h.Run(t.Context())
		return err
	}
	for _, c := range []struct {
		says  string
		after time.Duration
		group error
		asked int // so far
		idles bool
	}{
		{"at first", 0, nil, 1, true},
		{"soon after", 9 * time.Minute, nil, 1, true},
		{"after ten minutes GitHub does not answer", time.Minute, fleet.Errorf(fleet.GitHubUnavailable, "502"), 2, true},
		{"so a minute later", time.Minute, nil, 3, true},
		{"the group allows them later", 10 * time.Minute, fleet.Errorf(fleet.RunnerLaunchFailed, "it allows public repositories"), 4, false},
	} {
		w.Pass(c.after)
		w.GitHub.Fails["CanIdle"] = c.group
		err := once()
		if (err != nil) != (c.group != nil) {
			t.Errorf("%s: %v", c.says, err)
		}
		asked := 0
		for _, call := range w.GitHub.Calls {
			if call == "CanIdle" {
				asked++
			}
		}
		if asked != c.asked || w.Runner(id).Idle() != c.idles {
			t.Errorf("%s: asked %d times, it idles: %t", c.says, asked, w.Runner(id).Idle())
		}
	}
}

// GitHub moves the runners of a group that is deleted to the organization's default group, which
// may allow public repositories.
func TestIdleRunnersEndWithTheirGroup(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Warm(1)[0]
	h := handler(w)
	h.Policy.Organization, h.Policy.RunnerGroup = "octo", "fleet"
	pools, err := h.Policy.Pools()
	if err != nil {
		t.Fatal(err)
	}
	w.EditRunner(id, func(r *fleet.Runner) { r.Pool, r.Spec = pools[0].Key, pools[0].Spec })
	w.Records.LoseWarm() // the sweep lists it anew
	w.GitHub.Fails["CanIdle"] = fleet.Errorf(fleet.GitHubNoRunnerGroup, "there is none")
	if _, err := h.Run(t.Context()); err == nil {
		t.Error("the sweep says nothing")
	}
	if w.Runner(id).Idle() {
		t.Error("it idles on")
	}
}

// One that cannot be ended now does not keep the others, or fill no pool.
func TestTheSweepEndsEachIdleRunner(t *testing.T) {
	w := lifecycletest.New(t)
	idle := w.Warm(2)
	w.Keeps = nil
	w.GitHub.Fails["Delete"] = fleet.Errorf(fleet.GitHubNoAccess, "the App is not installed there")
	if _, err := run(w); err == nil {
		t.Error("the sweep says nothing")
	}
	for _, id := range idle {
		if r := w.Runner(id); r.Phase != fleet.Closing {
			t.Errorf("%s is %s", id, r.Phase)
		}
	}
}

// Without pools nothing more is asked of anybody.
func TestASweepWithoutPoolsReadsNoMore(t *testing.T) {
	w := lifecycletest.New(t)
	w.Launch(w.Job(7))
	mustSweep(t, w)
	for id := range w.Capacity().Pools {
		t.Errorf("the capacity knows pool %s", id)
	}
}

// sluggish takes a second for each end of an idle runner, and for each launch.
type sluggish struct {
	*lifecycletest.GitHub
	*lifecycletest.Executions
	w *world
}

func (s sluggish) Delete(ctx ctx, place string, id int64) error {
	s.w.Pass(time.Second)
	return s.GitHub.Delete(ctx, place, id)
}

func (s sluggish) Start(ctx ctx, name string, input []byte) error {
	s.w.Pass(time.Second)
	return s.Executions.Start(ctx, name, input)
}

// A sweep has ten seconds for warm runners.
func sluggishHandler(w *world) sweep.Handler {
	h, s := handler(w), sluggish{w.GitHub, w.Executions, w}
	h.Fleet.GitHub, h.Fleet.Executions, h.Time = s, s, 100*time.Second
	return h
}

// Else the many that end with a schedule would have the sweep killed.
func TestASweepEndsAsManyIdleRunnersAsItHasTimeFor(t *testing.T) {
	for name, keeps := range map[string]*fleet.Warm{
		"the schedule has ended": {Count: 30, Schedule: "daily 22:00-23:00"}, "the pool is no more": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			w.MaxRunners = 100
			w.Warm(30)
			w.Keeps = keeps
			for _, want := range []int{20, 10, 0} {
				w.Pass(time.Minute)
				if _, err := sluggishHandler(w).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				idle := 0
				for _, id := range warmIDs(w) {
					if w.Runner(id).Idle() {
						idle++
					}
				}
				if idle != want {
					t.Errorf("%d idle, want %d", idle, want)
				}
			}
		})
	}
}

// The first pool loses its runners to jobs all the time.
func TestNoPoolWaitsForAnotherForEver(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners, w.Keeps = 100, &fleet.Warm{Count: 10}
	for range 4 {
		before := w.Capacity().WarmMade
		h := sluggishHandler(w)
		h.Policy.Repositories = []string{"octo/a", "octo/b", "octo/c"}
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := w.Capacity().WarmMade - before; n > 10 {
			t.Errorf("a sweep has launched %d", n)
		}
		for id, idle := range w.Capacity().Warm {
			if idle.Pool == "small@octo/a" {
				w.EditRunner(id, func(r *fleet.Runner) { r.Took, r.Status = 9, fleet.RunnerRunning })
			}
		}
		w.Pass(time.Minute)
	}
	for _, pool := range []string{"small@octo/a", "small@octo/b", "small@octo/c"} {
		if n := w.Capacity().State(pool, w.Now()).Launched; n < 10 {
			t.Errorf("%s has launched %d", pool, n)
		}
	}
}
