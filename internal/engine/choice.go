package engine

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// choice is one rule of a Choice state. Nested rules have no next.
type choice struct {
	next string
	test test
}

// test decides one rule. It fails where the data has nothing at the rule's path.
type test func(data json.RawMessage) (bool, *failure)

func (st *state) parseChoices(o *object) {
	rules := o.objects("Choices")
	if len(rules) == 0 {
		o.bad("Choices", "has no rule")
	}
	for i, r := range rules {
		r.text("Comment")
		c := choice{next: r.needText("Next"), test: parseRule(r)}
		st.choices = append(st.choices, c)
		st.targets = append(st.targets, target{fmt.Sprintf(`Choices[%d]: field "Next"`, i), c.next})
	}
	if next, ok := o.text("Default"); ok {
		st.fallback = next
		st.leadTo("Default", next)
	}
}

func parseRule(o *object) test {
	var tests []test
	add := func(t test) { tests = append(tests, t) }
	if raw, ok := o.get("Not"); ok {
		inner := parseRule(newObject(o.at+": Not", raw, o.problems))
		add(func(data json.RawMessage) (bool, *failure) {
			met, f := inner(data)
			return !met, f
		})
	}
	if inner := parseRules("And", o); inner != nil {
		add(until(false, inner))
	}
	if inner := parseRules("Or", o); inner != nil {
		add(until(true, inner))
	}
	if value, ok := o.text("StringEquals"); ok {
		add(compare(o, func(v json.RawMessage) bool { return v[0] == '"' && isKey(v, value) }))
	}
	if value, ok := o.boolean("BooleanEquals"); ok {
		add(compare(o, func(v json.RawMessage) bool { return string(v) == strconv.FormatBool(value) }))
	}
	if _, ok := o.number("NumericEquals"); ok {
		value := string(o.fields["NumericEquals"])
		add(compare(o, func(v json.RawMessage) bool { return isNumber(v) && sameNumber(string(v), value) }))
	}
	if value, ok := o.boolean("IsPresent"); ok {
		variable := o.variable()
		add(func(data json.RawMessage) (bool, *failure) {
			_, present := variable.lookup(data)
			return present == value, nil
		})
	}
	o.refuseRest()
	if len(tests) != 1 {
		o.add(o.at, "has %d comparisons that are implemented; a rule has one", len(tests))
		return nil
	}
	return tests[0]
}

// until is the first verdict that equals enough, or else the opposite.
func until(enough bool, tests []test) test {
	return func(data json.RawMessage) (bool, *failure) {
		for _, t := range tests {
			if met, f := t(data); met == enough || f != nil {
				return met, f
			}
		}
		return !enough, nil
	}
}

func parseRules(field string, o *object) []test {
	if _, ok := o.get(field); !ok {
		return nil
	}
	tests := []test{}
	for _, inner := range o.objects(field) {
		tests = append(tests, parseRule(inner))
	}
	if len(tests) == 0 {
		o.bad(field, "has no rule")
	}
	return tests
}

func (o *object) variable() *path {
	if _, ok := o.fields["Variable"]; !ok {
		o.bad("Variable", "is missing")
	}
	return o.path("Variable")
}

// compare looks the variable up first. A value of another type is not equal; a
// missing value fails the execution.
func compare(o *object, equal func(json.RawMessage) bool) test {
	variable := o.variable()
	return func(data json.RawMessage) (bool, *failure) {
		v, ok := variable.lookup(data)
		if !ok {
			return false, &failure{name: errRuntime, cause: fmt.Sprintf("variable %s is not in the state's input", variable.text)}
		}
		return equal(v), nil
	}
}

func isNumber(v json.RawMessage) bool { return v[0] == '-' || v[0] >= '0' && v[0] <= '9' }
