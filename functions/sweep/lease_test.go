package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type ctx = context.Context

// leased is a table with one lease.
type leased struct {
	owner string
	until time.Time
	fails error
}

func (l *leased) TakeLease(_ ctx, _, owner string, now, until time.Time) (bool, error) {
	if l.fails != nil || l.owner != owner && l.until.After(now) {
		return false, l.fails
	}
	l.owner, l.until = owner, until
	return true, nil
}

func TestOneSweepAtATime(t *testing.T) {
	w := lifecycletest.New(t)
	known(w, w.Job(7))
	w.Pass(grace)
	l := &leased{owner: "the sweep before, which was killed", until: w.Now().Add(time.Second)}
	h := handler(w)
	h.Lease, h.Time = l, 2*time.Minute
	if got, err := h.Run(t.Context()); err != nil || len(got) != 0 || len(w.GitHub.Calls) != 0 {
		t.Errorf("beside another sweep it repaired %v, %v", got, err)
	}
	w.Pass(time.Second)
	if got, err := h.Run(t.Context()); err != nil || got[sweep.RunnerMissing] != 1 {
		t.Errorf("once the lease has ended it repaired %v, %v", got, err)
	}
	if l.until.After(w.Now()) {
		t.Errorf("the lease is not given up: it ends %s", l.until)
	}
	l.fails = errors.New("throttled")
	if _, err := h.Run(t.Context()); !errors.Is(err, l.fails) {
		t.Errorf("without a lease: %v", err)
	}
}

// slow is Step Functions, and takes a while to describe each execution.
type slow struct {
	*lifecycletest.Executions
	w     *world
	takes time.Duration
	asked []string
}

func (s *slow) Running(ctx ctx, name string) (running, known bool, err error) {
	s.w.Pass(s.takes)
	s.asked = append(s.asked, name)
	return s.Executions.Running(ctx, name)
}

// With many open runners, some sweeps together ask for the execution of each once,
// within the published limits, whatever part of a sweep's time that takes.
func TestExecutionsAreAskedForInTurn(t *testing.T) {
	for takes, sweeps := range map[time.Duration]int{0: 4, 100 * time.Millisecond: 6} {
		t.Run(takes.String(), func(t *testing.T) {
			w := lifecycletest.New(t)
			w.MaxRunners = 700
			for id := range int64(700) {
				if w.Launch(w.Job(id+1)) == "" {
					w.Pass(time.Minute)
					if err := w.Fleet().LaunchWaiting(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.Pass(grace)
			executions := &slow{Executions: w.Executions, w: w, takes: takes}
			h := handler(w)
			h.Executions, h.Time = executions, 2*time.Minute
			for n := range sweeps {
				before := len(executions.asked)
				if _, err := h.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := len(executions.asked) - before; got > 200 || time.Duration(got)*takes > h.Time/10 {
					t.Errorf("sweep %d asked for %d executions", n, got)
				}
			}
			asked := map[string]bool{}
			for _, name := range executions.asked {
				asked[name] = true
			}
			if len(asked) != 700 {
				t.Errorf("after %d sweeps %d of 700 executions were asked for", sweeps, len(asked))
			}
		})
	}
}

// Each sweep begins with another group of parts.
func TestTheOrderRotates(t *testing.T) {
	w := hooked(t)
	var first []string
	for range 5 {
		w.GitHub.Calls = nil
		mustSweep(t, w)
		first = append(first, w.GitHub.Calls[0])
		w.Pass(time.Minute)
	}
	if !slices.Contains(first, "Registrations") || !slices.Contains(first, "WorkflowRuns") {
		t.Errorf("they begin with %q", first)
	}
}

// A part that has used up its share of the time asks GitHub no more, and the next sweep
// continues with what has waited longest.
func TestAPartEndsWithItsShareOfTheTime(t *testing.T) {
	w := lifecycletest.New(t)
	for id := range int64(50) {
		job := w.Job(id+1, "ubuntu-latest")
		job.WorkflowRunID = id + 1
		w.GitHub.Set(job)
	}
	w.Pass(grace)
	looked := map[int64]int{}
	h := handler(w)
	h.Time = 2 * time.Minute
	h.GitHub = dawdling{w.GitHub, w, looked}
	for n := range 4 { // each has 24 s, and 4 of them are for the lists
		before := len(looked)
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(looked) - before; got > 20 {
			t.Errorf("sweep %d looked at the jobs of %d workflow runs", n, got)
		}
	}
	if len(looked) != 50 {
		t.Errorf("the jobs of %d workflow runs were looked at, want 50", len(looked))
	}
	if n := fmt.Sprint(looked); len(looked) == 50 && slices.Max(slices.Collect(values(looked))) > 2 {
		t.Errorf("some were looked at more often than others: %s", n)
	}
}

func values(m map[int64]int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// dawdling is a GitHub that takes a second to answer.
type dawdling struct {
	*lifecycletest.GitHub
	w      *world
	looked map[int64]int
}

func (g dawdling) WorkflowRuns(ctx ctx, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
	g.w.Pass(time.Second)
	return g.GitHub.WorkflowRuns(ctx, repository, status, was)
}

func (g dawdling) JobsOf(ctx ctx, repository string, run fleet.WorkflowRun, was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error) {
	g.w.Pass(time.Second)
	g.looked[run.ID]++
	return g.GitHub.JobsOf(ctx, repository, run, was)
}
