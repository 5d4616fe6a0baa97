package fleet

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// asSeen is a normal label as a person reads it: without white space around it and
// without invisible characters. Two labels may look alike and be different to GitHub,
// which matches a job's labels exactly (runs-on/runs-on#402).
func asSeen(label string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, label))
}

// allAsSeen leaves out labels without visible characters.
func allAsSeen(labels []string) (seen []string) {
	for _, l := range labels {
		if l = asSeen(l); l != "" {
			seen = append(seen, l)
		}
	}
	return seen
}

// misread says why a label of a workflow is not the one that it looks like, "" if it is.
// No runner gets a job with such a label.
func misread(label string) string {
	lower := strings.ToLower(label)
	switch seen := asSeen(lower); {
	case seen == "":
		return fmt.Sprintf("label %s is empty (an expression that gave nothing?)", QuoteShort(label))
	case strings.TrimSpace(label) != label:
		return fmt.Sprintf("label %s has white space around it (a folded YAML scalar?)", QuoteShort(label))
	case seen != lower, strings.ContainsFunc(label, isOddCase):
		return fmt.Sprintf("label %s has a character that does not show, or looks like another; write it anew", quoteASCII(label))
	}
	return ""
}

// isOddCase reports whether a character is not an ASCII letter but its lower case is:
// the Kelvin sign. To GitHub the two are different.
func isOddCase(r rune) bool {
	return r > unicode.MaxASCII && strings.ToLower(string(r))[0] <= unicode.MaxASCII
}

// nearest says what a label may have been meant to be that is not this fleet's, "" if it
// is close to none that is. near reports that only a label of this fleet can have been
// meant: a job whose other labels are ours too is then ours, with a mistake in it. A word
// that other runners may well have for a label, such as large, is never near. label is as
// asSeen has it.
func (p Policy) nearest(label string) (says string, near bool) {
	if parts := unfolded(label); len(parts) > 1 {
		if i := slices.IndexFunc(parts, p.knows); i >= 0 {
			foreign := slices.ContainsFunc(parts, func(part string) bool { return !p.knows(part) && p.meant(part) == "" })
			return fmt.Sprintf("; it holds %s: write each label as an item of its own", QuoteShort(parts[i])), !foreign
		}
	}
	meant := p.meant(label)
	near = meant != ""
	switch {
	case near:
	case perhaps[label] != "":
		meant = perhaps[label]
	case archNamed(label) != "":
		meant = archNamed(label)
	case p.hasClass(label):
		meant = classPrefix + label
	default:
		return "", false
	}
	return fmt.Sprintf("; did you mean %s?", QuoteShort(meant)), near
}

// unfolded are the labels that one item holds: in a folded YAML scalar, between commas, or
// as the text of a list.
func unfolded(label string) []string {
	return strings.FieldsFunc(label, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`,[]"'`, r) })
}

// meant is the label of this fleet that a label can only have been meant to be, "" if there
// is none.
func (p Policy) meant(label string) string {
	if other := otherNames[label]; other != "" {
		return other
	}
	i := strings.IndexAny(label, "=-_/.; ")
	if i < 0 {
		return ""
	}
	word, rest := label[:i]+":", label[i+1:]
	switch equals := label[i] == '='; {
	case word == classPrefix && p.hasClass(rest), equals && word == runPrefix:
		return word + rest
	case equals && word == imagePrefix:
		if _, err := ParseImage(rest, p.Registries); err == nil {
			return word + rest
		}
	}
	return ""
}

func (p Policy) hasClass(name string) bool { _, ok := p.Classes[name]; return ok }

// otherNames are what else is written for labels that every fleet knows.
var otherNames = map[string]string{
	"amd64": string(X64), "x86_64": string(X64), "x86-64": string(X64), "aarch64": string(ARM64),
	"selfhosted": selfHosted, "self_hosted": selfHosted,
}

// archNamed is the architecture that a label such as arch:arm64 names, "" if it names none.
// Other machines may have such a label.
func archNamed(label string) string {
	rest, ok := strings.CutPrefix(label, "arch")
	if !ok || rest == "" || !strings.ContainsRune(":=-_/", rune(rest[0])) {
		return ""
	}
	switch name := rest[1:]; {
	case name == string(X64), name == string(ARM64):
		return name
	case otherNames[name] == string(X64), otherNames[name] == string(ARM64):
		return otherNames[name]
	default:
		return perhaps[name]
	}
}

// perhaps are labels that are other machines' by right: GitHub's own label for runners on
// 32-bit ARM is one.
var perhaps = map[string]string{"arm": string(ARM64)}
