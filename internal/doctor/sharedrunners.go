package doctor

import (
	"context"
	"net/url"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// sharedPlace is where all runners are registered.
type sharedPlace struct {
	github.Shared
	name, groups string // for people, and where they see its runner groups
	needs        string // of the credential
	asked        string // the repository, or organization, whose check asks about it
}

func (h *hub) sharedPlace() sharedPlace {
	if name := h.Policy.Enterprise; name != "" {
		return sharedPlace{
			Shared: github.Enterprise(name), name: "the enterprise " + name, asked: h.Policy.Repositories[0],
			groups: h.page("/enterprises/"+url.PathEscape(name)) + " under Policies, Actions, Runner groups",
			needs:  "a classic token with the scope " + github.RunnersScope,
		}
	}
	name := h.Policy.Organization
	return sharedPlace{
		Shared: github.Organization(name), name: "the organization " + name, asked: h.first.repo.String(),
		groups: h.page("/organizations/" + url.PathEscape(name) + "/settings/actions/runner-groups"),
		needs:  "the organization's Self-hosted runners: read and write (a classic token: admin:org)",
	}
}

// registrationNeeds is what administration needs of GitHub, which depends on where runners
// are registered.
func (h *hub) registrationNeeds() string {
	switch {
	case h.Policy.Enterprise != "":
		return github.RunnersScope
	case h.Policy.SharedPlace() != "":
		return "Self-hosted runners: read"
	}
	return "Administration: read"
}

// sharedRunners is administration where runners are registered in an organization or
// enterprise. It is asked about once.
func (h *hub) sharedRunners(ctx context.Context) Result {
	place := h.sharedPlace()
	if h.repo.String() != place.asked {
		return Healthy("runners are registered in %s, which %s was asked about", place.name, place.asked)
	}
	watched, seen := github.Watching(ctx)
	switch err := h.GitHub.MayListRunners(watched, place); {
	case mayNot(err) && h.Policy.Enterprise != "":
		return Found(h.noEnterprise(place, seen()))
	case mayNot(err):
		return Found(h.lacks(place.needs, "no runner can be registered"))
	case err != nil:
		return Found(h.unanswered(err, place.needs))
	}
	if h.Policy.RunnerGroup == "" {
		return Healthy("the %s may list the runners of %s; that it may register them, only a runner shows", h.registrar(), place.name)
	}
	switch group, err := h.GitHub.RunnerGroup(ctx, place.Shared, h.Policy.RunnerGroup); {
	case fleet.IsNamed(err, fleet.GitHubNoRunnerGroup):
		return Found(Finding{
			Severity: Error, What: h.explained(err), Whose: "configuration", Do: "make the group at " + place.groups + ", or correct runner_group",
		})
	case err != nil:
		return Found(h.unanswered(err, place.needs))
	case group.Public && h.Policy.WantsWarm():
		return Found(Finding{
			Severity: Warning, What: "the runner group " + h.Policy.RunnerGroup + " allows public repositories, so the fleet starts no idle runners: GitHub would give them the jobs of forks",
			Whose: "configuration", Do: "do not allow public repositories at " + place.groups + ", or leave warm out of runner_class_sizes",
		})
	}
	return Healthy("the %s may list the runners of %s, and there is the group %s", h.registrar(), place.name, h.Policy.RunnerGroup)
}

// registrar is what registers runners: in an enterprise no App can.
func (h *hub) registrar() string {
	if h.Policy.Enterprise != "" {
		return "token"
	}
	return h.whose()
}

// noEnterprise says why GitHub does not let the token list an enterprise's runners.
func (h *hub) noEnterprise(place sharedPlace, seen github.Seen) Finding {
	f := Finding{
		Severity: Error, Whose: "token",
		Do: "make a classic token with the scopes repo and " + github.RunnersScope + " at " + h.page("/settings/tokens") + ", as an owner of the enterprise, and store it as github_pat",
	}
	has := func(scope string) bool { return slices.Contains(seen.Scopes, scope) }
	switch {
	case !seen.HasScopes:
		f.What = "the token is no classic one, and GitHub takes no other, and no App, for the runners of " + place.name
	case !has(github.RunnersScope) && !has("admin:enterprise"):
		f.What = "the token lacks the scope " + github.RunnersScope + ", so no runner can be registered"
	default:
		f.What = "GitHub does not show the token the runners of " + place.name + ": it does not exist, or the token's user is no owner of it"
		f.Do = "is github_enterprise spelled as in the address of its page? Then make the token's user an owner of the enterprise, or use the token of one"
	}
	return f
}
