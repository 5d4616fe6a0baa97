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

// usualLimit is how many runs are listed unless --limit says otherwise.
const usualLimit = 30

// runFilters are the flags that say which runs to list.
type runFilters struct {
	statuses                    []string
	repository, workflow, class string
	since, before, after        string
	limit                       int
	runnerID                    string
}

func newRunsList() *cobra.Command {
	var src source
	var asked runFilters
	var wide, watching bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List runs, the newest first",
		Long: `List runs, the newest first, in columns that fit the terminal: the ones that do not
fit are left out, and long names are cut. In a pipe there is no header, cells stand
between tabs, and nothing is cut; programs should use --json.

  WHEN    how long ago the fleet heard of the job
  STATUS  of the run; with GitHub's conclusion of the job if that is not success
  RUNNER  that has the job, is expected to take it, or was the last one
  TOOK    from GitHub queueing the job until its end, or until now
  REASON  of the status

RETRYING is a run whose last runner could not be started, or got no job. The fleet
tries again by itself, at the time that REASON ends with; ` + "`ecsrunner runs show`" + ` says
what makes it sooner, and ` + "`ecsrunner runs retry`" + ` tries now.

Filters are combined. One of --status, --repository and --class is answered by an
index, however many runs there are; the others are looked for among the runs found so,
at most ` + fmt.Sprint(report.MostLookedAt) + ` at a time. If there may be more, the list says how to go on.

With --wide there are the class, the image and each stage as well, and nothing is
cut. The stages are the whole time together:

  WEBHOOK    GitHub queued the job until the fleet heard of it
  LAUNCH     until a runner was launched
  ROOM       it waited for room
  TRIES      runners before the one that ran it
  OTHER      until another job's runner was launched, which took it
  NEXT TRY   it waited after a setback
  APPROVAL   GitHub waited for an approval
  ADMIT      the runner was launched until the job was admitted
  IMAGE      until its image was ready
  TASK       until the platform had accepted the task
  CONTAINER  until the container was pulled and ran
  REGISTER   until the runner was registered on GitHub
  ASSIGN     until GitHub gave it the job
  JOB        the job itself
  END        GitHub reported its end until the run was closed

--watch shows the list again every two seconds, until Ctrl-C. In a pipe it writes the
runs that have changed.`,
		Example: `  ecsrunner runs list
  ecsrunner runs list --stack ecsrunner-fleet --status failed,refused,retrying --since 7d
  ecsrunner runs list --repository octo-org/app --watch
  ecsrunner runs list --class large --limit 1000 --jq '.[] | select(.stages.room_ms > 60000) | .run_id'
  ecsrunner runs list --runner-id fleet-20000000005-1 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := asked.query(time.Now()); err != nil {
				return err
			}
			if watching && src.json {
				return usagef("--watch shows the list again and again, and --json prints one: leave one of them out")
			}
			return src.read(cmd.Context(), func(f *opened) error {
				find := func(ctx context.Context) ([]report.Run, string, error) {
					return asked.find(ctx, cmd, f.records, time.Now())
				}
				if watching {
					return watchRuns(cmd, find, wide)
				}
				runs, said, err := find(cmd.Context())
				if err != nil {
					return err
				}
				if src.json {
					err = printJSON(cmd.OutOrStdout(), runs)
				} else {
					err = printRuns(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()), runs, wide, time.Now())
				}
				if said != "" {
					cmd.PrintErrln(said)
				}
				return err
			})
		},
	}
	src.flags(cmd)
	cmd.Annotations["environment"] += environment(noColorVar, forceColorVar)["environment"]
	flags := cmd.Flags()
	flags.StringSliceVar(&asked.statuses, "status", nil, "only runs with one of these statuses, as failed,refused")
	flags.StringVar(&asked.repository, "repository", "", "only runs of this repository, as owner/name")
	flags.StringVar(&asked.workflow, "workflow", "", "only runs of the workflow with this name")
	flags.StringVar(&asked.class, "class", "", "only runs that were admitted with this class")
	flags.StringVar(&asked.since, "since", "", "only runs that came since then: 90m, 24h, 7d or a date")
	flags.StringVar(&asked.before, "before", "", "only runs that came before then: 90m, 24h, 7d or a date")
	flags.IntVarP(&asked.limit, "limit", "L", usualLimit, fmt.Sprintf("list up to this many runs, at most %d", report.MostListed))
	flags.StringVar(&asked.after, "after", "", "go on after the list that ended with this cursor")
	flags.StringVar(&asked.runnerID, "runner-id", "", "only the run that this runner has, or had")
	flags.BoolVar(&wide, "wide", false, "show the class, the image and every stage too, and cut nothing")
	flags.BoolVarP(&watching, "watch", "w", false, "show the list again every two seconds")
	return cmd
}

// query is what is asked for. A wrong value is a usage error that names the right ones.
func (r runFilters) query(now time.Time) (q report.RunQuery, err error) {
	q = report.RunQuery{Repository: r.repository, Workflow: r.workflow, Class: r.class, Limit: r.limit, After: r.after}
	for _, text := range r.statuses {
		status, err := statusOf(text)
		if err != nil {
			return q, err
		}
		q.Statuses = append(q.Statuses, status)
	}
	if q.Since, err = timeOf("since", r.since, now); err != nil {
		return q, err
	}
	if q.Before, err = timeOf("before", r.before, now); err != nil {
		return q, err
	}
	switch {
	case r.limit < 1 || r.limit > report.MostListed:
		return q, usagef("--limit %d: use 1 to %d", r.limit, report.MostListed)
	case r.repository != "" && strings.Count(r.repository, "/") != 1:
		return q, usagef("--repository %q: use owner/name", r.repository)
	case !q.Since.IsZero() && !q.Before.IsZero() && !q.Since.Before(q.Before):
		return q, usagef("--since %s is not before --before %s: no run can be listed", r.since, r.before)
	case r.runnerID != "" && (len(q.Statuses) > 0 || r.repository+r.workflow+r.class+r.since+r.before+r.after != ""):
		return q, usagef("--runner-id names one runner's run: leave the other filters out")
	}
	return q, nil
}

// statusOf reads a status in any case.
func statusOf(text string) (fleet.RunStatus, error) {
	given := fleet.RunStatus(strings.ReplaceAll(strings.ToUpper(strings.TrimSpace(text)), "-", "_"))
	if slices.Contains(fleet.RunStatuses(), given) {
		return given, nil
	}
	var names []string
	for _, status := range fleet.RunStatuses() {
		names = append(names, strings.ToLower(string(status)))
	}
	return "", usagef("--status %q is none of %s%s", text, strings.Join(names, ", "), didYouMean(strings.ToLower(string(given)), names))
}

// didYouMean names the candidate that was probably meant, after a semicolon; "" if none was.
func didYouMean(text string, candidates []string) string {
	best, least := "", len(text)/3+1
	for _, c := range candidates {
		if d := fleet.EditDistance(strings.ToLower(text), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// find finds the runs, and what to say of them to people.
func (r runFilters) find(ctx context.Context, cmd *cobra.Command, records report.Source, now time.Time) ([]report.Run, string, error) {
	q, err := r.query(now)
	if err != nil {
		return nil, "", err
	}
	if r.runnerID != "" {
		return ofRunner(ctx, records, r.runnerID, now)
	}
	page, err := report.FindRuns(ctx, records, q, now)
	switch {
	case errors.As(err, new(report.NotACursor)):
		return nil, "", usagef("--after: %w", err)
	case err != nil:
		return nil, "", err
	case page.Next != "":
		return page.Runs, sayMore(cmd, "runs", len(page.Runs) == r.limit, r.limit, page.Looked, page.Oldest, page.Next), nil
	case len(page.Runs) > 0:
		return page.Runs, "", nil
	}
	said, err := r.sayNone(ctx, records)
	return page.Runs, said, err
}

func ofRunner(ctx context.Context, records report.Source, runnerID string, now time.Time) ([]report.Run, string, error) {
	runs, runner, err := report.RunsOfRunner(ctx, records, runnerID, now)
	if err != nil || len(runs) > 0 {
		return runs, "", err
	}
	return runs, fmt.Sprintf("runner %s has no run now; it was launched for %s", runnerID, runner.RunID), nil
}

// sayNone says why no run was found: a class or repository that the fleet does not have may
// be a slip.
func (r runFilters) sayNone(ctx context.Context, records report.Source) (string, error) {
	settings, err := records.Settings(ctx)
	if err != nil {
		return "", err
	}
	var classes []string
	for name := range settings.ClassSizes {
		classes = append(classes, name)
	}
	slices.Sort(classes)
	asked := len(r.statuses) > 0 || r.repository+r.workflow+r.class+r.since+r.before+r.after != ""
	switch {
	case r.class != "" && len(classes) > 0 && !slices.Contains(classes, r.class):
		return "", usagef("no run had the class %s, and the fleet has %s%s", r.class, strings.Join(classes, ", "), didYouMean(r.class, classes))
	case r.repository != "" && len(settings.Repositories) > 0 && !slices.ContainsFunc(settings.Repositories, func(served string) bool { return strings.EqualFold(served, r.repository) }):
		return "", usagef("there is no run of %s, and the fleet serves %s%s", r.repository, settings.Serves(), didYouMean(r.repository, settings.Repositories))
	case asked:
		return "no run matches", nil
	}
	return "no runs yet: a run is made when a workflow_job webhook arrives", nil
}

// sayMore says that a list may go on, and by which command. It is full, or ended because it
// has looked at many records.
func sayMore(cmd *cobra.Command, kind string, full bool, limit, looked int, oldest time.Time, next string) string {
	said := fmt.Sprintf("more %s may match: %d were looked at, back to %s", kind, looked, oldest.Local().Format(time.DateTime))
	if full {
		said = fmt.Sprintf("there are more than these %d", limit)
	}
	return said + "; go on with: " + cmd.CommandPath() + given(cmd.Flags(), "after") + " --after " + next
}
