package runnerfleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// newBuildSource makes what image builds start from, and returns the Source of each
// image, by fleet.SourceOf. It comes before the functions, which get the Sources.
func newBuildSource(scope constructs.Construct, p Props, assets bundler) (awss3assets.Asset, map[string]string) {
	dir, err := os.MkdirTemp("", "ecsrunner-images-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) // the asset is a copy
	assembly, err := filepath.Abs(*awscdk.Stage_Of(scope).AssetOutdir())
	if err != nil {
		panic(err)
	}
	sources, err := fillBuildSource(p, assets, dir, assembly)
	if err != nil {
		panic(err)
	}
	return awss3assets.NewAsset(scope, jsii.String("BuildSource"), &awss3assets.AssetProps{Path: jsii.String(dir)}), sources
}

// fillBuildSource fills a folder. assembly is where the app is written to, which may be
// in a build context.
func fillBuildSource(p Props, assets bundler, dir, assembly string) (map[string]string, error) {
	if err := assets.collect(p, dir, assembly); err != nil {
		return nil, err
	}
	sources, err := sourcesOf(p.Config, dir)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(sources)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", runner.SourcesFile, err)
	}
	// It also changes the asset where only the mode of a file or its line ends change, which
	// the CDK does not look at.
	return sources, os.WriteFile(filepath.Join(dir, runner.SourcesFile), encoded, 0o644)
}

// sourcesOf hashes what images are made of, as it was collected.
func sourcesOf(c Config, dir string) (map[string]string, error) {
	in := runner.Inputs{BaseImage: c.RunnerBaseImage, Sudo: c.RunnerSudo, Format: formatOf(c), Archs: archs(c), Entrypoint: map[fleet.Arch]string{}, Extra: map[string]runner.Folder{}}
	for arch, name := range map[fleet.Arch]string{fleet.X64: "entrypoint-amd64", fleet.ARM64: "entrypoint-arm64"} {
		program, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(program)
		in.Entrypoint[arch] = hex.EncodeToString(sum[:])
	}
	for label, path := range c.ExtraRunnerImages {
		in.Extra[label] = runner.Folder{Dir: filepath.Join(dir, "extra", filepath.FromSlash(label)), Dockerfile: filepath.Base(filepath.FromSlash(path))}
	}
	return runner.Sources(in)
}

// formatOf is the format of images. It is a part of their hash, so that another format has
// them built anew.
func formatOf(c Config) string {
	if c.SOCIIndex {
		return "soci"
	}
	return string(c.ImageCompression)
}

func hasARM(c Config) bool { return slices.Contains(archs(c), fleet.ARM64) }

// archs are those of the classes.
func archs(c Config) (all []fleet.Arch) {
	for _, arch := range []fleet.Arch{fleet.X64, fleet.ARM64} {
		for _, class := range c.RunnerClassSizes {
			if class.Arch == arch {
				all = append(all, arch)
				break
			}
		}
	}
	return all
}
