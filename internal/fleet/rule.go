package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Patterns are texts of which one has to fit. * is any text, slashes too.
type Patterns []string

// Rule is one rule of a policy: its conditions, all of which a job has to meet, and what it
// says to such a job. A condition that is left out is met. In the configuration the keys
// have the names that their JSON has.
type Rule struct {
	Name       string   `json:"name"`
	Owner      Patterns `json:"owner,omitempty"`
	Repository Patterns `json:"repository,omitempty"` // owner/name, or a name
	Visibility Patterns `json:"visibility,omitempty"` // public, private, which internal is too, or internal
	Fork       *bool    `json:"fork,omitempty"`       // the commit is of a fork
	Class      Patterns `json:"class,omitempty"`
	Image      Patterns `json:"image,omitempty"` // registry, repository of one, or label of an extra image
	Event      Patterns `json:"event,omitempty"`
	Branch     Patterns `json:"branch,omitempty"` // or tag

	Allow  bool   `json:"allow,omitempty"`
	Refuse string `json:"refuse,omitempty"` // the sentence that its developer reads

	// Of the jobs that it allows: runners at once, and builds of a day of images that they
	// name. 0 is as many as the fleet gives.
	MaxRunners     int `json:"max_runners,omitempty"`
	OnDemandBuilds int `json:"on_demand_builds_per_day,omitempty"`
}

// Key is the rule's name in decisions.
func (r Rule) Key() string { return rulePrefix + r.Name }

// judge lets the rules decide about a job that would be admitted: the first one that fits
// says what. Where a rule depends on what is not known of the job, it is Undecided.
func (p Policy) judge(job Job, d Decision) Decision {
	for _, rule := range p.Rules {
		switch fits, missing := rule.fits(job, d); {
		case len(missing) > 0:
			d.Verdict, d.Rule = Undecided, rule.Key()
			d.Reason = fmt.Sprintf("rule %s depends on %s, which is not known", rule.Name, strings.Join(missing, " and "))
			return d
		case !fits:
		case rule.Allow:
			d.Rule, d.Reason = rule.Key(), rule.share()
			return d
		default:
			return refused(rule.Key(), "%s", rule.Refuse)
		}
	}
	return d
}

// share says what the jobs that the rule allows get together, "" if it does not say.
func (r Rule) share() string {
	var each []string
	if r.MaxRunners > 0 {
		each = append(each, runners(r.MaxRunners)+" at once")
	}
	if r.OnDemandBuilds > 0 {
		each = append(each, fmt.Sprintf("%d builds of images a day", r.OnDemandBuilds))
	}
	if len(each) == 0 {
		return ""
	}
	return "all jobs of the rule together get at most " + strings.Join(each, " and ")
}

// fit is whether a condition is met. It may depend on what is not known.
type fit int

const (
	no fit = iota
	yes
	notKnown
)

func fitIf(met bool) fit {
	if met {
		return yes
	}
	return no
}

// fits reports whether a job meets all conditions, or what is missing to say so.
func (r Rule) fits(job Job, d Decision) (met bool, missing []string) {
	all := true
	for _, c := range []struct {
		about string
		given bool
		fit   func() fit
	}{
		{"owner", len(r.Owner) > 0, func() fit { return fitIf(r.Owner.Fit(job.Owner())) }},
		{"repository", len(r.Repository) > 0, func() fit { return fitIf(r.Repository.fitRepository(job.Repository)) }},
		{"class", len(r.Class) > 0, func() fit { return fitIf(r.Class.Fit(d.Class)) }},
		{"image", len(r.Image) > 0, func() fit { return fitIf(r.Image.fitImage(d.Image)) }},
		{"visibility", len(r.Visibility) > 0, func() fit { return r.fitVisibility(job) }},
		{"fork", r.Fork != nil, func() fit { return fitKnown(job.Origin.Fork, func(fork bool) bool { return fork == *r.Fork }) }},
		{"event", len(r.Event) > 0, func() fit { return fitKnown(job.Origin.Event, r.Event.Fit) }},
		{"branch", len(r.Branch) > 0, func() fit { return fitKnown(job.branch(), r.Branch.fitAsWritten) }},
	} {
		if !c.given {
			continue
		}
		switch c.fit() {
		case no:
			return false, nil // whatever the others depend on
		case notKnown:
			all, missing = false, append(missing, c.about)
		}
	}
	return all, missing
}

func fitKnown[T any](fact *T, met func(T) bool) fit {
	if fact == nil {
		return notKnown
	}
	return fitIf(met(*fact))
}

// fitVisibility takes an internal repository for a private one too: GitHub's flag says
// private of both.
func (r Rule) fitVisibility(job Job) fit {
	seen := job.Visibility
	switch {
	case !job.Private:
		seen = VisibilityPublic
	case slices.Contains(r.Visibility, VisibilityPrivate):
		return yes
	case seen == "" && slices.Contains(r.Visibility, VisibilityInternal):
		return notKnown
	}
	return fitIf(slices.Contains(r.Visibility, seen))
}

// Fit reports whether one of the patterns fits the text, ignoring case.
func (ps Patterns) Fit(text string) bool {
	return slices.ContainsFunc(ps, func(pattern string) bool { return fitPattern(pattern, text) })
}

// fitAsWritten is Fit for what GitHub tells apart by case: branches and tags.
func (ps Patterns) fitAsWritten(text string) bool {
	return slices.ContainsFunc(ps, func(pattern string) bool { return patternOf(pattern).MatchString(text) })
}

func (ps Patterns) fitRepository(repository string) bool {
	_, name, _ := strings.Cut(repository, "/")
	return slices.ContainsFunc(ps, func(pattern string) bool {
		if strings.Contains(pattern, "/") {
			return fitPattern(pattern, repository)
		}
		return fitPattern(pattern, name)
	})
}

// fitImage reports whether an image that a job names is of one of the patterns. The base
// image is of none.
func (ps Patterns) fitImage(image ImageSpec) bool {
	switch image.Kind {
	case ExtraImage:
		return ps.Fit(image.Name)
	case OnDemandImage:
		name, _, _ := strings.Cut(image.Name, "@")
		if tag := strings.LastIndex(name, ":"); tag > strings.LastIndex(name, "/") {
			name = name[:tag]
		}
		registry, _, _ := strings.Cut(name, "/")
		return ps.Fit(name) || ps.Fit(registry)
	}
	return false
}

func fitPattern(pattern, text string) bool {
	return patternOf(strings.ToLower(pattern)).MatchString(strings.ToLower(text))
}

func patternOf(pattern string) *regexp.Regexp {
	parts := strings.Split(pattern, "*")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(strings.ToValidUTF8(part, "\uFFFD"))
	}
	return regexp.MustCompile("(?s)^" + strings.Join(parts, ".*") + "$")
}

// Serves reports whether the rule's conditions on repositories fit one.
func (r Rule) Serves(repository string) bool {
	owner, _, _ := strings.Cut(repository, "/")
	return (len(r.Owner) == 0 || r.Owner.Fit(owner)) && (len(r.Repository) == 0 || r.Repository.fitRepository(repository))
}

// Covers reports whether each job that meets the conditions of other meets this rule's too,
// as far as that shows: each condition of the rule is one of other, for no more.
func (r Rule) Covers(other Rule) bool {
	for _, c := range []struct{ ours, theirs Patterns }{
		{r.Owner, other.Owner},
		{r.Class, other.Class},
		{r.Event, other.Event},
	} {
		if !c.ours.cover(c.theirs, c.ours.Fit) {
			return false
		}
	}
	if !r.Image.cover(other.Image, r.Image.coverImage) || !coverVisibility(r.Visibility, other.Visibility) {
		return false
	}
	if !r.Repository.cover(other.Repository, r.Repository.coverRepository) || !r.Branch.cover(other.Branch, r.Branch.fitAsWritten) {
		return false
	}
	return r.Fork == nil || other.Fork != nil && *other.Fork == *r.Fork
}

// cover reports whether the patterns are none, or fit each of the others. Of those * is text
// like any other, which only a * fits.
func (ps Patterns) cover(others Patterns, fit func(pattern string) bool) bool {
	return len(ps) == 0 || len(others) > 0 && !slices.ContainsFunc(others, func(other string) bool { return !fit(other) })
}

// coverVisibility knows that private is internal too, and that there is nothing else.
func coverVisibility(ours, theirs Patterns) bool {
	expand := func(ps Patterns) Patterns {
		switch {
		case len(ps) == 0:
			return Patterns{VisibilityPublic, VisibilityPrivate, VisibilityInternal}
		case slices.Contains(ps, VisibilityPrivate):
			return append(slices.Clone(ps), VisibilityInternal)
		}
		return ps
	}
	ours = expand(ours)
	return !slices.ContainsFunc(expand(theirs), func(seen string) bool { return !slices.Contains(ours, seen) })
}

// coverImage knows that a registry is all of its repositories.
func (ps Patterns) coverImage(other string) bool {
	registry, _, named := strings.Cut(other, "/")
	switch {
	case ps.Fit(other):
		return true
	case strings.Contains(registry, "*"): // which may be more than a registry's name
		return false
	case named:
		return ps.Fit(registry)
	}
	return strings.Contains(registry, ".") && ps.Fit(registry+"/*")
}

// coverRepository compares names with names, and whole ones with whole ones.
func (ps Patterns) coverRepository(other string) bool {
	_, name, whole := strings.Cut(other, "/")
	return slices.ContainsFunc(ps, func(pattern string) bool {
		if whole && !strings.Contains(pattern, "/") {
			return fitPattern(pattern, name)
		}
		return whole == strings.Contains(pattern, "/") && fitPattern(pattern, other)
	})
}
