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

func TestRunnersOfAnOrganization(t *testing.T) {
	for name, options := range map[string][]option{
		"a token":                {inGroup("fleet")},
		"a token, default group": {inGroup("")},
		"an App":                 {asApp, inGroup("fleet"), ofOrganization},
		"a token, without a list of repositories": {inGroup("fleet"), unlisted},
		"an App, without a list of repositories":  {asApp, inGroup("fleet"), ofOrganization, unlisted},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options...)
			id := w.github.Queue(job())
			w.awaitEnd(id)
			if run := w.run(id); run.Status != fleet.RunCompleted || run.Conclusion != "success" {
				t.Errorf("%+v", run)
			}
			if left := w.github.Runners(); len(left) != 0 {
				t.Errorf("registrations left on GitHub: %+v", left)
			}
			w.await("a sweep that lists the runners", func() bool {
				return slices.Contains(w.requests(), "GET /api/v3/orgs/octo-org/actions/runners")
			})
			for _, asked := range w.requests() {
				if strings.Contains(asked, "/actions/runners") && !strings.Contains(asked, "/orgs/octo-org/") {
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
	w := newWorld(t, inGroup("nosuch"))
	id := w.github.Queue(job())
	w.awaitRetry(id)
	run := w.run(id)
	for _, says := range []string{`has no runner group "nosuch"`, "Default, others, Fleet"} {
		if !strings.Contains(run.Reason, says) {
			t.Errorf("the reason lacks %q: %s", says, run.Reason)
		}
	}
	if !run.Times[fleet.StageTaskStarted].IsZero() {
		t.Error("a task was started")
	}
}
