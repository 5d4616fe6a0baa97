package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Key     string `json:"key"`  // a path such as limits.idle or subnet_ids[1]; "" for the file as a whole
	Line    int    `json:"line"` // counted from 1; 0 if the key is not in the file
	Message string `json:"message"`
	From    string `json:"from,omitempty"` // where the key was given, if not in the file
}

// In is the problem as one line: file:line: key: message, or in place of the file where the
// key was given.
func (p Problem) In(file string) string {
	var b strings.Builder
	b.WriteString(cmp.Or(p.From, file))
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	return b.String() + ": " + p.Message
}

// Problems is the error of a configuration that cannot be used: all that is
// wrong with it, in the order of the file.
type Problems struct {
	File string
	List []Problem
}

// Error prints one problem per line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.In(p.File)
	}
	return strings.Join(lines, "\n")
}

// review collects problems, and remembers where each key stands.
type review struct {
	list       []Problem
	lines      map[string]int
	unreadable []string
	from       map[string]string // keys that replace the file's, and where they were given
}

// add notes a problem that a check found. A key whose value could not be read
// has its problem already and gets no second one.
func (r *review) add(key, format string, args ...any) {
	if r.readable(key) {
		r.list = append(r.list, Problem{Key: key, Line: r.line(key), Message: fmt.Sprintf(format, args...)})
	}
}

// refuse notes a problem of reading the key's value.
func (r *review) refuse(key, format string, args ...any) {
	r.list = append(r.list, Problem{Key: key, Line: r.line(key), Message: fmt.Sprintf(format, args...)})
	r.unreadable = append(r.unreadable, key)
}

// readable reports whether the values of keys, all they are part of and all their
// parts could be read.
func (r *review) readable(keys ...string) bool {
	for _, key := range keys {
		for _, bad := range r.unreadable {
			if within(key, bad) || within(bad, key) {
				return false
			}
		}
	}
	return true
}

// given reports whether the key is in the file.
func (r *review) given(key string) bool {
	_, ok := r.lines[key]
	return ok
}

// within reports whether key is outer or a part of it; "" is the whole file.
func within(key, outer string) bool {
	rest, ok := strings.CutPrefix(key, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// line is where the key stands, or else what it is part of.
func (r *review) line(key string) int {
	for key != "" {
		if line, ok := r.lines[key]; ok {
			return line
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return 0
}

func (r *review) err(file string) error {
	if len(r.list) == 0 {
		return nil
	}
	r.settle()
	// What is not in the file comes last.
	slices.SortStableFunc(r.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(uint(a.Line-1), uint(b.Line-1)), cmp.Compare(a.Key, b.Key))
	})
	return &Problems{File: file, List: r.list}
}

// quote shows text from the file so that it fits a sentence. Text that holds a
// token is not shown: people do paste secrets under the wrong key.
func quote(text string) string {
	if githubToken.MatchString(text) {
		return "[a GitHub token]"
	}
	return fleet.QuoteShort(text)
}
