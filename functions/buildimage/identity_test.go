package buildimage_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// What a build reports about the image's entrypoint is recorded, and every runner that
// waits for the image or finds it gets it.
func TestWhatTheEntrypointCanShow(t *testing.T) {
	for _, can := range []bool{true, false} {
		told := func(w *world) bool {
			t.Helper()
			if len(w.Executions.Signals) != 1 || !strings.Contains(w.Executions.Signals[0], "sha256:1") {
				t.Fatalf("signals %q", w.Executions.Signals)
			}
			return strings.Contains(w.Executions.Signals[0], `"identity":true`)
		}
		w := lifecycletest.New(t)
		first, second := w.Launch(w.Job(1)), w.Launch(w.Job(2))
		if _, err := run(t, w, first); err != nil {
			t.Fatal(err)
		}
		lock, err := w.Images.BuildLock(t.Context(), spec.Tag())
		if err != nil {
			t.Fatal(err)
		}
		built := fleet.Build{Tag: spec.Tag(), Owner: lock.Owner, Status: fleet.BuildSucceeded, Revision: 1, Digest: "sha256:1", Identity: can}
		if err := w.Fleet().BuildEvent(t.Context(), w.Images, built); err != nil {
			t.Fatal(err)
		}
		if told(w) != can {
			t.Errorf("%t: the waiting runner got %q", can, w.Executions.Signals)
		}
		w.Executions.Signals = nil
		if got, err := run(t, w, second); err != nil || got.Identity != can || told(w) != can {
			t.Errorf("%t: a later runner gets %+v, %q, %v", can, got, w.Executions.Signals, err)
		}
	}
}
