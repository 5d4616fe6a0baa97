package container

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// createTries is how often an engine is asked for a container if its answer is lost.
const createTries = 5

// isUnclear reports whether a call may have had its effect, or may have it next time.
func isUnclear(err error) bool {
	return err != nil && !absent(err) && !isConflict(err) && !errdefs.IsInvalidArgument(err)
}

// mostProcesses is enough for any build, and ends a fork bomb.
const mostProcesses = 4096

// create makes the task's container. Repeated, it is the same container: its name is
// the task's.
func (r *Runner) create(ctx context.Context, t task.Task) (id string, err error) {
	host, err := r.limitsOf(ctx, t.Spec)
	if err != nil {
		return "", err
	}
	var env []string
	for name, value := range t.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	// No init process: it would be the first one, open to the job, and with it the way to
	// the log past the entrypoint, which reaps orphans itself.
	init, processes := false, int64(mostProcesses)
	name := "ecsrunner-" + r.mark + "-" + t.RunnerID + "-" + t.ARN[len(t.ARN)-16:]
	got, err := r.cfg.Engine.client.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{
			Image: t.Image, Env: env, Cmd: t.Command, Entrypoint: t.Entrypoint, Hostname: t.RunnerID,
			Labels: map[string]string{labelFleet: r.cfg.FleetName, labelDir: r.mark, labelRunner: t.RunnerID, labelTask: t.ARN},
		},
		HostConfig: &container.HostConfig{
			NetworkMode: container.NetworkMode(r.cfg.Network), Init: &init, RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
			Resources: container.Resources{Memory: host.memory, MemorySwap: host.memory, NanoCPUs: host.nanoCPUs, PidsLimit: &processes},
		},
	})
	if isConflict(err) {
		found, findErr := r.cfg.Engine.client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
		return found.Container.ID, findErr
	}
	return got.ID, err
}

// whyNotCreated tells an image that is not there from everything else.
func (r *Runner) whyNotCreated(ctx context.Context, t task.Task, err error) error {
	if absent(err) {
		if has, lookErr := r.cfg.Engine.HasImage(ctx, t.Image); lookErr == nil && !has {
			return fmt.Errorf("%s: image %s is not on this machine any more", task.CannotPull, t.Image)
		}
	}
	return fmt.Errorf("%s: %w", task.CannotCreate, err)
}

// limits are what a container may use.
type limits struct{ nanoCPUs, memory int64 }

// limitsOf are a task's limits, as far as the machine has so much.
func (r *Runner) limitsOf(ctx context.Context, spec task.Spec) (limits, error) {
	host := r.host.Load()
	if host == nil {
		got, err := r.cfg.Engine.Host(ctx)
		if err != nil {
			return limits{}, err
		}
		host = &got
		r.host.Store(host)
	}
	got := limits{nanoCPUs: int64(spec.CPU) * 1e9 / 1024, memory: int64(spec.Memory) << 20}
	if most := int64(host.CPUs) * 1e9; got.nanoCPUs > most {
		r.warnOnce(fmt.Sprintf("%d CPU units", spec.CPU), fmt.Sprintf("%d processors", host.CPUs))
		got.nanoCPUs = most
	}
	if most := int64(host.MemoryMiB) << 20; got.memory > most {
		r.warnOnce(fmt.Sprintf("%d MiB", spec.Memory), fmt.Sprintf("%d MiB", host.MemoryMiB))
		got.memory = most
	}
	return got, nil
}

func (r *Runner) warnOnce(wanted, there string) {
	if _, before := r.overBefore.LoadOrStore(wanted, true); !before {
		r.cfg.Log.Warn("a class wants more than this machine has, and gets what there is", "class", wanted, "machine", there)
	}
}
