package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestWarmRunnersAreRead(t *testing.T) {
	c, err := Parse([]byte(`github_repo: [Octo/app, octo/lib]
enforce_policy: true
runner_class_sizes:
  small:
    cpu: 512
    memory: 1024
    warm: {count: 2, schedule: "mon-fri 08:00-18:00 Europe/Berlin", repositories: [octo/APP], rotate_after: 2h, idle_hours_per_day: 20}
`), "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &fleet.Warm{Count: 2, Schedule: "mon-fri 08:00-18:00 Europe/Berlin", Repositories: []string{"octo/APP"}, RotateAfter: fleet.Age(2 * time.Hour), IdleHoursPerDay: 20}
	if diff := cmp.Diff(want, c.RunnerClassSizes["small"].Warm); diff != "" {
		t.Error(diff)
	}
	p := c.Policy()
	p.Classes["small"].Warm.Repositories[0] = "changed"
	if diff := cmp.Diff(want, c.RunnerClassSizes["small"].Warm); diff != "" {
		t.Errorf("the policy shares it with the configuration:\n%s", diff)
	}
	if pools, err := c.Policy().Pools(); err != nil || len(pools) != 1 || pools[0].Repository != "Octo/app" {
		t.Errorf("pools %v, %v; want one of Octo/app", pools, err)
	}
}

func TestWarmRunnersThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct{ head, warm, want string }{
		"none":                            {"github_repo: octo/app", "{count: 0}", "warm.count 0: use 1 to 100"},
		"a schedule that is none":         {"github_repo: octo/app", "{count: 1, schedule: weekdays}", "is not a schedule"},
		"an age of seconds":               {"github_repo: octo/app", "{count: 1, rotate_after: 5s}", "warm.rotate_after 5s: use 10m0s to 48h0m0s"},
		"no hours":                        {"github_repo: octo/app", "{count: 1, idle_hours_per_day: 0}", "idle_hours_per_day: is 0; use 1 or more"},
		"hours below zero":                {"github_repo: octo/app", "{count: 1, idle_hours_per_day: -1}", "warm.idle_hours_per_day -1"},
		"an image that is not there":      {"github_repo: octo/app", "{count: 1, image: gpu}", "warm.image"},
		"a repository of others":          {"github_repo: octo/app", "{count: 1, repositories: [octo/lib]}", "not a repository that this fleet's runners are registered in"},
		"more than there may be":          {"github_repo: [octo/app, octo/lib]\nmax_runners: 5\nenforce_policy: true", "{count: 3}", "want 6 idle runners at once in all repositories together, and max_runners is 5"},
		"public repositories":             {"github_repo: octo/app\nallow_public_repositories: true", "{count: 1}", "pull requests from forks"},
		"no runner group":                 {"github_org: octo", "{count: 1}", "need a runner_group"},
		"a policy that nobody enforces":   {"github_repo: octo/app", "{count: 1}", "need enforce_policy: true"},
		"more than a repository may have": {"github_repo: octo/app\nenforce_policy: true\nmax_runners_per_repository: 2", "{count: 3}", "3 idle runners at once, and max_runners_per_repository is 2"},
		"jobs of other fleets":            {"github_repo: octo/app\nrequired_label: ours\nenforce_policy: true", "{count: 1}", "do not go with required_label"},
		"ages of too many looks":          {"github_repo: octo/app\nenforce_policy: true\nlimits: {idle: 10s}", "{count: 1}", "warm.rotate_after 6h0m0s: an idle runner is looked at each limits.idle (10s), and 1500 times at most; use 4h10m0s or less"},
		"more than the record has":        {"github_repo: [octo/a, octo/b, octo/c, octo/d]\nenforce_policy: true\nmax_runners: 1000\nfleet_labels: [" + strings.Repeat("l", 200) + ", " + strings.Repeat("m", 200) + "]", "{count: 100}", "KB in the record that each launch reads and writes, and it has 200 KB for them"},
		"a repository twice":              {"github_repo: octo/app", "{count: 1, repositories: [octo/app, Octo/APP]}", "is listed twice"},
		"a key that is none":              {"github_repo: octo/app", "{count: 1, cuont: 2}", "is not a key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.head+"\nrunner_class_sizes:\n  small: {cpu: 512, memory: 1024, warm: "+c.warm+"}\n"), "fleet.yaml")
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "runner_class_sizes") {
				t.Errorf("%v; want it to say %q of runner_class_sizes", err, c.want)
			}
		})
	}
}

func TestWarmRunnersOnAWS(t *testing.T) {
	head := "github_repo: octo/app\nenforce_policy: true\nrunner_class_sizes:\n"
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "  c%02d: {cpu: 512, memory: 1024}\n", i)
	}
	for name, c := range map[string]struct{ classes, want string }{
		"some":                         {"  small: {cpu: 512, memory: 1024, warm: {count: 1}}\n", ""},
		"more than fit in a parameter": {"  small: {cpu: 512, memory: 1024, warm: {count: 1}}\n" + many.String(), "runner_class_sizes: takes 4"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Source{Data: []byte(head + c.classes), File: "fleet.yaml", OnAWS: true}.Parse()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want it to say %q", err, c.want)
			}
		})
	}
}
