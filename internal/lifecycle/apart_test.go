package lifecycle_test

import (
	"context"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// noted keeps what is written.
type noted struct {
	lifecycle.Records
	writes []fleet.Changes
}

func (n *noted) Write(ctx context.Context, changes fleet.Changes) error {
	n.writes = append(n.writes, changes)
	return n.Records.Write(ctx, changes)
}

// What does not change is not written: a transaction costs twice what its records do.
func TestARunIsWrittenOnlyIfItChanges(t *testing.T) {
	for name, c := range map[string]struct {
		status fleet.RunnerStatus
		want   []string
	}{
		"the run shows that already": {fleet.RunnerStarting, []string{"runner"}},
		"the run follows":            {fleet.RunnerWaitingForJob, []string{"runner", "run"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Launch(w.Job(7, "linux"))
			f := w.Fleet()
			records := &noted{Records: f.Records}
			f.Records = records
			_, _, err := f.ChangeBoth(t.Context(), id, func(r fleet.Runner) (fleet.Runner, bool) {
				r.Rung++
				return r.Progress(c.status), true
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, changes := range records.writes {
				for range changes.Runners {
					got = append(got, "runner")
				}
				for range changes.Runs {
					got = append(got, "run")
				}
			}
			if len(got) != len(c.want) || len(records.writes) != len(c.want) {
				t.Errorf("wrote %q in %d writes, want %q", got, len(records.writes), c.want)
			}
			if run, runner := w.Run("job-7"), w.Runner(id); run.Status != fleet.RunStatus(runner.Status) {
				t.Errorf("the run shows %s, its runner %s", run.Status, runner.Status)
			}
		})
	}
}
