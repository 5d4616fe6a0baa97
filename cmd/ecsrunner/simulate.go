package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/forecast"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

// standardInput is the name of a workload that is read from there.
const standardInput = "-"

// simulateFlags say what to simulate.
type simulateFlags struct {
	config, workload, faults string
	vary, chart              string
	seed                     uint64
	json                     bool
}

func newSimulate() *cobra.Command {
	var flags simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Say what a week of jobs would have waited and cost on a fleet, by simulation",
		Long: `Say what a week of jobs would have waited and cost on a fleet, by simulation.

It is a forecast and no measurement: the fleet's own state machine, steps, webhook, claim
and sweep run in virtual time, over a simulated GitHub and AWS. No job runs, nothing is
started, and neither GitHub nor AWS is asked. What the numbers rest on is printed with them.

--workload is burst (200 jobs in two minutes), day (400 jobs of a working day), or a CSV
file of jobs that GitHub has had, with the columns created_at, started_at, completed_at,
repository and labels, which have semicolons between them. docs/simulate.md says how to
export it. --faults rough adds what goes wrong in a bad week; a file has the faults of a
scenario of docs/simulation.md. --vary prints a row for each value of a number or time of
the configuration, and with warm=0,1,2 for so many idle runners of each class that keeps
some, or of the default class (warm.CLASS=0,1,2: of that class).

Without --config it is ECSRUNNER_CONFIG or fleet.yaml if there is one, else the default
configuration for the repositories of the workload. One seed gives the same output on
every machine.`,
		Example: `  ecsrunner simulate
  ecsrunner simulate --config fleet.yaml --workload week.csv --vary max_runners=20,50,100
  ecsrunner simulate --workload week.csv --vary warm=0,1,2
  ecsrunner simulate --workload week.csv --faults rough --chart week.svg
  ecsrunner simulate --workload burst --jq '.results[0].wait.p95_ms'`,
		Annotations: environment(configVar),
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return simulate(cmd, flags) },
	}
	cmd.Flags().StringVar(&flags.config, "config", "", "configuration (default $ECSRUNNER_CONFIG, else fleet.yaml if it is there)")
	cmd.Flags().StringVar(&flags.workload, "workload", "day", "burst, day, or a CSV file of jobs; - is standard input")
	cmd.Flags().StringVar(&flags.faults, "faults", forecast.NoFaults, "none, rough, or a file with the faults of a scenario")
	flags.seed = 1
	cmd.Flags().Var((*decimal)(&flags.seed), "seed", "seed of all that is left to chance")
	cmd.Flags().Var((*once)(&flags.vary), "vary", "key of the configuration and values to try, as in max_runners=20,50,100")
	cmd.Flags().StringVar(&flags.chart, "chart", "", "file for a chart (SVG) of the queue and the runners over time")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print JSON with stable field names")
	_ = cmd.RegisterFlagCompletionFunc("workload", cobra.FixedCompletions(workload.Made, cobra.ShellCompDirectiveDefault))
	_ = cmd.RegisterFlagCompletionFunc("faults", cobra.FixedCompletions([]string{forecast.NoFaults, forecast.Rough}, cobra.ShellCompDirectiveDefault))
	_ = cmd.RegisterFlagCompletionFunc("vary", completeVary) // the flags are there, and have none yet
	return cmd
}

// decimal is a whole number from 0 on, in decimal digits.
type decimal uint64

func (d *decimal) String() string { return strconv.FormatUint(uint64(*d), 10) }
func (d *decimal) Type() string   { return "uint64" }

func (d *decimal) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 64)
	*d = decimal(n)
	return err
}

// once is a text that may be given once.
type once string

func (o *once) String() string { return string(*o) }
func (o *once) Type() string   { return "string" }

func (o *once) Set(text string) error {
	if *o != "" {
		return errors.New("it is given twice: vary one key at a time")
	}
	*o = once(text)
	return nil
}

// completeVary completes the key.
func completeVary(_ *cobra.Command, _ []string, typed string) (found []string, _ cobra.ShellCompDirective) {
	for _, key := range forecast.Variable() {
		if strings.HasPrefix(key, typed) {
			found = append(found, key+"=")
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func simulate(cmd *cobra.Command, flags simulateFlags) error {
	if flags.chart != "" && flags.vary != "" {
		return usagef("--chart draws one simulation, and --vary makes several: leave one out")
	}
	var vary forecast.Vary
	if flags.vary != "" {
		var err error
		if vary, err = forecast.ParseVary(flags.vary); err != nil {
			return usagef("--vary %w", err)
		}
	}
	if flags.workload == standardInput && canAsk(cmd) {
		cmd.PrintErrln("the jobs are read from standard input: paste the CSV file, and end it with Ctrl-D")
	}
	read, err := unlessStopped(cmd.Context(), "what is to be simulated", func() (planned, error) {
		plan, source, err := flags.plan(cmd)
		return planned{plan, source}, err
	})
	if err != nil {
		return usageError{err}
	}
	plan, source := read.plan, read.source
	if err := flags.canDraw(source.File); err != nil {
		return err
	}
	plans := []forecast.Plan{plan}
	for i, value := range vary.Values {
		varied := plan
		if vary.OfWarm() {
			varied.Config, err = vary.Warm(value, plan.Config)
		} else {
			varied.Config, err = source.with(vary.Override(value, plan.Config))
		}
		if err != nil {
			return usageError{err}
		}
		plans = append(plans[:i], varied)
	}
	report := forecast.NewReport(assumed(plan, plans), source.File, flags.faults)
	report.Vary = vary.Key
	played, err := play(cmd, plans, vary.Values)
	if err != nil {
		return err
	}
	for i, p := range played {
		result := p.result
		if vary.Key != "" {
			result.Varied = vary.Values[i]
		}
		report.Results = append(report.Results, result)
	}
	if flags.json {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		err = report.Text(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()), plan.Config.MaxRunners)
	}
	if err != nil || flags.chart == "" {
		return err
	}
	if err := os.WriteFile(flags.chart, played[0].chart, 0o644); err != nil {
		return fmt.Errorf("write the chart: %w", err)
	}
	cmd.PrintErrf("the chart is in %s\n", flags.chart)
	return nil
}

// planned is what was read.
type planned struct {
	plan   forecast.Plan
	source configSource
}

// configSource is a configuration that can be read again with another value.
type configSource struct{ config.Source }

func (s configSource) with(o config.Override) (config.Config, error) {
	s.Overrides = append(slices.Clone(s.Overrides), o)
	return s.Parse()
}

// plan reads the configuration, the workload and the faults.
func (f simulateFlags) plan(cmd *cobra.Command) (p forecast.Plan, source configSource, err error) {
	p.Seed = f.seed
	path := configPath(f.config)
	source.Data, err = os.ReadFile(path)
	switch {
	case err == nil:
		source.File = path
		if p.Config, err = source.Parse(); err != nil {
			return p, source, err
		}
	case !errors.Is(err, fs.ErrNotExist) || f.config != "" || os.Getenv(configVar) != "":
		_, err = config.Load(path) // which says what to do
		return p, source, err
	}
	made := slices.Contains(workload.Made, f.workload)
	if !made {
		if p.Workload, err = readWorkload(cmd, f.workload); err != nil {
			return p, source, err
		}
	}
	if source.File == "" { // the default configuration
		repositories := []string{"octo-org/app", "octo-org/lib", "octo-org/site"}
		if !made {
			repositories = p.Workload.Repositories()
		}
		text, err := json.Marshal(repositories)
		if err != nil {
			return p, source, err
		}
		source.Overrides = []config.Override{{Key: "github_repo", Text: string(text), From: "the workload"}}
		if p.Config, err = source.Parse(); err != nil {
			return p, source, err
		}
	}
	if made {
		if p.Workload, err = workload.Make(f.workload, f.seed, forecast.Choice(p.Config)); err != nil {
			return p, source, err
		}
	}
	p.Faults, err = forecast.Faults(f.faults, p.Workload.Lasts())
	if err != nil {
		err = fmt.Errorf("--faults: %w", err)
	}
	return p, source, err
}

func readWorkload(cmd *cobra.Command, name string) (workload.Workload, error) {
	if name == standardInput {
		return workload.ReadCSV("standard input", cmd.InOrStdin())
	}
	file, err := os.Open(name)
	if err != nil {
		return workload.Workload{}, fmt.Errorf("--workload: %w; it is %s or a CSV file of jobs", err, strings.Join(workload.Made, ", "))
	}
	defer file.Close()
	return workload.ReadCSV(name, file)
}

// forecasted is what is kept of a simulation.
type forecasted struct {
	result forecast.Result
	chart  []byte
}

// assumed is the plan whose assumptions hold for all: one that has pools of warm runners, if
// --vary gives them to some.
func assumed(plan forecast.Plan, plans []forecast.Plan) forecast.Plan {
	for _, p := range append([]forecast.Plan{plan}, plans...) {
		if p.Config.Policy().WantsWarm() {
			return p
		}
	}
	return plan
}

// collectAt is how much garbage may lie around, in percent of what is in use: a simulation
// makes much of it.
const collectAt = 300

// play plays the plans one after the other, with a bar on a terminal.
func play(cmd *cobra.Command, plans []forecast.Plan, values []string) (all []forecasted, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	bar := newBar(cmd.ErrOrStderr(), len(plans))
	defer bar.clear()
	for i, plan := range plans {
		what := ""
		if len(values) > 0 {
			what = values[i]
		}
		bar.begin(i, what, plan.Workload)
		played, err := plan.Play(cmd.Context(), bar.show)
		if errors.Is(err, context.Canceled) {
			bar.clear()
			return nil, fmt.Errorf("stopped: %s; nothing is printed of a part", bar.came())
		}
		if err != nil {
			return nil, usageError{err}
		}
		one := forecasted{result: played.Result()}
		if len(plans) == 1 {
			var chart bytes.Buffer
			if err := played.Chart(&chart); err != nil {
				return nil, err
			}
			one.chart = chart.Bytes()
		}
		all = append(all, one)
	}
	return all, nil
}
