package container

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// defaultPatience leaves an engine time to hand over what a container wrote last.
const defaultPatience = 10 * time.Second

// Config says where and how tasks run.
type Config struct {
	Engine    *Engine
	FleetName string
	Dir       string  // the data directory, which its containers carry in a label
	Network   string  // of all containers; "" gives each one of its own
	Doors     []*Door // to this machine, for containers in networks of their own

	Grace    time.Duration // from SIGTERM to SIGKILL, by default task.DefaultGrace
	Patience time.Duration // for the end of a container's log after its own, by default 10 s
	MaxLog   int64         // bytes of one task's log, by default task.DefaultMaxLog

	Log   *slog.Logger
	After func(time.Duration) <-chan time.Time // by default time.After
}

// Runner runs tasks as containers. It is safe for concurrent use.
type Runner struct {
	cfg  Config
	mark string // of this data directory, on every container

	host       atomic.Pointer[HostInfo] // once the engine has answered
	noQuota    atomic.Bool              // the engine bounds no writable layer
	overBefore sync.Map                 // sizes of classes that the host lacks, already warned about
}

var _ task.Runner = (*Runner)(nil)

// New returns a runner.
func New(cfg Config) (*Runner, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory %s: %w", cfg.Dir, err)
	}
	cfg.Grace = cmp.Or(cfg.Grace, task.DefaultGrace)
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	cfg.MaxLog = cmp.Or(cfg.MaxLog, task.DefaultMaxLog)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.After == nil {
		cfg.After = time.After
	}
	sum := sha256.Sum256([]byte(dir))
	return &Runner{cfg: cfg, mark: hex.EncodeToString(sum[:8])}, nil
}

// Kind is that of containers.
func (r *Runner) Kind() task.Kind { return task.Containers }

// Start makes the task's container and starts it.
func (r *Runner) Start(ctx context.Context, t task.Task) (task.Handle, error) {
	id, err := r.create(ctx, t)
	for tries := 1; isUnclear(err) && tries < createTries && t.Stopping.Err() == nil; tries++ {
		<-r.cfg.After(time.Second)
		id, err = r.create(ctx, t) // what is there already is found by its name
	}
	if err != nil {
		return nil, errors.Join(r.whyNotCreated(ctx, t, err), r.leave(ctx, r.nameOf(t)))
	}
	w := &watch{Runner: r, task: t, id: id}
	if err := w.start(ctx); err != nil {
		if ctx.Err() == nil {
			w.warnIf(w.Clear(ctx))
		}
		return nil, err
	}
	return w, nil
}

// Adopt finds the task's container by its labels, and starts it if the earlier process
// did not. A container that was started is not started again: it has used its claim.
func (r *Runner) Adopt(ctx context.Context, t task.Task) (task.Handle, bool) {
	w := &watch{Runner: r, task: t}
	created := false
	if err := w.ask(ctx, func() (err error) {
		if w.id, err = r.find(ctx, t.ARN); err == nil && w.id != "" && !t.Started {
			created, err = w.isCreated(ctx)
		}
		return err
	}); err != nil {
		return w, false // and Wait fails, since ctx has ended
	}
	if err := w.ask(ctx, func() error { return r.rejoin(ctx, t) }); err != nil {
		return w, false
	}
	if w.id == "" {
		return w.over(t.Gone("its container was removed while the fleet was down")), false
	}
	if created {
		if err := w.start(ctx); err != nil {
			return w.over(task.NotStarted(err)), false
		}
	}
	return w, true
}

// Marked lists the tasks that have a container in the engine.
func (r *Runner) Marked(ctx context.Context) (found []task.Mark, _ error) {
	list, err := r.list(ctx)
	for _, c := range list {
		found = append(found, markOf(c.Labels))
	}
	return found, err
}

// Clear removes the containers of tasks that are not open, and their networks. It does
// not look at those of other fleets and data directories.
func (r *Runner) Clear(ctx context.Context, open []task.Mark) error {
	list, err := r.list(ctx)
	if err != nil {
		return err
	}
	isOpen := func(m task.Mark) bool { return slices.Contains(open, m) }
	var failed []error
	for _, c := range list {
		if m := markOf(c.Labels); m.Valid() && !isOpen(m) {
			failed = append(failed, r.remove(ctx, c.ID))
		}
	}
	if r.mayHaveNetworks() {
		failed = append(failed, r.clearNetworks(ctx, isOpen))
	}
	return errors.Join(failed...)
}

// Labels by which a container is recognized.
const (
	labelFleet  = "ecsrunner.fleet"
	labelDir    = "ecsrunner.data-dir"
	labelRunner = "ecsrunner.runner-id"
	labelTask   = "ecsrunner.task-arn"
)

func markOf(labels map[string]string) task.Mark {
	return task.Mark{ARN: labels[labelTask], RunnerID: labels[labelRunner]}
}

// list lists the containers of this data directory, the oldest first.
func (r *Runner) list(ctx context.Context) ([]container.Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	list, err := r.cfg.Engine.client.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", labelDir+"="+r.mark),
	})
	if err != nil {
		return nil, fmt.Errorf("look for containers of an earlier process: %w", err)
	}
	slices.SortStableFunc(list.Items, func(a, b container.Summary) int { return cmp.Compare(a.Created, b.Created) })
	return list.Items, nil
}

// find finds the container of a task, "" if there is none.
func (r *Runner) find(ctx context.Context, arn string) (id string, err error) {
	list, err := r.list(ctx)
	for _, c := range list {
		if c.Labels[labelTask] == arn {
			return c.ID, nil
		}
	}
	return "", err
}

// remove removes a container, with its anonymous volumes.
func (r *Runner) remove(ctx context.Context, id string) error {
	_, err := r.cfg.Engine.client.ContainerRemove(context.WithoutCancel(ctx), id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !absent(err) && !isConflict(err) {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	return nil
}

// ContainersLabelled are the names of the containers with a label.
func (e *Engine) ContainersLabelled(ctx context.Context, label, value string) (names []string, err error) {
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", label+"="+value)})
	if err != nil {
		return nil, fmt.Errorf("list the containers with %s=%s: %w", label, value, err)
	}
	for _, c := range list.Items {
		names = append(names, c.Names...)
	}
	return names, nil
}
