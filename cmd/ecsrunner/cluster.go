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
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/pools"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func newCluster() *cobra.Command {
	return group("cluster", "The fleet as a whole", newClusterStatus())
}

// cluster is the fleet at a glance, with its pools. Its JSON is stable.
type cluster struct {
	report.Cluster
	Pools []pools.Pool `json:"pools,omitempty"` // of warm runners
}

func newClusterStatus() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:   "status [<cluster>]",
		Short: "Show the fleet at a glance",
		Long: `Show the fleet at a glance; the pools of warm runners, with why one is not full; and the
holds: what keeps runs from being launched, since when, and which runner tries next whether
it is over.

A data directory or a stack has one fleet; its name, or on AWS that of its ECS cluster,
may be given as <cluster> to be sure that it is the one meant.`,
		Example: `  ecsrunner cluster status
  ecsrunner cluster status fleet --json
  ecsrunner cluster status --stack ecsrunner-fleet --region eu-central-1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%s takes at most one cluster; see `%s --help`", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd, &src, func(ctx context.Context, f *opened) (c cluster, err error) {
				now := time.Now()
				if c.Cluster, err = report.ClusterStatus(ctx, f.records, now); err != nil {
					return c, err
				}
				if c.Pools, err = pools.ReadAll(ctx, f.records, f.region(), now); err != nil {
					return c, err
				}
				if f.cloud != nil {
					c.OnAWS, c.Running = f.cloud.place(), true
				} else {
					c.Running = datadir.IsServed(f.dir)
					if health, err := (control.Client{Dir: f.dir}).Health(ctx); err == nil {
						c.Health = &health
					}
				}
				if len(args) == 1 && args[0] != c.FleetName && (args[0] != c.ECSCluster || args[0] == "") {
					return c, usagef("cluster %q is not here: %s", args[0], whoseItIs(f, c.Cluster))
				}
				if f.cloud != nil && c.StartedAt.IsZero() {
					cmd.PrintErrln("the fleet has not told its settings yet: it does within a minute of its deployment")
				}
				return c, nil
			}, printCluster)
		},
	}
	src.flags(cmd)
	return cmd
}

// whoseItIs says which fleet is in the named place.
func whoseItIs(f *opened, c report.Cluster) string {
	switch {
	case f.cloud == nil:
		return fmt.Sprintf("the data directory belongs to fleet %q; name that, or another --data-dir", c.FleetName)
	case c.Stack != "":
		return fmt.Sprintf("stack %s has fleet %q on ECS cluster %q; name one of these, or another --stack", c.Stack, c.FleetName, c.ECSCluster)
	}
	return fmt.Sprintf("the table belongs to fleet %q; name that, or another table by %s", c.FleetName, recordsTable.variable)
}

func printCluster(w io.Writer, c cluster) error {
	room := fmt.Sprint(c.OpenRunners)
	if c.MaxRunners > 0 {
		room = fmt.Sprintf("%d of at most %d", c.OpenRunners, c.MaxRunners)
	}
	left, asked, putOff := gitHubOf(c.GitHub)
	readable.Fields(w, [][2]string{
		{"fleet", c.FleetName}, {"state", stateOf(c.Cluster)}, {"records", apiOf(c.Cluster)}, {"last write", lastWrite(c.Cluster)}, {"last sweep", lastSweep(c.Cluster)}, {"paused", pausedOf(c.Cluster)}, {"webhook", c.WebhookURL}, {"ecs cluster", c.ECSCluster}, {"engine", c.Engine},
		{"repositories", c.Serves()}, {"open runners", room}, {"left out", leftOut(c.SubnetsLeftOut)},
		{"waiting", fmt.Sprintf("%d runs wait for room", c.WaitingForRoom)}, {"rules", ruleShares(c.Rules)},
		{"runners", newest(c.RunnersBy)}, {"runs", newest(c.RunsBy)}, {"repairs", counts(c.Repairs)},
		{"github", left}, {"token", expiryOf(c.GitHub)}, {"requests", asked}, {"put off", putOff},
	})
	if err := printPools(w, screenOf(w), c.Pools); err != nil {
		return err
	}
	return printHolds(w, c.Holds)
}

// ruleShares is how many runners each rule has that has a limit, "" if none has one.
func ruleShares(rules []report.RuleShare) string {
	each := make([]string, len(rules))
	for i, r := range rules {
		each[i] = fmt.Sprintf("%s %d of at most %d runners", r.Name, r.OpenRunners, r.MaxRunners)
		if r.Waiting > 0 {
			each[i] += fmt.Sprintf(", %d runs wait", r.Waiting)
		}
	}
	return strings.Join(each, "; ")
}

// printHolds shows what keeps runs from being launched; it prints nothing if there is
// nothing.
func printHolds(w io.Writer, holds []report.Hold) error {
	if len(holds) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := readable.NewTable(w, "HOLD", "WHOSE", "SINCE", "FAILED", "NEXT TRY", "SOONER AFTER", "REASON")
	for _, h := range holds {
		next := day(h.Next)
		if len(h.Trying) > 0 {
			next = strings.Join(h.Trying, ", ")
		}
		t.Row(h.Key, h.Whose, day(h.Since), h.Failed, next, h.Sooner, h.Reason)
	}
	return t.Flush()
}

// gitHubOf is what is left of GitHub's limits, what this hour's requests were for, and
// what the sweep has put off; "" if that is not known, or there is nothing.
func gitHubOf(u *fleet.GitHubUsage) (left, asked, putOff string) {
	if u == nil {
		return "", "", ""
	}
	var budgets []string
	for _, b := range u.Budgets {
		budgets = append(budgets, fmt.Sprintf("%d of %d requests left until %s", b.Left(u.At), b.Limit, b.Reset.UTC().Format("15:04 UTC")))
	}
	kinds := maps.Clone(u.Asked)
	if kinds == nil {
		kinds = map[string]int{}
	}
	if n, known := u.Others(); known {
		kinds["claims_launches_and_others"] = n
	}
	asked = fmt.Sprintf("since %s: %s", u.Since.UTC().Format("15:04 UTC"), counts(kinds))
	if u.Unchanged > 0 {
		asked += fmt.Sprintf("; %d lists had not changed and were free", u.Unchanged)
	}
	if len(u.PutOff) > 0 {
		putOff = counts(u.PutOff)
	}
	return strings.Join(budgets, ", "), asked, putOff
}

// expiryOf says when the first token expires or expired, "" if none does.
func expiryOf(u *fleet.GitHubUsage) string {
	if u == nil {
		return ""
	}
	var first fleet.Budget
	for _, b := range u.Budgets {
		if !b.Expires.IsZero() && (first.Expires.IsZero() || b.Expires.Before(first.Expires)) {
			first = b
		}
	}
	switch at := first.Expires.UTC().Format("2006-01-02 15:04 UTC"); {
	case first.Expires.IsZero():
		return ""
	case !u.At.Before(first.Expires):
		return "expired at " + at + ": store a new one"
	case first.ExpiresSoon(u.At):
		return "expires at " + at + ": store a new one before"
	default:
		return "expires at " + at
	}
}

// leftOut is the subnets into which no runners are launched for a while, "" if there
// are none.
func leftOut(subnets map[string]time.Time) string {
	var each []string
	for _, id := range slices.Sorted(maps.Keys(subnets)) {
		each = append(each, fmt.Sprintf("%s had no room, until %s", id, subnets[id].UTC().Format("15:04 UTC")))
	}
	return strings.Join(each, ", ")
}

func stateOf(c report.Cluster) string {
	switch {
	case c.Stack != "":
		return "deployed as stack " + c.Stack + " in " + c.Region
	case c.Region != "":
		return "deployed in " + c.Region
	case c.Running && c.Health != nil && c.Health.Status != local.HealthOK:
		return c.Health.Status + ", listening on " + c.Listen
	case c.Running:
		return "running, listening on " + c.Listen
	}
	return "not running"
}

// apiOf is where a fleet on this machine serves its records.
func apiOf(c report.Cluster) string {
	if !c.Running || c.APIListen == "" {
		return ""
	}
	return "http://" + c.APIListen + "/api/runs"
}

// lastWrite is why records cannot be written just now, "" if they can.
func lastWrite(c report.Cluster) string {
	if c.Health == nil {
		return ""
	}
	return troubleOf(c.Health.LastWriteError)
}

// lastSweep is what the last sweep left undone, "" if nothing.
func lastSweep(c report.Cluster) string {
	switch {
	case c.Health != nil:
		return troubleOf(c.Health.LastSweepError)
	case c.GitHub != nil && c.GitHub.Failed != "":
		return troubleOf(&report.Trouble{At: c.GitHub.At, Error: c.GitHub.Failed})
	}
	return ""
}

func troubleOf(t *report.Trouble) string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("failed at %s: %s", day(t.At), t.Error)
}

func pausedOf(c report.Cluster) string {
	if c.Paused == "" {
		return ""
	}
	by := ""
	if c.PausedBy != "" {
		by = ", by " + c.PausedBy
	}
	return fmt.Sprintf("%s, since %s%s", c.Paused, day(c.PausedAt), by)
}

// newest counts what a bounded list had, and says so if the list was full.
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

func newClasses() *cobra.Command {
	return group("classes", "The classes that jobs may ask for", newClassesList(), newClassesShow())
}

func newClassesList() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the classes that jobs may ask for by class:<name>",
		Long: `List the classes that jobs may ask for by class:<name>, the smallest first: on AWS
as they are in the fleet's parameter, and on one machine as the fleet last served
them.`,
		Example: `  ecsrunner classes list
  ecsrunner classes list --stack ecsrunner-fleet --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return src.readWithout(cmd.Context(), func(f *opened) error {
				settings, err := classesOf(cmd.Context(), f)
				if err != nil {
					return err
				}
				if src.json {
					if settings.ClassSizes == nil {
						settings.ClassSizes = map[string]fleet.Class{}
					}
					return printJSON(cmd.OutOrStdout(), settings.ClassSizes)
				}
				if len(settings.ClassSizes) == 0 {
					cmd.PrintErrln("no classes yet: a fleet records them when it is first served, by `ecsrunner local`")
					return nil
				}
				return printClasses(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()), settings)
			})
		},
	}
	src.flags(cmd)
	return cmd
}

// classesOf reads the class sizes. On AWS they are in a parameter, so without a table
// only the default class is unknown.
func classesOf(ctx context.Context, f *opened) (report.Settings, error) {
	if f.cloud == nil || f.cloud.has(recordsTable) != "" && f.cloud.has(classSizesParam) != "" {
		return f.records.Settings(ctx)
	}
	if _, err := f.cloud.value(classSizesParam); err != nil {
		return report.Settings{}, err
	}
	classes, err := f.cloud.source().classes.Get(ctx)
	return report.Settings{ClassSizes: classes}, err
}

func printClasses(w io.Writer, screen readable.Screen, s report.Settings) error {
	names := make([]string, 0, len(s.ClassSizes))
	for name := range s.ClassSizes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return bySize(s.ClassSizes[a], s.ClassSizes[b], a, b) })
	list := readable.NewList(w, screen, readable.Column{Name: "CLASS"}, readable.Column{Name: "CPU (UNITS)"}, readable.Column{Name: "MEMORY (MIB)"},
		readable.Column{Name: "ARCH"}, readable.Column{Name: "SPOT"}, readable.Column{Name: "DEFAULT"}, readable.Column{Name: "WARM RUNNERS", Least: 12, Drop: 1})
	for _, name := range names {
		c := s.ClassSizes[name]
		list.Row(name, c.CPU, c.Memory, c.Arch, yes(c.Spot), yes(name == s.DefaultClass), warmOf(c.Warm))
	}
	return list.Flush()
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
