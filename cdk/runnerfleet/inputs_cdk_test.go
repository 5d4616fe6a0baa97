//go:build cdk

package runnerfleet_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// policyOf is what a function gets of the configuration.
func policyOf(t *testing.T, built template, function string) fleet.Policy {
	t.Helper()
	var policy fleet.Policy
	text, _ := built.function(function).variables()[deployment.EnvPolicy].(string)
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		t.Fatalf("function %s: %v", function, err)
	}
	return policy
}

// may lists the resources that a function may do something to.
func may(built template, function, action string) string {
	role := at[string](built.function(function).Properties, "Role", "Fn::GetAtt", 0)
	return allowed(built, action, func(of string) bool { return of == role })
}

// buildMay lists the resources that an image build may do something to.
func buildMay(built template, action string) string {
	return allowed(built, action, func(of string) bool { return strings.Contains(of, "BuildRole") })
}

func allowed(built template, action string, role func(string) bool) string {
	var resources []string
	for _, s := range built.statements() {
		if role(s.of) && s.effect == "Allow" && slices.Contains(s.actions, action) {
			resources = append(resources, s.resources...)
		}
	}
	return strings.Join(resources, " ")
}

func env(built template, function, name string) any {
	return built.function(function).variables()[name]
}

// inputs are all keys of the issue, with what each must change in the template. An
// absent key is shown by the configuration that has none of them.
var inputs = map[string]func(t *testing.T, without template){
	"fleet_name": func(t *testing.T, _ template) {
		built := of(t, "fleet_name: ci-2")
		if name := built.function("webhook").Properties["FunctionName"]; name != "ci-2-webhook" {
			t.Errorf("function %v", name)
		}
		if policyOf(t, built, "dispatch").FleetName != "ci-2" || built.Outputs["FleetName"].Value != "ci-2" {
			t.Error("nobody is told the name")
		}
		if text := flat(built); strings.Contains(text, "fleet-runner") || strings.Contains(text, `"/fleet/`) || !strings.Contains(text, "stateMachine:ci-2-runner") {
			t.Error("something has another fleet's name")
		}
	},
	"max_runners": func(t *testing.T, _ template) {
		if n := policyOf(t, of(t, "max_runners: 7"), "dispatch").MaxRunners; n != 7 {
			t.Errorf("%d runners", n)
		}
	},
	"required_label": func(t *testing.T, without template) {
		if label := policyOf(t, of(t, "required_label: ours"), "webhook").RequiredLabel; label != "ours" || policyOf(t, without, "webhook").RequiredLabel != "" {
			t.Errorf("label %q", label)
		}
	},
	"enforce_policy": func(t *testing.T, without template) {
		if !policyOf(t, of(t, "enforce_policy: true"), "claim").EnforcePolicy || policyOf(t, without, "claim").EnforcePolicy {
			t.Error("claim is not told")
		}
	},
	"github_repo": func(t *testing.T, without template) {
		if diff := cmp.Diff([]string{"octo-org/example"}, policyOf(t, without, "webhook").Repositories); diff != "" {
			t.Error(diff)
		}
	},
	"github_pat": func(t *testing.T, without template) {
		named := of(t, "github_pat: secretsmanager:ci/pat")
		arn := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:pat-AbCdEf"
		byARN := of(t, "github_pat: "+arn)
		for _, function := range []string{"dispatch", "claim", "sweep", "validate", "inspectrunner", "recordstatus"} {
			if got := env(named, function, deployment.EnvGitHubPAT); got != "ci/pat" || !strings.Contains(may(named, function, "secretsmanager:GetSecretValue"), ":secret:ci/pat-??????") {
				t.Errorf("%s reads %v and may read %s", function, got, may(named, function, "secretsmanager:GetSecretValue"))
			}
			if got := env(byARN, function, deployment.EnvGitHubPAT); got != arn || !strings.Contains(may(byARN, function, "secretsmanager:GetSecretValue"), arn) {
				t.Errorf("%s reads %v", function, got)
			}
		}
		if made, now := len(without.list("AWS::SecretsManager::Secret")), len(named.list("AWS::SecretsManager::Secret")); made != 3 || now != 2 {
			t.Errorf("%d secrets are made, and %d of them if one is given", made, now)
		}
		if named.Outputs["GitHubPatSecret"].Value != "ci/pat" || !strings.HasSuffix(flat(named.Outputs["StoreGitHubPatCommand"].Value), `--secret-id ci/pat"]]}`) {
			t.Errorf("outputs %v", named.Outputs)
		}
	},
	"github_app": func(t *testing.T, without template) {
		const app = "github_app: {id: Iv23ours, private_key: secretsmanager:ci/app, private_key_previous: secretsmanager:ci/old-app}"
		built := of(t, app)
		for _, function := range []string{"dispatch", "claim", "sweep", "validate", "inspectrunner", "recordstatus"} {
			if got := env(built, function, deployment.EnvGitHubApps); got != `[{"id":"Iv23ours","private_key_secret":"ci/app","previous_private_key_secret":"ci/old-app"}]` {
				t.Errorf("%s reads %v", function, got)
			}
			if env(built, function, deployment.EnvGitHubPAT) != nil || env(without, function, deployment.EnvGitHubApps) != nil {
				t.Errorf("%s has a token beside an App, or an App beside a token", function)
			}
			for _, name := range []string{"ci/app", "ci/old-app"} {
				if !strings.Contains(may(built, function, "secretsmanager:GetSecretValue"), ":secret:"+name+"-??????") {
					t.Errorf("%s may not read %s", function, name)
				}
			}
		}
		if made := len(built.list("AWS::SecretsManager::Secret")); made != 2 {
			t.Errorf("%d secrets are made, want those of the webhook and of claims", made)
		}
		if _, pat := built.Outputs["GitHubPatSecret"]; pat || built.Outputs["GitHubApps"].Value == nil || !policyOf(t, built, "validate").GitHubApp {
			t.Errorf("outputs %v", built.Outputs)
		}
		both := of(t, app, "github_pat: secretsmanager:ci/pat")
		if env(both, "claim", deployment.EnvGitHubPAT) != "ci/pat" || env(both, "claim", deployment.EnvGitHubApps) == nil {
			t.Error("a token that is asked for beside an App is not there")
		}
	},
	"github_org": func(t *testing.T, _ template) {
		if org := policyOf(t, of(t, "github_org: octo-org"), "claim").Organization; org != "octo-org" {
			t.Errorf("organization %q", org)
		}
	},
	"github_enterprise": func(t *testing.T, _ template) {
		if enterprise := policyOf(t, of(t, "github_enterprise: octo-corp"), "claim").Enterprise; enterprise != "octo-corp" {
			t.Errorf("enterprise %q", enterprise)
		}
	},
	"runner_group": func(t *testing.T, _ template) {
		if group := policyOf(t, of(t, "github_org: octo-org", "runner_group: Fleet"), "claim").RunnerGroup; group != "Fleet" {
			t.Errorf("group %q", group)
		}
	},
	"webhook_secret": func(t *testing.T, without template) {
		built := of(t, "webhook_secret: secretsmanager:ci/hook", "webhook_secret_previous: secretsmanager:ci/old")
		if env(built, "webhook", deployment.EnvWebhookSecret) != "ci/hook" || env(built, "webhook", deployment.EnvWebhookSecretPrevious) != "ci/old" {
			t.Errorf("variables %v", built.function("webhook").variables())
		}
		for _, name := range []string{"ci/hook", "ci/old"} {
			if !strings.Contains(may(built, "webhook", "secretsmanager:GetSecretValue"), ":secret:"+name+"-??????") {
				t.Errorf("%s may not be read", name)
			}
		}
		if env(without, "webhook", deployment.EnvWebhookSecretPrevious) != nil {
			t.Error("there is a previous secret, and none is configured")
		}
		if !strings.Contains(flat(without.Outputs["ReadWebhookSecretCommand"].Value), "get-secret-value") {
			t.Error("nothing says how the generated secret is read")
		}
	},
	"subnet_ids": func(t *testing.T, without template) {
		built := of(t, "subnet_ids: [subnet-0a1b2c3d, subnet-0b1b2c3d]", "security_groups: [sg-0a1b2c3d]")
		if env(built, "runtask", deployment.EnvSubnets) != "subnet-0a1b2c3d,subnet-0b1b2c3d" || len(built.list("AWS::EC2::VPC")) != 0 {
			t.Errorf("variables %v", built.function("runtask").variables())
		}
		if len(without.list("AWS::EC2::VPC")) != 1 || len(without.list("AWS::EC2::Subnet")) != 2 || len(without.list("AWS::EC2::NatGateway")) != 0 {
			t.Error("no small VPC with two subnets and without NAT")
		}
	},
	"security_groups": func(t *testing.T, without template) {
		built := of(t, "subnet_ids: [subnet-0a1b2c3d]", "security_groups: [sg-0a1b2c3d, sg-0b1b2c3d]")
		if env(built, "runtask", deployment.EnvSecurityGroups) != "sg-0a1b2c3d,sg-0b1b2c3d" || len(built.list("AWS::EC2::SecurityGroup")) != 0 {
			t.Errorf("variables %v", built.function("runtask").variables())
		}
		if len(without.list("AWS::EC2::SecurityGroup")) != 1 {
			t.Error("no group is made")
		}
	},
	"vpc_id": func(t *testing.T, _ template) {
		built := of(t, "subnet_ids: [subnet-0a1b2c3d]", "vpc_id: vpc-0a1b2c3d")
		group := built.only("AWS::EC2::SecurityGroup")
		if group.Properties["VpcId"] != "vpc-0a1b2c3d" || len(several(group.Properties["SecurityGroupEgress"])) != 1 {
			t.Errorf("group %v", group.Properties)
		}
		if !strings.Contains(flat(env(built, "runtask", deployment.EnvSecurityGroups)), "GroupId") {
			t.Error("tasks do not get the group")
		}
	},
	"assign_public_ip": func(t *testing.T, without template) {
		const own = "subnet_ids: [subnet-0a1b2c3d]\nsecurity_groups: [sg-0a1b2c3d]\n"
		for want, built := range map[string]template{"true": of(t, own+"assign_public_ip: true"), "false": of(t, own)} {
			if got := env(built, "runtask", deployment.EnvAssignPublicIP); got != want {
				t.Errorf("got %v, want %s", got, want)
			}
		}
		if env(without, "runtask", deployment.EnvAssignPublicIP) != "true" {
			t.Error("tasks in public subnets have no address")
		}
	},
	"runner_image_tag": func(t *testing.T, without template) {
		if tag := policyOf(t, of(t, "runner_image_tag: v7"), "validate").BaseImage; tag != "v7" || policyOf(t, without, "validate").BaseImage != "base" {
			t.Errorf("tag %q", tag)
		}
	},
	"extra_runner_images": func(t *testing.T, _ template) {
		built := synth(t, runnerfleet.Props{Config: parse(t, "extra_runner_images: {playwright: images/playwright/Dockerfile.ci}"), Dir: withExtraImage(t)})
		if diff := cmp.Diff(map[string]string{"playwright": "images/playwright/Dockerfile.ci"}, policyOf(t, built, "validate").ExtraImages); diff != "" {
			t.Error(diff)
		}
	},
	"runner_version": func(t *testing.T, without template) {
		built := of(t, "runner_version: 2.330.0")
		if policyOf(t, built, "sweep").RunnerVersion != "2.330.0" || policyOf(t, without, "validate").RunnerVersion != "latest" || buildEnv(built)["RUNNER_VERSION"] != "2.330.0" {
			t.Errorf("policy %+v, builds %v", policyOf(t, built, "sweep"), buildEnv(built))
		}
	},
	"runner_base_image": func(t *testing.T, without template) {
		built := of(t, "runner_base_image: debian:12")
		if got := buildEnv(built)["DEFAULT_BASE"]; got != "docker.io/library/debian:12" {
			t.Errorf("builds %v", buildEnv(built))
		}
		is, was := policyOf(t, built, "validate").ImageSources, policyOf(t, without, "validate").ImageSources
		if is["base:x64"] == was["base:x64"] || is["on_demand:x64"] != was["on_demand:x64"] || len(was["base:x64"]) != 16 {
			t.Errorf("sources were %v and are %v", was, is)
		}
	},
	"runner_sudo": func(t *testing.T, without template) {
		built := of(t, "runner_sudo: false")
		is, was := policyOf(t, built, "validate").ImageSources, policyOf(t, without, "validate").ImageSources
		if buildEnv(built)["SUDO"] != "false" || buildEnv(without)["SUDO"] != "true" || is["on_demand:x64"] == was["on_demand:x64"] {
			t.Errorf("builds %v, sources %v", buildEnv(built), is)
		}
	},
	"image_compression": func(t *testing.T, without template) {
		built := of(t, "image_compression: zstd")
		is, was := policyOf(t, built, "validate").ImageSources, policyOf(t, without, "validate").ImageSources
		if buildEnv(built)["IMAGE_COMPRESSION"] != "zstd" || buildEnv(without)["IMAGE_COMPRESSION"] != "gzip" || is["on_demand:x64"] == was["on_demand:x64"] {
			t.Errorf("builds %v, sources %v", buildEnv(built), is)
		}
	},
	"soci_index": func(t *testing.T, without template) {
		built := of(t, "soci_index: true")
		is, was := policyOf(t, built, "validate").ImageSources, policyOf(t, without, "validate").ImageSources
		if buildEnv(built)["SOCI_INDEX"] != "true" || buildEnv(without)["SOCI_INDEX"] != "false" || is["base:x64"] == was["base:x64"] {
			t.Errorf("builds %v, sources %v", buildEnv(built), is)
		}
	},
	"docker_hub_mirror": func(t *testing.T, without template) {
		const cache = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub"
		for mirror, allowed := range map[string]int{cache: 1, "mirror.example:5000/hub": 0} {
			built := of(t, "docker_hub_mirror: "+mirror)
			if got := buildEnv(built)["DOCKER_HUB_MIRROR"]; got != mirror {
				t.Errorf("builds pull from %v", got)
			}
			for _, action := range []string{"ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"} {
				if n := strings.Count(buildMay(built, action), ":ecr:eu-west-1:123456789012:repository/docker-hub/*"); n != allowed {
					t.Errorf("from %s builds may %s on %s", mirror, action, buildMay(built, action))
				}
			}
		}
		if _, set := buildEnv(without)["DOCKER_HUB_MIRROR"]; set || buildMay(without, "ecr:CreateRepository") != "" {
			t.Error("there is a mirror, and none is configured")
		}
	},
	"docker_hub_credentials": func(t *testing.T, without template) {
		const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:docker-hub-AbCdEf"
		for ref, want := range map[string]struct{ id, may string }{
			secret:                     {secret, secret + " " + secret + "-??????"},
			"secretsmanager:ci/docker": {"ci/docker", ":secret:ci/docker-??????"},
		} {
			built := of(t, "docker_hub_credentials: "+ref)
			if got := buildEnv(built)["DOCKER_HUB_SECRET"]; got != want.id || !strings.Contains(buildMay(built, "secretsmanager:GetSecretValue"), want.may) {
				t.Errorf("builds read %v and may read %s", got, buildMay(built, "secretsmanager:GetSecretValue"))
			}
		}
		if _, set := buildEnv(without)["DOCKER_HUB_SECRET"]; set || buildMay(without, "secretsmanager:GetSecretValue") != "" {
			t.Error("builds read a secret, and none is configured")
		}
	},
	"base_image_repositories": func(t *testing.T, without template) {
		const arn = "arn:aws:ecr:eu-west-1:210987654321:repository/bases/web"
		built := of(t, "base_image_repositories: ["+arn+"]", "image_build_project: builds")
		const host = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
		if env := buildEnv(built); env["PULL_REGISTRIES"] != host || env["NAMED_REPOSITORIES"] != host+"/bases/web" || !slices.Contains(policyOf(t, built, "webhook").Registries, host+"/bases/web") {
			t.Errorf("builds %v, registries %v", buildEnv(built), policyOf(t, built, "webhook").Registries)
		}
		for action, may := range map[string]bool{"ecr:BatchGetImage": true, "ecr:GetDownloadUrlForLayer": true, "ecr:PutImage": false, "ecr:BatchImportUpstreamImage": false} {
			if strings.Contains(buildMay(built, action), arn) != may {
				t.Errorf("builds may %s on %s", action, buildMay(built, action))
			}
		}
		if _, set := buildEnv(without)["PULL_REGISTRIES"]; set {
			t.Error("registries are named where there are none")
		}
	},
	"runner_class_sizes": func(t *testing.T, without template) {
		only := policyOf(t, of(t, "runner_class_sizes: {arm: {cpu: 512, memory: 1024, arch: arm64}}"), "validate").ImageSources
		both := policyOf(t, of(t, "default_class: arm", "runner_class_sizes: {arm: {cpu: 512, memory: 1024, arch: arm64}, x: {cpu: 512, memory: 1024}}"), "validate").ImageSources
		if len(only) != 2 || len(both) != 4 || only["base:arm64"] == "" || only["base:arm64"] != both["base:arm64"] || both["base:arm64"] == both["base:x64"] {
			t.Errorf("sources %v and %v", only, both)
		}
		built := of(t, "runner_class_sizes: {big: {cpu: 4096, memory: 8192, spot: true, ephemeral_storage: 50}}")
		parameter := built.only("AWS::SSM::Parameter").Properties
		var sizes map[string]fleet.Class
		if err := json.Unmarshal([]byte(parameter["Value"].(string)), &sizes); err != nil {
			t.Fatal(err)
		}
		want := map[string]fleet.Class{"big": {CPU: 4096, Memory: 8192, Arch: fleet.X64, Spot: true, EphemeralStorage: 50}}
		if diff := cmp.Diff(want, sizes); diff != "" || parameter["Name"] != "/fleet/runner_class_sizes" || env(built, "webhook", deployment.EnvClassSizes) != parameter["Name"] {
			t.Errorf("parameter %v: %s", parameter, diff)
		}
		warm := of(t, "enforce_policy: true", `runner_class_sizes: {small: {cpu: 512, memory: 1024, warm: {count: 2, schedule: "daily 08:00-18:00", rotate_after: 90m}}}`)
		const value = `{"small":{"cpu":512,"memory":1024,"arch":"x64","warm":{"count":2,"schedule":"daily 08:00-18:00","rotate_after":"1h30m0s"}}}`
		if got := warm.only("AWS::SSM::Parameter").Properties["Value"]; got != value {
			t.Errorf("idle runners are %v in the parameter", got)
		}
		if policyOf(t, built, "webhook").Classes != nil {
			t.Error("the classes are in the environment too, where they would not change with the parameter")
		}
		arm := of(t, "runner_class_sizes: {small: {cpu: 512, memory: 1024, arch: arm64}}")
		if len(without.list("AWS::CodeBuild::Project")) != 1 || len(arm.list("AWS::CodeBuild::Project")) != 2 {
			t.Error("images for arm64 are built if, and only if, a class is arm64")
		}
	},
	"event_bus_name": func(t *testing.T, without template) {
		if name := of(t, "event_bus_name: jobs").only("AWS::Events::EventBus").Properties["Name"]; name != "jobs" {
			t.Errorf("bus %v", name)
		}
		if name := without.only("AWS::Events::EventBus").Properties["Name"]; name != "fleet" {
			t.Errorf("bus %v", name)
		}
	},
	"image_build_project": func(t *testing.T, without template) {
		built := of(t, "image_build_project: builder")
		if names := projectNames(built); !slices.Equal(names, []string{"builder", "builder-on-demand"}) || env(built, "buildimage", deployment.EnvBuildProject) != "builder" {
			t.Errorf("projects %v", names)
		}
		arm := of(t, "image_build_project: builder", "runner_class_sizes: {small: {cpu: 512, memory: 1024, arch: arm64}}")
		if names := projectNames(arm); !slices.Equal(names, []string{"builder", "builder-arm64", "builder-on-demand", "builder-on-demand-arm64"}) {
			t.Errorf("projects %v", names)
		}
		if rule := flat(arm.list("AWS::Events::Rule")); !strings.Contains(rule, `"builder-on-demand-arm64"`) {
			t.Errorf("nobody hears of builds on demand: %s", rule)
		}
		for _, name := range projectNames(arm) { // a server keeps layers for the next build
			if made := flat(projectOf(arm, name)); strings.Contains(made, "DockerServer") || strings.Contains(made, "Cache") {
				t.Errorf("builds of %s find what others left: %s", name, made)
			}
		}
		if name := without.only("AWS::CodeBuild::Project").Properties["Name"]; name != "fleet-images" {
			t.Errorf("project %v", name)
		}
		if policyOf(t, built, "validate").NoOnDemandImages != "" || policyOf(t, without, "validate").NoOnDemandImages == "" {
			t.Error("image: labels work with a project only")
		}
	},
	"aws_region": func(t *testing.T, _ template) {
		stack, _ := runnerfleet.NewStack(newApp(), runnerfleet.Props{Config: parse(t, "aws_region: eu-west-1")})
		if *stack.Region() != "eu-west-1" || !strings.Contains(flat(templateOf(t, stack)), ":ecs:eu-west-1:") {
			t.Errorf("region %s", *stack.Region())
		}
	},
	"log_retention_days": func(t *testing.T, _ template) {
		for id, group := range of(t, "log_retention_days: 7").list("AWS::Logs::LogGroup") {
			if group.Properties["RetentionInDays"] != 7.0 {
				t.Errorf("%s keeps for %v days", id, group.Properties["RetentionInDays"])
			}
		}
	},
	"runner_log_mib": func(t *testing.T, without template) {
		if long := policyOf(t, of(t, "runner_log_mib: 64"), "validate").LogMiB; long != 64 || policyOf(t, without, "validate").LogMiB != 0 {
			t.Errorf("%d MiB", long)
		}
	},
	"github_url": func(t *testing.T, without template) {
		if url := env(of(t, "github_url: https://github.example.com"), "claim", deployment.EnvGitHubURL); url != "https://github.example.com" || env(without, "claim", deployment.EnvGitHubURL) != "https://github.com" {
			t.Errorf("url %v", url)
		}
	},
	"on_demand_builds_per_day": func(t *testing.T, without template) {
		if n, was := policyOf(t, of(t, "on_demand_builds_per_day: 7"), "buildimage").OnDemandBuilds, policyOf(t, without, "buildimage").OnDemandBuilds; n != 7 || was != 50 {
			t.Errorf("%d a day, %d without", n, was)
		}
	},
	"on_demand_builds_at_once": func(t *testing.T, _ template) {
		for line, want := range map[string]float64{"": 1, "on_demand_builds_at_once: 3": 3} {
			built := of(t, "image_build_project: builder", line)
			if limit := projectOf(built, "builder-on-demand").Properties["ConcurrentBuildLimit"]; limit != want {
				t.Errorf("%q: %v at once", line, limit)
			}
			if limit, set := projectOf(built, "builder").Properties["ConcurrentBuildLimit"]; set {
				t.Errorf("%q: %v of the fleet's own at once", line, limit)
			}
		}
	},
	"limits": func(t *testing.T, without template) {
		both := of(t, "limits: {build: 90m, on_demand_build: 30m}", "image_build_project: builder")
		if own, other := projectOf(both, "builder").Properties["TimeoutInMinutes"], projectOf(both, "builder-on-demand").Properties["TimeoutInMinutes"]; own != 90.0 || other != 30.0 {
			t.Errorf("%v minutes, on demand %v", own, other)
		}
		built := of(t, "limits: {build: 90m}")
		if minutes := built.only("AWS::CodeBuild::Project").Properties["TimeoutInMinutes"]; minutes != 90.0 || without.only("AWS::CodeBuild::Project").Properties["TimeoutInMinutes"] != 60.0 {
			t.Errorf("%v minutes", minutes)
		}
	},
}

// TestInputs shows what each key of the configuration changes.
func TestInputs(t *testing.T) {
	without := of(t)
	for name, check := range inputs {
		t.Run(name, func(t *testing.T) { check(t, without) })
	}
}

// projectNames are the names of the projects that build, sorted.
func projectNames(built template) (names []string) {
	for _, p := range built.list("AWS::CodeBuild::Project") {
		names = append(names, p.Properties["Name"].(string))
	}
	slices.Sort(names)
	return names
}

func projectOf(built template, name string) resource {
	for _, p := range built.list("AWS::CodeBuild::Project") {
		if p.Properties["Name"] == name {
			return p
		}
	}
	panic("no project " + name)
}

// buildEnv are the variables of the projects that build, which are the same for all.
func buildEnv(built template) map[string]any {
	found := map[string]any{}
	for _, v := range several(at[map[string]any](projectOf(built, projectNames(built)[0]).Properties, "Environment")["EnvironmentVariables"]) {
		variable := v.(map[string]any)
		found[variable["Name"].(string)] = variable["Value"]
	}
	return found
}

// The same inputs have the same sources in every folder, a file of an extra image
// changes only its own, and builds then start from another asset.
func TestImageSourcesOfDeployments(t *testing.T) {
	made := func(dir string) (sources map[string]string, asset string) {
		built := synth(t, runnerfleet.Props{Config: parse(t, "extra_runner_images: {playwright: images/playwright/Dockerfile.ci}"), Dir: dir})
		return policyOf(t, built, "validate").ImageSources, flat(at[any](built.only("AWS::CodeBuild::Project").Properties, "Source", "Location"))
	}
	one, other := withExtraImage(t), withExtraImage(t)
	was, wasAsset := made(one)
	is, isAsset := made(other)
	if diff := cmp.Diff(was, is); diff != "" || len(was) != 3 || isAsset != wasAsset {
		t.Errorf("from %s, and in another folder from %s (-one +other):\n%s", wasAsset, isAsset, diff)
	}
	hosts := filepath.Join(other, "images", "playwright", "files", "hosts")
	for what, change := range map[string]func() error{
		"other content":   func() error { return os.WriteFile(hosts, []byte("127.0.0.1 here\n"), 0o644) },
		"other line ends": func() error { return os.WriteFile(hosts, []byte("127.0.0.1 localhost\r\n"), 0o644) },
		"another mode":    func() error { return os.Chmod(hosts, 0o755) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		is, isAsset := made(other)
		if is["extra:playwright:x64"] == was["extra:playwright:x64"] || isAsset == wasAsset {
			t.Errorf("%s: the image is made of %v, from %s", what, is, isAsset)
		}
		if is["base:x64"] != was["base:x64"] || is["on_demand:x64"] != was["on_demand:x64"] {
			t.Errorf("%s: other images were made of %v and are made of %v", what, was, is)
		}
		if err := errors.Join(os.WriteFile(hosts, []byte("127.0.0.1 localhost\n"), 0o644), os.Chmod(hosts, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// withExtraImage is a folder with an image of one's own.
func withExtraImage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"images/playwright/Dockerfile.ci":        "FROM scratch\n",
		"images/playwright/files/hosts":          "127.0.0.1 localhost\n",
		"images/playwright/node_modules/a/index": "installed\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOutputs(t *testing.T) {
	built := of(t)
	var keys []string
	for key, output := range built.Outputs {
		keys = append(keys, key)
		if output.Value == nil || output.Value == "" {
			t.Errorf("output %s is empty", key)
		}
	}
	want := append(slices.Clone(deployment.Outputs), "StoreGitHubPatCommand", "ReadWebhookSecretCommand", "AlarmTopic")
	want = slices.DeleteFunc(want, func(key string) bool { return key == deployment.OutputGitHubApps }) // it has a token alone
	slices.Sort(want)
	slices.Sort(keys)
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// names are the physical names that a template fixes.
func names(built template) map[string]string {
	found := map[string]string{}
	for id, r := range built.Resources {
		for _, property := range []string{"Name", "FunctionName", "LogGroupName", "StateMachineName", "AlarmName", "DashboardName", "RoleName", "QueueName", "TableName", "ClusterName", "RepositoryName", "EventBusName", "GroupName"} {
			name, ok := r.Properties[property].(string)
			if ok && (r.Type != "AWS::Logs::LogStream" && r.Type != "AWS::Events::Rule" && r.Type != "AWS::Lambda::Permission" && r.Type != "AWS::Lambda::EventInvokeConfig") {
				found[r.Type+" "+name] = id
			}
		}
	}
	return found
}

// TestTwoFleets has two fleets in one app, and two in one stack.
func TestTwoFleets(t *testing.T) {
	one, two := runnerfleet.Props{Config: parse(t, "fleet_name: one")}, runnerfleet.Props{Config: parse(t, "fleet_name: two")}
	app := newApp()
	first, second := newStack(app, "first"), newStack(app, "second")
	runnerfleet.New(first, "Fleet", one)
	runnerfleet.New(second, "Fleet", two)
	of := names(templateOf(t, first))
	if len(of) < 30 {
		t.Errorf("%d names: the test has missed some", len(of))
	}
	for name := range names(templateOf(t, second)) {
		if id, both := of[name]; both {
			t.Errorf("both have %s (%s)", name, id)
		}
	}

	shared := newStack(newApp(), "shared")
	runnerfleet.New(shared, "One", one)
	two.OutputPrefix = "Two"
	runnerfleet.New(shared, "Two", two)
	both := templateOf(t, shared)
	checkPolicies(t, both)
	if n := len(both.list("AWS::Lambda::Function")); n != 2*len(functions.All) || both.Outputs["TwoWebhookUrl"].Value == nil || both.Outputs["WebhookUrl"].Value == nil {
		t.Errorf("%d functions, outputs %v", n, both.Outputs)
	}
	for id, function := range both.list("AWS::Lambda::Function") {
		if known := flat(function.variables()); strings.Contains(known, "One") && strings.Contains(known, "Two") {
			t.Errorf("%s knows the other fleet's things: %s", id, known)
		}
	}
}

// TestAVPCOfOnesOwn is for apps that use the fleet as a library.
func TestAVPCOfOnesOwn(t *testing.T) {
	stack := newStack(newApp(), "own")
	vpc := newVPC(stack, true)
	runnerfleet.New(stack, "Fleet", runnerfleet.Props{Config: parse(t), VPC: vpc})
	built := templateOf(t, stack)
	if env(built, "runtask", deployment.EnvAssignPublicIP) != "false" || !strings.Contains(flat(env(built, "runtask", deployment.EnvSubnets)), "Private") || len(built.list("AWS::EC2::VPC")) != 1 {
		t.Errorf("variables %v", built.function("runtask").variables())
	}
	public := newStack(newApp(), "public")
	runnerfleet.New(public, "Fleet", runnerfleet.Props{Config: parse(t), VPC: newVPC(public, false)})
	built = templateOf(t, public)
	if env(built, "runtask", deployment.EnvAssignPublicIP) != "true" || len(built.list("AWS::EC2::SecurityGroup")) != 1 {
		t.Errorf("variables %v", built.function("runtask").variables())
	}
	for name, props := range map[string]runnerfleet.Props{
		"a VPC and subnet_ids": {Config: parse(t, "subnet_ids: [subnet-0a1b2c3d]", "security_groups: [sg-0a1b2c3d]"), VPC: vpc},
		"no configuration":     {},
	} {
		if props.Check() == nil {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
}
