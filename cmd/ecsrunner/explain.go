package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// explainFlags say which jobs are to be decided about, and what is known of them.
type explainFlags struct {
	config, format string
	json           bool

	labels, event string
	workflows     []string

	repository, visibility string
	eventName, branch      string
	fork                   bool
}

// Values of --format.
const (
	formatTable  = "table"
	formatGitHub = "github"
)

var visibilities = []string{fleet.VisibilityPublic, fleet.VisibilityPrivate, fleet.VisibilityInternal}

func newExplain() *cobra.Command {
	var flags explainFlags
	cmd := &cobra.Command{
		Use:   "explain (--labels A,B | --workflow FILE | --event FILE)",
		Short: "Say what the fleet would do with jobs, and why",
		Long: `Say what the fleet would do with jobs, and why: admitted, refused or not ours, by
which rule, and of an admitted job its size, its image and its price. Nothing is
started, and neither GitHub nor AWS is asked: what decides is the configuration,
by the same function that the fleet decides with.

Jobs are named by their labels, by a workflow file (all of its jobs, or those of
all files in a folder), or by a workflow_job payload of GitHub's. In a workflow file
the values of a matrix are known; a runs-on with any other expression is decided at
run time.
A rule of the configuration's policy may depend on where a job comes from: --fork,
--event-name and --branch say it, as GitHub would to the fleet. Without them such
a job is undecided.

A price is us-east-1's list price of a minute. A job is billed from the pull of
its image, for a minute at least.

For a check in CI: the exit status is 1 if a job is refused, and 0 if none is. Jobs
that are not ours, undecided or decided at run time are not refused. 2 is a mistake in
the flags, the configuration or a file. --format github annotates the lines of
the workflow file.`,
		Example: `  ecsrunner explain --labels self-hosted,class:large,image:node:22
  ecsrunner explain --workflow .github/workflows --config fleet.yaml
  ecsrunner explain --workflow .github/workflows/ci.yml --format github
  ecsrunner explain --labels class:large --repo octo-org/app --event-name pull_request --fork
  ecsrunner explain --event - --json < payload.json`,
		Annotations: environment(configVar),
		Args:        noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return untilStopped(cmd, func() error { return explain(cmd, flags) })
		},
	}
	cmd.Flags().StringVar(&flags.config, "config", "", "configuration (default $ECSRUNNER_CONFIG, else fleet.yaml)")
	cmd.Flags().StringVar(&flags.labels, "labels", "", "labels of a job, between commas, as its runs-on has them; white space counts, as it does to GitHub")
	cmd.Flags().StringArrayVar(&flags.workflows, "workflow", nil, "workflow file, or folder of them; may be repeated")
	cmd.Flags().StringVar(&flags.event, "event", "", "file with a workflow_job payload; - is standard input")
	cmd.Flags().StringVar(&flags.repository, "repo", "", "repository of the jobs, as owner/name (default: the first of github_repo, or one of github_org that no rule names)")
	cmd.Flags().StringVar(&flags.visibility, "visibility", fleet.VisibilityPrivate, "who sees the repository: "+strings.Join(visibilities, ", "))
	cmd.Flags().BoolVar(&flags.fork, "fork", false, "the jobs' commit is of a fork; --fork=false: it is not (default: not known)")
	cmd.Flags().StringVar(&flags.eventName, "event-name", "", "event that starts the workflow, such as push (default: not known)")
	cmd.Flags().StringVar(&flags.branch, "branch", "", "branch or tag of the jobs' commit (default: not known)")
	cmd.Flags().StringVar(&flags.format, "format", formatTable, "table, or github for annotations")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print JSON with stable field names")
	return cmd
}

// untilStopped does what may wait for input, and ends when the command is stopped: what it
// does then changes nothing.
func untilStopped(cmd *cobra.Command, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-cmd.Context().Done():
		return errors.New("stopped")
	}
}

func explain(cmd *cobra.Command, flags explainFlags) error {
	if err := flags.check(cmd); err != nil {
		return err
	}
	file, err := config.Load(configPath(flags.config))
	if err != nil {
		return usageError{err}
	}
	jobs, err := flags.jobs(cmd, repositoriesOf(file))
	if err != nil {
		return usageError{err}
	}
	origin := flags.origin(cmd)
	for i := range jobs {
		jobs[i].job.Origin = origin
		if origin.Branch != nil { // over a payload's
			jobs[i].job.HeadBranch = flags.branch
		}
	}
	policy := file.Policy()
	explained := make([]explanation, len(jobs))
	for i, job := range jobs {
		explained[i] = job.explain(policy)
	}
	switch {
	case flags.json:
		err = printJSON(cmd.OutOrStdout(), explained)
	case flags.format == formatGitHub:
		err = printAnnotations(cmd.OutOrStdout(), explained)
	default:
		err = printExplanations(cmd.OutOrStdout(), explained)
	}
	if err == nil && slices.ContainsFunc(explained, func(e explanation) bool { return e.Verdict == fleet.Refused }) {
		return exitCode(exitFailure)
	}
	return err
}

func (f explainFlags) check(cmd *cobra.Command) error {
	given := func(name string) bool { return cmd.Flags().Changed(name) }
	var sources []string
	for _, name := range []string{"labels", "workflow", "event"} {
		if given(name) {
			sources = append(sources, "--"+name)
		}
	}
	switch {
	case len(sources) == 0:
		return usagef("no job is named: use --labels, --workflow or --event; see `%s --help`", cmd.CommandPath())
	case len(sources) > 1:
		return usagef("%s each name jobs: use one of them", strings.Join(sources, " and "))
	case given("event") && (given("repo") || given("visibility")):
		return usagef("--event has a payload that names its repository: leave --repo and --visibility out")
	case !slices.Contains(visibilities, f.visibility):
		return usagef("--visibility %s: use %s", f.visibility, strings.Join(visibilities, ", "))
	case f.format != formatTable && f.format != formatGitHub:
		return usagef("--format %s: use %s or %s", f.format, formatTable, formatGitHub)
	case f.json && given("format"):
		return usagef("--json and --format each say how to print: use one of them")
	case given("event-name") && f.eventName == "":
		return usagef("--event-name is empty: name an event such as push, or leave it out")
	case given("event-name") && config.BadEvent(f.eventName) != "":
		return usagef("--event-name %s %s", f.eventName, config.BadEvent(f.eventName))
	case f.branch != "" && config.BadBranch(f.branch) != "":
		return usagef("--branch %s %s", f.branch, config.BadBranch(f.branch))
	case given("event") && f.event == "":
		return usagef("--event is empty: name a file with a payload, or - for standard input")
	case given("labels") && strings.Trim(f.labels, ", ") == "":
		return usagef("--labels has no label: write them between commas, as in self-hosted,class:small")
	case given("repo") && !isRepository(f.repository):
		return usagef("--repo %s is not a repository: write it as owner/name", f.repository)
	}
	return nil
}

// origin is what the flags say of where the jobs come from.
func (f explainFlags) origin(cmd *cobra.Command) (o fleet.Origin) {
	if cmd.Flags().Changed("fork") {
		o.Fork = &f.fork
	}
	if cmd.Flags().Changed("event-name") {
		o.Event = &f.eventName
	}
	if cmd.Flags().Changed("branch") {
		o.Branch = &f.branch
	}
	return o
}

func isRepository(text string) bool {
	owner, name, ok := strings.Cut(text, "/")
	return ok && owner != "" && name != "" && !strings.Contains(name, "/")
}

// anyRepository ends the name that stands for every repository of an organization.
const anyRepository = "/any"

// repositoriesOf are the repositories that the fleet serves; of a whole organization one
// that stands for all.
func repositoriesOf(file config.Config) []string {
	if policy := file.Policy(); policy.WholeOrganization() {
		return []string{policy.Organization + anyRepository}
	}
	return file.Repositories
}

// job is a job of which no more is known than the flags say.
func (f explainFlags) job(cmd *cobra.Command, repositories []string) fleet.Job {
	job := fleet.Job{Repository: f.repository, Visibility: f.visibility, Private: f.visibility != fleet.VisibilityPublic}
	if job.Repository == "" {
		job.Repository = repositories[0]
		if len(repositories) > 1 {
			fmt.Fprintf(cmd.ErrOrStderr(), "deciding for %s: --repo names another of the fleet's repositories\n", job.Repository)
		}
		if strings.HasSuffix(job.Repository, anyRepository) {
			fmt.Fprintf(cmd.ErrOrStderr(), "deciding for a repository of no rule's name: --repo names one of %s\n", strings.TrimSuffix(job.Repository, anyRepository))
		}
	}
	return job
}
