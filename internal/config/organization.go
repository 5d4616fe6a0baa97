package config

import (
	"strings"
	"unicode/utf8"
)

// mostGroupName bounds runner_group. GitHub gives no limit; its own are shorter.
const mostGroupName = 100

// checkOrganization checks where runners are registered. An organization's runner can only
// get jobs of its repositories.
func (c *Config) checkOrganization(r *review) {
	if c.Organization == "" {
		if r.given("github_org") {
			r.add("github_org", "is empty; name the organization, or delete the key")
		}
		if r.given("runner_group") {
			r.add("runner_group", "is for runners of an organization: only those have groups; add github_org")
		}
		return
	}
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
	if r.given("runner_group") && (strings.TrimSpace(c.RunnerGroup) != c.RunnerGroup || c.RunnerGroup == "" || utf8.RuneCountInString(c.RunnerGroup) > mostGroupName) {
		r.add("runner_group", "%s is not the name of a runner group; write it as the organization's settings show it", quote(c.RunnerGroup))
	}
}
