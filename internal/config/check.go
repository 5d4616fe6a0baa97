package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostLogMiB is what a day of diagnostics has, and half a dollar of CloudWatch Logs.
const mostLogMiB = 1024

// check finds what is wrong with the values, each by itself and together.
func (c *Config) check(r *review) {
	if err := fleet.CheckFleetName(c.FleetName); err != nil {
		r.add("fleet_name", "%s", err)
	}
	c.checkGitHub(r)
	c.checkSecrets(r)
	c.checkGitHubApps(r)
	c.checkRegistration(r)
	c.checkNetwork(r)
	c.checkRunnerImages(r)
	c.checkClasses(r)
	c.checkLabels(r)
	c.checkPolicy(r)
	c.checkWarm(r)
	c.checkLimits(r)
	c.checkAWS(r)
	c.checkRefusals(r)
	if c.SpotRetry != 0 && c.SpotRetry != 1 {
		r.add("spot_retry", "is %d; use 1 to have jobs run again that Fargate Spot interrupted, or 0", c.SpotRetry)
	}
	if c.MaxRunners < 1 || c.MaxRunners > 10000 {
		r.add("max_runners", "is %d; use 1 to 10000 (GitHub keeps at most 10000 runners in a group)", c.MaxRunners)
	}
	if c.OnDemandBuildsPerDay < 1 || c.OnDemandBuildsPerDay > mostBuildsADay {
		r.add("on_demand_builds_per_day", "is %d; use 1 to %d, or leave image_build_project out to build none", c.OnDemandBuildsPerDay, mostBuildsADay)
	}
	if c.OnDemandBuildsAtOnce < 1 || c.OnDemandBuildsAtOnce > mostBuildsAtOnce {
		r.add("on_demand_builds_at_once", "is %d; use 1 to %d, and fewer than CodeBuild runs at once in your account, so that there is room for the fleet's own images", c.OnDemandBuildsAtOnce, mostBuildsAtOnce)
	}
	if c.RunnerLogMiB < 1 || c.RunnerLogMiB > mostLogMiB {
		r.add("runner_log_mib", "is %d; use 1 to %d (MiB)", c.RunnerLogMiB, mostLogMiB)
	}
	if c.MaxRunnersPerRepository < 0 || c.MaxRunnersPerRepository > c.MaxRunners {
		r.add("max_runners_per_repository", "is %d; use 1 to max_runners (%d), or leave it out", c.MaxRunnersPerRepository, c.MaxRunners)
	}
}

const (
	mostBuildsADay   = 1000 // each is noted in one record of the repository's
	mostBuildsAtOnce = 100
)

var (
	// GitHub's rules for logins, with the underscore of enterprise-managed users.
	ownerName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,37}[A-Za-z0-9])?$`)
	repoName  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

func (c *Config) checkGitHub(r *review) {
	if _, reason := fleet.GitHubAPI(c.GitHubURL); reason != "" && fleet.HasUser(c.GitHubURL) {
		r.add("github_url", "%s", reason) // the address may hold a password
	} else if reason != "" {
		r.add("github_url", "%s %s", quote(c.GitHubURL), reason)
	}
	c.checkAuthority(r)
	if len(c.Repositories) == 0 && (c.Organization+c.Enterprise == "" || r.given("github_repo")) {
		r.add("github_repo", "is missing; name the repository, or a list of them, whose jobs the fleet runs: github_repo: owner/name; or name an organization, all of whose repositories may use it: github_org: <name>")
	}
	for i, repo := range c.Repositories {
		key := indexed("github_repo", i)
		if !r.given(key) { // it stands by itself, in no list
			key = "github_repo"
		}
		owner, name, ok := strings.Cut(repo, "/")
		switch {
		case !ok && ownerName.MatchString(repo):
			r.add(key, "%s names an owner only; write %s/<repository>, or for all repositories of an organization github_org: %s and no github_repo", quote(repo), repo, repo)
		case !ownerName.MatchString(owner) || !repoName.MatchString(name) || strings.Trim(name, ".") == "":
			r.add(key, "%s is not a repository; write owner/name, without the host", quote(repo))
		case strings.HasSuffix(name, ".git"):
			r.add(key, "%s ends in .git; write %s/%s", quote(repo), owner, strings.TrimSuffix(name, ".git"))
		case slices.ContainsFunc(c.Repositories[:i], func(other string) bool { return fleet.SameRepository(repo, other) }):
			r.add(key, "%s is listed twice", quote(repo))
		}
	}
}

func (c *Config) checkSecrets(r *review) {
	if c.GitHubPAT != "" || len(c.GitHubApps) == 0 {
		if err := c.GitHubPAT.check(); err != nil {
			r.add("github_pat", "%s", err)
		}
	}
	if err := c.WebhookSecret.check(); err != nil {
		r.add("webhook_secret", "%s", err)
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
