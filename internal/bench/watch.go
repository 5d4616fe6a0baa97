package bench

import (
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// watch sees what the fleet writes.
type watch struct {
	mu      sync.Mutex
	jobs    map[string]*lived // by run id
	running int               // runs whose job a runner has
	past    int64             // the newest job of those that were forgotten
	newest  int64             // of all that were queued
	closed  map[string]time.Time
	over    int // runs that have ended
	tooLate int // runners whose job another one had taken
	wrong   int
	first   string // of what went wrong
	changed chan struct{}
}

// lived is a job so far.
type lived struct {
	sent, over time.Time
	running    bool
}

func newWatch() *watch {
	w := &watch{changed: make(chan struct{}, 1)}
	w.reset()
	return w
}

// reset forgets the jobs, all of which have ended.
func (w *watch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs, w.closed, w.over, w.running = map[string]*lived{}, map[string]time.Time{}, 0, 0
	w.past, w.tooLate = w.newest, 0
}

// of is called with w.mu held.
func (w *watch) of(runID string) *lived {
	l := w.jobs[runID]
	if l == nil {
		l = &lived{}
		w.jobs[runID] = l
	}
	return l
}

func (w *watch) sent(s sent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.newest = max(w.newest, s.Job)
	w.of(fleet.RunID(s.Job)).sent = time.Unix(0, s.At)
}

func (w *watch) late() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tooLate++
}

func (w *watch) failed(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong++; w.first == "" {
		w.first = what
	}
}

// observe gets all changes after they were written.
func (w *watch) observe(changes fleet.Changes) {
	now := time.Now()
	for _, run := range changes.Runs {
		if run.Status.Terminal() && (run.Status != fleet.RunCompleted || run.Conclusion != "success") {
			w.failed(run.RunID + " is " + string(run.Status) + " " + run.Conclusion + ": " + run.Reason)
		}
	}
	w.mu.Lock()
	for _, run := range changes.Runs {
		if run.Job.JobID <= w.past {
			continue
		}
		l := w.of(run.RunID)
		if run.Status == fleet.RunRunning && !l.running {
			l.running = true
			w.running++
		}
		if run.Status.Terminal() && l.over.IsZero() {
			l.over = now
			w.over++
		}
	}
	for _, r := range changes.Runners {
		if _, known := w.closed[r.RunnerID]; r.Phase == fleet.Closed && !known && jobOf(r.RunID) > w.past {
			w.closed[r.RunnerID] = now
		}
	}
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// counts are the jobs that run or ran, and those that are over with their runner.
func (w *watch) counts() (running, over int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running, min(w.over, len(w.closed))
}
