package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	mostRules    = 100
	mostSentence = 300 // characters
)

var (
	ruleName     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$`)
	ownerPattern = regexp.MustCompile(`^[a-z0-9*_-]+$`)
	repoPattern  = regexp.MustCompile(`^([a-z0-9*_-]+/)?[a-z0-9*._-]+$`)
	imagePattern = regexp.MustCompile(`^[a-z0-9*._-]+(:[0-9]+)?(/[a-z0-9*._-]+)*$`)
)

// events are what starts workflows: https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
// and those that GitHub starts workflows of its own with.
var events = []string{
	"branch_protection_rule", "check_run", "check_suite", "create", "delete", "deployment", "deployment_status", "discussion", "discussion_comment",
	"dynamic", "fork", "gollum", "image_version", "issue_comment", "issues", "label", "merge_group", "milestone", "page_build", "public", "pull_request",
	"pull_request_review", "pull_request_review_comment", "pull_request_target", "push", "registry_package", "release", "repository_dispatch",
	"schedule", "status", "watch", "workflow_call", "workflow_dispatch", "workflow_run",
}

// checkPolicy finds rules that do not say what they mean, and those that never apply.
func (c *Config) checkPolicy(r *review) {
	if len(c.Rules) > mostRules {
		r.add("policy", "has %d rules; use at most %d", len(c.Rules), mostRules)
	}
	for i, rule := range c.Rules {
		at := indexed("policy", i)
		switch {
		case rule.Name == "":
			r.add(at, "lacks a name; it is what refusals name, as in name: no-forks")
		case !ruleName.MatchString(rule.Name):
			r.add(at+".name", "%s is not a name for a rule; use up to 60 of a-z, 0-9 and -, as in no-forks", quote(rule.Name))
		case slices.ContainsFunc(c.Rules[:i], func(other fleet.Rule) bool { return other.Name == rule.Name }):
			r.add(at+".name", "%s is the name of an earlier rule; each needs one of its own", quote(rule.Name))
		}
		checkOutcome(r, at, rule)
		c.checkShares(r, at, rule)
		c.checkConditions(r, at, rule)
		c.checkApplies(r, at, i)
	}
}

func checkOutcome(r *review, at string, rule fleet.Rule) {
	allows, refuses := r.given(at+".allow"), r.given(at+".refuse")
	switch {
	case allows && refuses:
		r.add(at, "has both allow and refuse; a rule says one of them")
	case !allows && !refuses:
		r.add(at, `says nothing; add allow: true, or refuse: "a sentence that the job's developer reads"`)
	case allows && !rule.Allow:
		r.add(at+".allow", `is false; write refuse: "a sentence that the job's developer reads" instead`)
	case refuses && strings.TrimSpace(rule.Refuse) == "":
		r.add(at+".refuse", "is empty; write the sentence that the job's developer reads")
	case len([]rune(rule.Refuse)) > mostSentence:
		r.add(at+".refuse", "has %d characters; use at most %d", len([]rune(rule.Refuse)), mostSentence)
	case strings.ContainsFunc(rule.Refuse, func(c rune) bool { return !unicode.IsPrint(c) }):
		r.add(at+".refuse", "has a line end or another character that does not print; write it as one line")
	}
}

// checkShares finds limits that limit nothing, and those that let nothing through.
func (c *Config) checkShares(r *review, at string, rule fleet.Rule) {
	for _, limit := range []struct {
		name     string
		is, most int
		why      string
	}{
		{"max_runners", rule.MaxRunners, c.MaxRunners, "max_runners of the fleet"},
		{"on_demand_builds_per_day", rule.OnDemandBuilds, mostBuildsADay, ""},
	} {
		key := at + "." + limit.name
		switch {
		case !r.given(key) || !r.readable(key):
		case !r.given(at + ".allow"):
			r.add(key, "belongs to a rule with allow: true; a rule that refuses lets no job through")
		case limit.is < 1 || limit.is > limit.most && r.readable(limit.name):
			most := strconv.Itoa(limit.most)
			if limit.why != "" {
				most = limit.why + " (" + most + ")"
			}
			r.add(key, "is %d; use 1 to %s, or write a rule that refuses", limit.is, most)
		case limit.name == "on_demand_builds_per_day" && c.ImageBuildProject == "":
			r.add(key, "never applies: jobs name no image: labels without image_build_project")
		}
	}
}

// checkConditions finds patterns that no job meets.
func (c *Config) checkConditions(r *review, at string, rule fleet.Rule) {
	classes := slices.Sorted(maps.Keys(c.RunnerClassSizes))
	for _, condition := range []struct {
		name     string
		patterns fleet.Patterns
		why      func(pattern string) string
	}{
		{"owner", rule.Owner, func(p string) string {
			return unless(ownerPattern.MatchString(p), "is not an owner; write its login, in which * is any text")
		}},
		{"repository", rule.Repository, func(p string) string {
			return unless(repoPattern.MatchString(p), "is not a repository; write owner/name or a name, in which * is any text")
		}},
		{"visibility", rule.Visibility, c.badVisibility},
		{"class", rule.Class, func(p string) string {
			return unless(slices.Contains(classes, p), "is not one of the classes "+strings.Join(classes, ", ")+didYouMean(p, classes))
		}},
		{"image", rule.Image, c.badImagePattern},
		{"event", rule.Event, badEvent},
		{"branch", rule.Branch, BadBranch},
	} {
		key := at + "." + condition.name
		if r.given(key) && len(condition.patterns) == 0 {
			r.add(key, "is an empty list, which no job meets; delete it, or name something")
		}
		for i, pattern := range condition.patterns {
			one := indexed(key, i)
			if !r.given(one) { // it stands by itself, in no list
				one = key
			}
			if why := condition.why(pattern); why != "" {
				r.add(one, "%s %s", quote(pattern), why)
			}
		}
	}
}

func unless(fine bool, why string) string {
	if fine {
		return ""
	}
	return why
}

func (c *Config) badVisibility(text string) string {
	all := []string{fleet.VisibilityPublic, fleet.VisibilityPrivate, fleet.VisibilityInternal}
	if !slices.Contains(all, text) {
		return "is not one of " + strings.Join(all, ", ") + didYouMean(text, all)
	}
	return unless(text != fleet.VisibilityPublic || c.AllowPublicRepositories, "never applies: jobs of public repositories are refused before, unless allow_public_repositories is true")
}

// BadBranch says why no branch or tag can be called so, "" if one can. In it * is any text.
// https://git-scm.com/docs/git-check-ref-format
func BadBranch(text string) string {
	if name, ok := strings.CutPrefix(text, "refs/"); ok {
		return "names a ref; write the branch or tag alone, as in " + name[strings.Index(name, "/")+1:]
	}
	if i := strings.IndexAny(text, "[?~^:\\"); i >= 0 {
		return "has a " + text[i:i+1] + ", which no branch or tag can have; only * stands for any text"
	}
	return unless(!strings.ContainsFunc(text, unicode.IsSpace) && text != "", "is not a branch; write its name, in which * is any text")
}

// BadEvent says why no workflow starts for an event that is called so, "" if one may.
func BadEvent(text string) string { return badEvent(text) }

func badEvent(text string) string {
	met := slices.ContainsFunc(events, func(event string) bool { return fleet.Patterns{text}.Fit(event) })
	return unless(met, "is not an event that starts workflows"+didYouMean(text, events))
}

// badImagePattern says why no image that a job can name is one of the pattern.
func (c *Config) badImagePattern(text string) string {
	labels := slices.Sorted(maps.Keys(c.ExtraRunnerImages))
	if slices.ContainsFunc(labels, fleet.Patterns{text}.Fit) {
		return ""
	}
	host, names, named := strings.Cut(text, "/")
	last := text[strings.LastIndex(text, "/")+1:]
	switch {
	case strings.Contains(text, "@"), named && strings.Contains(last, ":"):
		return "has a tag or digest; write the repository without it, as in ghcr.io/acme/tools"
	case !imagePattern.MatchString(text):
		return "is not an image; write a registry or a repository of one, as in ghcr.io or ghcr.io/acme/*, or the label of an extra image"
	case strings.Contains(text, ":") && !slices.ContainsFunc(c.images(), func(image string) bool { return strings.Contains(image, ":") && fleet.PatternsMeet(text, image) }):
		return "has a tag, or a port that no registry of allowed_registries has; write the repository without tag, as in docker.io/library/node"
	case !strings.ContainsAny(host, ".:*"):
		if !named {
			return "is no label of extra_runner_images and names no registry; an image of Docker Hub is docker.io/library/" + text
		}
		return "names no registry; an image of Docker Hub is docker.io/" + host + "/" + names
	case strings.HasPrefix(text, "docker.io/") && !strings.ContainsAny(names, "/*"):
		return "is not a repository of Docker Hub; its own images are docker.io/library/" + names
	case c.ImageBuildProject == "":
		return "never applies: jobs name no image: labels without image_build_project"
	case slices.ContainsFunc(c.images(), func(image string) bool { return fleet.PatternsMeet(text, image) }):
		return ""
	case strings.Contains(host, "*") && !named:
		return "never applies: an image is compared by its full name, which begins with its registry; an image of Docker Hub is docker.io/library/" + text
	case strings.Contains(host, "*"):
		return "never applies: an image is compared by its full name, which begins with its registry; an image of Docker Hub is docker.io/" + text
	}
	return "never applies: allowed_registries has no image that is called so, and jobs that name others are refused before"
}

// images are patterns of what rules compare: the registries, and the names of all images
// that jobs may name.
func (c *Config) images() (all []string) {
	for _, allowed := range slices.Concat(c.AllowedRegistries, c.PrivateRepositories()) {
		host, _, named := strings.Cut(allowed, "/")
		switch all = append(all, host); {
		case named:
			all = append(all, allowed)
		case host == "docker.io":
			all = append(all, "docker.io/*/*") // library is a name too
		default:
			all = append(all, host+"/*")
		}
	}
	return all
}

// checkApplies finds a rule that decides about no job.
func (c *Config) checkApplies(r *review, at string, i int) {
	rule := c.Rules[i]
	if !r.readable("github_repo", "policy") {
		return
	}
	for _, earlier := range c.Rules[:i] {
		if c.withoutFilled(earlier).Covers(c.withoutFilled(rule)) {
			r.add(at, "never applies: rule %s before it decides about all such jobs", quote(earlier.Name))
			return
		}
	}
	if org := c.Organization; org != "" && len(c.Repositories) == 0 && !mayServe(rule, org) {
		r.add(at, "never applies: the fleet serves the repositories of %s, and this owner and repository are others%s", org, didYouMean(strings.Join(rule.Owner, ""), []string{org}))
	}
	if len(c.Repositories) > 0 && !slices.ContainsFunc(c.Repositories, rule.Serves) {
		r.add(at, "never applies: no repository of github_repo has this owner and repository%s", didYouMean(strings.Join(rule.Repository, ""), c.Repositories))
	}
}

// mayServe reports whether some repository of an organization may meet the rule's conditions.
func mayServe(rule fleet.Rule, organization string) bool {
	ofIt := func(pattern string) bool {
		return !strings.Contains(pattern, "/") || fleet.PatternsMeet(pattern, organization+"/*")
	}
	return (len(rule.Owner) == 0 || rule.Owner.Fit(organization)) && (len(rule.Repository) == 0 || slices.ContainsFunc(rule.Repository, ofIt))
}

// withoutFilled is a rule without the conditions that every job of this fleet meets.
func (c *Config) withoutFilled(rule fleet.Rule) fleet.Rule {
	if !c.AllowPublicRepositories && slices.Contains(rule.Visibility, fleet.VisibilityPrivate) {
		rule.Visibility = nil
	}
	lacks := func(class string) bool { return !slices.Contains(rule.Class, class) }
	if len(c.RunnerClassSizes) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(c.RunnerClassSizes)), lacks) {
		rule.Class = nil
	}
	if len(c.Repositories) > 0 && !slices.ContainsFunc(c.Repositories, func(r string) bool { return !rule.Serves(r) }) {
		rule.Owner, rule.Repository = nil, nil
	}
	return rule
}
