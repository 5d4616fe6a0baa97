package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// registrations deletes this fleet's registrations on GitHub, which it recognizes by
// name. A stopped runner may look busy there for a while.
func (d *drain) registrations(ctx context.Context) error {
	var failed []error
	for _, repository := range d.places() {
		if err := d.registrationsOf(ctx, repository); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", repository, err))
		}
	}
	return errors.Join(failed...)
}

func (d *drain) registrationsOf(ctx context.Context, repository string) error {
	var busy []string
	_, err := d.until(ctx, settle, func() (string, error) {
		ours, err := d.ours(ctx, repository)
		if err != nil {
			return "", err
		}
		busy = nil
		for _, reg := range ours {
			err := d.GitHub.Delete(ctx, repository, reg.ID)
			switch {
			case fleet.IsNamed(err, fleet.GitHubRunnerBusy):
				busy = append(busy, reg.Name)
			case fleet.IsNamed(err, fleet.GitHubNotFound):
			case err != nil:
				return "", err
			default:
				d.res.Registrations++
				d.did("deleted registration %s in %s", reg.Name, repository)
			}
		}
		if len(busy) == 0 {
			return "", nil
		}
		return count(len(busy), "registration") + " that GitHub calls busy", nil
	})
	if err != nil {
		return err
	}
	for _, name := range busy {
		d.problem("delete registration "+name+" in "+repository, errors.New("GitHub says that it has a job; it gives a runner up some minutes after that was stopped: drain again then"))
	}
	return nil
}

// ours lists the registrations of this fleet. They are deleted only after that, or the
// pages of the list would move.
func (d *drain) ours(ctx context.Context, repository string) (ours []fleet.Registration, err error) {
	for reg, err := range d.GitHub.Registrations(ctx, repository) {
		if err != nil {
			return nil, err
		}
		runnerID, _, ok := fleet.ParseRunnerID(d.Fleet.Name, reg.Name)
		if ok && fleet.IsShared(repository) {
			// Another fleet that is registered there may have this one's name.
			if _, ok, err = d.Fleet.Records.Runner(ctx, runnerID); err != nil {
				return nil, err
			}
		}
		if ok {
			ours = append(ours, reg)
		}
	}
	return ours, nil
}

// definitions deregisters and deletes the task definitions that the fleet registered.
func (d *drain) definitions(ctx context.Context) error {
	if d.Definitions == nil {
		return nil
	}
	if _, err := d.until(ctx, settle, func() (string, error) { return "", nil }); err != nil {
		return err // the fleet was resumed
	}
	var failed []error
	var found []fleet.RegisteredDefinition
	for def, err := range d.Definitions.Definitions(ctx) {
		if err != nil {
			failed = append(failed, err)
			break
		}
		found = append(found, def)
	}
	var inactive []string
	for _, def := range found {
		if def.Active {
			if err := d.Definitions.Deregister(ctx, def.ARN); err != nil {
				failed = append(failed, err)
				continue
			}
			d.res.Deregistered++
			d.did("deregistered task definition %s", def.ARN)
			if err := d.Wait(ctx, oneCall); err != nil {
				return err
			}
		}
		inactive = append(inactive, def.ARN)
	}
	for some := range slices.Chunk(inactive, atOnce) {
		if err := d.Definitions.DeleteDefinitions(ctx, some); err != nil {
			failed = append(failed, err)
		} else {
			d.res.Deleted += len(some)
			d.did("deleted %s", count(len(some), "task definition"))
		}
		if err := d.Wait(ctx, oneCall); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// hooks names the webhooks that deliver to this fleet. Only an operator may remove
// them: the fleet's credential need not be allowed to, and often may not list them.
func (d *drain) hooks(ctx context.Context) error {
	if d.WebhookURL == "" {
		return nil
	}
	// Those of an App are for its settings: they may deliver for other fleets.
	for _, repository := range fleet.HookPlaces(d.Fleet.SharedPlace, d.Repositories) {
		place, at := repository, "repos/"+repository
		if organization, ok := fleet.OrganizationOf(place); ok {
			repository, at = organization, "orgs/"+organization
		}
		for hook, err := range d.GitHub.Hooks(ctx, place) {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				d.res.Hooks = append(d.res.Hooks, Hook{
					Repository: repository,
					Command:    fmt.Sprintf(`gh api %s/hooks --jq '.[] | select(.config.url == "%s") | .id'`, at, d.WebhookURL),
				})
			case hook.URL == d.WebhookURL:
				d.res.Hooks = append(d.res.Hooks, Hook{
					Repository: repository, HookID: hook.ID,
					Command: fmt.Sprintf("gh api -X DELETE %s/hooks/%d", at, hook.ID),
				})
			}
		}
	}
	return nil
}
