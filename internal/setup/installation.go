package setup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

const lookForInstallations = 3 * time.Second

// Installed waits until the App is installed for each owner, with all of the repositories.
// show is called once if it is not, with the page on which a person installs it.
func (s Setup) Installed(ctx context.Context, show func(link string)) error {
	var link string
	var missing []string
	err := s.until(ctx, lookForInstallations, s.Limit, func(ctx context.Context) (bool, error) {
		var err error
		if missing, err = s.missing(ctx); err != nil || len(missing) == 0 {
			return err == nil, err
		}
		if link != "" {
			return false, nil
		}
		app, err := s.GitHub.App(ctx)
		if err != nil {
			return false, err
		}
		link = strings.TrimSuffix(app.HTMLURL, "/") + "/installations/new"
		s.Say("installation: waiting for the App to be given %s, at %s", strings.Join(missing, ", "), link)
		show(link)
		return false, nil
	})
	switch {
	case errors.Is(err, errOver):
		return fmt.Errorf("installation: the App was not given %s within %s: install it at %s, or give its installation these repositories, and run this again", strings.Join(missing, ", "), s.Limit, link)
	case err != nil:
		return fmt.Errorf("installation: %w", err)
	}
	with := counted(len(s.Policy.Repositories), "repository", "repositories")
	if s.Policy.WholeOrganization() {
		with = "the repositories that it was given there"
	}
	s.Say("installation: the App is installed for %s, with %s", strings.Join(owners(s.Policy), ", "), with)
	return nil
}

// missing are the repositories that the App was not given yet.
func (s Setup) missing(ctx context.Context) (names []string, err error) {
	if s.Policy.WholeOrganization() {
		_, found, err := s.GitHub.NewestRepository(ctx, github.Organization(s.Policy.Organization))
		switch {
		case fleet.IsNamed(err, github.NotFound), err == nil && !found:
			return []string{"repositories of " + s.Policy.Organization}, nil
		}
		return nil, err
	}
	for _, name := range s.Policy.Repositories {
		_, err := s.GitHub.GetRepository(ctx, repository(name))
		switch {
		case fleet.IsNamed(err, github.NotFound):
			names = append(names, name)
		case err != nil:
			return nil, err
		}
	}
	return names, nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
