package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// runAt is a run whose event came some seconds after now.
func runAt(id int64, seconds int) fleet.Run {
	return fleet.NewRun(fleet.Job{JobID: id}, now.Add(time.Duration(seconds)*time.Second))
}

// runnerAt is a runner that was launched some seconds after now.
func runnerAt(id string, seconds int) fleet.Runner {
	r := runner(id)
	r.Times = fleet.Times{fleet.StageLaunched: now.Add(time.Duration(seconds) * time.Second)}
	return r
}

func write(t *testing.T, s Store, changes fleet.Changes) {
	t.Helper()
	must(t, s.Write(t.Context(), changes))
}

// changeRun reads a run, changes it and writes it.
func changeRun(t *testing.T, s Store, id string, change func(*fleet.Run)) {
	t.Helper()
	r, found, err := s.Run(t.Context(), id)
	if must(t, err); !found {
		t.Fatalf("there is no run %s", id)
	}
	change(&r)
	write(t, s, fleet.Changes{Runs: []fleet.Run{r}})
}

// changeRunner reads a runner, changes it and writes it.
func changeRunner(t *testing.T, s Store, id string, change func(*fleet.Runner)) {
	t.Helper()
	r, found, err := s.Runner(t.Context(), id)
	if must(t, err); !found {
		t.Fatalf("there is no runner %s", id)
	}
	change(&r)
	write(t, s, fleet.Changes{Runners: []fleet.Runner{r}})
}

// mustList compares the ids of a list.
func mustList[T any](t *testing.T, what string, list []T, err error, want ...string) {
	t.Helper()
	must(t, err)
	var got []string
	for _, record := range list {
		switch r := any(record).(type) {
		case fleet.Run:
			got = append(got, r.RunID)
		case fleet.Runner:
			got = append(got, r.RunnerID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func newestFirst(t *testing.T, s Store) {
	runs, err := s.Runs(t.Context(), 9)
	mustList(t, "runs of an empty store", runs, err)
	for i := range 3 {
		write(t, s, fleet.Changes{
			Runs:    []fleet.Run{runAt(int64(i), i)},
			Runners: []fleet.Runner{runnerAt(fmt.Sprintf("f-%d-1", i), i)},
		})
	}
	write(t, s, fleet.Changes{Runs: []fleet.Run{runAt(7, 1)}}) // at the time of another
	changeRun(t, s, "job-0", func(r *fleet.Run) { *r = r.Move(fleet.RunCompleted, "") })
	changeRunner(t, s, "f-2-1", func(r *fleet.Runner) { r.Phase = fleet.Closed })

	runs, err = s.Runs(t.Context(), 9)
	mustList(t, "runs", runs, err, "job-2", "job-7", "job-1", "job-0")
	runs, err = s.Runs(t.Context(), 1)
	mustList(t, "the newest run", runs, err, "job-2")
	if len(runs) == 1 && runs[0].Version != 1 {
		t.Errorf("the newest run is listed with version %d", runs[0].Version)
	}
	runners, err := s.Runners(t.Context(), 2)
	mustList(t, "the newest runners", runners, err, "f-2-1", "f-1-1")
}

func runnersOf(t *testing.T, s Store) {
	other := runnerAt("f-2-1", 0)
	other.RunID = "job-2"
	write(t, s, fleet.Changes{Runners: []fleet.Runner{runnerAt("f-1-2", 3), other}})
	write(t, s, fleet.Changes{Runners: []fleet.Runner{runnerAt("f-1-1", 2)}})
	changeRunner(t, s, "f-1-1", func(r *fleet.Runner) { r.Phase, r.For = fleet.Closed, "" })

	runners, err := s.RunnersOf(t.Context(), "job-1")
	mustList(t, "runners of a run", runners, err, "f-1-1", "f-1-2")
	runners, err = s.RunnersOf(t.Context(), "job-9")
	mustList(t, "runners of no run", runners, err)
}

func openRunners(t *testing.T, s Store) {
	closed := runner("f-3-1")
	closed.Phase = fleet.Closed
	write(t, s, fleet.Changes{Runners: []fleet.Runner{runner("f-2-1"), runner("f-1-1"), closed}, Capacity: &fleet.Capacity{Open: 2}})
	write(t, s, fleet.Changes{Runners: []fleet.Runner{runner("f-4-1")}})
	changeRunner(t, s, "f-2-1", func(r *fleet.Runner) { r.Phase = fleet.Closing })
	runners, err := s.OpenRunners(t.Context())
	mustList(t, "open runners", runners, err, "f-1-1", "f-2-1", "f-4-1")
	if len(runners) > 1 && runners[1].Phase != fleet.Closing {
		t.Errorf("a runner that is closing is listed as %s", runners[1].Phase)
	}
	for range 2 { // a closed one may change once more
		changeRunner(t, s, "f-2-1", func(r *fleet.Runner) { r.Phase = fleet.Closed })
	}
	runners, err = s.OpenRunners(t.Context())
	mustList(t, "open runners after one was closed", runners, err, "f-1-1", "f-4-1")

	// What was refused opens nothing.
	mustConflict(t, s.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{runner("f-5-1")}, Capacity: &fleet.Capacity{Open: 3}}))
	runners, err = s.OpenRunners(t.Context())
	mustList(t, "open runners after one was refused", runners, err, "f-1-1", "f-4-1")
}

func manyOpenRunners(t *testing.T, s Store) {
	var want []string
	for tens := range 13 {
		var changes fleet.Changes
		for i := range 10 {
			id := fmt.Sprintf("f-%03d-1", 10*tens+i)
			want = append(want, id)
			changes.Runners = append(changes.Runners, runner(id))
		}
		write(t, s, changes)
	}
	runners, err := s.OpenRunners(t.Context())
	mustList(t, "open runners", runners, err, want...)
	runners, err = s.RunnersOf(t.Context(), "job-1")
	mustList(t, "runners of a run", runners, err, want...)
}

func openRuns(t *testing.T, s Store) {
	for i := range 5 {
		write(t, s, fleet.Changes{Runs: []fleet.Run{runAt(int64(i), -i)}})
	}
	changeRun(t, s, "job-3", func(r *fleet.Run) { *r = r.Move(fleet.RunGone, "why") })
	changeRun(t, s, "job-1", func(r *fleet.Run) { *r = r.Move(fleet.RunRunning, "") })
	runs, err := s.OpenRuns(t.Context(), 9)
	mustList(t, "open runs", runs, err, "job-4", "job-2", "job-1", "job-0")
	runs, err = s.OpenRuns(t.Context(), 2)
	mustList(t, "the oldest open runs", runs, err, "job-4", "job-2")

	// GitHub runs the job of a run that had been given up.
	changeRun(t, s, "job-3", func(r *fleet.Run) { *r = r.Move(fleet.RunRunning, "") })
	runs, err = s.OpenRuns(t.Context(), 2)
	mustList(t, "the oldest open runs after one was amended", runs, err, "job-4", "job-3")
}

func unresolvedRunners(t *testing.T, s Store) {
	for i := range 4 {
		r := runnerAt(fmt.Sprintf("f-%d-1", i), i)
		r.Phase, r.Unresolved = fleet.Closed, i != 1
		write(t, s, fleet.Changes{Runners: []fleet.Runner{r}})
	}
	runners, err := s.UnresolvedRunners(t.Context(), 2)
	mustList(t, "the newest unresolved runners", runners, err, "f-3-1", "f-2-1")
	changeRunner(t, s, "f-3-1", func(r *fleet.Runner) { r.Unresolved = false })
	runners, err = s.UnresolvedRunners(t.Context(), 9)
	mustList(t, "unresolved runners after one was resolved", runners, err, "f-2-1", "f-0-1")
}
