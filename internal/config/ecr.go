package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

var (
	// Account, region and, in China, the end of a registry of ECR.
	ecrHost = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$`)
	// Partition, region, account and name.
	ecrRepository = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):ecr:([a-z0-9-]+):([0-9]{12}):repository/([a-z0-9][a-z0-9._/-]{1,255})$`)
)

// PrivateRegistries are the hosts of base_image_repositories, each once.
func (c Config) PrivateRegistries() (hosts []string) {
	for _, arn := range c.BaseImageRepositories {
		if host, _, ok := repositoryOf(arn); ok && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// PrivateRepositories are base_image_repositories as image names have them.
func (c Config) PrivateRepositories() (names []string) {
	for _, arn := range c.BaseImageRepositories {
		if host, name, ok := repositoryOf(arn); ok && !slices.Contains(names, host+"/"+name) {
			names = append(names, host+"/"+name)
		}
	}
	return names
}

// repositoryOf is the repository of ECR that an ARN names.
func repositoryOf(arn string) (host, name string, ok bool) {
	parts := ecrRepository.FindStringSubmatch(arn)
	if parts == nil {
		return "", "", false
	}
	host = parts[3] + ".dkr.ecr." + parts[2] + ".amazonaws.com"
	if parts[1] == "aws-cn" {
		host += ".cn"
	}
	return host, parts[4], true
}

// ECRCache is where a docker_hub_mirror in ECR is: its registry's account and region,
// and the path that the names in it begin with. ok is false for any other mirror.
func (c Config) ECRCache() (account, region, path string, ok bool) {
	host, path, _ := strings.Cut(c.DockerHubMirror, "/")
	parts := ecrHost.FindStringSubmatch(host)
	if parts == nil {
		return "", "", "", false
	}
	return parts[1], parts[2], path, true
}

// checkBaseOnAWS refuses a base image in a private repository that builds on AWS may not
// pull from.
func (c *Config) checkBaseOnAWS(r *review) {
	named, err := reference.ParseNormalizedNamed(c.RunnerBaseImage)
	if err != nil {
		return // already reported
	}
	host := ecrHost.FindStringSubmatch(reference.Domain(named))
	if host == nil {
		return
	}
	in, partition := fmt.Sprintf(":ecr:%s:%s:repository/%s", host[2], host[1], reference.Path(named)), partitionOf(host[2])
	if !slices.ContainsFunc(c.BaseImageRepositories, func(arn string) bool { return strings.HasSuffix(arn, in) }) {
		r.add("runner_base_image", "%s is in a private repository; add its ARN, arn:%s%s, to base_image_repositories, so that builds may pull it", quote(c.RunnerBaseImage), partition, in)
	}
}
