package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// How runners are run on this machine.
const (
	engineAuto    = "" // containers where an engine is reachable
	engineDocker  = "docker"
	engineProcess = "process"
)

// engineFlags say how runners are run on this machine.
type engineFlags struct {
	engine, network, claimURL string
}

func (e *engineFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&e.engine, "engine", engineAuto, "docker (containers, by Docker or Podman) or process (default: docker if an engine is reachable)")
	cmd.Flags().StringVar(&e.network, "container-network", "", "network of the containers (default: one of the fleet's own)")
	cmd.Flags().StringVar(&e.claimURL, "claim-url", "", "address of this fleet as containers reach it (default: detected)")
}

// check refuses combinations of flags that make no sense.
func (e *engineFlags) check() error {
	switch e.engine {
	case engineAuto, engineDocker, engineProcess:
	default:
		return usagef("--engine %s: use docker or process", e.engine)
	}
	if e.engine == engineProcess && (e.network != "" || e.claimURL != "") {
		return usagef("--container-network and --claim-url are for containers: leave out --engine process")
	}
	if e.claimURL != "" {
		if u, err := url.Parse(e.claimURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return usagef("--claim-url %s: use http://host:port", e.claimURL)
		}
	}
	return nil
}

// connect finds the container engine, nil if runners are to be processes.
func (e *engineFlags) connect(ctx context.Context, cmd *cobra.Command) (*container.Engine, error) {
	if e.engine == engineProcess {
		return nil, nil
	}
	found, err := container.Connect(ctx, "")
	switch {
	case err == nil:
		return found, nil
	case e.engine == engineDocker || e.network != "" || e.claimURL != "":
		return nil, usagef("--engine docker: %w", err)
	}
	cmd.PrintErrln("no container engine is reachable: runners are plain processes of your user, and image: jobs are refused")
	return nil, nil
}

// fitToEngine limits the policy to the engine's processor.
func fitToEngine(ctx context.Context, policy *fleet.Policy, found *container.Engine) error {
	host, err := found.Host(ctx)
	if err != nil {
		return err
	}
	return onlyOf(policy, host.Arch, found.Name()+" runs containers of that only")
}

// withContainers makes a fleet run its runners as containers of the engine, and puts
// into its policy what the images are made of.
func withContainers(ctx context.Context, cfg *local.Config, found *container.Engine, e engineFlags, images local.Images) error {
	arch := hostArch()
	entrypoint, err := staticProgram(ctx, filepath.Join(cfg.DataDir, "programs"), entrypointName)
	if err != nil {
		return err
	}
	sum, err := hashOf(entrypoint)
	if err != nil {
		return err
	}
	images.Entrypoint = map[string]string{runtime.GOARCH: entrypoint}
	images.Network = e.network
	cfg.Policy.ImageSources, err = runner.Sources(runner.Inputs{
		BaseImage: images.BaseImage, Sudo: images.Sudo, Archs: []fleet.Arch{arch},
		Entrypoint: map[fleet.Arch]string{arch: sum}, Extra: images.Extra,
	})
	if err != nil {
		return err
	}
	cfg.Containers = &local.Containers{Engine: found, Images: images, Network: e.network, ClaimURL: e.claimURL}
	return nil
}

// unpublished says that images of this machine have no format, "" if none is asked for.
func unpublished(file config.Config) string {
	var keys []string
	if file.ImageCompression != fleet.CompressionGzip {
		keys = append(keys, "image_compression")
	}
	if file.SOCIIndex {
		keys = append(keys, "soci_index")
	}
	if len(keys) == 0 {
		return ""
	}
	return strings.Join(keys, " and ") + ": for images on AWS; those of this machine stay in its engine, which keeps them unpacked"
}

// imagesOf is what a configuration makes images of; paths are relative to its file.
func imagesOf(file config.Config, path string) local.Images {
	images := local.Images{BaseImage: file.RunnerBaseImage, Sudo: file.RunnerSudo, Extra: map[string]runner.Folder{}}
	for label, dockerfile := range file.ExtraRunnerImages {
		full := filepath.Join(filepath.Dir(path), filepath.FromSlash(dockerfile))
		images.Extra[label] = runner.Folder{Dir: filepath.Dir(full), Dockerfile: filepath.Base(full)}
	}
	return images
}

func hashOf(path string) (string, error) {
	hash := sha256.New()
	if err := copyTo(hash, path); err != nil {
		return "", fmt.Errorf("read the entrypoint: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
