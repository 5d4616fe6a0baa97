package sweep_test

import (
	"maps"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// A launch at any moment of a sweep is counted, also one between the two reads of the
// recount.
func TestTheRecountUndoesNoLaunch(t *testing.T) {
	calm := lifecycletest.New(t)
	if _, err := calm.Suffer(lifecycletest.Fault{}, func() error { _, err := run(calm); return err }); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= calm.Points(); n++ {
		w := lifecycletest.New(t)
		launched := ""
		w.AfterPoint(n, func() { launched = w.Launch(w.Job(7)) })
		if _, err := w.Suffer(lifecycletest.Fault{}, func() error { _, err := run(w); return err }); err != nil {
			t.Fatal(err)
		}
		capacity, err := w.Records.Capacity(t.Context())
		if err != nil || capacity.Open != 1 || launched == "" {
			t.Errorf("after a launch at point %d of %d, %d open runners are counted, %v", n, calm.Points(), capacity.Open, err)
		}
	}
}

// The runners of rules are recounted, and runs that waited for a rule are launched, also
// those that wait for one which has no limit any more.
func TestRunsOfARuleThatHasRoomAreLaunched(t *testing.T) {
	for name, c := range map[string]struct {
		most    map[string]int
		counted int // before the sweep
		waits   bool
	}{
		"its place was counted twice":     {map[string]int{"deploy": 1}, 2, false},
		"it has its runner":               {map[string]int{"deploy": 0, "other": 1}, 0, false},
		"it has a limit, and its runners": {map[string]int{"deploy": 1}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			of := "deploy"
			h := handler(w)
			h.Fleet.MaxOfRules = map[string]int{"deploy": 1}
			h.Fleet.RuleOf = func(fleet.Job) (string, bool) { return of, true }
			first := w.Job(1)
			if !c.waits {
				of = "" // its runner counts for none
			}
			for i, job := range []fleet.Job{first, w.Job(2)} {
				if i == 1 {
					of = "deploy"
					w.Records.MiscountRule("deploy", max(c.counted, 1))
				}
				if err := h.Fleet.Queued(t.Context(), job, fleet.Wants{}, w.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if run := w.Run("job-2"); !run.WaitsForRule {
				t.Fatalf("it does not wait: %s", run.Reason)
			}
			w.Records.MiscountRule("deploy", c.counted)
			h.Fleet.MaxOfRules = c.most
			if _, err := h.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if run := w.Run("job-2"); (run.RunnerID == "") != c.waits {
				t.Errorf("it has %q: %s", run.RunnerID, run.Reason)
			}
			open := map[string]int{"deploy": 1}
			if capacity, err := w.Records.Capacity(t.Context()); err != nil || !maps.Equal(capacity.OpenOfRule, open) {
				t.Errorf("%v: counted are %v", err, capacity.OpenOfRule)
			}
		})
	}
}
