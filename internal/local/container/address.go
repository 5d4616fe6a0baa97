package container

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/moby/moby/client"
)

// From reports whether an address is that of a runner's container, as the engine has it
// now.
func (r *Runner) From(ctx context.Context, runnerID string, address netip.Addr) (bool, error) {
	list, err := r.list(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range list {
		if markOf(c.Labels).RunnerID != runnerID {
			continue
		}
		addresses, err := r.addresses(ctx, c.ID)
		if err != nil {
			return false, err
		}
		for _, own := range addresses {
			if own.IsValid() && own.Unmap() == address.Unmap() {
				return true, nil
			}
		}
	}
	return false, nil
}

// addresses are those of a running container; a stopped one has none.
func (r *Runner) addresses(ctx context.Context, id string) (all []netip.Addr, err error) {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	got, err := r.cfg.Engine.client.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the address of container %s: %w", id, err)
	}
	if got.Container.NetworkSettings == nil {
		return nil, nil
	}
	for _, network := range got.Container.NetworkSettings.Networks {
		if network != nil {
			all = append(all, network.IPAddress, network.GlobalIPv6Address)
		}
	}
	return all, nil
}
