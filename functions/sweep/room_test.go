package sweep_test

import (
	"testing"

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
