package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// recount is what the sweep does, while a runner is launched.
func recount(t *testing.T, s Store) {
	write(t, s, fleet.Changes{Runners: []fleet.Runner{runner("f-1-1")}, Capacity: &fleet.Capacity{Open: 7}})
	capacity, err := s.Capacity(t.Context())
	must(t, err)
	launched := capacity
	launched.Open++
	write(t, s, fleet.Changes{Runners: []fleet.Runner{runner("f-2-1")}, Capacity: &launched})

	open, err := s.OpenRunners(t.Context())
	mustList(t, "open runners", open, err, "f-1-1", "f-2-1")
	capacity.Open = len(open)
	mustConflict(t, s.Write(t.Context(), fleet.Changes{Capacity: &capacity}))

	capacity, err = s.Capacity(t.Context())
	must(t, err)
	capacity.Open = len(open)
	write(t, s, fleet.Changes{Capacity: &capacity})
	if got, err := s.Capacity(t.Context()); err != nil || got.Open != 2 {
		t.Errorf("capacity %+v, %v; want 2 open", got, err)
	}
}

// paused writes a pause beside a launch that was decided before it, and counts
// again.
func paused(t *testing.T, s Store) {
	was, err := s.Capacity(t.Context())
	must(t, err)
	pause := was.Pause(fleet.Action{At: now.Add(time.Nanosecond), Command: fleet.CommandPause, By: "arn:aws:iam::1:user/ada", Reason: "an upgrade"})
	write(t, s, fleet.Changes{Capacity: &pause})
	launched := was
	launched.Open++
	mustConflict(t, s.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{runner("f-1-1")}, Capacity: &launched}))

	counted, err := s.Capacity(t.Context())
	must(t, err)
	counted.Open = 3
	write(t, s, fleet.Changes{Capacity: &counted})
	got, err := s.Capacity(t.Context())
	must(t, err)
	if want := (fleet.Capacity{Open: 3, Paused: "an upgrade", PausedBy: "arn:aws:iam::1:user/ada", PausedAt: now.Add(time.Nanosecond), Version: 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("capacity %+v, want %+v", got, want)
	}
	resumed := got.Resume()
	write(t, s, fleet.Changes{Capacity: &resumed})
	if got, err := s.Capacity(t.Context()); err != nil || !reflect.DeepEqual(got, fleet.Capacity{Open: 3, Version: 3}) {
		t.Errorf("resumed: %+v, %v", got, err)
	}
}

func cursors(t *testing.T, s Store) {
	value, err := s.Cursor(t.Context(), "place")
	if must(t, err); value != "" {
		t.Errorf("an empty store has the cursor %q", value)
	}
	for _, value := range []string{"1", `{"a": "weird \"text\""}`, ""} {
		must(t, s.PutCursor(t.Context(), "place", value))
		must(t, s.PutCursor(t.Context(), "other place/of o/r", "2"))
		if got, err := s.Cursor(t.Context(), "place"); err != nil || got != value {
			t.Errorf("cursor %q, %v; want %q", got, err, value)
		}
	}
}

// swaps checks that only a caller that has read a cursor as it is can change
// it.
func swaps(t *testing.T, s Store) {
	mustConflict(t, s.SwapCursor(t.Context(), "count", "0", "1"))
	must(t, s.SwapCursor(t.Context(), "count", "", `{"a": "weird \"text\""}`))
	mustConflict(t, s.SwapCursor(t.Context(), "count", "", "1"))
	mustConflict(t, s.SwapCursor(t.Context(), "count", "1", "2"))
	must(t, s.SwapCursor(t.Context(), "count", `{"a": "weird \"text\""}`, "2"))
	if got, err := s.Cursor(t.Context(), "count"); err != nil || got != "2" {
		t.Errorf("cursor %q, %v; want 2", got, err)
	}
	must(t, s.PutCursor(t.Context(), "count", "3"))
	must(t, s.SwapCursor(t.Context(), "count", "3", "4"))
}

func leases(t *testing.T, s Store) {
	take := func(owner string, at, until time.Duration, want bool) {
		t.Helper()
		if got, err := s.TakeLease(t.Context(), "sweep", owner, now.Add(at), now.Add(until)); err != nil || got != want {
			t.Errorf("%s takes it at %s: %t, %v; want %t", owner, at, got, err, want)
		}
	}
	take("a", 0, time.Minute, true)
	take("b", time.Minute-time.Millisecond, 2*time.Minute, false)
	take("a", time.Second, 2*time.Minute, true)
	take("b", 2*time.Minute-time.Millisecond, 3*time.Minute, false)
	take("b", 2*time.Minute, 3*time.Minute, true)
	take("a", 2*time.Minute, 4*time.Minute, false)
	take("b", 2*time.Minute+time.Second, 2*time.Minute+time.Second, true) // gives it up
	take("a", 2*time.Minute+time.Second, 4*time.Minute, true)

	var wg sync.WaitGroup
	won := make([]bool, 5)
	for i := range won {
		wg.Go(func() {
			won[i], _ = s.TakeLease(t.Context(), "other", fmt.Sprint("owner ", i), now, now.Add(time.Minute))
		})
	}
	wg.Wait()
	if n := len(slices.DeleteFunc(won, func(w bool) bool { return !w })); n != 1 {
		t.Errorf("%d of many that take a lease at once have it", n)
	}
}

func repairs(t *testing.T, s Store) {
	must(t, s.AddRepairs(t.Context(), nil))
	if got, err := s.Repairs(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("repairs of an empty store: %v, %v", got, err)
	}
	var wg sync.WaitGroup
	results := make([]error, 3)
	for i := range results {
		wg.Go(func() {
			results[i] = s.AddRepairs(t.Context(), map[string]int{"queued_webhook_lost": 2, "job_gone": 1})
		})
	}
	wg.Wait()
	for _, err := range results {
		must(t, err)
	}
	must(t, s.AddRepairs(t.Context(), map[string]int{"signal_lost": 5}))
	got, err := s.Repairs(t.Context())
	must(t, err)
	if diff := cmp.Diff(map[string]int{"queued_webhook_lost": 6, "job_gone": 3, "signal_lost": 5}, got); diff != "" {
		t.Errorf("repairs (-want +got):\n%s", diff)
	}
}

func settings(t *testing.T, s Store) {
	got, err := s.Settings(t.Context())
	must(t, err)
	if diff := cmp.Diff(report.Settings{}, got); diff != "" {
		t.Errorf("settings of an empty store (-want +got):\n%s", diff)
	}
	want := report.Settings{FleetName: "f", Repositories: []string{"o/r"}, MaxRunners: 3, StartedAt: now.Add(time.Nanosecond)}
	must(t, s.PutSettings(t.Context(), report.Settings{FleetName: "before"}))
	must(t, s.PutSettings(t.Context(), want))
	got, err = s.Settings(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}
