// Package config is the fleet's one typed configuration: fleet.yaml, read and
// checked as a whole.
//
// Parse reports every problem at once, each with its line and key, and a Config
// that it returned needs no further check. Secrets are never in it: the keys
// that look like secrets hold references, and no error repeats their text.
package config

import (
	"maps"
	"slices"
	_ "time/tzdata" // schedules name time zones, on machines that have no database of them too

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Config is the whole of fleet.yaml, with its defaults filled in.
//
// Class names and labels are in lower case, as GitHub compares them ignoring
// case. An optional resource on AWS that the file does not name is empty: the
// deployment makes it.
type Config struct {
	FleetName string `yaml:"fleet_name"`
	AWSRegion string `yaml:"aws_region"` // "" is the region that the AWS tools are set to

	GitHubURL             string       `yaml:"github_url"` // scheme and host, no slash at the end
	GitHubCA              string       `yaml:"github_ca"`  // path, relative to fleet.yaml's folder: see Authorities
	GitHubPAT             SecretRef    `yaml:"github_pat"` // "" with a github_app and no token beside it
	GitHubApps            GitHubApps   `yaml:"github_app"`
	Repositories          Repositories `yaml:"github_repo"`
	Organization          string       `yaml:"github_org"`        // that runners are registered in, and whose repositories are served if none is listed; "" is each job's repository
	Enterprise            string       `yaml:"github_enterprise"` // that runners are registered in; "" is none
	RunnerGroup           string       `yaml:"runner_group"`      // of either; "" is its default group
	WebhookSecret         SecretRef    `yaml:"webhook_secret"`
	WebhookSecretPrevious SecretRef    `yaml:"webhook_secret_previous"` // "" unless one is being replaced

	VPCID          string   `yaml:"vpc_id"`
	SubnetIDs      []string `yaml:"subnet_ids"` // none: a VPC with public subnets is made
	SecurityGroups []string `yaml:"security_groups"`
	AssignPublicIP bool     `yaml:"assign_public_ip"`
	FunctionsInVPC bool     `yaml:"functions_in_vpc"` // those that call GitHub, where tasks run

	RunnerImageTag    string            `yaml:"runner_image_tag"`
	RunnerVersion     string            `yaml:"runner_version"`      // "latest" or x.y.z
	RunnerBaseImage   string            `yaml:"runner_base_image"`   // what the base image is made from
	RunnerSudo        bool              `yaml:"runner_sudo"`         // jobs may be root, without a password
	ImageCompression  fleet.Compression `yaml:"image_compression"`   // of layers: gzip or zstd
	SOCIIndex         bool              `yaml:"soci_index"`          // images get one
	ExtraRunnerImages map[string]string `yaml:"extra_runner_images"` // label → Dockerfile, relative to fleet.yaml's folder
	AllowedRegistries []string          `yaml:"allowed_registries"`  // hosts, or repositories: see fleet.ParseImage
	ImageBuildProject string            `yaml:"image_build_project"`

	OnDemandBuildsPerDay int `yaml:"on_demand_builds_per_day"` // for each repository
	OnDemandBuildsAtOnce int `yaml:"on_demand_builds_at_once"` // on AWS, for each architecture

	DockerHubMirror       string    `yaml:"docker_hub_mirror"`       // host, perhaps with a path; "" is Docker Hub itself
	DockerHubCredentials  SecretRef `yaml:"docker_hub_credentials"`  // "" pulls without
	BaseImageRepositories []string  `yaml:"base_image_repositories"` // ARNs of private ones in ECR

	RunnerClassSizes map[string]fleet.Class `yaml:"runner_class_sizes"`
	DefaultClass     string                 `yaml:"default_class"`

	MaxRunners              int          `yaml:"max_runners"`
	MaxRunnersPerRepository int          `yaml:"max_runners_per_repository"` // 0 leaves a tenth for others where there are several
	RequiredLabel           string       `yaml:"required_label"`
	FleetLabels             []string     `yaml:"fleet_labels"`
	AllowPublicRepositories bool         `yaml:"allow_public_repositories"`
	Rules                   []fleet.Rule `yaml:"policy"`
	EnforcePolicy           bool         `yaml:"enforce_policy"`
	JobLog                  bool         `yaml:"job_log"` // runners say in their jobs' logs what they are and cost
	Limits                  fleet.Limits `yaml:"limits"`  // in whole seconds

	RefusalStatus fleet.RefusalStatus `yaml:"refusal_status"` // private, always or never
	RefusalURL    string              `yaml:"refusal_url"`    // "" is the project's page
	SpotRetry     int                 `yaml:"spot_retry"`     // of workflow runs whose jobs Spot interrupted: 0 or 1

	EventBusName     string `yaml:"event_bus_name"`
	LogRetentionDays int    `yaml:"log_retention_days"`
	RunnerLogMiB     int    `yaml:"runner_log_mib"` // of one runner's output
}

// GitHubApps are the GitHub Apps that the fleet acts as; several share what they ask of
// GitHub. In the file one may stand by itself instead of in a list.
type GitHubApps []GitHubApp

// GitHubApp is one of them.
type GitHubApp struct {
	ID                 AppID     `yaml:"id"`
	PrivateKey         SecretRef `yaml:"private_key"`
	PrivateKeyPrevious SecretRef `yaml:"private_key_previous"` // "" unless one is being replaced
}

// AppID is an App's client id, or its older app id, which is a number.
type AppID string

// Repositories are the repositories whose jobs the fleet runs, as owner/name.
// In the file one may stand by itself instead of in a list.
type Repositories []string

// defaults is the configuration of an empty file. What depends on other keys is
// filled in by derive.
func defaults() Config {
	return Config{
		FleetName:         "fleet",
		GitHubURL:         "https://github.com",
		GitHubPAT:         DefaultGitHubPAT,
		WebhookSecret:     DefaultWebhookSecret,
		RunnerImageTag:    "base",
		RunnerVersion:     fleet.LatestRunner,
		RunnerBaseImage:   fleet.DefaultBaseImage,
		RunnerSudo:        true,
		ImageCompression:  fleet.CompressionGzip,
		AllowedRegistries: slices.Clone(fleet.DefaultRegistries),
		RunnerClassSizes: map[string]fleet.Class{
			"small":  {CPU: 512, Memory: 1024, Arch: fleet.X64},
			"medium": {CPU: 1024, Memory: 2048, Arch: fleet.X64},
			"large":  {CPU: 4096, Memory: 8192, Arch: fleet.X64},
		},
		OnDemandBuildsPerDay: 50,
		OnDemandBuildsAtOnce: 1,
		MaxRunners:           20,
		Limits:               fleet.DefaultLimits(),
		JobLog:               true,
		RefusalStatus:        fleet.RefusalStatusPrivate,
		LogRetentionDays:     30,
		RunnerLogMiB:         fleet.DefaultLogMiB,
	}
}

func clonedClasses(classes map[string]fleet.Class) map[string]fleet.Class {
	classes = maps.Clone(classes)
	for name, class := range classes {
		if class.Warm != nil {
			warm := *class.Warm
			warm.Repositories = slices.Clone(warm.Repositories)
			class.Warm = &warm
			classes[name] = class
		}
	}
	return classes
}

// imagesOff is why image: labels are refused without a build project.
const imagesOff = "this fleet builds no images on demand; set image_build_project in fleet.yaml to allow image: labels"

// Policy is the part of the configuration that decides about jobs. It shares
// nothing with c that can be changed.
func (c Config) Policy() fleet.Policy {
	p := fleet.Policy{
		FleetName:        c.FleetName,
		Repositories:     append([]string{}, c.Repositories...),
		Organization:     c.Organization,
		Enterprise:       c.Enterprise,
		RunnerGroup:      c.RunnerGroup,
		AllowPublic:      c.AllowPublicRepositories,
		GitHubApp:        len(c.GitHubApps) > 0,
		Classes:          clonedClasses(c.RunnerClassSizes),
		DefaultClass:     c.DefaultClass,
		BaseImage:        c.RunnerImageTag,
		ExtraImages:      maps.Clone(c.ExtraRunnerImages),
		FleetLabels:      slices.Clone(c.FleetLabels),
		RequiredLabel:    c.RequiredLabel,
		Registries:       slices.Clone(c.AllowedRegistries),
		RunnerVersion:    c.RunnerVersion,
		OnDemandBuilds:   c.OnDemandBuildsPerDay,
		MaxRunners:       c.MaxRunners,
		MaxPerRepository: c.MaxRunnersPerRepository,
		Rules:            cloned(c.Rules),
		EnforcePolicy:    c.EnforcePolicy,
		NoJobLog:         !c.JobLog,
		Limits:           c.Limits,
		RefusalURL:       c.RefusalURL,
		SpotRetry:        c.SpotRetry,
	}
	if c.RefusalStatus != fleet.RefusalStatusPrivate {
		p.RefusalStatus = c.RefusalStatus
	}
	for _, name := range c.PrivateRepositories() {
		if !slices.Contains(p.Registries, name) {
			p.Registries = append(p.Registries, name)
		}
	}
	if c.RunnerLogMiB != fleet.DefaultLogMiB {
		p.LogMiB = c.RunnerLogMiB
	}
	if c.ImageBuildProject == "" {
		p.NoOnDemandImages = imagesOff
	}
	return p
}

func cloned(rules []fleet.Rule) (out []fleet.Rule) {
	for _, r := range rules {
		for _, patterns := range []*fleet.Patterns{&r.Owner, &r.Repository, &r.Visibility, &r.Class, &r.Image, &r.Event, &r.Branch} {
			*patterns = slices.Clone(*patterns)
		}
		if r.Fork != nil {
			r.Fork = new(*r.Fork)
		}
		out = append(out, r)
	}
	return out
}
