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

// nearest says which label was probably meant by one that is not this fleet's, "" unless
// it is close to one that is. label is as asSeen returns it.
func (p Policy) nearest(label string) string {
	if fields := strings.FieldsFunc(label, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }); len(fields) > 1 {
		if i := slices.IndexFunc(fields, p.knows); i >= 0 {
			return fmt.Sprintf("; it holds %s: write each label as an item of its own", QuoteShort(fields[i]))
		}
	}
	meant := otherNames[label]
	if p.hasClass(label) {
		meant = classPrefix + label
	}
	if i := strings.IndexAny(label, "=-_/"); i > 0 {
		word, rest := label[:i]+":", label[i+1:]
		if word == classPrefix && p.hasClass(rest) || label[i] == '=' && (word == imagePrefix || word == runPrefix) {
			meant = word + rest
		}
	}
	if meant == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", QuoteShort(meant))
}

func (p Policy) hasClass(name string) bool { _, ok := p.Classes[name]; return ok }

// otherNames are other names of architectures.
var otherNames = map[string]string{"amd64": string(X64), "x86_64": string(X64), "x86-64": string(X64), "aarch64": string(ARM64), "arm": string(ARM64)}
