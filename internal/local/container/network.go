package container

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"
)

// Network is a network of containers. The machine itself is at its gateway.
type Network struct {
	Name, Gateway string
	Isolated      bool // containers in it do not reach each other
	Apart         bool // containers in it and in others that are apart do not reach each other
}

// noTalk is the option that isolates the containers of a network, in engines that have
// it.
const noTalk = "com.docker.network.bridge.enable_icc"

// EnsureNetwork makes a bridge network, if it is not there.
func (e *Engine) EnsureNetwork(ctx context.Context, name string, labels map[string]string) (Network, error) {
	if e.isPodman() {
		if got, err := e.ensurePodmanNetwork(ctx, name, labels); err == nil {
			return got, nil
		}
	}
	got, err := e.ensureDockerNetwork(ctx, name, labels)
	if err != nil {
		return Network{}, fmt.Errorf("make network %s: %w", name, err)
	}
	return got, nil
}

func (e *Engine) ensureDockerNetwork(ctx context.Context, name string, labels map[string]string) (Network, error) {
	got, err := e.client.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
	if absent(err) {
		options := client.NetworkCreateOptions{Driver: "bridge", Labels: labels, Options: map[string]string{noTalk: "false"}}
		if _, err = e.client.NetworkCreate(ctx, name, options); err == nil || isConflict(err) {
			got, err = e.client.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
		}
	}
	if err != nil {
		return Network{}, err
	}
	for _, config := range got.Network.IPAM.Config {
		if config.Gateway.IsValid() {
			return Network{Name: name, Gateway: config.Gateway.String(), Isolated: got.Network.Options[noTalk] == "false" && !e.isPodman()}, nil
		}
	}
	return Network{}, noGateway(name)
}

func noGateway(name string) error {
	return fmt.Errorf("network %s has no gateway: name another with --container-network, and the fleet's address in it with --claim-url", name)
}

// RemoveNetwork removes a network. A missing one is no error.
func (e *Engine) RemoveNetwork(ctx context.Context, name string) error {
	if _, err := e.client.NetworkRemove(ctx, name, client.NetworkRemoveOptions{}); err != nil && !absent(err) {
		return fmt.Errorf("remove network %s: %w", name, err)
	}
	return nil
}
