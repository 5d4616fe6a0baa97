package lifecycle_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/table"
)

// byClass is a fleet with a rule for each class, of which large has two runners at once.
func byClass(w *world) lifecycle.Fleet {
	policy := w.Policy()
	policy.Rules = []fleet.Rule{
		{Name: "large", Class: fleet.Patterns{"large"}, Allow: true, MaxRunners: 2},
		{Name: "small", Class: fleet.Patterns{"small"}, Allow: true},
	}
	f := w.Fleet()
	f.MaxOfRules, f.RuleOf = policy.MaxOfRules(), policy.RuleOf
	return f
}

var large = []string{"self-hosted", "class:large"}

func queue(t *testing.T, f lifecycle.Fleet, jobs ...fleet.Job) {
	t.Helper()
	for _, job := range jobs {
		if err := f.Queued(t.Context(), job, fleet.Wants{}, f.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func launched(w *world, ids ...string) (n int) {
	for _, id := range ids {
		if w.Run(id).RunnerID != "" {
			n++
		}
	}
	return n
}

func TestARuleGivesItsPlaceOn(t *testing.T) {
	w := lifecycletest.New(t)
	f := byClass(w)
	queue(t, f, w.Job(1, large...), w.Job(2, large...), w.Job(3, large...), w.Job(4, large...), w.Job(5))
	if w.Run("job-5").RunnerID == "" {
		t.Errorf("a job of another rule waits: %s", w.Run("job-5").Reason)
	}
	if run := w.Run("job-3"); run.RunnerID != "" || run.Reason != "waits for room: rule large has its 2 runners" {
		t.Errorf("the third has %q: %s", run.RunnerID, run.Reason)
	}
	if _, _, err := f.Finish(t.Context(), "fleet-5-1", nil, "", ""); err != nil {
		t.Fatal(err)
	}
	if w.Run("job-3").RunnerID != "" {
		t.Error("a runner of another rule gave its place to it")
	}
	if err := f.Completed(t.Context(), lifecycletest.Completed(w.Job(1, large...), "success")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Finish(t.Context(), "fleet-1-1", nil, "", ""); err != nil {
		t.Fatal(err)
	}
	if n := launched(w, "job-3", "job-4"); n != 1 || w.Run("job-3").RunnerID == "" {
		t.Errorf("%d of those that waited are launched:\n%s", n, w.State())
	}
}

// Runs that wait for room while their rule has none do not hold up those of other rules.
func TestAFullRuleIsInNobodysWay(t *testing.T) {
	w := lifecycletest.New(t)
	f := byClass(w)
	f.MaxRunners = 3
	queue(t, f, w.Job(1, large...), w.Job(2), w.Job(3)) // one of large, and the room is full
	for id := int64(4); id < 10; id++ {
		w.Pass(time.Second)
		queue(t, f, w.Job(id, large...))
	}
	end := func(id int64) {
		t.Helper()
		if err := f.Completed(t.Context(), lifecycletest.Completed(w.Job(id), "success")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Finish(t.Context(), fleet.RunnerID("fleet", id, 1), nil, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	f.MaxRunners = 5
	queue(t, f, w.Job(4, large...), w.Job(10)) // those that wait for room are of large, which is full now
	if n := launched(w, "job-4", "job-10"); n != 2 {
		t.Fatalf("%d of the first large one and the small one have a runner:\n%s", n, w.State())
	}
	w.Pass(time.Second)
	queue(t, f, w.Job(11))
	end(2)
	if w.Run("job-11").RunnerID == "" {
		t.Errorf("the place is nobody's, and the small one waits: %s\n%s", w.Run("job-11").Reason, w.State())
	}
}

// Another configuration sets runs free that waited for a rule.
func TestARuleWithoutItsLimitSetsItsRunsFree(t *testing.T) {
	w := lifecycletest.New(t)
	f := byClass(w)
	queue(t, f, w.Job(1, large...), w.Job(2, large...), w.Job(3, large...), w.Job(4, large...))
	f.MaxOfRules = nil
	if err := f.LaunchRule(t.Context(), "large"); err != nil {
		t.Fatal(err)
	}
	if n := launched(w, "job-3", "job-4"); n != 2 {
		t.Errorf("%d are launched:\n%s", n, w.State())
	}
}

// A rule that was renamed, or that admits other jobs now, counts them as it is now.
func TestWhatTheRuleIsIsDecidedAtTheLaunch(t *testing.T) {
	w := lifecycletest.New(t)
	f := byClass(w)
	queue(t, f, w.Job(1, large...), w.Job(2, large...), w.Job(3, large...))
	f.RuleOf = func(fleet.Job) (string, bool) { return "renamed", true }
	f.MaxOfRules = map[string]int{"renamed": 1}
	if err := f.LaunchRule(t.Context(), "large"); err != nil {
		t.Fatal(err)
	}
	if run, runner := w.Run("job-3"), w.Runner("fleet-3-1"); run.AdmittedBy != "renamed" || runner.Rule != "renamed" {
		t.Errorf("the run is admitted by %q, and the runner counts for %q", run.AdmittedBy, runner.Rule)
	}
}

// Many processes that launch at once open as many runners as the rule may have.
func TestLaunchesAtOnceOfOneRule(t *testing.T) {
	w := lifecycletest.New(t)
	f := byClass(w)
	records := table.NewShared()
	f.Records, f.MaxOfRules, f.Log = records, map[string]int{"large": 7}, slog.New(slog.DiscardHandler)
	f.Executions = started{}
	var each sync.WaitGroup
	for id := int64(1); id <= 40; id++ {
		job := w.Job(id, large...)
		each.Go(func() {
			if err := f.Queued(t.Context(), job, fleet.Wants{}, job.CreatedAt.UTC()); err != nil && !fleet.IsNamed(err, fleet.RecordsConflict) {
				t.Error(err)
			}
		})
	}
	each.Wait()
	open, err := records.OpenRunners(t.Context())
	if capacity := records.CapacityNow(); err != nil || len(open) != 7 || capacity.OpenOfRule["large"] != 7 {
		t.Errorf("%v: %d runners are open, %v counted", err, len(open), capacity.OpenOfRule)
	}
}

// started is a state machine that takes every execution.
type started struct{ lifecycle.Executions }

func (started) Start(context.Context, string, []byte) error { return nil }

// Functions that do not read the class sizes cannot decide: they count for the rule that
// the webhook's decision has recorded.
func TestWithoutTheClassesTheRecordSaysTheRule(t *testing.T) {
	w := lifecycletest.New(t)
	policy := w.Policy()
	policy.Rules = []fleet.Rule{{Name: "large", Class: fleet.Patterns{"large"}, Allow: true, MaxRunners: 1}}
	f := byClass(w)
	decides := policy.Wants
	policy.Classes = nil
	f.MaxOfRules, f.RuleOf = policy.MaxOfRules(), policy.RuleOf
	for id := int64(1); id <= 2; id++ {
		job := w.Job(id, large...)
		if err := f.Queued(t.Context(), job, decides(job), w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := launched(w, "job-1", "job-2"); n != 1 || w.Runner("fleet-1-1").Rule != "large" {
		t.Errorf("%d are launched:\n%s", n, w.State())
	}
}

// A warm runner that returns to its pool counts for no rule any more.
func TestAWarmRunnerThatReturnsGivesItsPlaceOn(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(2)
	policy := w.Policy()
	policy.Rules = []fleet.Rule{{Name: "small", Class: fleet.Patterns{"small"}, Allow: true, MaxRunners: 1}}
	f := w.Fleet()
	f.MaxOfRules, f.RuleOf = policy.MaxOfRules(), policy.RuleOf
	queue(t, f, w.Job(7), w.Job(8))
	if launched(w, "job-7") != 1 || launched(w, "job-8") != 0 {
		t.Fatalf("one has a runner, and the other waits:\n%s", w.State())
	}
	if err := f.Completed(t.Context(), lifecycletest.Completed(w.Job(7), "cancelled")); err != nil {
		t.Fatal(err)
	}
	if launched(w, "job-8") != 1 {
		t.Errorf("the second waits on:\n%s", w.State())
	}
}
