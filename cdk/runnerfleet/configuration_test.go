package runnerfleet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/authoritytest"
)

// in is an environment with a file, if it has content, and a context.
func in(t *testing.T, content string, context map[string]any) func(string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fleet.yaml")
	if content != "" {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	encoded, err := json.Marshal(context)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) string {
		switch name {
		case "CDK_CONTEXT_JSON":
			if context == nil {
				return ""
			}
			return string(encoded)
		case runnerfleet.ConfigVariable:
			return file
		}
		return ""
	}
}

func TestFromEnvironment(t *testing.T) {
	tests := map[string]struct {
		content string
		context map[string]any
		check   func(runnerfleet.Config) any
		want    any
	}{
		"the file alone":                 {"github_repo: o/r\nmax_runners: 3", nil, func(c runnerfleet.Config) any { return c.MaxRunners }, 3},
		"a number given with -c":         {"github_repo: o/r\nmax_runners: 3", map[string]any{"max_runners": "5"}, func(c runnerfleet.Config) any { return c.MaxRunners }, 5},
		"a number of cdk.json":           {"github_repo: o/r", map[string]any{"max_runners": 5}, func(c runnerfleet.Config) any { return c.MaxRunners }, 5},
		"a text given with -c":           {"github_repo: o/r", map[string]any{"github_repo": "o/other"}, func(c runnerfleet.Config) any { return c.Repositories[0] }, "o/other"},
		"a list given with -c":           {"github_repo: o/r", map[string]any{"github_repo": `["o/a","o/b"]`}, func(c runnerfleet.Config) any { return len(c.Repositories) }, 2},
		"a map of cdk.json":              {"github_repo: o/r", map[string]any{"limits": map[string]any{"build": "90m"}}, func(c runnerfleet.Config) any { return c.Limits.Build.String() }, "1h30m0s"},
		"what is the CDK's own business": {"github_repo: o/r", map[string]any{"aws:cdk:bundling-stacks": []string{}, "@aws-cdk/core:x": true, "availability-zones:account=1": "a", "verbose": true}, func(c runnerfleet.Config) any { return c.FleetName }, "fleet"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, file, err := runnerfleet.FromEnvironment(in(t, test.content, test.context))
			if err != nil {
				t.Fatal(err)
			}
			if got := test.check(c); got != test.want || filepath.Base(file) != "fleet.yaml" {
				t.Errorf("got %v from %s, want %v", got, file, test.want)
			}
		})
	}
}

func TestTheContextMayDoWithoutAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	context := func(text string) func(string) string {
		return func(name string) string {
			if name == "CDK_CONTEXT_JSON" {
				return text
			}
			return ""
		}
	}
	if c, _, err := runnerfleet.FromEnvironment(context(`{"github_repo":"o/r"}`)); err != nil || c.Repositories[0] != "o/r" {
		t.Errorf("got %v, %v", c.Repositories, err)
	}
	for name, text := range map[string]string{"nothing": "", "nothing of ours": `{"aws:cdk:x":1}`} {
		if _, _, err := runnerfleet.FromEnvironment(context(text)); err == nil || !strings.Contains(err.Error(), "-c github_repo=owner/name") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, _, err := runnerfleet.FromEnvironment(in(t, "", map[string]any{"github_repo": "o/r"})); err == nil {
		t.Error("the file that ECSRUNNER_CONFIG names is not there, and nobody says so")
	}
}

func TestAllProblemsOfFileAndContextAtOnce(t *testing.T) {
	_, file, err := runnerfleet.FromEnvironment(in(t, "github_repo: o/r\nmax_runners: none\nfleet_name: UPPER", map[string]any{"event_bus_name": "a b", "github_rep": "o/r"}))
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, part := range []string{file + ":2: max_runners: ", file + ":3: fleet_name: ", "CDK context: event_bus_name: ", "CDK context: github_rep: is not a key of this configuration; did you mean github_repo?"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not told: %v", part, err)
		}
	}
}

func TestAConfigurationInGo(t *testing.T) {
	config, err := runnerfleet.Configure(func(c *runnerfleet.Config) {
		c.Repositories = []string{"o/r"}
		c.GitHubPAT = "secretsmanager:ci/pat"
		c.RunnerClassSizes = map[string]runnerfleet.Class{"arm": {CPU: 512, Memory: 1024, Arch: runnerfleet.ARM64}}
		c.Rules = []runnerfleet.Rule{{Name: "no-bots", Branch: runnerfleet.Patterns{"dependabot/*"}, Refuse: "Bots use ubuntu-latest."}}
	})
	if err != nil {
		t.Fatal(err)
	}
	if rules := config.Policy().Rules; len(rules) != 1 || rules[0].Refuse != "Bots use ubuntu-latest." {
		t.Errorf("got rules %+v", rules)
	}
	if config.DefaultClass != "arm" || config.MaxRunners != 20 || config.FleetName != "fleet" {
		t.Errorf("got %+v", config)
	}
	_, err = runnerfleet.Configure(func(c *runnerfleet.Config) {
		c.FleetName, c.GitHubPAT = "UPPER", "env:PAT"
	})
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, part := range []string{"configuration: github_repo: ", "configuration: fleet_name: ", "configuration: github_pat: env:PAT cannot be read on AWS"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not told: %v", part, err)
		}
	}
}

func TestALiteralTokenStopsSynthesis(t *testing.T) {
	const token = "ghp_0123456789abcdefghijklmnop"
	for name, getenv := range map[string]func(string) string{
		"in the file":       in(t, "github_repo: o/r\ngithub_pat: "+token, nil),
		"in the context":    in(t, "github_repo: o/r", map[string]any{"github_pat": token}),
		"under another key": in(t, "github_repo: o/r\nrequired_label: "+token, nil),
		"as webhook secret": in(t, "github_repo: o/r\nwebhook_secret: "+token, nil),
	} {
		_, _, err := runnerfleet.FromEnvironment(getenv)
		if err == nil || !strings.Contains(err.Error(), "aws secretsmanager create-secret") || strings.Contains(err.Error(), token) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(authoritytest.New(t, "Corp Root", nil).Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	linked := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(linked, "Dockerfile"), []byte("FROM scratch\n"), 0o600), os.Symlink("Dockerfile", filepath.Join(linked, "link"))); err != nil {
		t.Fatal(err)
	}
	repositories := make([]string, 150)
	for i := range repositories {
		repositories[i] = fmt.Sprintf("octo-org/repository-%03d", i)
	}
	rules := make([]string, 30)
	for i := range rules {
		rules[i] = fmt.Sprintf("{name: rule-%d, branch: release/%d, refuse: Release branches use the machines of the platform team.}", i, i)
	}
	tests := map[string]struct{ lines, says string }{
		"nothing wrong":               {"extra_runner_images: {mine: Dockerfile}", ""},
		"a Dockerfile that is not":    {"extra_runner_images: {mine: images/Dockerfile}", "extra_runner_images.mine: there is no Dockerfile"},
		"a folder as Dockerfile":      {"extra_runner_images: {mine: .}", "extra_runner_images.mine: there is no Dockerfile"},
		"a label that leaves":         {"extra_runner_images: {../mine: Dockerfile}", "cannot name a folder"},
		"a label that is all of it":   {"extra_runner_images: {.: Dockerfile}", "cannot name a folder"},
		"a label in another's folder": {"extra_runner_images: {mine: Dockerfile, mine/too: Dockerfile}", "extra_runner_images.mine/too: the label mine would be a folder above it"},
		"a link in its folder":        {"extra_runner_images: {mine: " + filepath.Join(linked, "Dockerfile") + "}", "extra_runner_images.mine: " + filepath.Join(linked, "link") + " is neither a file nor a folder"},
		"an authority":                {"github_url: https://git.example\ngithub_ca: ca.pem", ""},
		"no file of the authority":    {"github_url: https://git.example\ngithub_ca: certificates/ca.pem", "github_ca: " + filepath.Join(dir, "certificates", "ca.pem") + " is not there"},
		"functions in a VPC":          {"functions_in_vpc: true\nsubnet_ids: [subnet-0a1b2c3d]\nsecurity_groups: [sg-0a1b2c3d]", ""},
		"functions in no subnets":     {"functions_in_vpc: true", "functions_in_vpc: without subnet_ids"},
		"functions in public subnets": {"functions_in_vpc: true\nsubnet_ids: [subnet-0a1b2c3d]\nsecurity_groups: [sg-0a1b2c3d]\nassign_public_ip: true", "functions_in_vpc: assign_public_ip is for"},
		"too much for a function":     {"fleet_labels: [" + strings.Join(repositories, ", ") + "]", "fleet_labels"},
		"too many rules for it":       {"policy: [" + strings.Join(rules, ", ") + "]", "policy: together"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := runnerfleet.Parse([]byte("github_repo: o/r\n"+strings.ReplaceAll(test.lines, "octo-org/", "")), "fleet.yaml")
			if err != nil {
				t.Fatal(err)
			}
			err = runnerfleet.Props{Config: c, Dir: dir}.Check()
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
