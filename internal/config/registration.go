package config

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// mostGroupName bounds runner_group. GitHub gives no limit; its own are shorter.
const mostGroupName = 100

// enterpriseName is the name of an enterprise in the address of its page.
var enterpriseName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,98}[A-Za-z0-9])?$`)

// checkRegistration checks where runners are registered.
func (c *Config) checkRegistration(r *review) {
	switch {
	case c.Organization != "" && c.Enterprise != "":
		r.add("github_enterprise", "is %s, and github_org is %s: runners are registered in one place, so delete either key", quote(c.Enterprise), quote(c.Organization))
		return
	case c.Enterprise != "":
		c.checkEnterprise(r)
	case c.Organization != "":
		c.checkOrganization(r)
	}
	if c.Organization == "" && r.given("github_org") {
		r.add("github_org", "is empty; name the organization, or delete the key")
	}
	if c.Enterprise == "" && r.given("github_enterprise") {
		r.add("github_enterprise", "is empty; name the enterprise, or delete the key")
	}
	switch {
	case !r.given("runner_group"):
	case c.Organization == "" && c.Enterprise == "":
		r.add("runner_group", "is for runners of an organization or enterprise: only those have groups; add github_org or github_enterprise")
	case strings.TrimSpace(c.RunnerGroup) != c.RunnerGroup || c.RunnerGroup == "" || utf8.RuneCountInString(c.RunnerGroup) > mostGroupName:
		r.add("runner_group", "%s is not the name of a runner group; write it as the settings of the organization or enterprise show it", quote(c.RunnerGroup))
	}
}

// checkOrganization checks an organization, whose runners can only get jobs of its
// repositories.
func (c *Config) checkOrganization(r *review) {
	if !ownerName.MatchString(c.Organization) {
		r.add("github_org", "%s is not the name of an organization, as in https://github.com/<name>", quote(c.Organization))
		return
	}
	for i, repository := range c.Repositories {
		owner, _, ok := strings.Cut(repository, "/")
		if !ok || strings.EqualFold(owner, c.Organization) {
			continue
		}
		key := indexed("github_repo", i)
		if !r.given(key) {
			key = "github_repo"
		}
		r.add(key, "%s is not of %s, the organization that runners are registered in, so none would get its jobs", quote(repository), c.Organization)
	}
}

// checkEnterprise checks an enterprise. Whose repositories may get the jobs of its runners
// GitHub alone knows.
func (c *Config) checkEnterprise(r *review) {
	if !enterpriseName.MatchString(c.Enterprise) {
		r.add("github_enterprise", "%s is not the name of an enterprise, as in https://github.com/enterprises/<name>", quote(c.Enterprise))
	}
	if len(c.Repositories) == 0 {
		r.add("github_enterprise", "needs github_repo, a list of the repositories whose jobs the fleet runs: those of a whole enterprise cannot be listed")
	}
	if c.GitHubPAT == "" {
		r.add("github_enterprise", "needs github_pat beside github_app: GitHub lets no App register runners in an enterprise, and takes a classic token with manage_runners:enterprise alone")
	}
}
