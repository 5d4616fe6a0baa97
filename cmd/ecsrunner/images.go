package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func newImages() *cobra.Command {
	return group("images", "List and build the images that runners run in", newImagesList(), newImagesBuild(), newImagesDelete(), formerly("rm", newImagesDelete()), newImagesRefresh())
}

func newImagesList() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the images, with their revision in use and what is wrong with them",
		Long: `List the images: the base image, those of extra_runner_images, and those that jobs
have asked for with image: labels.

STATUS is ready (jobs run in it), building (jobs wait for it), failed (its build
failed: jobs that want it wait, RETRYING, and one of them tries again after 5, 10 and
30 minutes, then hourly), outdated (GitHub gives no jobs to its runner: the next
revision is built first) or missing. BUILDING shows a build that is under way, also
while a revision serves.`,
		Example: `  ecsrunner images list --stack ecsrunner-fleet
  ecsrunner images list --data-dir ./data --json | jq -r '.[] | select(.failure) | .image'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return src.read(cmd.Context(), func(f *opened) error {
				images, err := report.Images(cmd.Context(), f.records, time.Now())
				if err != nil {
					return err
				}
				if src.json {
					return printJSON(cmd.OutOrStdout(), images)
				}
				if len(images) == 0 {
					cmd.PrintErrln("no images yet: the fleet's sweep begins to build those of the configuration within a minute")
				}
				return printImages(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()), images, time.Now())
			})
		},
	}
	src.flags(cmd)
	return cmd
}

func printImages(w io.Writer, screen readable.Screen, images []report.Image, now time.Time) error {
	list := readable.NewList(w, screen,
		readable.Column{Name: "IMAGE", Least: 16}, readable.Column{Name: "ARCH", Drop: 5}, readable.Column{Name: "STATUS"}, readable.Column{Name: "BUILDING", Drop: 1},
		readable.Column{Name: "REVISION", Drop: 6}, readable.Column{Name: "RUNNER", Drop: 4}, readable.Column{Name: "BUILT", Drop: 3}, readable.Column{Name: "USED", Drop: 7},
		readable.Column{Name: "TAG", Drop: 8}, readable.Column{Name: "REASON", Least: 16, Drop: 2})
	for _, i := range images {
		building, revision := "", ""
		if i.Building {
			building = "yes"
		}
		if i.Revision > 0 {
			revision = fmt.Sprint(i.Revision)
		}
		list.Row(shortImage(i.Image), i.Arch, i.Status, building, revision, i.RunnerVersion, when(i.BuiltAt, screen, now), when(i.UsedAt, screen, now), i.Tag, i.Reason())
	}
	return list.Flush()
}

func newImagesDelete() *cobra.Command {
	var src source
	var why reason
	var consent consent
	cmd := &cobra.Command{
		Use:   "delete <tag>",
		Short: "Delete an image with all its revisions",
		Long: `Delete an image with all its revisions. Jobs that run in it go on. The next job that
wants it has it built anew; the base image and extra images are built anew at once.

On a terminal it asks first; in a script --yes is needed. --dry-run says what would be
deleted, and changes nothing.`,
		Example: `  ecsrunner images delete 0a4b6cb0b5a6f0e2f7f2b8f6f6a5c1d3 --stack ecsrunner-fleet`,
		Args:    oneArg("tag, as `ecsrunner images list` prints it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := why.operator(cmd)
			if err := errors.Join(err, consent.possible(cmd)); err != nil {
				return err
			}
			plan, err := planRemoval(cmd.Context(), &src, args[0])
			if err != nil {
				return err
			}
			if consent.dryRun {
				return plan.print(cmd, src.json)
			}
			if err := consent.given(cmd, "Delete from "+src.at(plan.FleetName)+": "+plan.Would+"."); err != nil {
				return err
			}
			operator, err := src.operator(cmd.Context())
			if err != nil {
				return err
			}
			removed, err := operator.RemoveImage(cmd.Context(), args[0], by)
			if err != nil {
				return err
			}
			image := report.ImageOf(removed, false)
			if src.json {
				return printJSON(cmd.OutOrStdout(), image)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "image %s is deleted\n", readable.Plain(shortImage(image.Image)))
			return nil
		},
	}
	src.flags(cmd)
	why.flag(cmd)
	consent.flags(cmd)
	return cmd
}

// removal is what rm would delete now.
type removal struct {
	FleetName string `json:"fleet_name"`
	Tag       string `json:"tag"`
	Image     string `json:"image"`
	Revisions int    `json:"revisions"` // that were built; old ones may be gone already
	Would     string `json:"would"`
}

// planRemoval reads what rm would delete. As rm, it fails for an image that is not known,
// and for a fleet that builds none.
func planRemoval(ctx context.Context, src *source, tag string) (plan removal, err error) {
	err = src.read(ctx, func(f *opened) error {
		settings, err := f.records.Settings(ctx)
		if err == nil {
			err = buildsImages(settings)
		}
		if err == nil {
			err = isServed(ctx, f)
		}
		if err != nil {
			return err
		}
		record, known, err := f.records.Image(ctx, tag)
		if err != nil {
			return err
		}
		if !known {
			return operate.ErrNoImage{Tag: tag}
		}
		plan = removal{FleetName: settings.FleetName, Tag: tag, Image: record.Spec.String(), Revisions: record.Revision}
		plan.Would = fmt.Sprintf("image %s (%s) with its %s; the next job that wants it has it built anew", shortImage(plan.Image), record.Spec.Arch, number(plan.Revisions, "revision"))
		return nil
	})
	return plan, err
}

func (p removal) print(cmd *cobra.Command, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), p)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "would delete %s\n", readable.Plain(p.Would))
	cmd.PrintErrln("dry run: nothing was changed")
	return nil
}

func newImagesRefresh() *cobra.Command {
	var src source
	var all bool
	var why reason
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Bring images up to date: GitHub's latest runner, and with --all their base images",
		Long: `Ask GitHub now for its latest runner, which the fleet does once a day by itself, and
build the next revision of each image with an older one. With --all the next revision
of every image is built that jobs have used in the last 30 days, so that each begins
with its base image as that is now.

The fleet builds a few at a time in the background, and the revisions that there are
serve meanwhile. With a pinned runner_version only --all builds something.`,
		Example: `  ecsrunner images refresh --stack ecsrunner-fleet
  ecsrunner images refresh --all --data-dir ./data`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			by, err := why.operator(cmd)
			if err != nil {
				return err
			}
			err = src.read(cmd.Context(), func(f *opened) error {
				settings, err := f.records.Settings(cmd.Context())
				if err == nil {
					err = buildsImages(settings)
				}
				return err
			})
			if err != nil {
				return err
			}
			operator, err := src.operator(cmd.Context())
			if err != nil {
				return err
			}
			result, err := operator.RefreshImages(cmd.Context(), all, by)
			if err != nil {
				return err
			}
			if src.json {
				return printJSON(cmd.OutOrStdout(), result)
			}
			if all {
				fmt.Fprintf(cmd.OutOrStdout(), "fleet %s builds the next revision of %d images; `ecsrunner images list` shows how far it is\n", result.FleetName, len(result.Images))
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "fleet %s asks GitHub for its latest runner within a minute; `ecsrunner images list` shows what it then builds\n", result.FleetName)
			return nil
		},
	}
	src.flags(cmd)
	why.flag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "build the next revision of every image, whatever its runner")
	return cmd
}

// settled is the state of an image once a build that was asked for has ended.
func settled(ctx context.Context, f *opened, before fleet.ImageRecord) (image report.Image, over bool, err error) {
	image, err = report.ShowImage(ctx, f.records, before.Tag, time.Now())
	return image, image.Revision > before.Revision || image.Failure != "", err
}
