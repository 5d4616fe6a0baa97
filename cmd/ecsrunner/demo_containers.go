package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

// demoContainers is what a demo with containers needs in addition: the simulated GitHub
// is served to the containers too, and to builds, which download its runner.
type demoContainers struct {
	engine  *container.Engine
	network container.Network
	door    *container.Door // to the simulated GitHub
	archive []byte          // its runner's download
}

// newDemoContainers is for a GitHub that is served to containers on a port.
func newDemoContainers(ctx context.Context, dir, port string, serve func(net.Listener)) (*demoContainers, error) {
	engine, err := container.Connect(ctx, "")
	if err != nil {
		return nil, usagef("--engine docker: %w", err)
	}
	d := &demoContainers{engine: engine, door: &container.Door{Port: port, Serve: serve}}
	if d.archive, err = standinArchive(ctx, filepath.Join(dir, "programs")); err != nil {
		return nil, err
	}
	if d.network, err = local.EnsureNetwork(ctx, engine, demoFleet); err != nil {
		return nil, err
	}
	if err = d.door.Open(ctx, d.network.Gateway); err != nil {
		return nil, errors.Join(fmt.Errorf("serve the simulated GitHub to containers at %s: %w: the demo needs an engine on this machine itself, not in a virtual machine", d.network.Gateway, err), engine.RemoveNetwork(ctx, d.network.Name))
	}
	return d, nil
}

// configure makes a demo's fleet one of containers.
func (d *demoContainers) configure(ctx context.Context, cfg *local.Config, baseImage string) error {
	cfg.ImagesByName = false
	cfg.Policy.RunnerVersion = fleet.LatestRunner
	cfg.Policy.Limits.Idle = demoLimit
	if err := withContainers(ctx, cfg, d.engine, engineFlags{}, local.Images{BaseImage: baseImage, BuilderImage: baseImage, Sudo: true}); err != nil {
		return err
	}
	cfg.Containers.Doors = []*container.Door{d.door}
	return nil
}

// host is where containers reach this machine.
func (d *demoContainers) host() string {
	if d.network.Isolated {
		return d.network.Gateway
	}
	return container.HostName
}

// clear removes what the demo left in the engine.
func (d *demoContainers) clear(ctx context.Context) error {
	d.door.Shut()
	return errors.Join(local.RemoveImages(ctx, d.engine, demoFleet), d.engine.RemoveNetwork(ctx, d.network.Name))
}
