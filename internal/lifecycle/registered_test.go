package lifecycle_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// Each runner of an image registers, and dies before it gets a job. If the next one
// registers too, that does not show that it will live.
func TestRunnersThatDieAfterTheyRegistered(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	for n, pause := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute} {
		w.EditRunner(id, func(r *fleet.Runner) {
			r.RegistrationID, r.ExitCode = int64(n)+1, new(int)
			*r.ExitCode = 137
		})
		if err := w.Fleet().MarkPassed(t.Context(), w.Runner(id), fleet.PassedRegister); err != nil {
			t.Fatal(err)
		}
		if _, next, err := w.Fleet().Finish(t.Context(), id, nil, fleet.RunnerStoppedEarly, "it was killed"); err != nil || next != "" {
			t.Fatalf("after %d it has the next one, %q, at once: %v", n+1, next, err)
		}
		w.Pass(pause - time.Second)
		if next, err := w.Fleet().Launch(t.Context(), "job-7"); err != nil || next != "" {
			t.Fatalf("after %d the next one comes before %s have passed: %q, %v", n+1, pause, next, err)
		}
		w.Pass(time.Second)
		var err error
		if id, err = w.Fleet().Launch(t.Context(), "job-7"); err != nil || id == "" {
			t.Fatalf("after %d there is none: %v\n%s", n+1, err, w.State())
		}
	}
}
