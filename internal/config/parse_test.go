package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestDefaults(t *testing.T) {
	got, err := Parse([]byte("github_repo: octo-org/app"), "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		FleetName:         "fleet",
		GitHubURL:         "https://github.com",
		GitHubPAT:         "env:GITHUB_PAT",
		Repositories:      Repositories{"octo-org/app"},
		WebhookSecret:     "env:WEBHOOK_SECRET",
		AssignPublicIP:    true,
		RunnerImageTag:    "base",
		RunnerVersion:     "latest",
		RunnerBaseImage:   "public.ecr.aws/ubuntu/ubuntu:24.04",
		RunnerSudo:        true,
		ImageCompression:  fleet.CompressionGzip,
		AllowedRegistries: fleet.DefaultRegistries,
		RunnerClassSizes: map[string]fleet.Class{
			"small":  {CPU: 512, Memory: 1024, Arch: "x64"},
			"medium": {CPU: 1024, Memory: 2048, Arch: "x64"},
			"large":  {CPU: 4096, Memory: 8192, Arch: "x64"},
		},
		DefaultClass:     "small",
		MaxRunners:       20,
		Limits:           fleet.Limits{Start: 15 * time.Minute, Idle: 5 * time.Minute, Inspect: 30 * time.Minute, MaxRuntime: 6 * time.Hour, AfterJob: 15 * time.Minute, Queue: 24 * time.Hour, Build: time.Hour, OnDemandBuild: 20 * time.Minute, BuildLease: 15 * time.Minute},
		LogRetentionDays: 30,
		RunnerLogMiB:     16,
		RefusalStatus:    fleet.RefusalStatusPrivate,
		JobLog:           true,

		OnDemandBuildsPerDay: 50, OnDemandBuildsAtOnce: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseAccepts(t *testing.T) {
	const repo = "github_repo: o/r\n"
	tests := map[string]struct {
		file string
		have func(Config) any
		want any
	}{
		"a list of repositories":                     {"github_repo: [o/r, o/s]", func(c Config) any { return c.Repositories }, Repositories{"o/r", "o/s"}},
		"JSON, as in CDK context":                    {`{"github_repo": "o/r", "max_runners": 7}`, func(c Config) any { return c.MaxRunners }, 7},
		"a byte order mark":                          {"\ufeffgithub_repo: o/r", func(c Config) any { return c.Repositories }, Repositories{"o/r"}},
		"a base image in full":                       {repo + "runner_base_image: debian:12", func(c Config) any { return c.RunnerBaseImage }, "docker.io/library/debian:12"},
		"a base image of any registry, by digest":    {repo + "runner_base_image: registry.example:5000/base@sha256:" + strings.Repeat("0a", 32), func(c Config) any { return c.RunnerBaseImage }, "registry.example:5000/base@sha256:" + strings.Repeat("0a", 32)},
		"a mirror of Docker Hub":                     {repo + "docker_hub_mirror: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub", func(c Config) any { return c.DockerHubMirror }, "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub"},
		"credentials of Docker Hub":                  {repo + "docker_hub_credentials: secretsmanager:docker-hub", func(c Config) any { return c.DockerHubCredentials }, SecretRef("secretsmanager:docker-hub")},
		"private repositories, and their registries": {repo + "base_image_repositories: [arn:aws:ecr:eu-west-1:123456789012:repository/bases/web, arn:aws:ecr:eu-west-1:123456789012:repository/bases/app, arn:aws-cn:ecr:cn-north-1:123456789012:repository/base]", func(c Config) any { return strings.Join(c.Policy().Registries[5:], " ") }, "123456789012.dkr.ecr.eu-west-1.amazonaws.com/bases/web 123456789012.dkr.ecr.eu-west-1.amazonaws.com/bases/app 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/base"},
		"a private registry that is allowed already": {repo + "base_image_repositories: [arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/app]\nallowed_registries: [123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/app]", func(c Config) any { return len(c.Policy().Registries) }, 1},
		"where a mirror in ECR is":                   {repo + "docker_hub_mirror: 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/docker/hub", ecrCache, "123456789012 cn-north-1 docker/hub true"},
		"where another mirror is":                    {repo + "docker_hub_mirror: mirror.example:5000/docker-hub", ecrCache, "   false"},
		"a pinned runner, in the policy":             {repo + "runner_version: 2.330.0", func(c Config) any { return c.Policy().RunnerVersion }, "2.330.0"},
		"CRLF line ends":                             {"github_repo: o/r\r\nmax_runners: 7\r\n", func(c Config) any { return c.MaxRunners }, 7},
		"a document with comments around it":         {"# a\n---\n# b\ngithub_repo: o/r\n# c\n", func(c Config) any { return len(c.Repositories) }, 1},
		"a GitHub Enterprise Server":                 {repo + "github_url: https://github.example.com/", func(c Config) any { return c.GitHubURL }, "https://github.example.com"},
		"plain http on this machine":                 {repo + "github_url: http://[::1]:8080", func(c Config) any { return c.GitHubURL }, "http://[::1]:8080"},
		"an owner of an enterprise":                  {"github_repo: mona_octo/r.x", func(c Config) any { return c.Repositories[0] }, "mona_octo/r.x"},
		"a secret's ARN":                             {repo + "github_pat: arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a/b-AbCdEf", func(c Config) any { _, ok := c.GitHubPAT.AWSSecret(); return ok }, true},
		"class names in any case":                    {repo + "runner_class_sizes: {Small: {cpu: 256, memory: 512}}", func(c Config) any { return c.RunnerClassSizes["small"].CPU }, 256},
		"the only class as default":                  {repo + "runner_class_sizes: {big: {cpu: 256, memory: 512}}", func(c Config) any { return c.DefaultClass }, "big"},
		"a default class in another case":            {repo + "default_class: LARGE", func(c Config) any { return c.DefaultClass }, "large"},
		"every key of a class":                       {repo + "runner_class_sizes: {a: {cpu: 256, memory: 512, arch: arm64, spot: true, ephemeral_storage: 21}}", func(c Config) any { return c.RunnerClassSizes["a"] }, fleet.Class{CPU: 256, Memory: 512, Arch: fleet.ARM64, Spot: true, EphemeralStorage: 21}},
		"labels in any case":                         {repo + "required_label: Ours\nfleet_labels: [Team-A]", func(c Config) any { return c.RequiredLabel + c.FleetLabels[0] }, "oursteam-a"},
		"a policy that is enforced":                  {repo + "enforce_policy: true", func(c Config) any { return c.Policy().EnforcePolicy }, true},
		"a policy that is not":                       {repo, func(c Config) any { return c.Policy().EnforcePolicy }, false},
		"self-hosted as required label":              {repo + "required_label: self-hosted", func(c Config) any { return c.RequiredLabel }, "self-hosted"},
		"no public addresses in subnets of ours":     {repo + "subnet_ids: [subnet-12345678]\nvpc_id: vpc-12345678", func(c Config) any { return c.AssignPublicIP }, false},
		"public addresses in subnets of ours":        {repo + "subnet_ids: [subnet-12345678]\nsecurity_groups: [sg-12345678]\nassign_public_ip: true", func(c Config) any { return c.AssignPublicIP }, true},
		"no registry at all":                         {repo + "allowed_registries: []", func(c Config) any { return c.AllowedRegistries }, []string{}},
		"repositories of registries":                 {repo + "allowed_registries: [docker.io/library/*, GHCR.io/acme/ci, index.docker.io/acme/*, quay.io/*]", func(c Config) any { return strings.Join(c.Policy().Registries, " ") }, "docker.io/library/* ghcr.io/acme/ci docker.io/acme/* quay.io/*"},
		"a short limit of all builds":                {repo + "limits: {build: 10m, build_lease: 5m}", func(c Config) any { return c.Policy().Limits.OnDemandBuild }, 10 * time.Minute},
		"builds of a day":                            {repo + "on_demand_builds_per_day: 7", func(c Config) any { return c.Policy().OnDemandBuilds }, 7},
		"Docker Hub by its other name":               {repo + "allowed_registries: [Index.Docker.io, localhost:5000]", func(c Config) any { return c.AllowedRegistries }, []string{"docker.io", "localhost:5000"}},
		"some limits, the others stay":               {repo + "limits: {idle: 90s}", func(c Config) any { return [2]time.Duration{c.Limits.Idle, c.Limits.Start} }, [2]time.Duration{90 * time.Second, 15 * time.Minute}},
		"a version in quotes that looks a number":    {repo + `runner_image_tag: "1.20"`, func(c Config) any { return c.RunnerImageTag }, "1.20"},
		"a value on lines of its own":                {repo + "fleet_name: >-\n  abc\n", func(c Config) any { return c.FleetName }, "abc"},
		"image labels, if there is a build project":  {repo + "image_build_project: images", func(c Config) any { return c.Policy().NoOnDemandImages }, ""},
		"no image labels, if there is none":          {repo, func(c Config) any { return strings.Contains(c.Policy().NoOnDemandImages, "image_build_project") }, true},
		"the usual log, which is not said":           {repo, func(c Config) any { return c.Policy().LogMiB }, 0},
		"a longer log":                               {repo + "runner_log_mib: 64", func(c Config) any { return c.Policy().LogMiB }, 64},
		"a policy with GitHub's limit for the queue": {repo, func(c Config) any { return c.Policy().Limits }, fleet.DefaultLimits()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := Parse([]byte(test.file), "fleet.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, test.have(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPolicySharesNothing(t *testing.T) {
	c, err := Parse([]byte("github_repo: o/r\nfleet_labels: [a]"), "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := c.Policy()
	p.Repositories[0], p.FleetLabels[0] = "x/y", "b"
	delete(p.Classes, "small")
	if c.Repositories[0] != "o/r" || c.FleetLabels[0] != "a" || len(c.RunnerClassSizes) != 3 {
		t.Errorf("a change of the policy changed the configuration: %+v", c)
	}
}

func TestEveryProblemIsReported(t *testing.T) {
	const file = `github_repo: [octo-org, octo-org/app]
max_runnners: 5
github_pat: ghp_0123456789abcdefghij
limits:
  idle: 20m
  start: 15m
runner_class_sizes:
  small: {cpu: 512, memory: 999}
  Small: {cpu: 512, memory: 1024}
max_runners: many
fleet_name: Fleet
`
	_, err := Parse([]byte(file), "fleet.yaml")
	var problems *Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v, want *Problems", err)
	}
	want := []string{
		`fleet.yaml:1: github_repo[0]: "octo-org" names an owner only`,
		`fleet.yaml:2: max_runnners: is not a key of this configuration; did you mean max_runners?`,
		`fleet.yaml:3: github_pat: holds a GitHub token itself`,
		`fleet.yaml:5: limits.idle: limits.idle (20m0s) must be shorter than limits.start (15m0s)`,
		`fleet.yaml:8: runner_class_sizes.small: cpu 512 with memory 999 is no Fargate size`,
		`fleet.yaml:9: runner_class_sizes.small: is given a second time; it stands in line 8 already`,
		`fleet.yaml:10: max_runners: must be a whole number, not text`,
		`fleet.yaml:11: fleet_name: "Fleet"`,
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("got %d problems, want %d:\n%s", len(got), len(want), err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s…", got[i], want[i])
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.yaml")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "github_repo: owner/name") {
		t.Errorf("an absent file: %v", err)
	}
	if err := os.WriteFile(path, []byte("github_repo: o/r"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "github_repo: o/r", "github_repo: [o/r, o/s]\n", "a: b: c", "\t", "? [a]: b", "&a a: *a", "<<: {}", "- x", "---\n---\na: b",
		"limits: {idle: 5m}", "github_repo: o/r\ngithub_repo: o/s", `{"github_repo": "o/r"}`, "runner_class_sizes: {a: {cpu: 99999999999999999999}}",
		"github_pat: ghp_0123456789abcdefghij", "x: !!binary a", "max_runners: .inf", "github_repo: |\n  o/r\n", "\ufeffgithub_repo: o/r",
		"ghp_0123456789abcdefghij: a", "github_repo: [ghp_0123456789abcdefghij", "fleet_name:\nlimits:\n  start:\n",
	} {
		f.Add([]byte(seed))
	}
	example, err := os.ReadFile(examplePath)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add(uncomment(example))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "fleet.yaml")
		if err == nil {
			if len(c.Repositories) == 0 || c.RunnerClassSizes[c.DefaultClass].Check() != nil {
				t.Errorf("accepted without what every fleet needs: %+v", c)
			}
			return
		}
		var problems *Problems
		if !errors.As(err, &problems) || len(problems.List) == 0 {
			t.Fatalf("%T is no *Problems with a problem", err)
		}
		if githubToken.MatchString(err.Error()) {
			t.Errorf("the error shows a token: %s", err)
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != len(problems.List) {
			t.Errorf("%d problems on %d lines: %q", len(problems.List), lines, err)
		}
	})
}

func ecrCache(c Config) any {
	account, region, path, ok := c.ECRCache()
	return fmt.Sprintf("%s %s %s %t", account, region, path, ok)
}
