package doctor

import (
	"context"
	"net/url"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// ofOrganization are the checks where the fleet serves all repositories of an organization:
// what is asked of each repository otherwise is asked of the organization.
func (s *Setup) ofOrganization(a *app) []Check {
	h := &hub{Setup: s, app: a, repo: github.Repository{Owner: s.Policy.Organization}, isOrg: true}
	h.first = h
	return []Check{
		{Name: "token", About: s.Policy.Organization, Run: h.token},
		{Name: "clock", Run: h.clock},
		{Name: "administration", About: s.Policy.Organization, Needs: h.registrationNeeds(), Run: h.administration},
		{Name: "actions", About: s.Policy.Organization, Needs: "Actions: read", Run: h.newestActions},
		{Name: "webhook", About: s.Policy.Organization, Needs: "Webhooks: read", Run: h.webhook},
		{Name: "deliveries", About: s.Policy.Organization, Needs: "Webhooks: read", Run: h.deliveries},
	}
}

// isOrganization reports whether the checks are of an organization, and not a repository.
func (h *hub) isOrganization() bool { return h.isOrg }

// owned says whose a webhook is.
func (h *hub) owned() string {
	if h.isOrganization() {
		return "organization"
	}
	return "repository"
}

// hooksScope is what a classic token needs to see webhooks.
func (h *hub) hooksScope() string {
	if h.isOrganization() {
		return "admin:org_hook"
	}
	return "admin:repo_hook"
}

// hooksPage is where people see the webhooks.
func (h *hub) hooksPage() string {
	if h.isOrganization() {
		return h.page("/organizations/" + url.PathEscape(h.repo.Owner) + "/settings/hooks")
	}
	return h.repositoryPage("/settings/hooks")
}

// lookAtOrganization is look for an organization.
func (h *hub) lookAtOrganization(ctx context.Context) (shown, error) {
	ctx, seen := github.Watching(ctx)
	err := h.GitHub.MayListRunners(ctx, h.place())
	return shown{seen: seen()}, err
}

// newestActions looks at whether the credential may read jobs in the repository that was
// pushed to last: each other one would be a request.
func (h *hub) newestActions(ctx context.Context) Result {
	if !h.tokenWorks(ctx) {
		return Skip("token")
	}
	newest, found, err := h.GitHub.NewestRepository(ctx, github.Organization(h.repo.Owner))
	switch {
	case mayNot(err):
		return Found(h.lacks("Metadata: read on the organization's repositories", "quiet ones cannot be looked at"))
	case err != nil:
		return Found(h.unanswered(err, "Metadata: read"))
	case !found:
		return Found(Finding{
			Severity: Warning, What: "GitHub shows the " + h.whose() + " no repository of " + h.repo.Owner, Whose: h.whose(),
			Do: "is github_org spelled right? Then give the " + h.whose() + " access to its repositories",
		})
	}
	err = h.GitHub.MayListRuns(ctx, newest)
	switch {
	case fleet.IsNamed(err, github.NotFound) && h.Policy.GitHubApp:
		return Healthy("the App was not given %s, which was pushed to last; whether it may read workflow runs elsewhere was not looked at", newest)
	case mayNot(err):
		return Found(h.lacks("Actions: read", "jobs cannot be asked for, and lost webhooks not be found"))
	case err != nil:
		return Found(h.unanswered(err, "Actions: read"))
	}
	return Healthy("the %s may read workflow runs, in %s as an example", h.whose(), newest)
}
