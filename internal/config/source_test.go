package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func context(pairs ...string) []Override {
	var out []Override
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, Override{Key: pairs[i], Text: pairs[i+1], From: "CDK context"})
	}
	return out
}

func TestOverridesWin(t *testing.T) {
	tests := map[string]struct {
		file      string
		overrides []Override
		check     func(Config) any
		want      any
	}{
		"a text":                    {"github_repo: o/r", context("github_repo", "o/other"), func(c Config) any { return []string(c.Repositories) }, []string{"o/other"}},
		"a number":                  {"github_repo: o/r\nmax_runners: 3", context("max_runners", "5"), func(c Config) any { return c.MaxRunners }, 5},
		"true or false":             {"github_repo: o/r", context("allow_public_repositories", "true"), func(c Config) any { return c.AllowPublicRepositories }, true},
		"a list as JSON":            {"github_repo: o/r", context("github_repo", `["o/a","o/b"]`), func(c Config) any { return []string(c.Repositories) }, []string{"o/a", "o/b"}},
		"a map as JSON, all of it":  {"github_repo: o/r", context("runner_class_sizes", `{"big":{"cpu":4096,"memory":8192}}`), func(c Config) any { return len(c.RunnerClassSizes) }, 1},
		"a map of times":            {"github_repo: o/r", context("limits", `{"idle":"2m"}`), func(c Config) any { return c.Limits.Idle.String() }, "2m0s"},
		"no file at all":            {"", context("github_repo", "o/r"), func(c Config) any { return c.FleetName }, "fleet"},
		"a mistake that is no more": {"github_repo: o/r\nmax_runners: many", context("max_runners", "5"), func(c Config) any { return c.MaxRunners }, 5},
		"a key without a value":     {"github_repo: o/r\nmax_runners:", context("max_runners", "5"), func(c Config) any { return c.MaxRunners }, 5},
		"what depends on it": {"github_repo: o/r\nsubnet_ids: [subnet-0a1b2c3d]\nsecurity_groups: [sg-0a1b2c3d]", context("subnet_ids", "[]", "security_groups", "[]"),
			func(c Config) any { return c.AssignPublicIP }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := Source{Data: []byte(test.file), File: "fleet.yaml", Overrides: test.overrides}.Parse()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, test.check(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProblemsSayWhereTheyStand(t *testing.T) {
	_, err := Source{
		Data: []byte("max_runners: 0\nlimits: {idle: 5}\nrunner_image_tag: '-'"), File: "fleet.yaml",
		Overrides: context("limits", `{"start":"never","idle":"1m"}`, "github_rep", "o/r", "runner_image_tag", "[", "aws_region", "null", "fleet_name", "UPPER"),
	}.Parse()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	want := []string{
		"fleet.yaml:1: max_runners: is 0",
		"CDK context: aws_region: has no value",
		"CDK context: fleet_name: ",
		"CDK context: github_rep: is not a key of this configuration; did you mean github_repo?",
		"fleet.yaml: github_repo: is missing",
		"CDK context: limits.start: ",
		"CDK context: runner_image_tag: is not YAML",
	}
	got := strings.Split(err.Error(), "\n")
	for i, line := range got {
		if i >= len(want) || !strings.HasPrefix(line, want[i]) {
			t.Errorf("got %q", line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d problems, want %d", len(got), len(want))
	}
}

func TestEveryKeyCanBeOverridden(t *testing.T) {
	for _, key := range Keys() {
		_, err := Source{File: "fleet.yaml", Overrides: context(key, "{a: [}")}.Parse()
		if err == nil || !strings.Contains(err.Error(), "CDK context: "+key+": is not YAML") {
			t.Errorf("%s: got %v", key, err)
		}
	}
	if !slices.Contains(Keys(), "github_repo") || Suggest("github-rep") != "github_repo" || Suggest("verbose") != "" {
		t.Errorf("keys %v", Keys())
	}
}

func TestAPrivateBaseOnAWS(t *testing.T) {
	const base = "github_repo: o/r\nrunner_base_image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/bases/web:1\n"
	for repository, says := range map[string]string{
		"arn:aws:ecr:eu-west-1:123456789012:repository/bases/web": "",
		"arn:aws:ecr:eu-west-1:123456789012:repository/bases/app": "fleet.yaml:2: runner_base_image: ",
		"arn:aws:ecr:eu-west-2:123456789012:repository/bases/web": "add its ARN, arn:aws:ecr:eu-west-1:123456789012:repository/bases/web, to base_image_repositories",
	} {
		s := Source{Data: []byte(base + "base_image_repositories: [" + repository + "]"), File: "fleet.yaml", OnAWS: true}
		if _, err := s.Parse(); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("with %s: got %v", repository, err)
		}
		s.OnAWS = false // an engine may have its own login
		if _, err := s.Parse(); err != nil {
			t.Errorf("on one machine: %v", err)
		}
	}
}

func TestSecretsOnAWS(t *testing.T) {
	const token = "ghp_0123456789abcdefghij"
	tests := map[string]struct{ key, text, says string }{
		"the default token":           {"github_pat", string(DefaultGitHubPAT), ""},
		"the default webhook secret":  {"webhook_secret", string(DefaultWebhookSecret), ""},
		"a secret by name":            {"github_pat", "secretsmanager:pat", ""},
		"a secret by ARN":             {"webhook_secret_previous", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:old-AbCdEf", ""},
		"another variable":            {"github_pat", "env:TOKEN", "cannot be read on AWS"},
		"a file":                      {"webhook_secret", "file:/etc/secret", "cannot be read on AWS"},
		"a previous secret from here": {"webhook_secret_previous", "env:OLD", "cannot be read on AWS"},
		"credentials of Docker Hub":   {"docker_hub_credentials", "secretsmanager:docker-hub", ""},
		"credentials in a file":       {"docker_hub_credentials", "file:/etc/docker-hub", "cannot be read on AWS"},
		"a literal token":             {"github_pat", token, "aws secretsmanager create-secret"},
	}
	for name, test := range tests {
		for from, source := range map[string]Source{
			"fleet.yaml:2": {Data: []byte("github_repo: o/r\n" + test.key + ": " + test.text), File: "fleet.yaml", OnAWS: true},
			"CDK context":  {Data: []byte("github_repo: o/r"), File: "fleet.yaml", Overrides: context(test.key, test.text), OnAWS: true},
		} {
			t.Run(name+" in "+from, func(t *testing.T) {
				_, err := source.Parse()
				if test.says == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil || !strings.HasPrefix(err.Error(), from+": "+test.key+": ") || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "create-secret") {
					t.Errorf("got %v", err)
				}
				if err != nil && (strings.Contains(err.Error(), token) || strings.Count(err.Error(), "\n") > 0) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// What is wrong for a deployment alone is no problem on one machine.
func TestNamesOnAWS(t *testing.T) {
	for name, test := range map[string]struct{ lines, key, says string }{
		"a parameter that begins with aws":   {"fleet_name: aws-ci", "fleet_name", "begins with aws, as no parameter of Systems Manager may, and the fleet's classes are kept in /aws-ci/runner_class_sizes"},
		"a parameter that begins with ssm":   {"fleet_name: ssmith", "fleet_name", "begins with ssm"},
		"a name with aws in it":              {"fleet_name: my-aws", "", ""},
		"the fleet's bus is the default":     {"fleet_name: default", "fleet_name", "or set event_bus_name"},
		"another bus":                        {"fleet_name: default\nevent_bus_name: jobs", "", ""},
		"the default bus":                    {"event_bus_name: default", "event_bus_name", "every account's own"},
		"a base of another part":             {"aws_region: us-gov-west-1\nbase_image_repositories: [arn:aws:ecr:us-east-1:123456789012:repository/app]", "base_image_repositories[0]", "in the part aws of AWS, and region us-gov-west-1 in aws-us-gov"},
		"a base of the same part":            {"aws_region: cn-north-1\nbase_image_repositories: [arn:aws-cn:ecr:cn-north-1:123456789012:repository/app]", "", ""},
		"a base of another part, anywhere":   {"base_image_repositories: [arn:aws-cn:ecr:cn-north-1:123456789012:repository/app]", "", ""},
		"a token of another part":            {"aws_region: eu-west-1\ngithub_pat: arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:pat-AbCdEf", "github_pat", "name one of the same part"},
		"a private base in GovCloud":         {"runner_base_image: 123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/a:1", "runner_base_image", "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/a"},
		"a private base in China":            {"runner_base_image: 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a:1", "runner_base_image", "arn:aws-cn:ecr:cn-north-1:123456789012:repository/a"},
		"the longest names":                  {"fleet_name: a234567890b234567890\nevent_bus_name: " + strings.Repeat("b", 256) + "\nimage_build_project: " + strings.Repeat("p", 64), "", ""},
		"regions of the three parts":         {"aws_region: us-gov-east-1", "", ""},
		"a region whose name ends as others": {"aws_region: ap-southeast-7", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := Source{Data: []byte("github_repo: o/r\n" + test.lines), File: "fleet.yaml"}
			if _, err := s.Parse(); err != nil {
				t.Errorf("on one machine: %v", err)
			}
			s.OnAWS = true
			_, err := s.Parse()
			if (err == nil) != (test.says == "") || err != nil && (!strings.Contains(err.Error(), ": "+test.key+": ") || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("got %v", err)
			}
		})
	}
}
