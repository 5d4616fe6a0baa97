package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// runnerFilters are the flags that say which runners to list.
type runnerFilters struct {
	statuses            []string
	class, since, after string
	open                bool
	limit               int
}

func (r *runnerFilters) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&r.statuses, "status", nil, "only runners with one of these statuses, as running,failed")
	flags.BoolVar(&r.open, "open", false, "only runners that have not ended")
	flags.StringVar(&r.class, "class", "", "only runners of this class")
	flags.StringVar(&r.since, "since", "", "only runners launched since then: 90m, 24h, 7d or a date")
	flags.IntVarP(&r.limit, "limit", "L", usualLimit, fmt.Sprintf("list up to this many runners, at most %d", report.MostListed))
	flags.StringVar(&r.after, "after", "", "go on after the list that ended with this cursor")
	_ = cmd.RegisterFlagCompletionFunc("status", fixed(runnerStatuses()...).complete) // the flag is there, and has none yet
}

// query is what is asked for. A wrong value is a usage error that names the right ones.
func (r runnerFilters) query(now time.Time) (q report.RunnerQuery, err error) {
	q = report.RunnerQuery{Class: r.class, Open: r.open, Limit: r.limit, After: r.after}
	for _, text := range r.statuses {
		given := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text)), "-", "_")
		if !slices.Contains(runnerStatuses(), given) {
			return q, usagef("--status %q is none of %s%s", text, strings.Join(runnerStatuses(), ", "), didYouMean(given, runnerStatuses()))
		}
		q.Statuses = append(q.Statuses, fleet.RunnerStatus(strings.ToUpper(given)))
	}
	if q.Since, err = timeOf("since", r.since, now); err != nil {
		return q, err
	}
	if r.limit < 1 || r.limit > report.MostListed {
		return q, usagef("--limit %d: use 1 to %d", r.limit, report.MostListed)
	}
	return q, nil
}

// runnerStatuses are the names of all, in the order of a runner's life.
func runnerStatuses() (names []string) {
	for _, s := range []fleet.RunnerStatus{fleet.RunnerStarting, fleet.RunnerImageCreating, fleet.RunnerWaitingForJob, fleet.RunnerRunning, fleet.RunnerOffline, fleet.RunnerFailed} {
		names = append(names, strings.ToLower(string(s)))
	}
	return names
}

// find finds the runners, and what to say of them to people.
func (r runnerFilters) find(cmd *cobra.Command, records report.Source, now time.Time) ([]report.Runner, string, error) {
	q, err := r.query(now)
	if err != nil {
		return nil, "", err
	}
	page, err := report.FindRunners(cmd.Context(), records, q)
	switch {
	case errors.As(err, new(report.NotACursor)):
		return nil, "", usagef("--after: %w", err)
	case err != nil:
		return nil, "", err
	case page.Next != "":
		return page.Runners, sayMore(cmd, "runners", len(page.Runners) == r.limit, r.limit, page.Looked, page.Oldest, page.Next), nil
	case len(page.Runners) > 0:
		return page.Runners, "", nil
	}
	said, err := r.sayNone(cmd.Context(), records)
	return page.Runners, said, err
}

// sayNone says why no runner was found: a class that the fleet does not have may be a slip.
func (r runnerFilters) sayNone(ctx context.Context, records report.Source) (string, error) {
	if len(r.statuses) == 0 && !r.open && r.class+r.since+r.after == "" {
		return "no runners yet: one is launched for each job that is admitted", nil
	}
	if r.class == "" {
		return "no runner matches", nil
	}
	settings, err := records.Settings(ctx)
	if err != nil {
		return "", err
	}
	var classes []string
	for name := range settings.ClassSizes {
		classes = append(classes, name)
	}
	slices.Sort(classes)
	if len(classes) > 0 && !slices.Contains(classes, r.class) {
		return "", usagef("no runner had the class %s, and the fleet has %s%s", r.class, strings.Join(classes, ", "), didYouMean(r.class, classes))
	}
	return "no runner matches", nil
}
