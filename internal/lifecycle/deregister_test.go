package lifecycle_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// claimed makes a runner with four claim numbers. GitHub has all but the second of them.
// The id of the last is recorded.
func claimed(t *testing.T) (w *world, id string) {
	w = lifecycletest.New(t)
	id = w.Idle(w.Job(7))
	for _, k := range []int{3, 4} {
		if _, _, err := w.GitHub.Register(t.Context(), lifecycletest.Repository, fleet.RunnerName(id, k), nil); err != nil {
			t.Fatal(err)
		}
	}
	w.EditRunner(id, func(r *fleet.Runner) {
		r.Claims, r.RegistrationID = 4, w.GitHub.Runner(fleet.RunnerName(id, 4)).ID
	})
	w.GitHub.Calls = nil
	return w, id
}

func TestDeregisterAsksForEachNumberOnce(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*fleet.Runner)
		asks []string
		left []string
	}{
		"the one registration that it made": {
			edit: func(r *fleet.Runner) { r.Claims, r.Deregistered = 4, 3 },
			asks: []string{"Delete"},
			left: []string{"fleet-7-1.1", "fleet-7-1.3"},
		},
		"registrations whose answers were lost": {
			asks: []string{"Delete", "Registration", "Delete", "Registration", "Registration", "Delete"},
		},
		"the id of the last is not recorded": {
			edit: func(r *fleet.Runner) { r.RegistrationID, r.Deregistered = 0, 3 },
			asks: []string{"Registration", "Delete"},
			left: []string{"fleet-7-1.1", "fleet-7-1.3"},
		},
		"nothing is left": {
			edit: func(r *fleet.Runner) { r.RegistrationID, r.Deregistered = 0, 4 },
			left: []string{"fleet-7-1.1", "fleet-7-1.3", "fleet-7-1.4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, id := claimed(t)
			if c.edit != nil {
				w.EditRunner(id, c.edit)
			}
			busy, err := w.Fleet().Deregister(t.Context(), w.Runner(id))
			if err != nil || busy || !slices.Equal(w.GitHub.Calls, c.asks) || !slices.Equal(w.GitHub.Names(), c.left) {
				t.Errorf("busy %t, %v: asked %q, want %q; GitHub still has %q", busy, err, w.GitHub.Calls, c.asks, w.GitHub.Names())
			}
		})
	}
}

// The time-out of a function may end it while GitHub is slow, again and again.
func TestDeregisterGoesOnWhereItStopped(t *testing.T) {
	w, id := claimed(t)
	lookups := func() (n int) {
		for _, call := range w.GitHub.Calls {
			if call == "Registration" {
				n++
			}
		}
		return n
	}
	for range 20 {
		asked := lookups()
		w.After("GitHub.Registration", func() { w.GitHub.Fails["Registration"] = fleet.Errorf(fleet.GitHubUnavailable, "slow") })
		_, err := w.Fleet().Deregister(t.Context(), w.Runner(id))
		delete(w.GitHub.Fails, "Registration")
		if err == nil {
			break
		}
		if more := lookups() - asked; more > 2 {
			t.Errorf("asked for %d numbers, want the next and the one that fails", more)
		}
	}
	if names := w.GitHub.Names(); len(names) != 0 || lookups() > 5 {
		t.Errorf("GitHub still has %q after %d lookups", names, lookups())
	}
}

func TestAnyRegistrationWithAJobKeepsTheTask(t *testing.T) {
	for _, k := range []int{1, 3, 4} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			w, id := claimed(t)
			w.GitHub.Runner(fleet.RunnerName(id, k)).Working = true
			ended, err := w.Fleet().End(t.Context(), id, "because")
			if err != nil || ended != lifecycle.EndBusy || w.Tasks.Asked(w.Runner(id).TaskARN) || w.Runner(id).Phase != fleet.Open {
				t.Errorf("%s, %v\n%s", ended, err, w.State())
			}
		})
	}
}
