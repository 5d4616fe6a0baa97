package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Engine is a container engine that answers.
type Engine struct {
	client *client.Client
	name   string
}

// podman is what engines of that kind call themselves.
const podman = "Podman"

// answers is how long an engine may take for a question about itself.
const answers = 10 * time.Second

// Connect finds the engine at an address, such as unix:///run/podman/podman.sock.
// Without an address it takes that of DOCKER_HOST, or else the first usual socket that
// answers.
func Connect(ctx context.Context, host string) (*Engine, error) {
	if host == "" {
		host = os.Getenv(client.EnvOverrideHost)
	}
	hosts := usualHosts()
	if host != "" {
		hosts = []string{host}
	}
	var tried []string
	for _, h := range hosts {
		engine, err := connect(ctx, h)
		if err == nil {
			return engine, nil
		}
		tried = append(tried, fmt.Sprintf("%s (%s)", h, short(err)))
	}
	return nil, fmt.Errorf("no container engine answers at %s: start Docker or `podman system service`, or set DOCKER_HOST to its socket", strings.Join(tried, ", "))
}

func usualHosts() []string {
	hosts := []string{client.DefaultDockerHost}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		hosts = append(hosts, "unix://"+filepath.Join(dir, "podman", "podman.sock"))
	}
	return append(hosts, "unix:///run/podman/podman.sock")
}

func connect(ctx context.Context, host string) (*Engine, error) {
	c, err := client.New(client.WithHost(host), client.WithUserAgent("ecsrunner"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	if _, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	version, err := c.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	name := "Docker"
	for _, part := range version.Components {
		if strings.HasPrefix(part.Name, podman) {
			name = podman
		}
	}
	return &Engine{client: c, name: name + " " + version.Version}, nil
}

// Name is the engine's name and version, for people.
func (e *Engine) Name() string { return e.name }

// isPodman reports whether the engine is Podman, which keeps networks apart, but not
// the containers of one network.
func (e *Engine) isPodman() bool { return strings.HasPrefix(e.name, podman) }

// HostInfo is what an engine says about the machine that it runs containers on.
type HostInfo struct {
	CPUs      int
	MemoryMiB int
	Arch      fleet.Arch
	Rootless  bool
	Root      string // where the engine keeps containers, on its own machine
}

// Host describes the machine that the engine runs containers on.
func (e *Engine) Host(ctx context.Context) (HostInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	got, err := e.client.Info(ctx, client.InfoOptions{})
	if err != nil {
		return HostInfo{}, fmt.Errorf("ask %s about its machine: %w", e.name, err)
	}
	host := HostInfo{CPUs: got.Info.NCPU, MemoryMiB: int(got.Info.MemTotal >> 20), Arch: fleet.X64, Root: got.Info.DockerRootDir}
	if a := got.Info.Architecture; a == "aarch64" || a == "arm64" {
		host.Arch = fleet.ARM64
	}
	for _, option := range got.Info.SecurityOptions {
		host.Rootless = host.Rootless || strings.Contains(option, "rootless")
	}
	return host, nil
}

// absent reports whether the engine answered that there is no such thing.
func absent(err error) bool { return errdefs.IsNotFound(err) }

// short returns the last part of a long error text, which says what was wrong.
func short(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if i := strings.LastIndex(text, ": "); i >= 0 && len(text) > 80 {
		text = text[i+2:]
	}
	return text
}

// isConflict reports whether the thing exists already, or is in use.
func isConflict(err error) bool { return errdefs.IsConflict(err) || errdefs.IsAlreadyExists(err) }
