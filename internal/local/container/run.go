package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// live is a task's life. Each task has one goroutine for it, so its changes are notified
// in order.
func (l *Launcher) live(t *task) {
	defer func() {
		t.stop()
		t.hurry()
		close(t.done)
	}()
	log, err := openLog(l.cfg.Dir, t.state.StartedBy, l.cfg.MaxLog)
	if err == nil {
		defer log.Close()
		t.LogFrom, err = log.end()
	}
	if err = errors.Join(err, l.save(t)); err != nil { // there is a record before there is a container
		l.end(t, "", notStarted("ResourceInitializationError", err))
		return
	}
	id, err := l.create(t)
	for tries := 1; isUnclear(err) && tries < createTries && t.stopping.Err() == nil; tries++ {
		<-l.cfg.After(time.Second)
		id, err = l.create(t) // what is there already is found by its name
	}
	if err != nil {
		l.end(t, id, l.whyNotCreated(t, err))
		return
	}
	l.follow(t, id, log)
}

// follow starts a container unless it runs, and looks after it until it is gone.
func (l *Launcher) follow(t *task, id string, log *logFile) {
	if t.state.LastStatus == fleet.TaskPending {
		if t.stopping.Err() != nil {
			l.end(t, id, notStarted("CannotStartContainerError", context.Canceled))
			return
		}
		if err := l.start(id); err != nil {
			l.end(t, id, notStarted("CannotStartContainerError", err))
			return
		}
		if err := l.running(t); err != nil {
			l.cfg.Log.Warn("a task's record is behind", "error", err.Error())
		}
	}
	logged := make(chan error, 1)
	logCtx, endLog := context.WithCancel(l.ctx)
	defer endLog()
	go func() { logged <- l.copyLog(logCtx, id, t.LogFrom, log) }()
	end, err := l.await(t, id)
	if err != nil { // the launcher leaves: the next one takes it over
		return
	}
	select {
	case err = <-logged:
	case <-l.cfg.After(l.cfg.Patience):
		err = errors.New("the engine did not end the container's log")
	}
	if err != nil {
		l.cfg.Log.Warn("a container's log may be cut", "runner_id", t.state.StartedBy, "error", err.Error())
	}
	l.end(t, id, end)
}

// start starts a container, but not a second time: one that has ended has had its claim.
func (l *Launcher) start(id string) error {
	got, err := l.cfg.Engine.client.ContainerInspect(l.ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	if got.Container.State != nil && got.Container.State.Status != container.StateCreated {
		return nil
	}
	_, err = l.cfg.Engine.client.ContainerStart(l.ctx, id, client.ContainerStartOptions{})
	return err
}

// end records how the task ended, tells of it, and removes its container.
func (l *Launcher) end(t *task, id string, end ending) {
	if err := l.stopped(t, end); err != nil {
		l.cfg.Log.Warn("a task's end is not recorded: its container is left", "error", err.Error())
		return
	}
	if id == "" {
		return
	}
	if err := l.remove(id); err != nil {
		l.cfg.Log.Warn("a container is left to the next start", "error", err.Error())
	}
}

// Labels by which a container is known.
const (
	labelFleet  = "ecsrunner.fleet"
	labelDir    = "ecsrunner.data-dir"
	labelRunner = "ecsrunner.runner-id"
	labelTask   = "ecsrunner.task-arn"
)

// createTries is how often an engine is asked for a container if its answer is lost.
const createTries = 5

// isUnclear tells whether a call may have had its effect, or may have it next time.
func isUnclear(err error) bool {
	return err != nil && !absent(err) && !isConflict(err) && !errdefs.IsInvalidArgument(err)
}

// mostProcesses is enough for any build, and ends a fork bomb.
const mostProcesses = 4096

// create makes the task's container. Repeated, it is the same container: its name is
// the task's.
func (l *Launcher) create(t *task) (id string, err error) {
	host, err := l.limitsOf(*t.spec)
	if err != nil {
		return "", err
	}
	var env []string
	for name, value := range t.spec.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	init, processes := true, int64(mostProcesses)
	got, err := l.cfg.Engine.client.ContainerCreate(l.ctx, client.ContainerCreateOptions{
		Name: l.nameOf(t),
		Config: &container.Config{
			Image: t.spec.Image, Env: env, Cmd: t.spec.Command, Entrypoint: t.spec.Entrypoint, Hostname: t.state.StartedBy,
			Labels: map[string]string{labelFleet: l.cfg.FleetName, labelDir: l.mark, labelRunner: t.state.StartedBy, labelTask: t.state.ARN},
		},
		HostConfig: &container.HostConfig{
			NetworkMode: container.NetworkMode(l.cfg.Network), Init: &init, RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
			Resources: container.Resources{Memory: host.memory, MemorySwap: host.memory, NanoCPUs: host.nanoCPUs, PidsLimit: &processes},
		},
	})
	if isConflict(err) {
		found, findErr := l.cfg.Engine.client.ContainerInspect(l.ctx, l.nameOf(t), client.ContainerInspectOptions{})
		return found.Container.ID, findErr
	}
	return got.ID, err
}

func (l *Launcher) nameOf(t *task) string {
	return "ecsrunner-" + l.mark + "-" + t.state.StartedBy + "-" + t.state.ARN[len(t.state.ARN)-16:]
}

// whyNotCreated tells an image that is not there from everything else.
func (l *Launcher) whyNotCreated(t *task, err error) ending {
	if t.spec != nil && absent(err) {
		if has, lookErr := l.cfg.Engine.HasImage(l.ctx, t.spec.Image); lookErr == nil && !has {
			return notStarted("CannotPullContainerError", fmt.Errorf("image %s is not on this machine any more", t.spec.Image))
		}
	}
	return notStarted("CannotCreateContainerError", err)
}

// remove takes a container away, with its anonymous volumes.
func (l *Launcher) remove(id string) error {
	_, err := l.cfg.Engine.client.ContainerRemove(context.WithoutCancel(l.ctx), id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !absent(err) && !isConflict(err) {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	return nil
}

// limits are what a container may use.
type limits struct{ nanoCPUs, memory int64 }

// limitsOf are a task's limits, as far as the machine has so much.
func (l *Launcher) limitsOf(spec Spec) (limits, error) {
	host := l.host.Load()
	if host == nil {
		told, err := l.cfg.Engine.Host(l.ctx)
		if err != nil {
			return limits{}, err
		}
		host = &told
		l.host.Store(host)
	}
	got := limits{nanoCPUs: int64(spec.CPU) * 1e9 / 1024, memory: int64(spec.Memory) << 20}
	if most := int64(host.CPUs) * 1e9; got.nanoCPUs > most {
		l.warnOnce(fmt.Sprintf("%d CPU units", spec.CPU), fmt.Sprintf("%d processors", host.CPUs))
		got.nanoCPUs = most
	}
	if most := int64(host.MemoryMiB) << 20; got.memory > most {
		l.warnOnce(fmt.Sprintf("%d MiB", spec.Memory), fmt.Sprintf("%d MiB", host.MemoryMiB))
		got.memory = most
	}
	return got, nil
}

func (l *Launcher) warnOnce(wanted, there string) {
	if _, before := l.overBefore.LoadOrStore(wanted, true); !before {
		l.cfg.Log.Warn("a class wants more than this machine has, and gets what there is", "class", wanted, "machine", there)
	}
}
