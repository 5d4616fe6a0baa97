package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Place is where runners are registered and webhooks are set: a Repository, an Organization
// or an Enterprise.
type Place interface {
	resource(format string, args ...any) resource
	// runners names the permission to register runners there, hooks that for its webhooks.
	runners() string
	hooks() string
}

// Organization is a place whose runners may get the jobs of several repositories: those that
// their group is open to.
type Organization string

func (o Organization) resource(format string, args ...any) resource {
	return resource{want: Want{Owner: string(o)}, path: "/orgs/" + url.PathEscape(string(o)) + fmt.Sprintf(format, args...)}
}

func (Organization) runners() string { return "organization_self_hosted_runners" }

func (Organization) hooks() string { return "organization_hooks" }

func (o Organization) inWords() (what, groups string) {
	return "organization " + string(o), "the organization's settings, under Actions, Runner groups"
}

// Enterprise is a place whose runners may get the jobs of several organizations. GitHub
// takes no App and no fine-grained token for it, and has no API for its webhooks.
// https://docs.github.com/enterprise-cloud@latest/rest/actions/self-hosted-runners
type Enterprise string

func (e Enterprise) resource(format string, args ...any) resource {
	return resource{want: Want{Enterprise: string(e)}, path: "/enterprises/" + url.PathEscape(string(e)) + fmt.Sprintf(format, args...)}
}

func (Enterprise) runners() string { return RunnersScope }

func (Enterprise) hooks() string { return "" }

func (e Enterprise) inWords() (what, groups string) {
	return "enterprise " + string(e), "the enterprise's settings, under Policies, Actions, Runner groups"
}

// RunnersScope is what a classic token needs to register runners in an enterprise.
const RunnersScope = "manage_runners:enterprise"

// Shared is a place whose runners may get the jobs of several repositories: an Organization
// or an Enterprise. Its runners are in groups.
type Shared interface {
	Place
	// inWords names the place for people, and where they see its runner groups.
	inWords() (what, groups string)
}

func (Repository) runners() string { return "administration" }

func (Repository) hooks() string { return "repository_hooks" }

// RunnerGroup is a group of a shared place's runners, which says which repositories may use
// them.
type RunnerGroup struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Public bool   `json:"allows_public_repositories"` // may use them too
}

// groups are the ids of runner groups by name, as they were when they were asked for.
type groups struct {
	mu  sync.Mutex
	ids map[string]int64
}

// RunnerGroupID is the id of a runner group. It asks once; after a registration in the
// group has failed, ForgetRunnerGroups makes it ask again. A group that does not exist is
// GitHub.NoRunnerGroup.
func (c *Client) RunnerGroupID(ctx context.Context, of Shared, name string) (int64, error) {
	what, _ := of.inWords()
	c.groups.mu.Lock()
	id := c.groups.ids[groupKey(what, name)]
	c.groups.mu.Unlock()
	if id != 0 {
		return id, nil
	}
	group, err := c.RunnerGroup(ctx, of, name)
	return group.ID, err
}

func groupKey(what, name string) string { return strings.ToLower(what + "/" + name) }

// RunnerGroup asks GitHub for a runner group.
func (c *Client) RunnerGroup(ctx context.Context, of Shared, name string) (RunnerGroup, error) {
	what, settings := of.inWords()
	type page struct {
		Groups []RunnerGroup `json:"runner_groups"`
	}
	var names []string
	for group, err := range list(ctx, c, of.resource("/actions/runner-groups?per_page=100"), func(p page) []RunnerGroup { return p.Groups }) {
		if err != nil {
			return RunnerGroup{}, fmt.Errorf("look for runner group %q of %s: %w", name, what, hinted(of, err))
		}
		if strings.EqualFold(group.Name, name) {
			c.groups.mu.Lock()
			defer c.groups.mu.Unlock()
			if c.groups.ids == nil {
				c.groups.ids = map[string]int64{}
			}
			c.groups.ids[groupKey(what, name)] = group.ID
			return group, nil
		}
		names = append(names, group.Name)
	}
	return RunnerGroup{}, fleet.Errorf(fleet.GitHubNoRunnerGroup, "%s has no runner group %q (it has %s): make it in %s, or correct runner_group", what, name, strings.Join(names, ", "), settings)
}

// hinted adds to GitHub's refusal of what is asked about an enterprise what may be the cause.
func hinted(at Place, err error) error {
	if _, ok := at.(Enterprise); ok && fleet.IsNamed(err, fleet.GitHubNotFound, fleet.GitHubNoAccess) {
		return fmt.Errorf("%w; is github_enterprise spelled right, and github_pat a classic token with %s, of an owner of the enterprise?", err, RunnersScope)
	}
	return err
}

// ForgetRunnerGroups makes RunnerGroupID ask again.
func (c *Client) ForgetRunnerGroups() {
	c.groups.mu.Lock()
	defer c.groups.mu.Unlock()
	c.groups.ids = nil
}

// Scope is where a fleet registers its runners.
type Scope struct {
	Place string // an organization or enterprise, in the fleet's words; "" is the job's repository
	Group string // of the place's runner groups; "" is the default group
}

// at is a place in the fleet's words: see fleet.OrganizationPlace.
func at(place string) Place {
	if organization, ok := fleet.OrganizationOf(place); ok {
		return Organization(organization)
	}
	if enterprise, ok := fleet.EnterpriseOf(place); ok {
		return Enterprise(enterprise)
	}
	return parse(place)
}

// CanRegister reports, as an error, what keeps the fleet from registering a runner for jobs
// of a repository, as far as GitHub says so without registering one. It remembers the id of
// the runner group; with anew it asks GitHub again.
func (f ForFleet) CanRegister(ctx context.Context, _ string, anew bool) error {
	if f.Scope.Place == "" {
		return nil
	}
	if anew {
		f.Client.ForgetRunnerGroups()
	}
	_, err := f.group(ctx, at(f.Scope.Place))
	return err
}

// CanIdle reports, as an error, what keeps the fleet from having runners that idle in a place:
// those of a group that public repositories may use would get the jobs of forks. That is
// Runner.LaunchFailed.
func (f ForFleet) CanIdle(ctx context.Context, place string) error {
	shared, ok := at(place).(Shared)
	if !ok {
		return nil
	}
	group, err := f.Client.RunnerGroup(ctx, shared, f.Scope.Group)
	if err != nil || !group.Public {
		return err
	}
	what, settings := shared.inWords()
	return fleet.Errorf(fleet.RunnerLaunchFailed, "runner group %q of %s allows public repositories, and GitHub would give its idle runners the jobs of forks: do not allow them in %s, or leave warm out", group.Name, what, settings)
}

// group is the id of the runner group that runners are registered in.
func (f ForFleet) group(ctx context.Context, place Place) (int64, error) {
	shared, ok := place.(Shared)
	if !ok || f.Scope.Group == "" {
		return defaultRunnerGroup, nil
	}
	return f.Client.RunnerGroupID(ctx, shared, f.Scope.Group)
}

// gone reports whether GitHub refused a registration for what its group may be the cause
// of: it answers 403, 404 or 422 for one that does not exist.
func gone(err error) bool {
	answer, ok := errors.AsType[*Error](err)
	return ok && slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}, answer.StatusCode) && answer.RetryAfter == 0
}
