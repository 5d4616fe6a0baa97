package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/logs"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func newImagesBuild() *cobra.Command {
	var src source
	var arch string
	var detach bool
	var why reason
	cmd := &cobra.Command{
		Use:   "build <image>",
		Short: "Build the next revision of an image, and watch it",
		Long: `Build the next revision of an image, and print what the build says. <image> is base
or the tag of the base image, the label of an extra image, or what an image: label
names, such as node:22-bookworm. Jobs go on in the revision that there is, and get
the new one as soon as it is built. A failure that is remembered is forgotten.

The fleet's sweep starts the build, within a minute. Ctrl-C ends the watching, not
the build.`,
		Example: `  ecsrunner images build base --stack ecsrunner-fleet
  ecsrunner images build node:22-bookworm --arch arm64 --data-dir ./data`,
		Args: oneArg("image: base, the label of an extra image, or one of a registry as name:tag"),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := why.operator(cmd)
			if err != nil {
				return err
			}
			return src.read(cmd.Context(), func(f *opened) error {
				settings, err := f.records.Settings(cmd.Context())
				if err != nil {
					return err
				}
				spec, err := imageNamed(settings, args[0], arch)
				if err != nil {
					return err
				}
				operator, err := src.operator(cmd.Context())
				if err != nil {
					return err
				}
				before, err := operator.BuildImage(cmd.Context(), spec, by)
				if err != nil {
					return err
				}
				cmd.PrintErrf("asked for revision %d of %s (%s)\n", before.Revision+1, readable.Plain(shortImage(spec.String())), spec.Arch)
				if !detach {
					return watchBuild(cmd, f, buildLog(f, settings.FleetName, before), before, src.json)
				}
				image, err := report.ShowImage(cmd.Context(), f.records, before.Tag, time.Now())
				if err != nil || !src.json {
					return err
				}
				return printJSON(cmd.OutOrStdout(), image)
			})
		},
	}
	src.flags(cmd)
	why.flag(cmd)
	cmd.Flags().StringVar(&arch, "arch", "", "x64 or arm64 (default: that of the default class)")
	cmd.Flags().BoolVar(&detach, "detach", false, "ask for the build and do not wait for it")
	return cmd
}

func imageNamed(settings report.Settings, name, arch string) (fleet.ImageSpec, error) {
	if err := buildsImages(settings); err != nil {
		return fleet.ImageSpec{}, err
	}
	if arch == "" {
		arch = string(settings.Policy.DefaultArch())
	}
	if arch != string(fleet.X64) && arch != string(fleet.ARM64) {
		return fleet.ImageSpec{}, usagef("--arch %s: use x64 or arm64", arch)
	}
	spec, err := settings.Policy.ImageNamed(name, fleet.Arch(arch))
	if err != nil {
		return spec, usageError{err}
	}
	return spec, nil
}

// buildsImages fails for a fleet that has no image builds.
func buildsImages(settings report.Settings) error {
	switch {
	case settings.Policy == nil:
		return errUntold
	case settings.Policy.NoImages != "":
		return errors.New(settings.Policy.NoImages)
	}
	return nil
}

// watchBuild prints a build's output until it has ended, and then its result.
func watchBuild(cmd *cobra.Command, f *opened, log liveLog, before fleet.ImageRecord, asJSON bool) error {
	ctx := cmd.Context()
	err := follow(ctx, log, linesTo(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr())), sleep)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		cmd.PrintErrln("the build goes on; `ecsrunner images list` shows how it ends")
		return exitCode(exitFailure)
	}
	image, _, err := settled(ctx, f, before)
	switch {
	case err != nil:
		return err
	case asJSON:
		err = printJSON(cmd.OutOrStdout(), image)
	case image.Revision > before.Revision:
		fmt.Fprintf(cmd.OutOrStdout(), "revision %d of %s is built, with runner %s\n", image.Revision, readable.Plain(shortImage(image.Image)), image.RunnerVersion)
	}
	if err == nil && image.Revision <= before.Revision {
		return fmt.Errorf("build %s: %s", readable.Plain(shortImage(image.Image)), readable.Plain(image.Failure))
	}
	return err
}

// buildLog is the output of the build of an image's next revision, once it has begun.
func buildLog(f *opened, fleetName string, before fleet.ImageRecord) liveLog {
	log := liveLog{pace: time.Second / 2, late: 1}
	if f.cloud != nil {
		log.pace, log.late = 2*time.Second, 3
	}
	var now report.Image
	log.over = func(ctx context.Context) (over bool, err error) {
		now, over, err = settled(ctx, f, before)
		return over, err
	}
	var from int64
	var stream *logs.Stream
	log.read = func(ctx context.Context, _ bool, line func(string) error) (n int, err error) {
		switch {
		case now.BuildID == "" || now.BuildID == before.BuildID:
			return 0, nil
		case f.cloud == nil:
			n, from, err = readFile(local.BuildLogPath(f.dir, now.BuildID), from, true, line)
			if errors.Is(err, os.ErrNotExist) {
				err = nil // the build could not even begin: its failure says why
			}
			return n, err
		case stream == nil:
			stream = f.cloud.buildLog(fleetName, now.BuildID)
		}
		if n, err = stream.Read(ctx, line); errors.As(err, new(logs.NoStream)) {
			err = nil // it waits for a machine
		}
		return n, err
	}
	return log
}

// buildLog is the stream of a build on AWS.
func (c *cloud) buildLog(fleetName, buildID string) *logs.Stream {
	return &logs.Stream{
		Logs: cloudwatchlogs.NewFromConfig(c.config), Group: deployment.BuildLogGroup(fleetName),
		Name: buildID[strings.LastIndexByte(buildID, ':')+1:],
	}
}
