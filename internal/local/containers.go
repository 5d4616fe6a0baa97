package local

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/process"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// Containers is how runners are run as containers.
type Containers struct {
	Engine *container.Engine
	Images Images
	// Network is that of the containers. "" is one of the fleet's own, in which they
	// reach neither each other nor, of the fleet, more than its claim.
	Network string
	// ClaimURL is where containers reach the fleet; "" is found out, which takes a
	// network of the fleet's own.
	ClaimURL string
}

// startPlatform connects what runs the tasks, and what builds their images.
func (f *Fleet) startPlatform(ctx context.Context) error {
	if f.cfg.Containers != nil {
		return f.startContainers(ctx)
	}
	runner, err := process.New(process.Config{
		Dir:      f.cfg.DataDir,
		Command:  append(append([]string{}, f.cfg.Entrypoint...), f.cfg.RunnerCommand...),
		Env:      f.cfg.RunnerEnv,
		Template: f.cfg.RunnerDir,
		Grace:    f.cfg.StopGrace,
		MaxLog:   f.maxLog(),
	})
	if err != nil {
		return err
	}
	if err := f.openTasks(ctx, platform{kind: "a process"}, runner); err != nil {
		return err
	}
	if f.cfg.buildsOn != nil {
		f.builder = f.newBuilder(f.cfg.buildsOn, Images{})
	}
	return nil
}

func (f *Fleet) startContainers(ctx context.Context) error {
	c, name := f.cfg.Containers, f.cfg.Policy.FleetName
	network := c.Network
	if network == "" {
		made, err := EnsureNetwork(ctx, c.Engine, name)
		if err != nil {
			return err
		}
		network = made.Name
		if !made.Isolated {
			f.cfg.Log.Warn("jobs reach each other's ports: this engine does not keep the containers of a network from each other", "engine", c.Engine.Name(), "network", network)
		}
		if c.ClaimURL == "" {
			if f.claims, err = f.listenForClaims(ctx, made); err != nil {
				return err
			}
		}
	}
	runner, err := container.New(container.Config{
		Engine: c.Engine, FleetName: name, Dir: f.cfg.DataDir, Network: network,
		Grace: f.cfg.StopGrace, MaxLog: f.maxLog(), Log: f.cfg.Log,
	})
	if err != nil {
		return err
	}
	if f.claims != nil && f.claims.listener != nil {
		f.claims.containers = runner
	}
	if err := f.openTasks(ctx, platform{kind: "a container", images: f.store.Definition}, runner); err != nil {
		return err
	}
	f.builder = f.newBuilder(c.Engine, c.Images)
	return nil
}

// maxLog is the most that a task's log has: what the entrypoint writes of the runner's
// output, and its own lines.
func (f *Fleet) maxLog() int64 {
	return int64(cmp.Or(f.cfg.Policy.LogMiB, fleet.DefaultLogMiB)+1) << 20
}

func (f *Fleet) openTasks(ctx context.Context, p platform, runner task.Runner) (err error) {
	p.disks = disks{paths: f.diskPaths(ctx), keep: f.cfg.KeepFree}
	p.Ledger, err = task.Open(ctx, task.Config{Dir: f.cfg.DataDir, Runner: runner, Notify: f.taskChanged, Log: f.cfg.Log})
	if err == nil {
		f.platform = &p
	}
	return err
}

// diskPaths are where this fleet writes, and its engine if that is on this machine.
func (f *Fleet) diskPaths(ctx context.Context) []string {
	paths := []string{f.cfg.DataDir}
	if f.cfg.Containers != nil {
		if host, err := f.cfg.Containers.Engine.Host(ctx); err == nil && host.Root != "" {
			paths = append(paths, host.Root)
		}
	}
	return paths
}

func (f *Fleet) newBuilder(engine builderEngine, images Images) *imageBuilder {
	limits := f.cfg.Policy.Limits
	b := &imageBuilder{
		engine: engine, fleetName: f.cfg.Policy.FleetName, dir: f.cfg.DataDir, images: images,
		timeout: limits.Build, onDemand: cmp.Or(limits.OnDemandBuild, limits.Build), pauses: f.cfg.pullPauses, renew: limits.BuildLease / 3, release: f.runnerRelease, put: f.put, log: f.cfg.Log,
	}
	if b.pauses == nil {
		b.pauses = pullPauses()
	}
	return b.start()
}

// EnsureNetwork makes the network of a fleet's containers, if it is not there.
func EnsureNetwork(ctx context.Context, engine *container.Engine, fleetName string) (container.Network, error) {
	network, err := engine.EnsureNetwork(ctx, "ecsrunner-"+fleetName, map[string]string{"ecsrunner.fleet": fleetName})
	if err != nil {
		return network, fmt.Errorf("make the network of the runners: %w", err)
	}
	return network, nil
}

// RemoveImages deletes all images that a fleet has built in an engine.
func RemoveImages(ctx context.Context, engine *container.Engine, fleetName string) error {
	return (&imageBuilder{engine: engine, fleetName: fleetName}).removeTagged(ctx, "")
}

// claimURL is where runners claim.
func (f *Fleet) claimURL() string {
	if f.cfg.Containers == nil {
		return f.URL()
	}
	url := f.cfg.Containers.ClaimURL
	if f.claims != nil {
		url = f.claims.url
	}
	return cmp.Or(url, f.URL())
}

// runnerRelease is the release of GitHub's runner that images get.
func (f *Fleet) runnerRelease(ctx context.Context) (fleet.RunnerRelease, error) {
	p := f.cfg.Policy
	if p.RunnerVersion != "" && p.RunnerVersion != fleet.LatestRunner {
		return github.PinnedRunner(ctx, &http.Client{Timeout: 20 * time.Second}, github.ReleasesURL, p.RunnerVersion)
	}
	text, err := f.store.Cursor(ctx, lifecycle.RunnerReleaseCursor)
	if err != nil {
		return fleet.RunnerRelease{}, err
	}
	if known := lifecycle.ReadRelease(text); known.Version != "" {
		return known, nil
	}
	return f.github.LatestRunner(ctx, p.Repositories[0])
}

// takeUpBuilds goes on with the builds of an earlier process.
func (f *Fleet) takeUpBuilds(ctx context.Context) error {
	if f.builder == nil {
		return nil
	}
	records, err := f.store.Images(ctx)
	if err != nil {
		return err
	}
	return f.builder.takeUp(ctx, records, f.store.BuildLock)
}

// claimServer serves the claim to containers, and nothing else of the fleet.
type claimServer struct {
	url      string
	listener net.Listener // nil if containers reach the fleet's own server
	server   *http.Server
	// containers are known by the addresses that they reach the listener from; nil without
	// one: what comes by an engine's virtual machine or a proxy has another.
	containers *container.Runner
}

// listenForClaims listens where containers of a network reach this machine, on the port
// of the fleet's own server: containers of an earlier process know that. An engine in a
// virtual machine, as Docker Desktop has, does not lead there: then its containers reach
// that server by a name that the engine gives this machine.
func (f *Fleet) listenForClaims(ctx context.Context, network container.Network) (*claimServer, error) {
	host, port, err := net.SplitHostPort(f.Addr())
	if err != nil {
		return nil, fmt.Errorf("read the fleet's own address: %w", err)
	}
	c := &claimServer{url: "http://" + net.JoinHostPort(network.Gateway, port)}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return c, nil
	}
	c.listener, err = container.ListenOn(ctx, net.JoinHostPort(network.Gateway, port))
	if err != nil {
		f.cfg.Log.Warn("containers are told to claim at host.docker.internal, since their network's gateway is not an address of this machine; --claim-url names another one", "error", err.Error())
		c.url = "http://host.docker.internal:" + port
	}
	return c, nil
}

func (c *claimServer) serve(claim http.Handler, log *slog.Logger) {
	if c.listener == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("POST /runners/{id}/claim", claim)
	c.server = newServer(mux, log)
	go c.server.Serve(bound(c.listener, mostConnections, mostOfOne)) // ends with Close
}

func (c *claimServer) Close() {
	switch {
	case c.server != nil:
		_ = c.server.Close()
	case c.listener != nil:
		_ = c.listener.Close()
	}
}
