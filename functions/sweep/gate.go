package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// mostPoints is how many of the 900 points that GitHub gives a credential a minute one
// sweep uses: a GET costs one, every other request five, and GitHub's page does not say
// that an unchanged page is free.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
const (
	mostPoints    = 300
	pointsOfGet   = 1
	pointsOfOther = 5
)

// errPutOff says that a request was left to a later sweep.
var errPutOff = errors.New("what is left of GitHub's limit is kept for claims, or this sweep has asked for enough")

// gate is GitHub for one sweep. It lets requests pass as long as that leaves the
// reserve: claims come first, then launches, and then the sweep. Looking around stops
// at an even share of what is left until the reset; repairs may use more.
type gate struct {
	github
	hub    lifecycle.GitHub // what operations of the fleet ask
	now    func() time.Time
	late   func() bool // reports whether the part of the sweep that asks has used up its time
	open   func(ctx context.Context) (unregistered, registered int, err error)
	floors map[string]int // by credential: where looking around stops
	points map[string]int // by credential
	usage  fleet.GitHubUsage
}

// may counts a request of a kind, or returns the error that it is put off.
func (g *gate) may(ctx context.Context, repository, kind string, points int, looks bool) error {
	b, err := g.github.Budget(ctx, repository, g.now())
	if err != nil {
		return err
	}
	g.usage.Know(b)
	putOff := looks && (g.late() || g.points[b.Credential]+points > mostPoints)
	if b.Known() && !putOff {
		unregistered, registered, err := g.open(ctx)
		if err != nil {
			return err
		}
		left, reserve := b.Left(g.now()), b.Reserve(unregistered, registered)
		floor, known := g.floors[b.Credential]
		if !known {
			allowance, _ := b.Allowance(g.now(), reserve)
			floor = left - allowance
			g.floors[b.Credential] = floor
		}
		putOff = left <= reserve || looks && left <= floor
	}
	if putOff {
		g.usage.PutOff[kind]++
		return fleet.Errorf(fleet.GitHubRateLimited, "put off %s of %s: %w", kind, repository, errPutOff)
	}
	g.points[b.Credential] += points
	g.usage.Asked[kind]++
	return nil
}

// Kinds of requests, as the usage counts them.
const (
	kindRepositories  = "repositories"
	kindRuns          = "workflow_runs"
	kindJobsOfRun     = "jobs_of_workflow_runs"
	kindJob           = "jobs"
	kindRegistrations = "registrations"
	kindDeliveries    = "deliveries"
	kindRedelivery    = "redeliveries"
	kindDeletion      = "deletions"
	kindRelease       = "releases"
	kindRefusal       = "refusals_shown"
	kindRerun         = "reruns"
)

// askPage asks for a page, and counts an unchanged page as such.
func askPage[T any](ctx context.Context, g *gate, repository, kind string, ask func() (fleet.Page[T], error)) (fleet.Page[T], error) {
	if err := g.may(ctx, repository, kind, pointsOfGet, true); err != nil {
		return fleet.Page[T]{}, err
	}
	page, err := ask()
	if page.Unchanged {
		g.usage.Asked[kind]--
		g.usage.Unchanged++
	}
	return page, err
}

func (g *gate) WorkflowRuns(ctx context.Context, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
	return askPage(ctx, g, repository, kindRuns, func() (fleet.Page[fleet.WorkflowRun], error) {
		return g.github.WorkflowRuns(ctx, repository, status, was)
	})
}

func (g *gate) JobsOf(ctx context.Context, repository string, run fleet.WorkflowRun, was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error) {
	return askPage(ctx, g, repository, kindJobsOfRun, func() (fleet.Page[fleet.Job], error) {
		return g.github.JobsOf(ctx, repository, run, was)
	})
}

func (g *gate) RegistrationsPage(ctx context.Context, place string, was fleet.Page[fleet.Registration]) (fleet.Page[fleet.Registration], error) {
	return askPage(ctx, g, place, kindRegistrations, func() (fleet.Page[fleet.Registration], error) {
		return g.github.RegistrationsPage(ctx, place, was)
	})
}

func (g *gate) RepositoriesPage(ctx context.Context, organization string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error) {
	return askPage(ctx, g, fleet.OrganizationPlace(organization), kindRepositories, func() (fleet.Page[fleet.ListedRepository], error) {
		return g.github.RepositoriesPage(ctx, organization, was)
	})
}

func (g *gate) PushedPage(ctx context.Context, organization string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error) {
	return askPage(ctx, g, fleet.OrganizationPlace(organization), kindRepositories, func() (fleet.Page[fleet.ListedRepository], error) {
		return g.github.PushedPage(ctx, organization, was)
	})
}

func (g *gate) DeliveriesPage(ctx context.Context, repository string, hookID int64, was fleet.Page[fleet.Delivery]) (fleet.Page[fleet.Delivery], error) {
	if hookID == fleet.AppHook { // which is asked about by the App itself, at no installation's cost
		g.usage.Asked[kindDeliveries]++
		return g.github.DeliveriesPage(ctx, repository, hookID, was)
	}
	return askPage(ctx, g, repository, kindDeliveries, func() (fleet.Page[fleet.Delivery], error) {
		return g.github.DeliveriesPage(ctx, repository, hookID, was)
	})
}

func (g *gate) Redeliver(ctx context.Context, repository string, hookID, deliveryID int64) error {
	if hookID == fleet.AppHook {
		g.usage.Asked[kindRedelivery]++
	} else if err := g.may(ctx, repository, kindRedelivery, pointsOfOther, true); err != nil {
		return err
	}
	return g.github.Redeliver(ctx, repository, hookID, deliveryID)
}

func (g *gate) LatestRunner(ctx context.Context, repository string) (fleet.RunnerRelease, error) {
	if err := g.may(ctx, repository, kindRelease, pointsOfGet, false); err != nil {
		return fleet.RunnerRelease{}, err
	}
	return g.github.LatestRunner(ctx, repository)
}

func (g *gate) CanIdle(ctx context.Context, place string) error {
	if err := g.may(ctx, place, kindRegistrations, pointsOfGet, true); err != nil {
		return err
	}
	return g.github.CanIdle(ctx, place)
}

// Job asks for a job that the sweep looks at. Operations of the fleet ask through
// repairing.
func (g *gate) Job(ctx context.Context, repository string, jobID int64) (fleet.Job, error) {
	if err := g.may(ctx, repository, kindJob, pointsOfGet, true); err != nil {
		return fleet.Job{}, err
	}
	return g.hub.Job(ctx, repository, jobID)
}

// repairing is the gate for the operations of the fleet that the sweep calls.
type repairing struct{ *gate }

func (r repairing) Job(ctx context.Context, repository string, jobID int64) (fleet.Job, error) {
	if err := r.may(ctx, repository, kindJob, pointsOfGet, false); err != nil {
		return fleet.Job{}, err
	}
	return r.hub.Job(ctx, repository, jobID)
}

func (r repairing) Registration(ctx context.Context, repository, name string) (fleet.Registration, bool, error) {
	if err := r.may(ctx, repository, kindRegistrations, pointsOfGet, false); err != nil {
		return fleet.Registration{}, false, err
	}
	return r.hub.Registration(ctx, repository, name)
}

func (r repairing) WorkflowRun(ctx context.Context, repository string, id int64) (fleet.WorkflowRun, error) {
	if err := r.may(ctx, repository, kindRuns, pointsOfGet, false); err != nil {
		return fleet.WorkflowRun{}, err
	}
	return r.hub.WorkflowRun(ctx, repository, id)
}

func (r repairing) Delete(ctx context.Context, repository string, id int64) error {
	if err := r.may(ctx, repository, kindDeletion, pointsOfOther, false); err != nil {
		return err
	}
	return r.hub.Delete(ctx, repository, id)
}

// withoutPutOff removes requests that were only put off from joined errors: they are
// counted.
func withoutPutOff(err error) error {
	switch joined := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		var rest []error
		for _, one := range joined.Unwrap() {
			rest = append(rest, withoutPutOff(one))
		}
		return errors.Join(rest...)
	}
	if errors.Is(err, errPutOff) {
		return nil
	}
	return err
}

// openNow counts the open runners by whether they have registered. A runner that opens
// meanwhile costs its launch, for which the reserve has room.
func (s *sweep) openNow(ctx context.Context) (unregistered, registered int, err error) {
	if s.openRunners == nil {
		open, err := s.Records.OpenRunners(ctx)
		if err != nil {
			return 0, 0, fmt.Errorf("count the open runners: %w", err)
		}
		s.openRunners = &open
	}
	for _, r := range *s.openRunners {
		if r.At(fleet.StageRegistered).IsZero() {
			unregistered++
		} else {
			registered++
		}
	}
	return unregistered, registered, nil
}
