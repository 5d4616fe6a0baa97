package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func made(set func(*Config)) (Config, error) {
	return Source{File: "app.go", Overrides: Changes(set, "app.go")}.Parse()
}

// Every key can be set in Go, and means what it means in the file.
func TestChangesAreReadLikeTheFile(t *testing.T) {
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"nothing but a repository": "github_repo: o/r",
		// In Go the default token beside an App counts as not given.
		"every key": strings.Replace(string(uncomment(example)), "github_pat: env:GITHUB_PAT", "github_pat: env:OTHER", 1),
		"an App":    "github_repo: o/r\ngithub_app: {id: a, private_key: env:A}",
		"every key of another value": `
github_repo: [o/r, o/s]
github_url: https://github.example.com
github_pat: secretsmanager:pat
webhook_secret: secretsmanager:hook
runner_image_tag: v7
runner_version: 2.330.0
runner_base_image: docker.io/library/debian:12
runner_sudo: false
image_compression: zstd
allowed_registries: []
runner_class_sizes: {a: {cpu: 512, memory: 1024, arch: arm64, spot: true, ephemeral_storage: 30}, b: {cpu: 256, memory: 512}}
default_class: b
max_runners: 7
allow_public_repositories: true
subnet_ids: [subnet-0a1b2c3d]
security_groups: [sg-0a1b2c3d]
assign_public_ip: true
limits: {start: 10m, idle: 90s}
log_retention_days: 7
refusal_status: never
enforce_policy: true
refusal_url: https://wiki.example.com/runners
spot_retry: 1
fleet_labels: [no, "5"]`,
	}
	for name, file := range files {
		want, err := Parse([]byte(file), "fleet.yaml")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := made(func(c *Config) { *c = want })
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-file +Go):\n%s", name, diff)
		}
	}
}

func TestChangesKeepTheDefaultsOfWhatIsLeftOut(t *testing.T) {
	got, err := made(func(c *Config) {
		c.Repositories = []string{"o/r"}
		c.RunnerClassSizes = map[string]fleet.Class{"Big": {CPU: 4096, Memory: 8192}}
		c.Limits.Idle = 2 * time.Minute
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.RunnerClassSizes["big"].Arch != fleet.X64 || got.DefaultClass != "big" || got.Limits.Idle != 2*time.Minute || got.Limits.Start != defaults().Limits.Start {
		t.Errorf("got %+v", got)
	}
}

func TestChangesHaveWarmRunners(t *testing.T) {
	want := &fleet.Warm{Count: 2, Schedule: "mon-fri 08:00-18:00", Repositories: []string{"o/r"}, RotateAfter: fleet.Age(2 * time.Hour)}
	got, err := made(func(c *Config) {
		c.Repositories, c.EnforcePolicy = []string{"o/r"}, true
		c.RunnerClassSizes = map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Warm: want}}
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.RunnerClassSizes["small"].Warm); diff != "" {
		t.Error(diff)
	}
}

func TestChangesHaveTheFilesProblems(t *testing.T) {
	for want, set := range map[string]func(*Config){
		"app.go: github_repo: ":          func(*Config) {},
		"app.go: max_runners: is 0":      func(c *Config) { c.MaxRunners = 0 },
		"app.go: limits.idle: ":          func(c *Config) { c.Limits.Idle = time.Millisecond },
		"app.go: runner_class_sizes.a":   func(c *Config) { c.RunnerClassSizes = map[string]fleet.Class{"a": {CPU: 1}} },
		"app.go: github_pat: holds a Gi": func(c *Config) { c.GitHubPAT = SecretRef("ghp_" + strings.Repeat("a", 20)) },
	} {
		_, err := made(func(c *Config) {
			if want != "app.go: github_repo: " {
				c.Repositories = []string{"o/r"}
			}
			set(c)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
