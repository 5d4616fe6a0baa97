package task

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// remembered is how long a stopped task is known, and with it its client token. ECS keeps
// client tokens for as long.
const remembered = 24 * time.Hour

// ErrClosed is what Launch fails with once Close was called.
var ErrClosed = errors.New("the ledger of tasks is closed")

// Config says where tasks are recorded, and what runs them.
type Config struct {
	// Dir holds logs/<runner id>.log, and the records in the folder of the runner's Kind,
	// which are removed a day after their tasks. Only one ledger at a time may use it.
	Dir    string
	Runner Runner

	// Notify is called for each change of a task's LastStatus, in order for one task. The
	// task waits for it. It may call the ledger, except Close. After a restart, the last
	// change of a task may be notified again.
	Notify func(fleet.Task)
	Log    *slog.Logger

	Now  func() time.Time // by default time.Now
	Rand io.Reader        // for ARNs; by default crypto/rand.Reader
}

// Ledger launches and stops tasks, and knows them. It is safe for concurrent use.
type Ledger struct {
	cfg  Config
	kind Kind

	ctx   context.Context // ends when the ledger leaves its tasks to the next one
	leave context.CancelFunc

	mu       sync.Mutex
	closed   bool
	tasks    map[string]*entry // by ARN
	tokens   map[string]*entry // by client token
	latest   map[string]*entry // by runner id
	of       map[string][]*entry
	forgot   time.Time // when old tasks were last looked for
	problems []error   // with what an earlier ledger left
	work     sync.WaitGroup
}

// Open returns the ledger of a data directory and makes its folders. It knows the tasks
// of an earlier one as they were last recorded, and those that have no record by their
// marks; Resume takes them over. What is left of ended tasks is removed. Open fails if it
// cannot find out what is there.
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory %s: %w", cfg.Dir, err)
	}
	cfg.Dir = dir
	l := &Ledger{cfg: cfg, kind: cfg.Runner.Kind(), tasks: map[string]*entry{}, tokens: map[string]*entry{}, latest: map[string]*entry{}, of: map[string][]*entry{}}
	for _, name := range []string{LogsDir, string(l.kind)} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
	}
	if l.cfg.Notify == nil {
		l.cfg.Notify = func(fleet.Task) {}
	}
	if l.cfg.Log == nil {
		l.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if l.cfg.Now == nil {
		l.cfg.Now = time.Now
	}
	if l.cfg.Rand == nil {
		l.cfg.Rand = rand.Reader
	}
	if err := l.recall(ctx); err != nil {
		return nil, err
	}
	l.ctx, l.leave = context.WithCancel(context.Background())
	return l, nil
}

// Launch starts a task and returns it as PENDING. The same client token gives the same
// task, as it is now, for a day after it has stopped; over a restart, that of the
// runner's last task does. A task that cannot be started stops with TaskFailedToStart.
// Launch fails with fleet.RunnerLaunchFailed for an invalid runner id, for a client token
// used with other parameters, and for a runner id whose task has not stopped; else with
// ErrClosed. ctx does not bound the task's life.
func (l *Ledger) Launch(ctx context.Context, spec Spec) (fleet.Task, error) {
	if err := ctx.Err(); err != nil {
		return fleet.Task{}, fmt.Errorf("launch a task for %s: %w", spec.RunnerID, err)
	}
	if err := CheckRunnerID(spec.RunnerID); err != nil {
		return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchFailed, "launch a task: %w", err)
	}
	random := make([]byte, 8)
	if _, err := io.ReadFull(l.cfg.Rand, random); err != nil {
		return fleet.Task{}, fmt.Errorf("launch a task for %s: make its ARN: %w", spec.RunnerID, err)
	}
	spec.Env = maps.Clone(spec.Env)
	r := l.kind.pending(Mark{ARN: arnPrefix(spec.RunnerID) + hex.EncodeToString(random), RunnerID: spec.RunnerID}, l.cfg.Now())
	r.ClientToken, r.Parameters = spec.ClientToken, l.kind.parameters(spec)

	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.tokens[spec.ClientToken]; ok {
		if e.Parameters != r.Parameters {
			return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchFailed,
				"launch a task for %s: client token %s was used with other parameters", spec.RunnerID, spec.ClientToken)
		}
		return e.snapshot(), nil
	}
	if l.closed {
		return fleet.Task{}, fmt.Errorf("launch a task for %s: %w", spec.RunnerID, ErrClosed)
	}
	l.forget()
	last := l.latest[spec.RunnerID]
	if last != nil && !last.stopped() {
		return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchFailed,
			"launch a task for %s: its task %s has not stopped", spec.RunnerID, last.Task.ARN)
	}
	e := newEntry(r, spec)
	if last != nil {
		e.saving = last.saving
	}
	e.lives = true
	l.know(e)
	l.work.Go(func() { l.live(e) })
	return e.snapshot(), nil
}

// know makes the task its runner's last one.
func (l *Ledger) know(e *entry) {
	l.tasks[e.Task.ARN], l.latest[e.spec.RunnerID] = e, e
	l.of[e.spec.RunnerID] = append(l.of[e.spec.RunnerID], e)
	if e.ClientToken != "" {
		l.tokens[e.ClientToken] = e
	}
}

// forgetEvery is how often tasks that stopped long ago are looked for, among all.
const forgetEvery = time.Minute

// forget removes tasks that stopped long ago.
func (l *Ledger) forget() {
	now := l.cfg.Now()
	if now.Sub(l.forgot) < forgetEvery {
		return
	}
	l.forgot = now
	old := func(_ string, e *entry) bool { return e.outdated(now) }
	for id, e := range l.latest {
		if old(id, e) {
			_ = os.Remove(l.recordPath(id)) // or the next ledger does
		}
	}
	maps.DeleteFunc(l.tasks, old)
	maps.DeleteFunc(l.tokens, old)
	maps.DeleteFunc(l.latest, old)
	for id, all := range l.of {
		if all = slices.DeleteFunc(all, func(e *entry) bool { return e.outdated(now) }); len(all) == 0 {
			delete(l.of, id)
		} else {
			l.of[id] = all
		}
	}
}

// Stop asks the task to end and returns at once: SIGTERM, after the grace SIGKILL. The
// first reason is kept. Stopping a task that has stopped, or that is not known, does
// nothing. Stop fails only if it could not be recorded, for the next ledger; the task is
// stopped all the same.
func (l *Ledger) Stop(_ context.Context, arn, reason string) error {
	l.mu.Lock()
	e, ok := l.tasks[arn]
	asked := ok && e.wantStopped(reason)
	l.mu.Unlock()
	if !asked {
		return nil
	}
	return l.save(e)
}

// Describe returns the task as it is now. A task that stopped more than a day ago may be
// unknown.
func (l *Ledger) Describe(arn string) (_ fleet.Task, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.tasks[arn]
	if !ok {
		return fleet.Task{}, false
	}
	return e.snapshot(), true
}

// List returns the known tasks, the oldest first, stopped ones too: those of one runner
// id, or all if startedBy is "".
func (l *Ledger) List(startedBy string) []fleet.Task {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []fleet.Task
	if startedBy != "" {
		for _, e := range l.of[startedBy] {
			list = append(list, e.snapshot())
		}
	} else {
		for _, e := range l.tasks {
			list = append(list, e.snapshot())
		}
	}
	slices.SortFunc(list, func(a, b fleet.Task) int {
		return cmp.Or(a.CreatedAt.Compare(*b.CreatedAt), cmp.Compare(a.ARN, b.ARN))
	})
	return list
}

// Close stops all tasks and returns when nothing of them is left but logs and records. It
// launches no more. When ctx ends before their grace does, it kills the rest, and says
// so. Tasks of an earlier ledger that were not taken over are left to the next one.
func (l *Ledger) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	var tasks []*entry
	for _, e := range l.tasks {
		if e.lives {
			e.wantStopped("the fleet on this machine stops")
			tasks = append(tasks, e)
		}
	}
	l.mu.Unlock()

	var killed []error
	for _, e := range tasks {
		select {
		case <-e.done:
			continue
		default:
		}
		select {
		case <-e.done:
		case <-ctx.Done():
			killed = append(killed, fmt.Errorf("kill task %s before its grace ended: %w", e.Task.ARN, context.Cause(ctx)))
			e.hurry()
		}
	}
	l.work.Wait()
	l.leave()
	return errors.Join(killed...)
}
