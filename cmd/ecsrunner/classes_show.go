package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/pools"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// shownClass is one class, what it costs, and its pools of warm runners. Its JSON is stable.
type shownClass struct {
	Name    string       `json:"class_name"`
	Default bool         `json:"default"`
	Size    fleet.Class  `json:"size"`
	Region  string       `json:"region"`                    // of the prices
	Hour    float64      `json:"usd_an_hour"`               // on demand
	Spot    float64      `json:"usd_an_hour_spot,omitzero"` // about, of a class on Spot
	Pools   []pools.Pool `json:"pools"`
}

func newClassesShow() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:   "show <class>",
		Short: "Show one class: its size, its price and its pools of warm runners",
		Long: `Show one class: its size, what an hour of it costs on Fargate, and its pools of warm
runners, with how many idle and why one is not full.`,
		Example: `  ecsrunner classes show medium
  ecsrunner classes show medium --stack ecsrunner-fleet --jq .pools`,
		Args: oneArg("class, as `ecsrunner classes list` prints it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd, &src, func(ctx context.Context, f *opened) (shownClass, error) { return showClass(ctx, f, args[0]) }, printClass)
		},
	}
	src.flags(cmd)
	return cmd
}

// showClass reads one class. A name that is none is a usage error.
func showClass(ctx context.Context, f *opened, name string) (shownClass, error) {
	settings, err := f.records.Settings(ctx)
	if err != nil {
		return shownClass{}, err
	}
	size, known := settings.ClassSizes[name]
	if !known {
		names := slices.Sorted(maps.Keys(settings.ClassSizes))
		return shownClass{}, usagef("there is no class %q; the fleet has %s%s", name, strings.Join(names, ", "), didYouMean(name, names))
	}
	book := price.In(f.region())
	c := shownClass{Name: name, Default: name == settings.DefaultClass, Size: size, Region: book.Region, Hour: book.Hour(size, fleet.Fargate), Pools: []pools.Pool{}}
	if size.Spot {
		c.Spot = book.Hour(size, fleet.FargateSpot)
	}
	all, err := pools.ReadAll(ctx, f.records, f.region(), time.Now())
	for _, p := range all {
		if p.Class == name {
			c.Pools = append(c.Pools, p)
		}
	}
	return c, err
}

func printClass(w io.Writer, c shownClass) error {
	costs := fmt.Sprintf("$%.4f an hour", c.Hour)
	if c.Spot > 0 {
		costs += fmt.Sprintf(", on Spot about $%.4f", c.Spot)
	}
	storage := ""
	if c.Size.EphemeralStorage > 0 {
		storage = fmt.Sprintf("%d GB", c.Size.EphemeralStorage)
	}
	readable.Fields(w, [][2]string{
		{"class", c.Name}, {"default", yes(c.Default)}, {"cpu", fmt.Sprintf("%d units", c.Size.CPU)}, {"memory", fmt.Sprintf("%d MiB", c.Size.Memory)},
		{"arch", string(c.Size.Arch)}, {"spot", yes(c.Size.Spot)}, {"storage", storage}, {"price", costs + " in " + c.Region}, {"warm runners", warmOf(c.Size.Warm)},
	})
	return printPools(w, screenOf(w), c.Pools)
}
