package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// examined is how a set-up is looked at.
type examined struct {
	source
	config, webhookURL string
	skip               []string
	implied            []string // checks that would find no more than others
	verbose            bool
}

func newDoctor() *cobra.Command {
	var e examined
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with a set-up, and what to do",
		Long: `Say what is wrong with a set-up, whose business it is and what to do, the worst first.
Of a healthy fleet it prints one line. It changes nothing: it reads the fleet's
records and settings, and asks GitHub and AWS.

On AWS (--stack) it asks with your own credentials; on one machine (--data-dir) the
fleet's process looks, which has the token. Before there is a fleet it looks at
fleet.yaml alone (--config), with the secrets that are there.

A check that could not be made, for want of a permission for example, is listed as
"unchecked"; --skip leaves checks out by their names, which --verbose lists.`,
		Example: `  ecsrunner doctor --stack ecsrunner-fleet
  ecsrunner doctor --data-dir /var/lib/ecsrunner --verbose
  ecsrunner doctor --config fleet.yaml
  ecsrunner doctor --stack ecsrunner-fleet --skip build_quota --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := e.examine(cmd.Context())
			if err != nil {
				return err
			}
			if err := e.show(cmd.OutOrStdout(), report); err != nil {
				return err
			}
			if !report.Healthy {
				return exitCode(exitFailure)
			}
			return nil
		},
	}
	e.source.flags(cmd)
	cmd.Annotations["environment"] += environment(configVar, patVar, secretVar)["environment"]
	cmd.Flags().StringVar(&e.config, "config", "", "configuration, for a fleet that does not run yet (default $"+configVar+", else fleet.yaml)")
	cmd.Flags().StringVar(&e.webhookURL, "webhook-url", "", "where GitHub delivers to, if a tunnel or proxy is before a fleet on this machine")
	cmd.Flags().StringSliceVar(&e.skip, "skip", nil, "names of checks to leave out")
	cmd.Flags().BoolVar(&e.verbose, "verbose", false, "list every check with its result")
	return cmd
}

// examine looks at the set-up that is named, or at the configuration if none is.
func (e *examined) examine(ctx context.Context) (doctor.Report, error) {
	if err := e.checkSkip(); err != nil {
		return doctor.Report{}, err
	}
	if e.webhookURL != "" {
		if _, err := parseWebhookURL(e.webhookURL); err != nil {
			return doctor.Report{}, err
		}
	}
	where, err := e.place()
	switch {
	case err != nil && e.nothingNamed():
		return e.configured(ctx, err)
	case err != nil:
		return doctor.Report{}, err
	case where == inDirectory:
		return e.here(ctx)
	case e.config != "":
		return doctor.Report{}, usagef("--config is for a fleet on this machine, or before there is one: leave it out with --stack")
	}
	c, err := connect(ctx, e.stack, e.region)
	if err != nil {
		return doctor.Report{}, err
	}
	return e.run(ctx, c.setup(ctx))
}

// checkSkip refuses names that no check has.
func (e *examined) checkSkip() error {
	for _, name := range e.skip {
		if !slices.Contains(doctor.Names(), name) {
			return usagef("--skip %s: no check has that name; there are %s", name, strings.Join(doctor.Names(), ", "))
		}
	}
	return nil
}

// nothingNamed reports whether neither a flag nor the environment names a fleet.
func (e *examined) nothingNamed() bool {
	return e.named == "" && e.stack == "" && os.Getenv(dataDirVar) == "" && os.Getenv(recordsTable.variable) == "" && os.Getenv(classSizesParam.variable) == ""
}

// diagnosis is a set-up with the secrets that must not be shown.
type diagnosis struct {
	doctor.Setup
	secrets     *doctor.Secrets
	authorities string // that are trusted beside the public ones, in PEM
}

var errStopped = errors.New("stopped before all checks were made")

// run makes the checks. What the caller says of the webhook's address counts.
func (e *examined) run(ctx context.Context, d diagnosis) (doctor.Report, error) {
	if e.webhookURL != "" {
		d.WebhookURL = e.webhookURL
	}
	checks := slices.DeleteFunc(d.Checks(), func(c doctor.Check) bool { return slices.Contains(e.implied, c.Name) })
	report, err := doctor.Run(ctx, d.FleetName, checks, doctor.Options{Skip: e.skip, Secrets: d.secrets, Now: time.Now})
	if ctx.Err() != nil {
		return doctor.Report{}, errStopped
	}
	return report, err
}

// show prints a report, for programs or for people. It fails if it cannot write all of it.
func (e *examined) show(w io.Writer, r doctor.Report) error {
	if e.json {
		return printJSON(w, r)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "fleet %q: %s%s\n", r.FleetName, outcome(r), omitted(r))
	for _, f := range r.Findings {
		printFinding(&text, f)
	}
	if e.verbose {
		fmt.Fprintln(&text)
		t := readable.NewTable(&text, "CHECK", "ABOUT", "RESULT", "SAYS", "NEEDS")
		for _, c := range r.Checks {
			t.Row(c.Name, readable.Plain(c.About), c.Result, readable.Plain(c.Says), c.Needs)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if _, err := w.Write(text.Bytes()); err != nil {
		return fmt.Errorf("print what was found: %w", err)
	}
	return nil
}

// outcome is how many checks were made, and what came of them.
func outcome(r doctor.Report) string {
	made := len(r.Checks) - of(r, doctor.CheckSkipped) - of(r, doctor.CheckLeftOut)
	if made == 0 && len(r.Findings) == 0 {
		return "nothing was checked"
	}
	return fmt.Sprintf("%d checks, %s", made, tally(r.Findings))
}

// of is how many checks came to a result.
func of(r doctor.Report, result string) (n int) {
	for _, c := range r.Checks {
		if c.Result == result {
			n++
		}
	}
	return n
}

// omitted says which checks were not to be made, and how many need them.
func omitted(r doctor.Report) string {
	if len(r.LeftOut) == 0 {
		return ""
	}
	says := "; left out: " + strings.Join(r.LeftOut, ", ")
	if n := of(r, doctor.CheckLeftOut); n > 0 {
		says += fmt.Sprintf(", and %d that need them", n)
	}
	return says
}

func tally(findings []doctor.Finding) string {
	var parts []string
	for _, s := range []struct {
		of        doctor.Severity
		one, many string
	}{{doctor.Error, "error", "errors"}, {doctor.Warning, "warning", "warnings"}, {doctor.Unchecked, "could not be made", "could not be made"}} {
		n := 0
		for _, f := range findings {
			if f.Severity == s.of {
				n++
			}
		}
		switch {
		case n == 1:
			parts = append(parts, "1 "+s.one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, s.many))
		}
	}
	if len(parts) == 0 {
		return "nothing to mend"
	}
	return strings.Join(parts, ", ")
}

// printFinding prints what is wrong in one line, and then whose it is and what to do.
func printFinding(w io.Writer, f doctor.Finding) {
	about := ""
	if subject := f.Subject(); subject != "" {
		about = " " + subject
	}
	fmt.Fprintf(w, "\n%s: %s%s: %s\n", f.Severity, f.Check, readable.Plain(about), readable.Plain(f.What))
	fmt.Fprintf(w, "  whose: %s\n  do: %s\n", f.Whose, readable.Plain(f.Do))
	if f.Command != "" {
		fmt.Fprintf(w, "  run: %s\n", readable.Plain(f.Command))
	}
}
