package workflowfile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// unknown is a value that is known at run time alone: the text that says so.
type unknown string

var (
	expression = regexp.MustCompile(`(?s)\$\{\{(.*?)\}\}`)
	literal    = regexp.MustCompile(`^'((?:[^']|'')*)'$`)
	fromJSON   = regexp.MustCompile(`(?is)^fromjson\(\s*(.*?)\s*\)$`)
	ofMatrix   = regexp.MustCompile(`(?i)^matrix((?:\.[a-z_][a-z0-9_-]*)+)$`)
)

// evaluate is the value of a text with the expressions in it, in a job of a matrix.
func evaluate(text string, job map[string]any) any {
	if at := expression.FindStringIndex(text); at != nil && at[0] == 0 && at[1] == len(text) {
		return valueOf(strings.TrimSpace(text[3:len(text)-2]), text, job)
	}
	var missing unknown
	out := expression.ReplaceAllStringFunc(text, func(found string) string {
		switch v := valueOf(strings.TrimSpace(found[3:len(found)-2]), found, job).(type) {
		case string:
			return v
		case nil:
			return ""
		default:
			missing = unknown(found)
			return "…"
		}
	})
	// A run label says nothing, whatever the expression in it gives.
	if missing == "" || strings.HasPrefix(strings.ToLower(text), "run:") {
		return out
	}
	return missing
}

// valueOf is the value of an expression, which stands in the file as in source.
func valueOf(e, source string, job map[string]any) any {
	if m := literal.FindStringSubmatch(e); m != nil {
		return strings.ReplaceAll(m[1], "''", "'")
	}
	if m := fromJSON.FindStringSubmatch(e); m != nil {
		text, ok := valueOf(m[1], source, job).(string)
		var v any
		if !ok || json.Unmarshal([]byte(text), &v) != nil {
			return unknown(source)
		}
		return texts(v)
	}
	m := ofMatrix.FindStringSubmatch(e)
	if m == nil || job == nil {
		return unknown(source)
	}
	var v any = job
	for _, name := range strings.Split(m[1][1:], ".") {
		of, ok := v.(map[string]any)
		if !ok {
			return unknown(source)
		}
		v = ignoringCase(of, name)
	}
	switch v := v.(type) {
	case unknown:
		return v
	case string:
		if expression.MatchString(v) {
			return unknown(v)
		}
	}
	return v
}

func ignoringCase(m map[string]any, name string) any {
	for key, v := range m {
		if strings.EqualFold(key, name) {
			return v
		}
	}
	return m[others] // nil, if it is known that there are no others
}

// texts is a value of JSON with its numbers and truths as text.
func texts(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = texts(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = texts(v[key])
		}
	case float64, bool:
		return fmt.Sprint(v)
	}
	return v
}
