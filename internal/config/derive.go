package config

import (
	"strings"

	"github.com/distribution/reference"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// derive brings what was read into one form, and fills in the defaults that
// depend on other keys.
func (c *Config) derive(r *review) {
	c.GitHubURL = strings.TrimRight(c.GitHubURL, "/")
	if len(c.GitHubApps) > 0 && !r.given("github_pat") {
		c.GitHubPAT = ""
	}
	c.RequiredLabel = strings.ToLower(c.RequiredLabel)
	lower(c.FleetLabels)
	lower(c.AllowedRegistries)
	for i, registry := range c.AllowedRegistries {
		if host, names, _ := strings.Cut(registry, "/"); host == "index.docker.io" { // its other name, which image references never keep
			c.AllowedRegistries[i] = strings.TrimSuffix("docker.io/"+names, "/")
		}
	}
	if named, err := reference.ParseNormalizedNamed(c.RunnerBaseImage); err == nil {
		c.RunnerBaseImage = named.String()
	}
	for name, class := range c.RunnerClassSizes {
		if class.Arch == "" {
			class.Arch = fleet.X64
			c.RunnerClassSizes[name] = class
		}
	}
	for _, rule := range c.Rules {
		for _, patterns := range []fleet.Patterns{rule.Owner, rule.Repository, rule.Visibility, rule.Class, rule.Image, rule.Event} {
			lower(patterns)
		}
	}
	if !r.given("limits.on_demand_build") {
		c.Limits.OnDemandBuild = min(c.Limits.OnDemandBuild, c.Limits.Build)
	}
	if !r.given("default_class") {
		c.DefaultClass = defaultClass(c.RunnerClassSizes)
	}
	c.DefaultClass = strings.ToLower(c.DefaultClass)
	if !r.given("assign_public_ip") {
		// The VPC that the deployment makes has public subnets only.
		c.AssignPublicIP = len(c.SubnetIDs) == 0
	}
}

// defaultClass is the class of jobs that name none, "" if one must be chosen.
func defaultClass(classes map[string]fleet.Class) string {
	if _, ok := classes["small"]; ok {
		return "small"
	}
	if len(classes) == 1 {
		for only := range classes {
			return only
		}
	}
	return ""
}

func lower(texts []string) {
	for i := range texts {
		texts[i] = strings.ToLower(texts[i])
	}
}
