package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var (
	// A registry's host, and perhaps a repository or the beginning of several.
	allowedRegistry = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?((/[a-z0-9]+([._-]+[a-z0-9]+)*)+(/\*)?|/\*)?$`)
	imageTag        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	// A mirror is a registry's host, perhaps with the beginning of the names in it.
	mirror = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-][a-z0-9]+)*)*$`)
)

func (c *Config) checkRunnerImages(r *review) {
	if !imageTag.MatchString(c.RunnerImageTag) {
		r.add("runner_image_tag", "%s is not an image tag; use up to 128 of A-Z, a-z, 0-9, _, . and -, not beginning with . or -", quote(c.RunnerImageTag))
	} else if fleet.IsRevisionTag(c.RunnerImageTag) {
		r.add("runner_image_tag", "%s looks like a tag that the fleet gives its own images; choose another", quote(c.RunnerImageTag))
	} else if longest := maxTag - len(fleet.ImageSpec{Arch: fleet.ARM64}.PublishTag()); len(c.RunnerImageTag) > longest && c.hasARM() {
		r.add("runner_image_tag", "has %d characters; use at most %d where a class is arm64, since its image has -arm64 behind the tag", len(c.RunnerImageTag), longest)
	}
	if c.RunnerVersion != fleet.LatestRunner && !fleet.IsRunnerVersion(c.RunnerVersion) {
		r.add("runner_version", "%s is not a version of GitHub's runner; write latest, or a full version such as 2.329.0", quote(c.RunnerVersion))
	}
	if reason := badBaseImage(c.RunnerBaseImage); reason != "" {
		r.add("runner_base_image", "%s %s", quote(c.RunnerBaseImage), reason)
	}
	switch c.ImageCompression {
	case fleet.CompressionGzip:
	case fleet.CompressionZstd:
		if c.SOCIIndex {
			r.add("soci_index", "is made of gzip layers only, and image_compression is zstd; leave one of them out")
		}
	default:
		r.add("image_compression", "%s is neither gzip nor zstd", quote(string(c.ImageCompression)))
	}
	if r.given("docker_hub_mirror") {
		if !mirror.MatchString(c.DockerHubMirror) {
			r.add("docker_hub_mirror", "%s is not a registry; write its host, and a path if its names have one, as in 123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub", quote(c.DockerHubMirror))
		} else if ecrHost.MatchString(c.DockerHubMirror) {
			r.add("docker_hub_mirror", "%s is all of a registry of ECR; add the prefix of its pull-through cache rule, as in %s/docker-hub", quote(c.DockerHubMirror), c.DockerHubMirror)
		}
	}
	if r.given("docker_hub_credentials") {
		if err := c.DockerHubCredentials.check(); err != nil {
			r.add("docker_hub_credentials", "%s", err)
		}
	}
	for i, arn := range c.BaseImageRepositories {
		if !ecrRepository.MatchString(arn) {
			r.add(indexed("base_image_repositories", i), "%s is no ARN of an ECR repository, which reads arn:aws:ecr:<region>:<account>:repository/<name>", quote(arn))
		} else if slices.Contains(c.BaseImageRepositories[:i], arn) {
			r.add(indexed("base_image_repositories", i), "%s is listed twice", quote(arn))
		}
	}
	for label, path := range c.ExtraRunnerImages {
		if strings.TrimSpace(path) == "" || strings.ContainsFunc(path, func(c rune) bool { return c < ' ' }) {
			r.add(joined("extra_runner_images", label), "must be the path of a Dockerfile")
		}
	}
	for i, registry := range c.AllowedRegistries {
		key := indexed("allowed_registries", i)
		_, names, _ := strings.Cut(registry, "/")
		if !allowedRegistry.MatchString(registry) {
			r.add(key, "%s is not a registry; write its host, as in ghcr.io, or a repository or a part of it, as in ghcr.io/acme/*", quote(registry))
		} else if strings.HasPrefix(registry, "docker.io/") && names != "*" && !strings.Contains(names, "/") {
			r.add(key, "%s is not a repository of Docker Hub; its own images are docker.io/library/%s", quote(registry), names)
		} else if slices.Contains(c.AllowedRegistries[:i], registry) {
			r.add(key, "%s is listed twice", quote(registry))
		}
	}
}

// maxTag is how long an image's tag can be.
const maxTag = 128

func (c *Config) hasARM() bool {
	for _, class := range c.RunnerClassSizes {
		if class.Arch == fleet.ARM64 {
			return true
		}
	}
	return false
}

// badBaseImage says why an image cannot be what the base image is made from. It may be of
// any registry: an operator names it.
func badBaseImage(text string) string {
	named, err := reference.ParseNormalizedNamed(text)
	switch {
	case err != nil:
		return "is not an image reference; write [registry/]name:tag or [registry/]name@sha256:digest"
	case reference.IsNameOnly(named):
		return "names no tag; write [registry/]name:tag or [registry/]name@sha256:digest"
	case len(named.String()) > fleet.MaxImageReference:
		return "is too long; at most 255 characters are allowed"
	}
	return ""
}
