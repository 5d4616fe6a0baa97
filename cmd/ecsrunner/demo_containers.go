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

// demoContainers is what a demo with containers has beside one with processes: the
// simulated GitHub is served to the containers too, and to builds as the place that its
// runner is downloaded from.
type demoContainers struct {
	engine   *container.Engine
	network  container.Network
	listener net.Listener // of the simulated GitHub, where containers reach it
	archive  []byte       // its runner's download
}

func newDemoContainers(ctx context.Context, dir string) (*demoContainers, error) {
	engine, err := container.Connect(ctx, "")
	if err != nil {
		return nil, usagef("--engine docker: %w", err)
	}
	d := &demoContainers{engine: engine}
	if d.archive, err = standinArchive(ctx, filepath.Join(dir, "programs")); err != nil {
		return nil, err
	}
	if d.network, err = local.EnsureNetwork(ctx, engine, demoFleet); err != nil {
		return nil, err
	}
	if d.listener, err = container.ListenOn(ctx, net.JoinHostPort(d.network.Gateway, "0")); err != nil {
		return nil, errors.Join(fmt.Errorf("serve the simulated GitHub to containers at %s: %w: the demo needs an engine on this machine itself, not in a virtual machine", d.network.Gateway, err), engine.RemoveNetwork(ctx, d.network.Name))
	}
	return d, nil
}

// configure makes a demo's fleet one of containers.
func (d *demoContainers) configure(ctx context.Context, cfg *local.Config, baseImage string) error {
	cfg.ImagesByName = false
	cfg.Policy.RunnerVersion = fleet.LatestRunner
	cfg.Policy.Limits.Idle = demoLimit
	return withContainers(ctx, cfg, d.engine, engineFlags{}, local.Images{BaseImage: baseImage, BuilderImage: baseImage, Sudo: true})
}

// clear takes away what the demo left in the engine.
func (d *demoContainers) clear(ctx context.Context) error {
	return errors.Join(local.RemoveImages(ctx, d.engine, demoFleet), d.engine.RemoveNetwork(ctx, d.network.Name))
}
