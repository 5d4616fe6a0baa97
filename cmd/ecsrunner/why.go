package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/why"
)

// asked is what `ecsrunner why` looks at.
type asked struct {
	source
	labels, config string
}

func newWhy() *cobra.Command {
	var a asked
	cmd := &cobra.Command{
		Use:   "why <job URL | job id | run id | runner id>",
		Short: "Say why a job waits, or what became of it",
		Long: `Say why a job waits, or what became of it, on one page: the answer in a sentence, what
the job asks for and what was decided by which rule, every stage with its time, what it
waits for and until when, whose business that is, and what to do next.

A job is named by its URL on GitHub or on a server of your own, as the browser shows it,
by its id, or by its run id. A runner is named by its id or by its name on GitHub; the
answer is then about the job that it has or had.

The stages add up: together they are the time from GitHub's queueing of the job until
its end, or until now, on the runner that ran it.

Of a job that the fleet has no record of it says what the fleet knows, and what GitHub
says if there is a credential: on AWS the fleet's own, read with your rights; on one
machine the one that --config names. If GitHub has the job queued, it says how its
webhook was delivered and what the fleet answered. --labels says what such a job asks
for.

The exit status is 1 if the fleet has no record of the job or runner; the page is
printed all the same.`,
		Example: `  ecsrunner why https://github.com/octo-org/app/actions/runs/7001/job/20000000005 --stack ecsrunner-fleet
  ecsrunner why 20000000005
  ecsrunner why fleet-20000000005-1 --json
  ecsrunner why 20000000005 --labels self-hosted,class:large`,
		Args: oneArg("job's URL, job id, run id or runner id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			subject, err := why.ParseSubject(args[0])
			if err != nil {
				return usageError{err}
			}
			if a.config != "" {
				if _, err := config.Load(a.config); err != nil {
					return usageError{err}
				}
			}
			return a.read(cmd.Context(), func(f *opened) error {
				facts, err := a.facts(cmd.Context(), f, subject)
				if err != nil {
					return err
				}
				answer := why.Of(facts)
				if a.json {
					err = printJSON(cmd.OutOrStdout(), answer)
				} else {
					err = answer.Text(cmd.OutOrStdout(), time.Local)
				}
				if err == nil && !answer.Known {
					return exitCode(exitFailure)
				}
				return err
			})
		},
	}
	a.source.flags(cmd)
	cmd.Annotations["environment"] += environment(configVar, patVar)["environment"]
	cmd.Flags().StringVar(&a.labels, "labels", "", "labels of a job without a record, between commas, as its runs-on has them")
	cmd.Flags().StringVar(&a.config, "config", "", "configuration whose credential asks GitHub about a job without a record, for a fleet on this machine (default $"+configVar+", else fleet.yaml)")
	return cmd
}

// facts are the fleet's records, and GitHub's word where there are none.
func (a *asked) facts(ctx context.Context, f *opened, subject why.Subject) (why.Facts, error) {
	facts, err := why.Read(ctx, f.records, subject, time.Now())
	if err != nil {
		return facts, err
	}
	facts.Flags = a.placeFlags(f)
	if facts.Run != nil {
		return facts, nil
	}
	if a.labels != "" {
		facts.Labels = strings.Split(a.labels, ",")
	}
	facts.GitHub = a.askGitHub(ctx, f, facts)
	return facts, nil
}

// placeFlags are those by which another command finds the fleet: none if the environment
// names it.
func (a *asked) placeFlags(f *opened) string {
	switch {
	case f.cloud != nil:
		return f.cloud.flags()
	case a.named != "":
		return " --data-dir " + a.named
	}
	return ""
}

// askGitHub asks about a job that the fleet has no record of.
func (a *asked) askGitHub(ctx context.Context, f *opened, facts why.Facts) why.GitHub {
	repository, whyNot := facts.MayAsk()
	if whyNot != "" {
		return why.GitHub{NotAsked: whyNot}
	}
	hub, err := a.gitHub(f, facts)
	if err != nil {
		return why.GitHub{NotAsked: err.Error()}
	}
	job, err := hub.Job(ctx, repository, facts.Subject.JobID)
	if err != nil {
		return why.GitHub{Failed: err.Error()}
	}
	said := why.GitHub{Job: &job}
	if job.Status == fleet.JobQueued {
		said.Webhook = deliveryOf(ctx, hub, f, facts.Policy, job)
	}
	return said
}

// deliveryOf asks how GitHub delivered that a job is queued. Where the fleet's own address is
// not known, every webhook counts that may be a fleet's.
func deliveryOf(ctx context.Context, hub github.ForFleet, f *opened, policy fleet.Policy, job fleet.Job) why.Webhook {
	delivers := github.IsWebhook
	if f.cloud != nil && f.cloud.place().WebhookURL != "" {
		delivers = func(url string) bool { return url == f.cloud.place().WebhookURL }
	}
	answered, known, err := hub.DeliveryOf(ctx, job, fleet.HookPlaces(policy.SharedPlace(), []string{job.Repository}), policy.GitHubApp, delivers)
	switch {
	case err != nil:
		return why.Webhook{NotSeen: err.Error()}
	case !known:
		return why.Webhook{}
	}
	return why.Webhook{Delivered: &why.Delivered{At: answered.At, Status: answered.Status, Says: answered.Says, Body: answered.Body}}
}

// gitHub is the fleet's GitHub with the fleet's credential. The error says why there is
// none.
func (a *asked) gitHub(f *opened, facts why.Facts) (github.ForFleet, error) {
	address := cmp.Or(facts.GitHubURL, "https://github.com")
	base, err := github.APIBase(address)
	if err != nil {
		return github.ForFleet{}, err
	}
	shown, authorities := github.Credential(nil), facts.GitHubCA
	if f.cloud != nil {
		shown, err = f.cloud.credential(facts.Policy.SharedPlace() != "")
	} else {
		shown, authorities, err = a.ofConfig(address)
	}
	if err != nil {
		return github.ForFleet{}, err
	}
	client, err := github.HTTPClient(20*time.Second, authorities)
	if err != nil {
		return github.ForFleet{}, err
	}
	return github.NewForFleet(base, shown, client), nil
}

// ofConfig is the credential of the configuration, and whom it trusts. The configuration
// must be for the fleet's GitHub: no other one is shown the credential.
func (a *asked) ofConfig(address string) (shown github.Credential, authorities string, err error) {
	path := cmp.Or(a.config, os.Getenv(configVar), "fleet.yaml")
	file, err := config.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", fmt.Errorf("there is no configuration %s, which would name a credential: name it with --config", path)
	case err != nil:
		return nil, "", err
	case !strings.EqualFold(file.GitHubURL, address):
		return nil, "", fmt.Errorf("the configuration %s is for %s, and the fleet serves %s", path, file.GitHubURL, address)
	}
	if err := checkCredential(file); err != nil {
		return nil, "", err
	}
	authorities, err = file.Authorities(filepath.Dir(path), time.Now())
	return credential(file), authorities, err
}
