package doctor

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// gitHub is what checks ask of GitHub, each time with GET. Its requests can be watched.
type gitHub interface {
	GetRepository(ctx context.Context, repo github.Repository) (github.RepositoryInfo, error)
	MayListRunners(ctx context.Context, at github.Place) error
	RunnerGroup(ctx context.Context, of github.Shared, name string) (github.RunnerGroup, error)
	// NewestRepository is the one of an organization that was pushed to last; found is false if
	// GitHub shows none.
	NewestRepository(ctx context.Context, org github.Organization) (repo github.Repository, found bool, err error)
	MayListRuns(ctx context.Context, repo github.Repository) error
	Hooks(ctx context.Context, at github.Place) iter.Seq2[github.Hook, error]
	HookDeliveries(ctx context.Context, at github.Place, hookID int64) iter.Seq2[github.Delivery, error]
	// Granted returns the permissions of the App's installation, nil for a token.
	Granted(ctx context.Context, repo github.Repository) (map[string]string, error)
	// Of the fleet's GitHub App, if it acts as one.
	App(ctx context.Context) (github.AppInfo, error)
	AppHook(ctx context.Context) (github.HookConfig, error)
	AppHookDeliveries(ctx context.Context) iter.Seq2[github.Delivery, error]
}

// records are what the fleet has noted.
type records interface {
	Capacity(ctx context.Context) (fleet.Capacity, error)
	HoldsBelow(ctx context.Context, prefix string, limit int) ([]fleet.Hold, error)
	Cursor(ctx context.Context, name string) (string, error)
	Images(ctx context.Context) ([]fleet.ImageRecord, error)
	BuildLock(ctx context.Context, tag string) (fleet.BuildLock, error)
}

// registry is where the images are.
type registry interface {
	Has(ctx context.Context, digest string) (bool, error)
	// Published is the image with a tag, if the fleet did not build it.
	Published(ctx context.Context, tag string) (digest string, ok bool, err error)
}

// Setup is a fleet's set-up. What is nil or empty is not there, or not known, and is not
// looked at.
type Setup struct {
	FleetName string
	Policy    fleet.Policy
	// Flags are how commands find the fleet, with a space before each, as " --stack ci".
	Flags string

	GitHub    gitHub
	GitHubURL string // as github_url
	// StoreToken is the command that stores another GitHub token, and ReadSecret what the
	// shell makes the webhook's secret of, as "$WEBHOOK_SECRET".
	StoreToken, ReadSecret string
	WebhookSecrets         func(context.Context) ([]string, error)
	WebhookURL             string // where GitHub delivers to; "" if only its path is known

	Records  records
	Registry registry
	// SweepLogs is the command that shows the sweep's log.
	SweepLogs string
	// StartedAt is when the fleet was deployed or started last.
	StartedAt time.Time
	// Version is that of this program, and Deployed of what runs; "" if it is not known.
	Version, Deployed, Upgrade string
	NoImages                   bool // runners have none

	Quotas *Quotas
	Queues []Queue

	// More are checks that only this kind of fleet has.
	More []Check

	// Explain puts an error into words for people. Denied reports whether it is that whoever
	// asks may not, which says nothing of the fleet.
	Explain func(error) error
	Denied  func(error) bool
	Now     func() time.Time
}

// command is a command of this program that finds the fleet.
func (s *Setup) command(words string) string { return "ecsrunner " + words + s.Flags }

// explained is the text of an error, in one line. An error that the fleet has named is in
// words for people already.
func (s *Setup) explained(err error) string {
	if s.Explain != nil && (fleet.ErrorName(err) == "" || s.denied(err)) {
		err = s.Explain(err)
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

func (s *Setup) denied(err error) bool { return s.Denied != nil && s.Denied(err) }

// unchecked is the result of a check that could not be made.
func (s *Setup) unchecked(err error, whose, do string) Result {
	return Found(Finding{Severity: Unchecked, What: s.explained(err), Whose: whose, Do: do})
}

// Checks are those that can be made of the set-up, in the order in which they are listed.
func (s Setup) Checks() []Check {
	var checks []Check
	if s.GitHub != nil {
		checks = append(checks, s.ofGitHub()...)
	}
	if s.Records != nil {
		checks = append(checks, s.ofRecords()...)
	}
	if s.Version != "" && s.Deployed != "" {
		checks = append(checks, Check{Name: "version", Run: s.version})
	}
	if s.Quotas != nil {
		checks = append(checks, s.ofQuotas()...)
	}
	for _, q := range s.Queues {
		checks = append(checks, s.ofQueue(q))
	}
	return append(checks, s.More...)
}

// version compares what runs with this program.
func (s *Setup) version(context.Context) Result {
	if s.Version == s.Deployed {
		return Healthy("what runs is %s, as this command", s.Deployed)
	}
	return Found(Finding{
		Severity: Warning, What: "what runs is " + s.Deployed + ", and this command is " + s.Version, Whose: "operator",
		Do: "use the same version of both: deploy or start the fleet with the newer one", Command: s.Upgrade,
	})
}
