package sweep_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// What a runner's own execution does while a sweep walks its list is no repair.
func TestNoRepairIsCountedForARunnerThatGetsOn(t *testing.T) {
	cases := map[string]struct {
		before func(w *world, id string)
		during func(w *world, id string)
	}{
		"it closes, and its execution ends": {
			before: func(*world, string) {},
			during: func(w *world, id string) { closeRunner(w, id); w.Executions.End(id) },
		},
		"it closes after its execution was seen to have ended": {
			before: func(w *world, id string) { w.Executions.End(id) },
			during: func(w *world, id string) { closeRunner(w, id) },
		},
		"it is signalled": {
			before: func(w *world, id string) {
				task := w.Tasks.Ends(id, 0)
				w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
			},
			during: func(w *world, id string) { w.EditRunner(id, func(r *fleet.Runner) { *r = r.Forget() }) },
		},
		"it is ended": {
			before: func(w *world, id string) {
				w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.BeginEnd("idle", w.Now()) })
			},
			during: closeRunner,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Idle(w.Job(7))
			c.before(w, id)
			w.EditRun("job-7", status(fleet.RunCancelled))
			w.GitHub.Set(completed(w.Job(7), "cancelled"))
			w.Pass(grace)
			w.After("Executions.Running", func() { c.during(w, id) })
			got, err := run(w)
			delete(got, sweep.RegistrationLeft)
			if err != nil || len(got) > 0 {
				t.Errorf("repaired %v, %v", got, err)
			}
		})
	}
}

// Runners of an organization or enterprise are registered in one place, however many
// repositories there are.
func TestRegistrationsOfASharedPlaceAreListedOnce(t *testing.T) {
	for place, want := range map[string]int{"": 2, "octo/": 1, "/corp": 1} {
		w := lifecycletest.New(t)
		h := handler(w)
		registersIn(&h, place)
		h.Policy.Repositories = []string{"octo/a", "octo/b"}
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		listed := 0
		for _, call := range w.GitHub.Calls {
			if call == "Registrations" {
				listed++
			}
		}
		if listed != want {
			t.Errorf("place %q: listed %d times, want %d (%q)", place, listed, want, w.GitHub.Calls)
		}
	}
}

// registersIn has the fleet register its runners in a place.
func registersIn(h *sweep.Handler, place string) {
	h.Policy.Organization, _ = fleet.OrganizationOf(place)
	h.Policy.Enterprise, _ = fleet.EnterpriseOf(place)
	h.Fleet.SharedPlace = place
}

// Another fleet of the organization or enterprise may have this one's name: only
// registrations of known runners are deleted there.
func TestRegistrationsOfAnotherFleetOfTheSharedPlace(t *testing.T) {
	for place, deleted := range map[string]bool{"": true, "octo/": false, "/corp": false} {
		w := lifecycletest.New(t)
		name := fleet.RunnerName("fleet-900-1", 1)
		if _, _, err := w.GitHub.Register(t.Context(), cmp.Or(place, lifecycletest.Repository), name, []string{"x"}); err != nil {
			t.Fatal(err)
		}
		h := handler(w)
		registersIn(&h, place)
		if _, err := h.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if gone := !slices.Contains(w.GitHub.Names(), name); gone != deleted {
			t.Errorf("place %q: deleted %t, want %t", place, gone, deleted)
		}
	}
}
