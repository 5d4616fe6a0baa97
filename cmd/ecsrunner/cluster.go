package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func newCluster() *cobra.Command {
	return group("cluster", "The fleet as a whole", newClusterStatus())
}

func newClusterStatus() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:   "status [<cluster>]",
		Short: "Show the fleet at a glance",
		Long: `Show the fleet at a glance. On one machine a data directory has one fleet; its
name may be given as <cluster> to be sure that it is the one meant.`,
		Example: `  ecsrunner cluster status
  ecsrunner cluster status fleet --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%s takes at most one cluster; see `%s --help`", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd, &src, func(ctx context.Context, store *sqlite.Store) (report.Cluster, error) {
				cluster, err := report.ClusterStatus(ctx, store)
				if err != nil {
					return cluster, err
				}
				if len(args) == 1 && args[0] != cluster.FleetName {
					return cluster, usagef("cluster %q is not here: the data directory belongs to fleet %q; name that, or another --data-dir", args[0], cluster.FleetName)
				}
				dir, err := src.directory()
				cluster.Running = err == nil && local.IsServed(dir)
				return cluster, err
			}, printCluster)
		},
	}
	src.flags(cmd)
	return cmd
}

func printCluster(w io.Writer, c report.Cluster) error {
	state := "not running"
	if c.Running {
		state = "running, listening on " + c.Listen
	}
	printFields(w, [][2]string{
		{"fleet", c.FleetName}, {"state", state}, {"engine", c.Engine}, {"repositories", strings.Join(c.Repositories, ", ")},
		{"open runners", fmt.Sprintf("%d of at most %d", c.OpenRunners, c.MaxRunners)},
		{"waiting", fmt.Sprintf("%d runs wait for room", c.WaitingForRoom)},
		{"runners", newest(c.RunnersBy)}, {"runs", newest(c.RunsBy)}, {"repairs", counts(c.Repairs)},
	})
	return nil
}

// newest is counts of what a bounded list had, and says so if that was full.
func newest[K ~string](by map[K]int) string {
	total := 0
	for _, n := range by {
		total += n
	}
	if total < report.MostListed {
		return counts(by)
	}
	return fmt.Sprintf("%s (of the newest %d)", counts(by), report.MostListed)
}

func counts[K ~string](by map[K]int) string {
	var parts []string
	for status, n := range by {
		parts = append(parts, fmt.Sprintf("%s %d", status, n))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return "none yet"
	}
	return strings.Join(parts, ", ")
}

func newListClassSizes() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:   "list-class-sizes",
		Short: "List the classes that jobs may ask for by class:<name>",
		Long: `List the classes that jobs may ask for by class:<name>, the smallest first, as
the fleet last served them.`,
		Example: `  ecsrunner list-class-sizes`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return src.read(cmd.Context(), func(store *sqlite.Store) error {
				settings, err := store.Settings(cmd.Context())
				if err != nil {
					return err
				}
				if src.json {
					return printJSON(cmd.OutOrStdout(), settings.ClassSizes)
				}
				return printClasses(cmd.OutOrStdout(), settings)
			})
		},
	}
	src.flags(cmd)
	return cmd
}

func printClasses(w io.Writer, s report.Settings) error {
	names := make([]string, 0, len(s.ClassSizes))
	for name := range s.ClassSizes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return bySize(s.ClassSizes[a], s.ClassSizes[b], a, b) })
	t := newTable(w, "CLASS", "CPU (UNITS)", "MEMORY (MIB)", "ARCH", "SPOT", "DEFAULT")
	for _, name := range names {
		c := s.ClassSizes[name]
		t.row(name, c.CPU, c.Memory, c.Arch, yes(c.Spot), yes(name == s.DefaultClass))
	}
	return t.flush()
}

func bySize(a, b fleet.Class, nameA, nameB string) int {
	if a.CPU != b.CPU {
		return a.CPU - b.CPU
	}
	if a.Memory != b.Memory {
		return a.Memory - b.Memory
	}
	return strings.Compare(nameA, nameB)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
