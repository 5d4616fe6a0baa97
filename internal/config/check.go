package config

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// check finds what is wrong with the values, each by itself and together.
func (c *Config) check(r *review) {
	if err := fleet.CheckFleetName(c.FleetName); err != nil {
		r.add("fleet_name", "%s", err)
	}
	c.checkGitHub(r)
	c.checkSecrets(r)
	c.checkNetwork(r)
	c.checkRunnerImages(r)
	c.checkClasses(r)
	c.checkLabels(r)
	c.checkLimits(r)
	c.checkAWS(r)
	if c.MaxRunners < 1 || c.MaxRunners > 10000 {
		r.add("max_runners", "is %d; use 1 to 10000 (GitHub keeps at most 10000 runners in a group)", c.MaxRunners)
	}
}

var (
	// GitHub's rules for logins, with the underscore of enterprise-managed users.
	ownerName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,37}[A-Za-z0-9])?$`)
	repoName  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

func (c *Config) checkGitHub(r *review) {
	if reason := badGitHubURL(c.GitHubURL); reason != "" {
		r.add("github_url", "%s %s", quote(c.GitHubURL), reason)
	}
	if len(c.Repositories) == 0 {
		r.add("github_repo", "is missing; name the repository, or a list of them, whose jobs the fleet runs: github_repo: owner/name")
	}
	for i, repo := range c.Repositories {
		key := indexed("github_repo", i)
		if !r.given(key) { // it stands by itself, in no list
			key = "github_repo"
		}
		owner, name, ok := strings.Cut(repo, "/")
		switch {
		case !ok && ownerName.MatchString(repo):
			r.add(key, "%s names an owner only, and runners for a whole organisation are not supported yet; write %s/<repository>", quote(repo), repo)
		case !ownerName.MatchString(owner) || !repoName.MatchString(name) || strings.Trim(name, ".") == "":
			r.add(key, "%s is no repository; write owner/name, without the host", quote(repo))
		case strings.HasSuffix(name, ".git"):
			r.add(key, "%s ends in .git; write %s/%s", quote(repo), owner, strings.TrimSuffix(name, ".git"))
		case slices.ContainsFunc(c.Repositories[:i], func(other string) bool { return strings.EqualFold(repo, other) }):
			r.add(key, "%s is listed twice", quote(repo))
		}
	}
}

// badGitHubURL says why GitHub cannot be reached safely by this URL.
func badGitHubURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" {
		return "is no URL; write it as in https://github.com"
	}
	if u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return "must be a scheme and a host only, as in https://github.com"
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()) {
		return ""
	}
	return "must begin with https://, since the access token travels with every request (http:// is for this machine only)"
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (c *Config) checkSecrets(r *review) {
	for key, ref := range map[string]SecretRef{"github_pat": c.GitHubPAT, "webhook_secret": c.WebhookSecret} {
		if err := ref.check(); err != nil {
			r.add(key, "%s", err)
		}
	}
	if !r.given("webhook_secret_previous") {
		return
	}
	if err := c.WebhookSecretPrevious.check(); err != nil {
		r.add("webhook_secret_previous", "%s", err)
	} else if c.WebhookSecretPrevious == c.WebhookSecret {
		r.add("webhook_secret_previous", "is the same as webhook_secret; delete it unless a secret is being replaced")
	}
}

var (
	registryHost = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$`)
	imageTag     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	// A mirror is a registry's host, perhaps with the beginning of the names in it.
	mirror = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-][a-z0-9]+)*)*$`)
	// Account, region, .cn and path of a mirror in ECR.
	ecrMirror = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?(/.+)$`)
	// Partition, region, account and name.
	ecrRepository = regexp.MustCompile(`^arn:aws(-[a-z-]+)?:ecr:([a-z0-9-]+):([0-9]{12}):repository/([a-z0-9][a-z0-9._/-]{1,255})$`)
)

func (c *Config) checkRunnerImages(r *review) {
	if !imageTag.MatchString(c.RunnerImageTag) {
		r.add("runner_image_tag", "%s is no image tag; use up to 128 of A-Z, a-z, 0-9, _, . and -, not beginning with . or -", quote(c.RunnerImageTag))
	}
	if c.RunnerVersion != LatestRunner && !fleet.IsRunnerVersion(c.RunnerVersion) {
		r.add("runner_version", "%s is no version of GitHub's runner; write latest, or a full version such as 2.329.0", quote(c.RunnerVersion))
	}
	if reason := badBaseImage(c.RunnerBaseImage); reason != "" {
		r.add("runner_base_image", "%s %s", quote(c.RunnerBaseImage), reason)
	}
	if c.DockerHubMirror != "" && !mirror.MatchString(c.DockerHubMirror) {
		r.add("docker_hub_mirror", "%s is no registry; write its host, and a path if its names have one, as in 123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub", quote(c.DockerHubMirror))
	}
	if r.given("docker_hub_credentials") {
		if err := c.DockerHubCredentials.check(); err != nil {
			r.add("docker_hub_credentials", "%s", err)
		}
	}
	for i, arn := range c.BaseImageRepositories {
		if !ecrRepository.MatchString(arn) {
			r.add(indexed("base_image_repositories", i), "%s is no ARN of an ECR repository, which reads arn:aws:ecr:<region>:<account>:repository/<name>", quote(arn))
		}
	}
	for label, path := range c.ExtraRunnerImages {
		if strings.TrimSpace(path) == "" || strings.ContainsFunc(path, func(c rune) bool { return c < ' ' }) {
			r.add(joined("extra_runner_images", label), "must be the path of a Dockerfile")
		}
	}
	for i, registry := range c.AllowedRegistries {
		key := indexed("allowed_registries", i)
		if !registryHost.MatchString(registry) {
			r.add(key, "%s is no registry; write its host only, as in ghcr.io", quote(registry))
		} else if slices.Contains(c.AllowedRegistries[:i], registry) {
			r.add(key, "%s is listed twice", quote(registry))
		}
	}
}

// badBaseImage says why an image cannot be what the base image is made from. It may be of
// any registry: an operator names it.
func badBaseImage(text string) string {
	named, err := reference.ParseNormalizedNamed(text)
	switch {
	case err != nil:
		return "is no image reference; write [registry/]name:tag or [registry/]name@sha256:digest"
	case reference.IsNameOnly(named):
		return "names no tag; write [registry/]name:tag or [registry/]name@sha256:digest"
	case len(named.String()) > fleet.MaxImageReference:
		return "is too long; at most 255 characters are allowed"
	}
	return ""
}
