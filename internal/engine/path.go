package engine

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// path is a reference path: $ and then names and indices, one value at most.
type path struct {
	text  string
	steps []pathStep
}

// pathStep goes to a member, or to an element where key is empty.
type pathStep struct {
	key    string
	quoted []byte
	index  int
}

// parsePath reads $, $.a.b and $.a[0]. Everything that could select more than
// one value, or compute one, is refused.
func parsePath(text string) (*path, error) {
	if name, ok := intrinsic(text); ok {
		return nil, fmt.Errorf("intrinsic function %s is not implemented", name)
	}
	if strings.HasPrefix(text, "$$") {
		return nil, fmt.Errorf("path %q: the context object is not implemented here", text)
	}
	if !strings.HasPrefix(text, "$") {
		return nil, fmt.Errorf("path %q does not begin with $", text)
	}
	p := &path{text: text}
	for rest := text[1:]; rest != ""; {
		switch rest[0] {
		case '.':
			n := strings.IndexFunc(rest[1:], func(r rune) bool { return !isNameRune(r) })
			if n < 0 {
				n = len(rest) - 1
			}
			if n == 0 {
				return nil, notReference(text)
			}
			key := rest[1 : 1+n]
			p.steps = append(p.steps, pathStep{key: key, quoted: quote(key)})
			rest = rest[1+n:]
		case '[':
			digits, after, closed := strings.Cut(rest[1:], "]")
			index, err := strconv.ParseUint(digits, 10, 31)
			if !closed || err != nil {
				return nil, notReference(text)
			}
			p.steps = append(p.steps, pathStep{index: int(index)})
			rest = after
		default:
			return nil, notReference(text)
		}
	}
	return p, nil
}

// parseResultPath is parsePath for a place to write to: names only.
func parseResultPath(text string) (*path, error) {
	p, err := parsePath(text)
	if err != nil {
		return nil, err
	}
	for _, s := range p.steps {
		if s.key == "" {
			return nil, fmt.Errorf("path %q: writing into an array is not implemented", text)
		}
	}
	return p, nil
}

func notReference(text string) error {
	return fmt.Errorf("path %q is not a plain reference path such as $.a.b or $.a[0]", text)
}

func isNameRune(r rune) bool {
	return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// intrinsic recognises a call such as States.Format('{}', $.a).
func intrinsic(text string) (name string, ok bool) {
	name, _, ok = strings.Cut(text, "(")
	return name, ok && strings.HasPrefix(name, "States.")
}

// lookup returns what the path leads to in data.
func (p *path) lookup(data json.RawMessage) (json.RawMessage, bool) {
	for _, s := range p.steps {
		var start, end int
		var found bool
		switch {
		case s.key != "" && data[0] == '{':
			start, end, found = member(data, s.key)
		case s.key == "" && data[0] == '[':
			n := 0
			eachElement(data, func(from, to int) {
				if n == s.index {
					start, end, found = from, to, true
				}
				n++
			})
		}
		if !found {
			return nil, false
		}
		data = data[start:end]
	}
	return data, true
}

// put returns data with value at the path. Objects that are missing on the way
// are made; anything else in the way makes it report false.
func (p *path) put(data, value json.RawMessage) (json.RawMessage, bool) {
	return put(data, p.steps, value)
}

func put(data json.RawMessage, steps []pathStep, value json.RawMessage) (json.RawMessage, bool) {
	if len(steps) == 0 {
		return value, true
	}
	if data == nil {
		data = json.RawMessage("{}")
	}
	if data[0] != '{' {
		return nil, false
	}
	start, end, found := member(data, steps[0].key)
	var old json.RawMessage
	if found {
		old = data[start:end]
	}
	inner, ok := put(old, steps[1:], value)
	if !ok {
		return nil, false
	}
	out := make(json.RawMessage, 0, len(data)+len(steps[0].quoted)+len(inner)+2)
	if found {
		out = append(append(append(out, data[:start]...), inner...), data[end:]...)
		return out, true
	}
	out = append(out, data[:len(data)-1]...)
	if len(data) > 2 {
		out = append(out, ',')
	}
	out = append(append(append(out, steps[0].quoted...), ':'), inner...)
	return append(out, '}'), true
}
