package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// drainQuestion is what a drain is about to do, before it is asked whether to.
func drainQuestion(p operate.DrainPlan, at string) []string {
	lines := []string{"Drain " + at + ": pause it, and take away all that it has made."}
	if p.StopsJobs && len(p.RunnersWith) > 0 {
		lines = append(lines, fmt.Sprintf("%s STOPPED: GitHub will show the jobs as cancelled or failed.", are(len(p.RunnersWith), "runner", " with a job")))
	} else if len(p.RunnersWith) > 0 {
		lines = append(lines, fmt.Sprintf("%s waited for.", are(len(p.RunnersWith), "runner", " with a job")))
	}
	lines = append(lines, fmt.Sprintf("%s ended; %s, %s and %s are taken away.", are(len(p.RunnersWithout), "runner", " without a job"),
		number(len(p.Builds), "image build"), number(p.Registrations, "registration"), number(p.Definitions, "task definition")))
	return append(lines, sentenceCase(waiting(p.Waiting))+" in the queue until the fleet is resumed.")
}

func sentenceCase(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// are is "1 runner with a job is" or "2 runners with a job are".
func are(n int, thing, which string) string {
	if n == 1 {
		return "1 " + thing + which + " is"
	}
	return fmt.Sprintf("%d %ss%s are", n, thing, which)
}

func number(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// printPlan says what a drain would do now.
func printPlan(cmd *cobra.Command, asJSON bool, p operate.DrainPlan) error {
	w := cmd.OutOrStdout()
	if asJSON {
		return printJSON(w, p)
	}
	pause := "would be paused"
	if p.Paused != "" {
		pause = "is paused already (" + readable.Plain(p.Paused) + ")"
	}
	fmt.Fprintf(w, "fleet %s %s; %s in the queue, and would stay there\n", p.FleetName, pause, waiting(p.Waiting))
	busy := "runners with a job, waited for"
	if p.StopsJobs {
		busy = "runners with a job, stopped"
	}
	t := readable.NewTable(w, "WOULD BE TAKEN AWAY", "COUNT", "WHICH")
	t.Row("runners without a job", len(p.RunnersWithout), some(p.RunnersWithout))
	t.Row(busy, len(p.RunnersWith), some(p.RunnersWith))
	t.Row("image builds", len(p.Builds), some(p.Builds))
	t.Row("executions", p.Executions, "")
	t.Row("tasks", p.Tasks, "")
	t.Row("registrations on GitHub", p.Registrations, "")
	t.Row("task definitions", p.Definitions, "")
	if err := t.Flush(); err != nil {
		return err
	}
	for _, problem := range p.Problems {
		fmt.Fprintf(w, "not counted: %s: %s\n", readable.Plain(problem.What), readable.Plain(problem.Reason))
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "dry run: nothing was changed")
	return nil
}

// mostNamed is how many things of a kind are named.
const mostNamed = 5

func some(names []string) string {
	if len(names) > mostNamed {
		return strings.Join(names[:mostNamed], ", ") + fmt.Sprintf(" and %d more", len(names)-mostNamed)
	}
	return strings.Join(names, ", ")
}
