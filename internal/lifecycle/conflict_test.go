package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// Hundreds of launches write the capacity at once: without pauses between the rounds
// they would use up their tries within a second.
func TestThePausesBetweenConflictsGrow(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	f := w.Fleet()
	var pauses []time.Duration
	f.Backoff = func(_ context.Context, most time.Duration) error {
		pauses = append(pauses, most)
		return nil
	}
	_, _, err := f.ChangeRunner(t.Context(), id, func(r fleet.Runner) (fleet.Runner, bool) {
		w.EditRunner(id, func(*fleet.Runner) {})
		return r, true
	})
	if !fleet.IsNamed(err, fleet.RecordsConflict) {
		t.Errorf("%v, want a conflict", err)
	}
	var whole time.Duration
	for _, p := range pauses {
		whole += p
	}
	if len(pauses) < 10 || !slices.IsSorted(pauses) || pauses[0] > 50*time.Millisecond || pauses[len(pauses)-1] < time.Second || whole < 20*time.Second {
		t.Errorf("%d pauses, %s at most in all: %s", len(pauses), whole, pauses)
	}
}

func TestAPauseEndsWithItsCaller(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	f := w.Fleet()
	gone := errors.New("the function's time is over")
	f.Backoff = func(context.Context, time.Duration) error { return gone }
	rounds := 0
	_, _, err := f.ChangeRunner(t.Context(), id, func(r fleet.Runner) (fleet.Runner, bool) {
		rounds++
		w.EditRunner(id, func(*fleet.Runner) {})
		return r, true
	})
	if !errors.Is(err, gone) || rounds != 1 {
		t.Errorf("%v after %d rounds", err, rounds)
	}
}
