package bench

import (
	"context"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// tasks has the runners run by the stand-ins. It is the fleet's task.Runner in place of
// processes, so this process has no process or pipe for each.
type tasks struct {
	order func(order)

	mu      sync.Mutex
	live    map[string]*handle
	started map[string]time.Time // by runner id
	ended   map[string]time.Time
}

func newTasks(order func(order)) *tasks {
	return &tasks{order: order, live: map[string]*handle{}, started: map[string]time.Time{}, ended: map[string]time.Time{}}
}

func (*tasks) Kind() task.Kind { return task.Processes }

func (t *tasks) Start(_ context.Context, of task.Task) (task.Handle, error) {
	h := &handle{tasks: t, of: of, done: make(chan struct{})}
	t.mu.Lock()
	t.live[of.RunnerID], t.started[of.RunnerID] = h, time.Now()
	t.mu.Unlock()
	t.order(order{Run: &runner{ID: of.RunnerID, Env: of.Env}})
	return h, nil
}

func (t *tasks) Adopt(_ context.Context, of task.Task) (task.Handle, bool) {
	h := &handle{tasks: t, of: of, done: make(chan struct{}), code: -1}
	close(h.done)
	return h, false
}

func (*tasks) Marked(context.Context) ([]task.Mark, error) { return nil, nil }
func (*tasks) Clear(context.Context, []task.Mark) error    { return nil }

// exited notes that a runner has ended, and reports whether it was one of ours.
func (t *tasks) exited(e ended) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.live[e.ID]; h != nil {
		t.ended[e.ID] = time.Now()
		delete(t.live, e.ID)
		h.code = e.Code
		close(h.done)
	}
}

// times are when a runner was started, and when it had ended.
func (t *tasks) times(runnerID string) (started, ended time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.started[runnerID], t.ended[runnerID]
}

// handle is a runner that was started.
type handle struct {
	tasks *tasks
	of    task.Task
	done  chan struct{}
	code  int // once done is closed
}

func (*handle) Process() task.Process { return task.Process{} }

func (h *handle) Wait(ctx context.Context) (task.Ending, error) {
	stopping := h.of.Stopping.Done()
	for {
		select {
		case <-h.done:
			return task.Exited(&h.code, ""), nil
		case <-stopping:
			stopping = nil
			h.tasks.order(order{Stop: h.of.RunnerID})
		case <-ctx.Done():
			return task.Ending{}, ctx.Err()
		case <-h.of.Killing.Done():
			return task.Exited(nil, "it was killed"), nil
		}
	}
}

func (*handle) Clear(context.Context) error { return nil }
