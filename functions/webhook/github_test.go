package webhook

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// GitHub's own examples, each to a fleet for which it is interesting.
func TestGitHubsExamples(t *testing.T) {
	private := func(p *fleet.Policy) { p.Repositories = []string{"octo-org/example-workflow"} }
	gpu := func(p *fleet.Policy) { private(p); p.FleetLabels = []string{"gpu", "db-app", "dc-03"} }
	hello := func(p *fleet.Policy) { p.Repositories, p.AllowPublic = []string{"codertocat/hello-world"}, true }
	ubuntu := func(p *fleet.Policy) { hello(p); p.FleetLabels = []string{"ubuntu-latest"} }
	elastic := func(p *fleet.Policy) {
		p.Repositories, p.AllowPublic, p.FleetLabels = []string{"lineville/elastic-machines-testing"}, true, []string{"k8s"}
	}
	pings := func(p *fleet.Policy) { p.Repositories = []string{"Octocoders/Hello-World"} }

	tests := map[string]struct {
		file    string
		policy  func(*fleet.Policy)
		status  int
		outcome Outcome
		reason  string
	}{
		"a job of 2021 whose labels are ours":          {"workflow_job/00-in_progress-self-hosted-2021-minimal.json", gpu, 202, Accepted, ""},
		"the same with labels that are not":            {"workflow_job/00-in_progress-self-hosted-2021-minimal.json", private, 200, Ignored, `label "gpu"`},
		"the same from a repository that is not":       {"workflow_job/00-in_progress-self-hosted-2021-minimal.json", hello, 403, Forbidden, "octo-org/example-workflow"},
		"a job of GitHub's machines that failed":       {"workflow_job/01-completed-failure.json", hello, 200, Ignored, `label "ubuntu-latest"`},
		"a job that failed, of a label that is ours":   {"workflow_job/01-completed-failure.json", ubuntu, 202, Accepted, ""},
		"a job of GitHub's machines that succeeded":    {"workflow_job/02-completed-success.json", hello, 200, Ignored, `label "ubuntu-latest"`},
		"a job of an app's webhook":                    {"workflow_job/03-in_progress-with-installation.json", ubuntu, 202, Accepted, ""},
		"a job of a user's repository":                 {"workflow_job/04-in_progress-renovate-branch-2023.json", hello, 403, Forbidden, "wolfy1339/github-events-schemas"},
		"a queued job that names a runner":             {"workflow_job/05-queued-hosted-labels-with-runner.json", ubuntu, 202, Accepted, ""},
		"the same, if public repositories are refused": {"workflow_job/05-queued-hosted-labels-with-runner.json", func(p *fleet.Policy) { ubuntu(p); p.AllowPublic = false }, 202, Refused, "is public"},
		"a queued job behind a gate":                   {"workflow_job/06-queued-status-waiting-deployment.json", elastic, 200, Ignored, `status is "waiting"`},
		"a waiting job":                                {"workflow_job/07-waiting-self-hosted-k8s.json", elastic, 202, Accepted, ""},
		"GitHub Enterprise Server 3.3":                 {"workflow_job/ghes-33-in_progress.json", gpu, 202, Accepted, ""},
		"GitHub Enterprise Server 3.4":                 {"workflow_job/ghes-34-in_progress.json", gpu, 202, Accepted, ""},
		"GitHub Enterprise Server 3.5":                 {"workflow_job/ghes-35-in_progress.json", gpu, 202, Accepted, ""},
		"the oldest ping":                              {"ping/00-repository-no-deliveries-url.json", pings, 200, Pong, ""},
		"a ping":                                       {"ping/01-repository.json", pings, 200, Pong, ""},
		"a ping of an app's hook":                      {"ping/02-repository-app-hook.json", pings, 200, Pong, ""},
		"a ping of a hook without workflow_job":        {"ping/03-organization.json", pings, 200, Pong, `choose "Workflow jobs"`},
		"a ping from a repository that is not ours":    {"ping/01-repository.json", hello, 200, Pong, "Octocoders/Hello-World is not a repository of this fleet"},
	}
	tested := map[string]bool{}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			test.policy(&b.Policy)
			event, _, _ := strings.Cut(test.file, "/")
			resp := b.send(sent(event, fixture(t, test.file)))
			if resp.Status != test.status || resp.Body.Status != test.outcome || !strings.Contains(resp.Body.Reason, test.reason) {
				t.Errorf("got %d %+v, want %d %s …%s…", resp.Status, resp.Body, test.status, test.outcome, test.reason)
			}
		})
		tested[test.file] = true
	}
	for _, name := range fixtures(t) {
		if !tested[name] {
			t.Errorf("%s is not tested", name)
		}
	}
}

// GitHub's example with an environment's gate, as GitHub sends it again once the gate
// is open (derived: the set has none).
func TestTheGateOpens(t *testing.T) {
	b := newBench()
	b.Policy.Repositories, b.Policy.AllowPublic, b.Policy.FleetLabels = []string{"lineville/elastic-machines-testing"}, true, []string{"k8s"}
	body := strings.Replace(string(fixture(t, "workflow_job/06-queued-status-waiting-deployment.json")), `"status": "waiting"`, `"status": "queued"`, 1)
	if resp := b.send(sent("workflow_job", []byte(body))); resp.Status != 202 {
		t.Errorf("got %+v", resp)
	}
}
