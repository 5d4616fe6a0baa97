// Package process launches the one-machine platform's tasks without a container
// engine: a task is a session of processes with its own work directory and log
// file. It speaks of them in the words of ECS.
//
// What surprises: a task inherits nothing from the fleet's process, which has
// the GitHub credential, and does not depend on it either. It writes its log
// itself and outlives a fleet that is killed; the next launcher on the directory
// knows it by tasks/<runner id>.json and takes it over. Only its exit code is
// lost, which the operating system tells nobody but the parent.
//
// It is no sandbox: a task has the rights of the user that the fleet runs as.
package process

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	defaultGrace  = 120 * time.Second
	defaultMaxLog = 16 << 20

	// remembered is how long a stopped task is known, and with it its client
	// token. ECS keeps client tokens for as long.
	remembered = 24 * time.Hour
)

// ErrClosed is what Launch fails with once Close was called.
var ErrClosed = errors.New("the launcher is closed")

// Config says where and how tasks run.
type Config struct {
	// Dir holds runners/<id> (work directories, removed when their task ends),
	// logs/<id>.log and tasks/<id>.json (records, removed a day after). Only one
	// launcher at a time may use it.
	Dir string

	// Command is what runs in the container's place. A name with a slash in it is
	// relative to the work directory; one without is looked up in the fleet's PATH.
	Command []string

	// Env is added to the few variables that every task has: HOME (its work
	// directory), TMPDIR (below that), LANG, and a PATH of the system's own
	// directories. A Spec's variables win over these.
	Env []string

	// Template is a directory to lay into each work directory, such as GitHub's
	// runner as it was unpacked (and never run there). Its files are hard links
	// where the file system can: to write into one changes it for every task.
	Template string

	Grace  time.Duration // from SIGTERM to SIGKILL, by default 120 s
	MaxLog int64         // bytes of one log file, by default 16 MiB

	// Notify is called for each change of a task's LastStatus, in order for one
	// task. The task waits for it. It may call the launcher, except Close. After a
	// restart, the last change of a task may be notified again.
	Notify func(fleet.Task)

	Now   func() time.Time                     // by default time.Now
	After func(time.Duration) <-chan time.Time // by default time.After
	Rand  io.Reader                            // for ARNs; by default crypto/rand.Reader
}

// Spec is one task to launch.
type Spec struct {
	RunnerID    string
	ClientToken string // makes Launch idempotent, unless ""
	Env         map[string]string

	// What a container would get, for information only.
	Image, CPU, Memory string
}

// parameters identifies what is launched without telling it: the environment
// holds a credential.
func (s Spec) parameters() string {
	content, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

// Launcher starts and stops tasks. It is safe for concurrent use.
type Launcher struct {
	cfg Config

	afterFork func() // where tests kill the fleet

	mu       sync.Mutex
	closed   bool
	tasks    map[string]*task // by ARN
	tokens   map[string]*task // by client token
	latest   map[string]*task // by runner id
	problems []error          // with what an earlier launcher left
}

// New returns a launcher and makes its directories. It knows the tasks of an
// earlier launcher as they were last recorded; Resume takes them over. What that
// one left of tasks which nobody knows is removed.
func New(cfg Config) (*Launcher, error) {
	if len(cfg.Command) == 0 {
		return nil, errors.New("a launcher of processes needs a command")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory %s: %w", cfg.Dir, err)
	}
	cfg.Dir = dir
	for _, name := range []string{runnersDir, logsDir, tasksDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
	}
	if cfg.Grace <= 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.MaxLog <= 0 {
		cfg.MaxLog = defaultMaxLog
	}
	if cfg.Notify == nil {
		cfg.Notify = func(fleet.Task) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.After == nil {
		cfg.After = time.After
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	l := &Launcher{cfg: cfg, afterFork: func() {}, tasks: map[string]*task{}, tokens: map[string]*task{}, latest: map[string]*task{}}
	if err := l.recall(); err != nil {
		return nil, err
	}
	return l, nil
}

// Launch starts a task and returns it as PENDING. The same client token gives
// the same task, as it is now, for a day after it has stopped; over a restart,
// that of the runner's last task does. A command that
// cannot be started stops the task with TaskFailedToStart. Launch fails with
// fleet.RunnerLaunchFailed for an invalid runner id, for a client token used
// with other parameters, and for a runner id whose task has not stopped; else
// with ErrClosed. ctx does not bound the task's life.
func (l *Launcher) Launch(ctx context.Context, spec Spec) (fleet.Task, error) {
	if err := ctx.Err(); err != nil {
		return fleet.Task{}, fmt.Errorf("launch a task for %s: %w", spec.RunnerID, err)
	}
	if err := checkRunnerID(spec.RunnerID); err != nil {
		return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchFailed, "launch a task: %w", err)
	}
	random := make([]byte, 8)
	if _, err := io.ReadFull(l.cfg.Rand, random); err != nil {
		return fleet.Task{}, fmt.Errorf("launch a task for %s: make its ARN: %w", spec.RunnerID, err)
	}
	spec.Env = maps.Clone(spec.Env)

	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.tokens[spec.ClientToken]; ok && spec.ClientToken != "" {
		if t.parameters != spec.parameters() {
			return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchFailed,
				"launch a task for %s: client token %s was used with other parameters", spec.RunnerID, spec.ClientToken)
		}
		return t.snapshot(), nil
	}
	if l.closed {
		return fleet.Task{}, fmt.Errorf("launch a task for %s: %w", spec.RunnerID, ErrClosed)
	}
	l.forget()
	last := l.latest[spec.RunnerID]
	if last != nil && last.state.LastStatus != fleet.TaskStopped {
		return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchFailed,
			"launch a task for %s: its task %s has not stopped", spec.RunnerID, last.arn)
	}
	t := newTask(spec, pending(arnPrefix(spec.RunnerID)+hex.EncodeToString(random), spec.RunnerID, l.cfg.Now()))
	if last != nil {
		t.saving = last.saving
	}
	t.lives = true
	l.know(t)
	go l.live(t)
	return t.snapshot(), nil
}

// know makes the task its runner's last one.
func (l *Launcher) know(t *task) {
	l.tasks[t.arn], l.latest[t.spec.RunnerID] = t, t
	if t.spec.ClientToken != "" {
		l.tokens[t.spec.ClientToken] = t
	}
}

// forget drops what stopped long ago.
func (l *Launcher) forget() {
	now := l.cfg.Now()
	old := func(_ string, t *task) bool { return outdated(t.state, now) }
	for id, t := range l.latest {
		if old(id, t) {
			_ = os.Remove(l.recordPath(id)) // or the next launcher does
		}
	}
	maps.DeleteFunc(l.tasks, old)
	maps.DeleteFunc(l.tokens, old)
	maps.DeleteFunc(l.latest, old)
}

// Stop asks the task to end and returns at once: SIGTERM to its process group,
// after the grace SIGKILL to all of it. The first reason is kept. Stopping a
// task that has stopped, or that is not known, does nothing. Stop fails only if
// it could not be recorded, for the next launcher; the task is stopped all the
// same.
func (l *Launcher) Stop(_ context.Context, arn, reason string) error {
	l.mu.Lock()
	t, ok := l.tasks[arn]
	asked := ok && t.wantStopped(reason)
	l.mu.Unlock()
	if !asked {
		return nil
	}
	return l.save(t)
}

// Describe returns the task as it is now. A task that stopped more than a day
// ago may be unknown.
func (l *Launcher) Describe(_ context.Context, arn string) (_ fleet.Task, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.tasks[arn]
	if !ok {
		return fleet.Task{}, false
	}
	return t.snapshot(), true
}

// List returns the known tasks, the oldest first, stopped ones too: those of one
// runner id, or all if startedBy is "".
func (l *Launcher) List(_ context.Context, startedBy string) []fleet.Task {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []fleet.Task
	for _, t := range l.tasks {
		if startedBy == "" || t.spec.RunnerID == startedBy {
			list = append(list, t.snapshot())
		}
	}
	slices.SortFunc(list, func(a, b fleet.Task) int {
		return cmp.Or(a.CreatedAt.Compare(*b.CreatedAt), cmp.Compare(a.ARN, b.ARN))
	})
	return list
}

// Close stops all tasks and returns when nothing of them is left but logs and
// records. It launches no more. When ctx ends before their grace does, it kills
// the rest, and says so. Tasks of an earlier launcher that were not taken over
// are left to the next one.
func (l *Launcher) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	var tasks []*task
	for _, t := range l.tasks {
		if t.lives {
			t.wantStopped("the fleet on this machine stops")
			tasks = append(tasks, t)
		}
	}
	l.mu.Unlock()

	var killed []error
	for _, t := range tasks {
		select {
		case <-t.done:
			continue
		default:
		}
		select {
		case <-t.done:
		case <-ctx.Done():
			killed = append(killed, fmt.Errorf("kill task %s before its grace ended: %w", t.arn, context.Cause(ctx)))
			t.hurry()
		}
	}
	for _, t := range tasks {
		<-t.done
	}
	return errors.Join(killed...)
}
