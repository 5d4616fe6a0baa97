package workflow

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// text is a string with expressions: parts and references take turns, and parts
// has one more.
type text struct {
	parts      []string
	references []string // like "matrix.os"
}

// values are what references stand for.
type values map[string]string

// with returns the values and more of them, whose names get the prefix.
func (v values) with(prefix string, more map[string]string) values {
	v = maps.Clone(v)
	for name, value := range more {
		v[prefix+name] = value
	}
	return v
}

func (t text) in(scope values) string {
	var b strings.Builder
	for i, part := range t.parts {
		b.WriteString(part)
		if i < len(t.references) {
			b.WriteString(scope[t.references[i]])
		}
	}
	return b.String()
}

func (t text) mentions(prefix string) bool {
	for _, reference := range t.references {
		if strings.HasPrefix(reference, prefix) {
			return true
		}
	}
	return false
}

// place says which references a text may hold.
type place struct {
	matrix []axis
	env    []variables
	inStep bool // outside of steps GitHub knows no env context
}

var githubValues = []string{"run_id", "run_attempt", "repository", "job", "workflow"}

var reference = regexp.MustCompile(`^(github|matrix|env)\.([A-Za-z_][A-Za-z0-9_-]*)$`)

// parse splits a string at its expressions. An expression that it does not know
// is a problem, and stays out of the text.
func (p place) parse(s string) (text, []string) {
	var t text
	var problems []string
	for {
		before, rest, found := strings.Cut(s, "${{")
		if !found {
			t.parts = append(t.parts, s)
			return t, problems
		}
		inner, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return t, append(problems, `"${{" has no "}}"`)
		}
		inner = strings.TrimSpace(inner)
		if problem := p.check(inner); problem != "" {
			problems = append(problems, problem)
		}
		t.parts = append(t.parts, before)
		t.references = append(t.references, inner)
		s = after
	}
}

// check returns what is wrong with a reference, or "".
func (p place) check(expression string) string {
	match := reference.FindStringSubmatch(expression)
	if match == nil {
		return fmt.Sprintf("expression %q is not supported: use github.X, matrix.X or env.X alone", expression)
	}
	name := match[2]
	switch match[1] {
	case "github":
		for _, known := range githubValues {
			if name == known {
				return ""
			}
		}
		return fmt.Sprintf("%s is not supported: known are github.%s", expression, strings.Join(githubValues, ", github."))
	case "matrix":
		for _, axis := range p.matrix {
			if axis.name == name {
				return ""
			}
		}
		return fmt.Sprintf("%s is not in strategy.matrix", expression)
	}
	if !p.inStep {
		return fmt.Sprintf("%s is known in steps only", expression)
	}
	for _, variables := range p.env {
		if variables.has(name) {
			return ""
		}
	}
	return fmt.Sprintf("%s is not set by an env above it", expression)
}
