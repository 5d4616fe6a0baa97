// Command simulate plays histories of a simulated fleet and judges them.
//
// It exits with 1 if a rule did not hold and that is not a known failure. Then it prints
// the seed, the shortest history that it could shrink it to, and how to see it again.
package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type options struct {
	histories int
	first     uint64
	lasts     time.Duration
	workers   int
	seed      uint64
	scenario  string
	trace     bool
	shrink    int
	scenarios bool
	faults    bool
	stop      bool
	reaps     int
	warm      bool
	org       bool
}

// draw is the history of a seed.
func (o options) draw(seed uint64) simulation.Scenario {
	if o.org {
		return simulation.OrganizationHistory(seed)
	}
	if o.warm {
		return simulation.WarmHistory(seed)
	}
	return simulation.History(seed)
}

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.histories, "histories", manyHistories, "how many seeds to play")
	flags.Uint64Var(&o.first, "first", 1, "the first seed")
	flags.DurationVar(&o.lasts, "time", 10*time.Minute, "end after this `time` even if seeds are left")
	flags.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "how many histories to play at once")
	flags.Uint64Var(&o.seed, "seed", 0, "play the history of one `seed` only")
	flags.StringVar(&o.scenario, "scenario", "", "play the scenario in this `file`; with -seed from that seed")
	flags.BoolVar(&o.scenarios, "scenarios", false, "play all scenarios that come with the program")
	flags.BoolVar(&o.trace, "trace", false, "with -seed or -scenario: print everything that happens")
	flags.IntVar(&o.shrink, "shrink", 400, "play at most so many histories to shrink a violation; 0 shrinks none")
	flags.IntVar(&o.reaps, "reaps", 0, "play histories full of idle and busy runners until the fleet has made so many `decisions` about ending one")
	flags.BoolVar(&o.warm, "warm", false, "keep warm runners in the histories of seeds; those of every fourth are an organization's")
	flags.BoolVar(&o.org, "organization", false, "have the runners of the histories of seeds be an organization's")
	flags.BoolVar(&o.stop, "stop", false, "end at the first violation that is not known")
	flags.BoolVar(&o.faults, "faults", false, "list the kinds of faults and where they are published")
	flags.Usage = func() {
		fmt.Fprint(stderr, "simulate plays histories of a fleet in a simulated world and judges them.\n\n",
			"  simulate                          play 20,000 seeds, 10 minutes at most\n",
			"  simulate -seed 4711 -trace        see what happens in one history\n",
			"  simulate -scenarios               play every scenario of internal/simulation/scenarios\n",
			"  simulate -scenario file.yaml -trace\n\nFlags:\n")
		flags.PrintDefaults()
		fmt.Fprint(stderr, "\nExit status: 0 if every rule held but for known failures, 1 if one did not or if a kind of fault never struck in 20,000 histories,\n2 for wrong usage, 130 after Ctrl-C.\n")
	}
	if err := flags.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return 0
		}
		return 2
	}
	switch {
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "simulate: %q is no flag; see -help\n", flags.Arg(0))
		return 2
	case o.warm && o.org:
		fmt.Fprintln(stderr, "simulate: use -warm or -organization, not both: every fourth seed of -warm is an organization's")
		return 2
	case o.faults:
		for _, kind := range slices.SortedFunc(slices.Values(simulation.Kinds), func(a, b kernel.Kind) int { return cmp.Compare(a.Name, b.Name) }) {
			fmt.Fprintf(stdout, "%-26s %s (%s)\n", kind.Name, kind.Does, kind.Source)
		}
		return 0
	case o.scenarios:
		return scenarios(stdout)
	case o.scenario != "":
		text, err := os.ReadFile(o.scenario)
		if err == nil {
			var s simulation.Scenario
			if s, err = simulation.ReadScenario(text); err == nil {
				return one(stdout, s, o)
			}
		}
		fmt.Fprintf(stderr, "simulate: %v\n", err)
		return 2
	case o.seed != 0:
		return one(stdout, o.draw(o.seed), o)
	}
	return many(stdout, stderr, o)
}

// byRepository prints a line for each repository, if there are several.
func byRepository(w io.Writer, r simulation.Result) {
	if len(r.RanOf) < 2 {
		return
	}
	for _, repository := range slices.Sorted(maps.Keys(r.RanOf)) {
		last := time.Duration(r.LastStartOf[repository]) * time.Second
		fmt.Fprintf(w, "  of %s %d jobs ran, the last one after %s\n", repository, r.RanOf[repository], last)
	}
}

// one plays one history.
func one(w io.Writer, s simulation.Scenario, o options) int {
	o.seed = max(o.seed, 1)
	fmt.Fprintf(w, "%s\n", s.Write())
	var story bytes.Buffer
	r := simulation.Run(s, o.seed, simulation.Watch{Trace: tracer(w, o.trace), Story: &story})
	fmt.Fprintf(w, "%d of %d jobs ran; %d executions, %d tasks, %d builds, %d requests to GitHub, about $%.2f on AWS, in %s\n", r.Ran, r.Jobs, r.Executions, r.Tasks, r.Builds, r.Requests, r.Cost, r.Lasted)
	fmt.Fprintf(w, "jobs started %s (half of them), %s (95 of 100) and %s (the last) after they were queued or the trouble was over; launches were bound by %s\n",
		r.Start(50), r.Start(95), r.LastStart(), r.Bound)
	byRepository(w, r)
	counts(w, "faults", r.Faults)
	counts(w, "repairs", r.Repairs)
	counts(w, "red executions", r.Red)
	counts(w, "requests to GitHub", r.Calls)
	counts(w, "of these counted for its limit", r.Counted)
	fmt.Fprintf(w, "the most of these in one hour: %d\n", r.MostAnHour)
	fmt.Fprintln(w, story.String())
	bad := 0
	for _, v := range r.Violations {
		if known := simulation.Known(v); known != "" {
			fmt.Fprintf(w, "known failure %q: %s\n", known, v)
			continue
		}
		bad = 1
		fmt.Fprintf(w, "VIOLATION %s\n", v)
	}
	return bad
}

func tracer(w io.Writer, wanted bool) func(time.Time, string) {
	if !wanted {
		return nil
	}
	return func(at time.Time, line string) { fmt.Fprintf(w, "%s %s\n", at.Format("02 15:04:05.000"), line) }
}

// scenarios plays every scenario and says which hold, which fail as known, and which
// surprise.
func scenarios(w io.Writer) int {
	all, err := simulation.Scenarios()
	if err != nil {
		fmt.Fprintf(w, "simulate: %v\n", err)
		return 2
	}
	bad := 0
	for _, s := range all {
		r := simulation.Run(s, 1, simulation.Watch{})
		verdict, problem := "holds", s.Judge(r)
		switch {
		case problem != nil:
			verdict, bad = "SURPRISES: "+problem.Error(), 1
		case s.KnownFailure != "":
			verdict = "known failure: " + s.KnownFailure
		}
		fmt.Fprintf(w, "%-70s %d/%d jobs, %d executions, %d tasks for %s, %d builds, %d requests, $%.2f, starts %s, %s and %s after (50, 95 and 100 %%): %s\n",
			s.Name, r.Ran, r.Jobs, r.Executions, r.Tasks, r.TaskTime.Round(time.Minute), r.Builds, r.Requests, r.Cost, r.Start(50), r.Start(95), r.LastStart(), verdict)
	}
	return bad
}

// many plays seeds.
func many(stdout, stderr io.Writer, o options) int {
	debug.SetGCPercent(1500) // histories make much garbage and keep little
	began := time.Now()
	told := began
	plan := simulation.Plan{Draw: o.draw, First: o.first, N: o.histories, Workers: o.workers, Until: began.Add(o.lasts)}
	if o.stop {
		plan.Enough = func(b *simulation.Batch) bool { return len(b.New) > 0 }
	}
	if o.reaps > 0 {
		plan.Draw, plan.N = simulation.Reaping, 1<<31
		plan.Enough = func(b *simulation.Batch) bool { return b.Reaps.Decisions >= o.reaps }
	}
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	enough := plan.Enough
	plan.Enough = func(b *simulation.Batch) bool { return interrupted.Err() != nil || enough != nil && enough(b) }
	b := simulation.Histories(plan, func(b *simulation.Batch) {
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			fmt.Fprintf(stderr, "%d histories, %d with violations that are not known\n", b.Histories, len(b.New))
		}
	})
	took := time.Since(began)
	if b.Histories == 0 {
		fmt.Fprintf(stdout, "the time of %s was over before one history was played\n", o.lasts)
		return 1
	}
	fmt.Fprintf(stdout, "seeds %d to %d: %d histories in %s\n", o.first, o.first+uint64(b.Histories)-1, b.Histories, took.Round(time.Second))
	fmt.Fprintf(stdout, "%d jobs, %d ran; %d tasks, %d builds, %d requests to GitHub, %.0f days of virtual time\n", b.Jobs, b.Ran, b.Tasks, b.Builds, b.Requests, b.Virtual.Hours()/24)
	counts(stdout, "faults that struck, by kind", b.Faults)
	never := neverStruck(b)
	if o.reaps > 0 {
		never = nil // its histories have a few kinds only
	}
	for _, kind := range never {
		fmt.Fprintf(stdout, "  %-28s %8d  NEVER STRUCK\n", kind, 0)
	}
	counts(stdout, "repairs of the sweep, by cause", b.Repairs)
	counts(stdout, "executions that ended red, by error", b.Red)
	counts(stdout, "known failures", b.Known)
	fmt.Fprintf(stdout, "%d decisions about ending a runner, %d of them about one whose job no record had; GitHub refused %d as busy\n", b.Reaps.Decisions, b.Reaps.Unknown, b.Reaps.Refused)
	if interrupted.Err() == nil && o.reaps > b.Reaps.Decisions || interrupted.Err() == nil && o.reaps == 0 && !o.stop && b.Histories < o.histories {
		fmt.Fprintf(stdout, "the time of %s was over before all was played\n", o.lasts)
	}
	if interrupted.Err() != nil {
		o.shrink = 0
		fmt.Fprintf(stdout, "interrupted after %d histories\n", b.Histories)
	}
	if len(b.New) == 0 && interrupted.Err() != nil {
		return 130
	}
	if len(b.New) == 0 {
		fmt.Fprintln(stdout, "no violation but the known failures")
		if len(never) > 0 && b.Histories >= manyHistories && !o.warm && !o.org {
			fmt.Fprintf(stdout, "%d kinds of faults never struck in %d histories, so these show nothing of them\n", len(never), b.Histories)
			return 1
		}
		return 0
	}
	report(stdout, b, o, plan)
	return 1
}

// manyHistories are so many that each kind of fault has to strike in them.
const manyHistories = 20_000

// neverStruck lists the kinds of faults that no history had.
func neverStruck(b *simulation.Batch) (kinds []string) {
	for _, kind := range simulation.Kinds {
		if b.Faults[kind.Name] == 0 {
			kinds = append(kinds, kind.Name)
		}
	}
	return kinds
}

// report prints the new violations: how many of each rule, and one of each shrunk.
func report(w io.Writer, b *simulation.Batch, o options, plan simulation.Plan) {
	rules := map[string]uint64{}
	byRule := map[string]int{}
	for _, seed := range slices.Sorted(maps.Keys(b.New)) {
		for _, v := range b.New[seed] {
			if byRule[v.Rule]++; byRule[v.Rule] <= 3 {
				fmt.Fprintf(w, "VIOLATION seed %d: %s\n", seed, v)
			}
			if _, known := rules[v.Rule]; !known {
				rules[v.Rule] = seed
			}
		}
	}
	counts(w, "violations by rule", byRule)
	if o.shrink == 0 {
		return
	}
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		seed := rules[rule]
		s := simulation.Shrink(plan.Draw(seed), seed, rule, o.shrink)
		fmt.Fprintf(w, "\nthe shortest history found that breaks %q, from seed %d; keep it in a file and play it with\n`go run ./internal/simulation/cmd/simulate -scenario FILE -seed %d -trace`:\n\n%s", rule, seed, seed, s.Write())
		fmt.Fprintln(w)
		for _, v := range simulation.Run(s, seed, simulation.Watch{Story: w}).Violations {
			fmt.Fprintf(w, "VIOLATION %s\n", v)
		}
	}
}

func counts(w io.Writer, title string, n map[string]int) {
	if len(n) == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", title)
	for _, name := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintf(w, "  %-28s %8d\n", name, n[name])
	}
}
