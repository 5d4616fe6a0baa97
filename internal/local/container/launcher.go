package container

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
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/process"
)

const (
	defaultGrace  = 120 * time.Second
	defaultMaxLog = 16 << 20

	// defaultPatience leaves an engine time to hand over what a container wrote last.
	defaultPatience = 10 * time.Second

	// remembered is how long a stopped task is known, and with it its client
	// token. ECS keeps client tokens for as long.
	remembered = 24 * time.Hour
)

// ErrClosed is what Launch fails with once Close was called.
var ErrClosed = errors.New("the launcher is closed")

// Config says where and how tasks run.
type Config struct {
	Engine    *Engine
	FleetName string
	// Dir holds logs/<id>.log and containers/<id>.json (records, removed a day after the
	// task). Only one launcher at a time may use it.
	Dir     string
	Network string

	Grace    time.Duration // from SIGTERM to SIGKILL, by default 120 s
	Patience time.Duration // for the end of a container's log after its own, by default 10 s
	MaxLog   int64         // bytes of one task's log, by default 16 MiB

	// Notify is called for each change of a task's LastStatus, in order for one task. The
	// task waits for it. It may call the launcher, except Close. After a restart, the last
	// change of a task may be notified again.
	Notify func(fleet.Task)
	Log    *slog.Logger

	Now   func() time.Time                     // by default time.Now
	After func(time.Duration) <-chan time.Time // by default time.After
	Rand  io.Reader                            // for ARNs; by default crypto/rand.Reader
}

// Spec is one task to launch.
type Spec struct {
	RunnerID    string
	ClientToken string // makes Launch idempotent, unless ""
	Env         map[string]string
	Image       string   // its id, or a reference that the engine has
	CPU         int      // in ECS's units: 1024 are a processor; 0 is no limit
	Memory      int      // in MiB; 0 is no limit
	Command     []string // in place of the image's
	Entrypoint  []string // in place of the image's
}

// parameters identifies what is launched without telling it: the environment holds a
// credential.
func (s Spec) parameters() string {
	content, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and numbers can always be encoded
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

// Launcher starts and stops tasks. It is safe for concurrent use.
type Launcher struct {
	cfg  Config
	mark string // of this data directory, on every container

	ctx   context.Context // of all that looks after tasks; its end leaves the containers alone
	leave context.CancelFunc

	mu     sync.Mutex
	closed bool
	tasks  map[string]*task // by ARN
	tokens map[string]*task // by client token
	latest map[string]*task // by runner id
	work   sync.WaitGroup

	host       atomic.Pointer[HostInfo] // once the engine has told
	overBefore sync.Map                 // classes' sizes that the host lacks, and of which was told
}

const (
	logsDir  = "logs"
	tasksDir = "containers"
)

// New returns a launcher and makes its directories. It knows the tasks of an earlier
// launcher as they were last recorded; Resume takes them over.
func New(cfg Config) (*Launcher, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory %s: %w", cfg.Dir, err)
	}
	cfg.Dir = dir
	for _, name := range []string{logsDir, tasksDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
	}
	cfg.Grace = cmp.Or(cfg.Grace, defaultGrace)
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	cfg.MaxLog = cmp.Or(cfg.MaxLog, defaultMaxLog)
	if cfg.Notify == nil {
		cfg.Notify = func(fleet.Task) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
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
	sum := sha256.Sum256([]byte(dir))
	l := &Launcher{cfg: cfg, mark: hex.EncodeToString(sum[:8]), tasks: map[string]*task{}, tokens: map[string]*task{}, latest: map[string]*task{}}
	l.ctx, l.leave = context.WithCancel(context.Background())
	if err := l.recall(); err != nil {
		return nil, err
	}
	return l, nil
}

// Launch starts a task and returns it as PENDING. The same client token gives the same
// task, as it is now, for a day after it has stopped. A container that cannot be started
// stops the task with TaskFailedToStart. Launch fails with fleet.RunnerLaunchFailed for
// an invalid runner id, for a client token used with other parameters, and for a runner id
// whose task has not stopped; else with ErrClosed. ctx does not bound the task's life.
func (l *Launcher) Launch(ctx context.Context, spec Spec) (fleet.Task, error) {
	if err := ctx.Err(); err != nil {
		return fleet.Task{}, fmt.Errorf("launch a task for %s: %w", spec.RunnerID, err)
	}
	if _, err := process.LogPath(l.cfg.Dir, spec.RunnerID); err != nil {
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
			return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchFailed, "launch a task for %s: client token %s was used with other parameters", spec.RunnerID, spec.ClientToken)
		}
		return t.snapshot(), nil
	}
	if l.closed {
		return fleet.Task{}, fmt.Errorf("launch a task for %s: %w", spec.RunnerID, ErrClosed)
	}
	l.forget()
	if last := l.latest[spec.RunnerID]; last != nil && last.state.LastStatus != fleet.TaskStopped {
		return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchFailed, "launch a task for %s: its task %s has not stopped", spec.RunnerID, last.state.ARN)
	}
	now := l.cfg.Now()
	t := newTask(record{
		Schema: recordSchema, ClientToken: spec.ClientToken, Parameters: spec.parameters(),
		Task: fleet.Task{
			ARN: "local:task/" + spec.RunnerID + "/" + hex.EncodeToString(random), StartedBy: spec.RunnerID,
			LastStatus: fleet.TaskPending, DesiredStatus: fleet.TaskRunning, Containers: []fleet.Container{{Name: containerName}}, CreatedAt: &now, Version: 1,
		},
	})
	t.spec = &spec
	l.know(t)
	l.work.Go(func() { l.live(t) })
	return t.snapshot(), nil
}

// know makes the task its runner's last one.
func (l *Launcher) know(t *task) {
	l.tasks[t.state.ARN], l.latest[t.state.StartedBy] = t, t
	if t.clientToken != "" {
		l.tokens[t.clientToken] = t
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

// Stop asks the task to end and returns at once: SIGTERM to its container, after the
// grace SIGKILL. The first reason is kept. Stopping a task that has stopped, or that is
// not known, does nothing. Stop fails only if it could not be recorded, for the next
// launcher; the task is stopped all the same.
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

// Describe returns the task as it is now. A task that stopped more than a day ago may be
// unknown.
func (l *Launcher) Describe(_ context.Context, arn string) (_ fleet.Task, ok bool, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.tasks[arn]
	if !ok {
		return fleet.Task{}, false, nil
	}
	return t.snapshot(), true, nil
}

// List returns the known tasks, the oldest first, stopped ones too: those of one runner
// id, or all if startedBy is "".
func (l *Launcher) List(_ context.Context, startedBy string) ([]fleet.Task, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []fleet.Task
	for _, t := range l.tasks {
		if startedBy == "" || t.state.StartedBy == startedBy {
			list = append(list, t.snapshot())
		}
	}
	slices.SortFunc(list, func(a, b fleet.Task) int {
		return cmp.Or(a.CreatedAt.Compare(*b.CreatedAt), cmp.Compare(a.ARN, b.ARN))
	})
	return list, nil
}

// Close stops all tasks and returns when nothing of them is left but logs and records. It
// launches no more. When ctx ends before their grace does, it kills the rest.
func (l *Launcher) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	var tasks []*task
	for _, t := range l.tasks {
		if t.lives && t.state.LastStatus != fleet.TaskStopped {
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
			killed = append(killed, fmt.Errorf("kill task %s before its grace ended: %w", t.state.ARN, context.Cause(ctx)))
			t.hurry()
		}
	}
	for _, t := range tasks {
		<-t.done
	}
	l.leave()
	l.work.Wait()
	return errors.Join(killed...)
}

// kill ends a container at once; one that has ended or is gone is no error.
func (l *Launcher) kill(id string) error {
	_, err := l.cfg.Engine.client.ContainerKill(context.WithoutCancel(l.ctx), id, client.ContainerKillOptions{Signal: "SIGKILL"})
	if err == nil || absent(err) || isConflict(err) {
		return nil
	}
	return fmt.Errorf("kill container %s: %w", id, err)
}
