package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// ownNetworks reports whether each container has a network of its own, as with Podman.
func (r *Runner) ownNetworks() bool { return r.cfg.Network == "" }

// mayHaveNetworks reports whether containers may have networks of their own, including
// those of an earlier process that ran without --container-network.
func (r *Runner) mayHaveNetworks() bool { return r.ownNetworks() || r.cfg.Engine.isPodman() }

// join returns the network of a task's container, and opens the doors there.
func (r *Runner) join(ctx context.Context, t task.Task) (Network, error) {
	if !r.ownNetworks() {
		return Network{Name: r.cfg.Network}, nil
	}
	network, err := r.cfg.Engine.ensurePodmanNetwork(ctx, r.nameOf(t), r.labelsOf(t))
	if err == nil && !network.Apart {
		err = errors.New("it is not apart from the networks of other containers")
	}
	if err != nil {
		return network, fmt.Errorf("make the network of the container: %w", err)
	}
	return network, r.openDoors(ctx, network)
}

func (r *Runner) openDoors(ctx context.Context, network Network) error {
	for _, door := range r.cfg.Doors {
		if err := door.Open(ctx, network.Gateway); err != nil {
			return err
		}
	}
	return nil
}

// rejoin opens the doors to a container that an earlier process started. One that is not
// in a network of its own was started by a release that had none.
func (r *Runner) rejoin(ctx context.Context, t task.Task) error {
	if !r.ownNetworks() {
		return nil
	}
	network, ok, err := r.cfg.Engine.podmanNetwork(ctx, r.nameOf(t))
	if !ok || err != nil {
		return err
	}
	return r.openDoors(ctx, network)
}

// leave removes the network of a container that is gone, if it had one of its own.
func (r *Runner) leave(ctx context.Context, name string) error {
	if !r.mayHaveNetworks() {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	network, ok, err := r.cfg.Engine.podmanNetwork(ctx, name)
	if !ok || err != nil {
		return err
	}
	for _, door := range r.cfg.Doors {
		door.Close(network.Gateway)
	}
	return r.cfg.Engine.RemoveNetwork(ctx, name)
}

// clearNetworks removes the networks of containers that are gone.
func (r *Runner) clearNetworks(ctx context.Context, isOpen func(task.Mark) bool) error {
	list, err := r.cfg.Engine.podmanNetworks(ctx, labelDir, r.mark)
	if err != nil {
		return fmt.Errorf("look for networks of an earlier process: %w", err)
	}
	var failed []error
	for _, n := range list {
		if m := markOf(n.Labels); m.Valid() && !isOpen(m) {
			failed = append(failed, r.cfg.Engine.RemoveNetwork(ctx, n.Name))
		}
	}
	return errors.Join(failed...)
}

// PodmanNetworksLabelled are the names of the networks with a label, in Podman.
func (e *Engine) PodmanNetworksLabelled(ctx context.Context, label, value string) (names []string, err error) {
	list, err := e.podmanNetworks(ctx, label, value)
	for _, n := range list {
		names = append(names, n.Name)
	}
	return names, err
}
