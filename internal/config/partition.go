package config

import (
	"cmp"
	"slices"
	"strings"
)

// partitions are the parts of AWS that a fleet can be in. Nothing of one may be named in
// another (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
var partitions = []string{"aws", "aws-us-gov", "aws-cn"}

// partitionOf is the part of AWS that a region is in, "" for one in which no fleet can be.
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.Contains(region, "-iso"), strings.HasPrefix(region, "eusc-"):
		return ""
	}
	return "aws"
}

// checkPartition refuses what is in another part of AWS than the fleet: IAM takes no policy
// that names it.
func (c *Config) checkPartition(r *review) {
	own := partitionOf(c.AWSRegion)
	if c.AWSRegion == "" || own == "" {
		return // the deployer's region, or already reported
	}
	check := func(key, arn string) {
		parts := strings.SplitN(arn, ":", 3)
		if len(parts) == 3 && parts[0] == "arn" && slices.Contains(partitions, parts[1]) && parts[1] != own {
			r.add(key, "%s is in the part %s of AWS, and region %s in %s; name one of the same part", quote(arn), parts[1], c.AWSRegion, own)
		}
	}
	for i, arn := range c.BaseImageRepositories {
		check(indexed("base_image_repositories", i), arn)
	}
	for key, ref := range map[string]SecretRef{
		"github_pat": c.GitHubPAT, "webhook_secret": c.WebhookSecret, "webhook_secret_previous": c.WebhookSecretPrevious, "docker_hub_credentials": c.DockerHubCredentials,
	} {
		check(key, string(ref))
	}
}

// checkNamesOnAWS refuses names that AWS refuses, beyond those that are wrong everywhere.
func (c *Config) checkNamesOnAWS(r *review) {
	for _, prefix := range []string{"aws", "ssm"} {
		// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html
		if strings.HasPrefix(c.FleetName, prefix) {
			r.add("fleet_name", "%s begins with %s, as no parameter of Systems Manager may, and the fleet's classes are kept in /%s/runner_class_sizes; choose another name", quote(c.FleetName), prefix, c.FleetName)
		}
	}
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html
	if cmp.Or(c.EventBusName, c.FleetName) == "default" {
		key, otherwise := "event_bus_name", "choose another name"
		if c.EventBusName == "" {
			key, otherwise = "fleet_name", "choose another name, or set event_bus_name"
		}
		r.add(key, "default is the name of every account's own event bus, and the fleet makes one of its own; %s", otherwise)
	}
}
