package lifecycle_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// quiet is an outside world that allows every call and counts it.
type quiet struct {
	mu      sync.Mutex
	started map[string]bool // a repeated StartExecution is harmless
	stopped []string
}

func (q *quiet) Start(_ context.Context, name string, _ []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.started[name] = true
	return nil
}

func (q *quiet) Stop(_ context.Context, arn, _ string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = append(q.stopped, arn)
	return nil
}

func (*quiet) WorkflowRun(context.Context, string, int64) (fleet.WorkflowRun, error) {
	return fleet.WorkflowRun{}, nil
}

func (*quiet) Succeed(context.Context, string, []byte) error         { return nil }
func (*quiet) Fail(context.Context, string, string, string) error    { return nil }
func (*quiet) Heartbeat(context.Context, string) error               { return nil }
func (*quiet) Delete(context.Context, string, int64) error           { return nil }
func (*quiet) Job(context.Context, string, int64) (fleet.Job, error) { return fleet.Job{}, nil }
func (*quiet) Registration(context.Context, string, string) (fleet.Registration, bool, error) {
	return fleet.Registration{}, false, nil
}

// TestSwapChain: three runners with the same labels take each other's jobs in a ring,
// and the three webhooks are handled at the same time, on a real database. No runner is
// launched or ended because of it, and every record agrees.
func TestSwapChain(t *testing.T) {
	for round := range 15 {
		store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "fleet.db"))
		if err != nil {
			t.Fatal(err)
		}
		outside := &quiet{started: map[string]bool{}}
		f := lifecycle.Fleet{
			Name: "fleet", MaxRunners: 10, Limits: fleet.DefaultLimits(), Records: store, Executions: outside,
			GitHub: outside, Tasks: outside, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		}
		jobs := make([]fleet.Job, 3)
		for i := range jobs {
			jobs[i] = fleet.Job{JobID: int64(i + 1), Repository: "o/r", Private: true, Labels: []string{"self-hosted"}, Status: fleet.JobQueued}
			if err := f.Queued(t.Context(), jobs[i], fleet.Wants{}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for i, job := range jobs {
			job.Status, job.RunnerName = fleet.JobInProgress, fmt.Sprintf("fleet-%d-1.1", (i+1)%3+1)
			wg.Go(func() {
				if _, err := f.LearnJob(t.Context(), job); err != nil {
					t.Errorf("job %d: %v", job.JobID, err)
				}
			})
		}
		wg.Wait()
		for i := range jobs {
			want := fmt.Sprintf("fleet-%d-1", (i+1)%3+1)
			run, err := f.ReadRun(t.Context(), fleet.RunID(int64(i+1)))
			if err != nil {
				t.Fatal(err)
			}
			runner, err := f.ReadRunner(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			if run.RanOn != want || run.RunnerID != want || run.Launched != 1 || runner.For != run.RunID || runner.Took != run.Job.JobID || runner.Phase != fleet.Open {
				t.Errorf("round %d: run %+v\nrunner %+v", round, run, runner)
			}
		}
		if len(outside.started) != 3 || len(outside.stopped) != 0 {
			t.Errorf("round %d: started %v, stopped %v", round, outside.started, outside.stopped)
		}
		store.Close()
	}
}
