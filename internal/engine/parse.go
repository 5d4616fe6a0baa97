package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

// Machine is a state machine that was read, checked and prepared to run.
type Machine struct {
	startAt string
	timeout time.Duration // 0: none
	states  map[string]*state
}

// maxSeconds is the most that any number of seconds in a definition can be.
const maxSeconds = 99999999

// Parse reads a definition in Amazon States Language, with JSONPath as its query
// language, after it has replaced every ${Name} in it with a value.
//
// It refuses what Step Functions would refuse to create, and names everything that
// this engine does not implement. The error has every problem, one a line. A placeholder
// without a value is a problem, and so is a value without a placeholder.
//
// https://states-language.net/spec.html
func Parse(definition []byte, substitutions map[string]string) (*Machine, error) {
	var p problems
	text := substitute(definition, substitutions, &p)
	raw, err := readDefinition(text)
	if err != nil {
		p.list = append(p.list, fmt.Errorf("definition: %w", err))
		return nil, p.err()
	}
	m := parseMachine(newObject("state machine", raw, &p))
	if err := p.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// Functions lists the functions that the states call, sorted, each once.
func (m *Machine) Functions() []string {
	set := map[string]bool{}
	for _, st := range m.states {
		if st.function != "" {
			set[st.function] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func substitute(definition []byte, values map[string]string, p *problems) []byte {
	placeholder := regexp.MustCompile(`\$\{[^}"]*\}?`)
	used := map[string]bool{}
	text := placeholder.ReplaceAllFunc(definition, func(match []byte) []byte {
		if match[len(match)-1] != '}' {
			p.add("", "placeholder %q is not closed", clip(string(match), 40))
			return nil
		}
		name := string(match[2 : len(match)-1])
		value, ok := values[name]
		if !ok {
			if !used[name] {
				p.add("", "placeholder ${%s} has no value", name)
			}
			// What follows should not also complain about this text.
			value = "arn:aws:lambda:unknown:unknown:function:unknown"
		}
		used[name] = true
		quoted := quote(value)
		return quoted[1 : len(quoted)-1]
	})
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !used[name] {
			p.add("", "value for ${%s}: the definition has no such placeholder", name)
		}
	}
	return text
}

func parseMachine(o *object) *Machine {
	m := &Machine{states: map[string]*state{}}
	o.text("Comment")
	o.queryLanguage()
	if version, ok := o.text("Version"); ok && version != "1.0" {
		o.bad("Version", "is %q; 1.0 is implemented", version)
	}
	if seconds, ok := o.whole("TimeoutSeconds", 1, maxSeconds); ok {
		m.timeout = time.Duration(seconds) * time.Second
	}
	m.startAt = o.needText("StartAt")
	raw, ok := o.get("States")
	if !ok {
		o.bad("States", "is missing")
		raw = json.RawMessage("{}")
	}
	o.refuseRest()
	states := newObject(`field "States"`, raw, o.problems)
	for _, name := range states.order {
		m.states[name] = parseState(name, newObject(fmt.Sprintf("state %q", name), states.fields[name], o.problems))
	}
	if ok && len(states.order) == 0 {
		o.bad("States", "has no state")
	}
	m.checkTargets(states.order, o)
	return m
}

func (o *object) queryLanguage() {
	if q, ok := o.text("QueryLanguage"); ok && q != "JSONPath" {
		o.bad("QueryLanguage", "is %q; JSONPath is implemented", q)
	}
}

// checkTargets follows every way through the machine, from the start.
func (m *Machine) checkTargets(order []string, o *object) {
	if m.startAt != "" && m.states[m.startAt] == nil {
		o.bad("StartAt", "names no state: %q", m.startAt)
	}
	reached := map[string]bool{m.startAt: true}
	for queue := []string{m.startAt}; len(queue) > 0; queue = queue[1:] {
		st := m.states[queue[0]]
		if st == nil {
			continue
		}
		for _, to := range st.targets {
			if !reached[to.state] {
				reached[to.state] = true
				queue = append(queue, to.state)
			}
		}
	}
	for _, name := range order {
		at := fmt.Sprintf("state %q", name)
		for _, to := range m.states[name].targets {
			if m.states[to.state] == nil {
				o.add(at, "%s names no state: %q", to.field, to.state)
			}
		}
		if !reached[name] {
			o.add(at, "cannot be reached")
		}
	}
}
