package container

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// engineLog is how many bytes of a container's log an engine keeps for each byte that
// is kept here. An engine wraps each line in JSON; when it has no room left it drops
// the oldest lines, even unread ones.
const engineLog = 4

// create makes the task's container. A repeated call finds the same container, because
// its name is the task's. The writable layer is bounded if the engine can do that.
func (r *Runner) create(ctx context.Context, t task.Task) (id string, err error) {
	if t.DiskGiB == 0 || r.noQuota.Load() {
		return r.createWith(ctx, t, nil)
	}
	id, err = r.createWith(ctx, t, map[string]string{"size": fmt.Sprintf("%dG", t.DiskGiB)})
	if err != nil && strings.Contains(err.Error(), "storage-opt") {
		if !r.noQuota.Swap(true) {
			r.cfg.Log.Warn("the container engine does not bound what a container writes to its disk; it does so on XFS with pquota", "engine", r.cfg.Engine.Name())
		}
		return r.createWith(ctx, t, nil)
	}
	return id, err
}

func (r *Runner) createWith(ctx context.Context, t task.Task, storage map[string]string) (id string, err error) {
	host, err := r.limitsOf(ctx, t.Spec)
	if err != nil {
		return "", err
	}
	var env []string
	for name, value := range t.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	// No init process: as the first process it would be open to the job, and so would
	// be the way to the log past the entrypoint. The entrypoint reaps orphans itself.
	init, processes := false, int64(mostProcesses)
	name := r.nameOf(t)
	network, err := r.join(ctx, t)
	if err != nil {
		return "", err
	}
	var hosts []string
	if network.Gateway != "" {
		hosts = []string{HostName + ":" + network.Gateway}
	}
	got, err := r.cfg.Engine.client.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{
			Image: t.Image, Env: env, Cmd: t.Command, Entrypoint: t.Entrypoint, Hostname: t.RunnerID,
			Labels: r.labelsOf(t),
		},
		HostConfig: &container.HostConfig{
			StorageOpt: storage,
			LogConfig:  container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": strconv.FormatInt(engineLog*r.cfg.MaxLog, 10), "max-file": "1"}},

			NetworkMode: container.NetworkMode(network.Name), ExtraHosts: hosts, Init: &init, RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
			Resources: container.Resources{Memory: host.memory, MemorySwap: host.memory, NanoCPUs: host.nanoCPUs, PidsLimit: &processes},
		},
	})
	if isConflict(err) {
		found, findErr := r.cfg.Engine.client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
		return found.Container.ID, findErr
	}
	return got.ID, err
}

// nameOf is the name of a task's container, and of its network if it has one of its own.
func (r *Runner) nameOf(t task.Task) string {
	return "ecsrunner-" + r.mark + "-" + t.RunnerID + "-" + t.ARN[len(t.ARN)-16:]
}

func (r *Runner) labelsOf(t task.Task) map[string]string {
	return map[string]string{labelFleet: r.cfg.FleetName, labelDir: r.mark, labelRunner: t.RunnerID, labelTask: t.ARN}
}

// whyNotCreated distinguishes a missing image from every other failure.
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

// limitsOf returns a task's limits, reduced to what the machine has.
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
