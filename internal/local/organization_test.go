package local_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// inGroup has the fleet register its runners in a group of the organization.
func inGroup(name string) option {
	return func(c *local.Config, s *sim.Config) {
		c.Policy.Organization, c.Policy.RunnerGroup = "octo-org", name
		s.RunnerGroups = []string{"others", "Fleet"}
	}
}

// inEnterprise has the fleet register its runners in a group of the enterprise, with a classic
// token.
func inEnterprise(group string) option {
	return func(c *local.Config, s *sim.Config) {
		c.Policy.Enterprise, c.Policy.RunnerGroup = "octo-corp", group
		s.Enterprise, s.RunnerGroups, s.Scopes = "octo-corp", []string{"others", "Fleet"}, []string{"repo", github.RunnersScope}
	}
}

// ofOrganization gives the App what it needs for that, and no more.
func ofOrganization(c *local.Config, s *sim.Config) {
	s.App.Permissions = map[string]string{"actions": "read", "organization_self_hosted_runners": "write", "metadata": "read"}
	apps := c.Credential.(github.Apps)
	apps.Organization = true
	c.Credential = apps
}

// unlisted has the fleet serve all repositories of the organization.
func unlisted(c *local.Config, s *sim.Config) {
	c.Policy.Repositories = nil
	s.HookOfOrganization = s.App == nil
}

func TestRunnersOfASharedPlace(t *testing.T) {
	for name, c := range map[string]struct {
		place   string
		options []option
	}{
		"a token":                {"orgs/octo-org", []option{inGroup("fleet")}},
		"a token, default group": {"orgs/octo-org", []option{inGroup("")}},
		"an App":                 {"orgs/octo-org", []option{asApp, inGroup("fleet"), ofOrganization}},
		"a token, without a list of repositories": {"orgs/octo-org", []option{inGroup("fleet"), unlisted}},
		"an App, without a list of repositories":  {"orgs/octo-org", []option{asApp, inGroup("fleet"), ofOrganization, unlisted}},
		"an enterprise":                           {"enterprises/octo-corp", []option{inEnterprise("fleet")}},
		"an enterprise, default group":            {"enterprises/octo-corp", []option{inEnterprise("")}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.options...)
			id := w.github.Queue(job())
			w.awaitEnd(id)
			if run := w.run(id); run.Status != fleet.RunCompleted || run.Conclusion != "success" {
				t.Errorf("%+v", run)
			}
			if left := w.github.Runners(); len(left) != 0 {
				t.Errorf("registrations left on GitHub: %+v", left)
			}
			w.await("a sweep that lists the runners", func() bool {
				return slices.Contains(w.requests(), "GET /api/v3/"+c.place+"/actions/runners")
			})
			for _, asked := range w.requests() {
				if strings.Contains(asked, "/actions/runners") && !strings.Contains(asked, "/"+c.place+"/") {
					t.Errorf("asked %s", asked)
				}
			}
		})
	}
}

// requests are those of GitHub's REST API.
func (w *world) requests() (all []string) {
	w.seen(func() {
		for _, asked := range w.asked {
			method, path, _ := strings.Cut(asked, " ")
			if strings.HasPrefix(path, "/api/v3/") {
				all = append(all, method+" "+path)
			} else {
				all = append(all, method+" /api/v3/repos/"+repository+path)
			}
		}
	})
	return all
}

func TestAMissingRunnerGroupHoldsJobsBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		option
		says string
	}{
		"of an organization": {inGroup("nosuch"), `organization octo-org has no runner group "nosuch" (it has Default, others, Fleet)`},
		"of an enterprise":   {inEnterprise("nosuch"), `enterprise octo-corp has no runner group "nosuch" (it has Default, others, Fleet)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.option)
			id := w.github.Queue(job())
			w.awaitRetry(id)
			run := w.run(id)
			if !strings.Contains(run.Reason, c.says) {
				t.Errorf("the reason lacks %q: %s", c.says, run.Reason)
			}
			if !run.Times[fleet.StageTaskStarted].IsZero() {
				t.Error("a task was started")
			}
		})
	}
}
