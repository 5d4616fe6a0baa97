package local

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
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
	// Network is the containers' network. If it is "" the fleet makes one, or one for
	// each container. There, containers do not reach each other, and of the fleet they
	// reach only what their claim and their hook ask.
	Network string
	// ClaimURL is where containers reach the fleet. If it is "", the fleet detects it,
	// which needs a network that it made.
	ClaimURL string
	// Doors lead to further servers of this machine, for containers in networks of their
	// own.
	Doors []*container.Door
}

// startPlatform connects what runs the tasks, and what builds their images.
func (f *Fleet) startPlatform(ctx context.Context) error {
	if f.cfg.Containers != nil {
		return f.startContainers(ctx)
	}
	if f.cfg.Tasks != nil {
		return f.openTasks(ctx, platform{kind: "a task"}, f.cfg.Tasks)
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
	c := f.cfg.Containers
	config := container.Config{
		Engine: c.Engine, FleetName: f.cfg.Policy.FleetName, Dir: f.cfg.DataDir, Network: c.Network,
		Grace: f.cfg.StopGrace, MaxLog: f.maxLog(), Log: f.cfg.Log,
	}
	if c.Network == "" {
		if err := f.startNetwork(ctx, &config); err != nil {
			return err
		}
	}
	runner, err := container.New(config)
	if err != nil {
		return err
	}
	if f.claims != nil && f.claims.door != nil {
		f.claims.containers = runner
	}
	if err := f.openTasks(ctx, platform{kind: "a container", images: f.store.Definition}, runner); err != nil {
		return err
	}
	f.builder = f.newBuilder(c.Engine, c.Images)
	return nil
}

// startNetwork makes the fleet's network, or gives each container a network of its own
// if the engine does not isolate the containers of one network from each other.
func (f *Fleet) startNetwork(ctx context.Context, config *container.Config) error {
	c := f.cfg.Containers
	made, err := EnsureNetwork(ctx, c.Engine, config.FleetName)
	if err != nil {
		return err
	}
	if c.ClaimURL == "" {
		if f.claims, err = f.listenForClaims(ctx, made); err != nil {
			return err
		}
	}
	switch {
	case made.Isolated:
		config.Network = made.Name
	case !made.Apart || f.claims != nil && !f.claims.atGateways:
		f.cfg.Log.Warn("jobs reach each other's ports: this engine does not keep the containers of a network from each other", "engine", c.Engine.Name(), "network", made.Name)
		config.Network = made.Name
	default:
		config.Doors = c.Doors
		if f.claims != nil {
			f.claims.url = "http://" + net.JoinHostPort(container.HostName, f.claims.port)
			if f.claims.door != nil {
				config.Doors = append([]*container.Door{f.claims.door}, config.Doors...)
			}
		}
	}
	return nil
}

// maxLog is the largest size of a task's log: what the entrypoint writes of the
// runner's output, and its own lines.
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
	return f.github.LatestRunner(ctx, p.FirstPlace())
}

// takeUpBuilds continues the builds of an earlier process.
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

// claimServer serves the claim and the hook's question to containers, and nothing else of the fleet.
type claimServer struct {
	url, port  string
	atGateways bool            // containers reach this machine at the gateways of their networks
	door       *container.Door // nil if containers reach the fleet's own server
	// containers are recognized by the addresses from which they reach the door; nil
	// without a door: through an engine's virtual machine or a proxy they come from
	// other addresses.
	containers *container.Runner

	ready  chan struct{} // closed once the server is there, or never will be
	begin  sync.Once
	server *http.Server
}

// listenForClaims listens where containers of a network reach this machine, on the port
// of the fleet's own server, because containers of an earlier process know that port.
// The gateway of an engine in a virtual machine, such as Docker Desktop's, does not
// lead there: its containers reach that server by a name that the engine gives this
// machine.
func (f *Fleet) listenForClaims(ctx context.Context, network container.Network) (*claimServer, error) {
	host, port, err := net.SplitHostPort(f.Addr())
	if err != nil {
		return nil, fmt.Errorf("read the fleet's own address: %w", err)
	}
	c := &claimServer{url: "http://" + net.JoinHostPort(network.Gateway, port), port: port, atGateways: true, ready: make(chan struct{})}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return c, nil
	}
	door := &container.Door{Port: port, Serve: c.serve}
	if err := door.Open(ctx, network.Gateway); err != nil {
		f.cfg.Log.Warn("containers are told to claim at host.docker.internal, since their network's gateway is not an address of this machine; --claim-url names another one", "error", err.Error())
		c.url, c.atGateways = "http://host.docker.internal:"+port, false
		return c, nil
	}
	c.door = door
	return c, nil
}

// serve answers claims once the server is there.
func (c *claimServer) serve(listener net.Listener) {
	if <-c.ready; c.server != nil {
		_ = c.server.Serve(bound(listener, mostConnections, mostOfOne)) // ends with Close
	}
}

func (c *claimServer) start(h claim.Handler, log *slog.Logger) {
	mux := http.NewServeMux()
	handleRunners(mux, h)
	c.begin.Do(func() {
		c.server = newServer(mux, log)
		close(c.ready)
	})
}

func (c *claimServer) Close() {
	if c.door != nil {
		c.door.Shut()
	}
	c.begin.Do(func() { close(c.ready) })
	if c.server != nil {
		_ = c.server.Close()
	}
}
