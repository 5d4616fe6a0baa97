package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// template is the value of a Parameters field, cut at load time into text that is
// copied and places that are filled in.
type template struct {
	parts []part
	token bool // it passes $$.Task.Token on
}

// part is a piece of text, a path into the state data, or a field of the context
// object, whichever is set.
type part struct {
	text  []byte
	path  *path
	field contextField
	key   string // the key it is the value of, for errors
}

// contextField makes the JSON of one field of the context object.
type contextField func(c *contextObject) []byte

// contextObject is what $$ means while one state runs.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
type contextObject struct {
	machine string // the state machine's name
	rec     *Record
	token   string
}

const (
	contextToken    = "$$.Task.Token"
	contextTime     = "2006-01-02T15:04:05.000Z"
	localARN        = "arn:aws:states:local:000000000000:"
	parameterSuffix = ".$"
)

func contextFieldOf(text string) contextField {
	switch text {
	case "$$.Execution.Id":
		return func(c *contextObject) []byte { return quote(localARN + "execution:" + c.machine + ":" + c.rec.Name) }
	case "$$.Execution.Name":
		return func(c *contextObject) []byte { return quote(c.rec.Name) }
	case "$$.Execution.Input":
		return func(c *contextObject) []byte { return c.rec.Input }
	case "$$.Execution.StartTime":
		return func(c *contextObject) []byte { return quote(contextTimeOf(c.rec.StartedAt)) }
	case "$$.State.Name":
		return func(c *contextObject) []byte { return quote(c.rec.State) }
	case "$$.State.EnteredTime":
		return func(c *contextObject) []byte { return quote(contextTimeOf(c.rec.StateEnteredAt)) }
	case "$$.State.RetryCount":
		return func(c *contextObject) []byte { return fmt.Append(nil, c.rec.RetryCount) }
	case "$$.StateMachine.Id":
		return func(c *contextObject) []byte { return quote(localARN + "stateMachine:" + c.machine) }
	case "$$.StateMachine.Name":
		return func(c *contextObject) []byte { return quote(c.machine) }
	case contextToken:
		return func(c *contextObject) []byte { return quote(c.token) }
	}
	return nil
}

func contextTimeOf(t time.Time) string { return t.UTC().Format(contextTime) }

// compileTemplate prepares the value of a field. There is a $$.Task.Token only
// where a task waits for one.
func compileTemplate(raw json.RawMessage, field string, hasToken bool, o *object) *template {
	c := compiler{object: o, field: field, hasToken: hasToken, template: &template{}}
	c.value(raw)
	c.flush()
	return c.template
}

type compiler struct {
	*object
	field    string
	hasToken bool
	text     []byte // not yet a part
	template *template
}

func (c *compiler) flush() {
	if len(c.text) > 0 {
		c.template.parts = append(c.template.parts, part{text: c.text})
		c.text = nil
	}
}

func (c *compiler) value(raw json.RawMessage) {
	separator := byte('{')
	switch raw[0] {
	case '{':
		seen := map[string]bool{}
		eachMember(raw, func(quoted []byte, start, end int) {
			c.text = append(c.text, separator)
			separator = ','
			key, dynamic := strings.CutSuffix(unquote(quoted), parameterSuffix)
			if seen[key] {
				c.bad(c.field, "has %q twice, with and without %q", key, parameterSuffix)
			}
			seen[key] = true
			c.text = append(append(c.text, quote(key)...), ':')
			if dynamic {
				c.dynamic(key, raw[start:end])
			} else {
				c.value(raw[start:end])
			}
		})
		if separator == '{' {
			c.text = append(c.text, separator)
		}
		c.text = append(c.text, '}')
	case '[':
		separator = '['
		eachElement(raw, func(start, end int) {
			c.text = append(c.text, separator)
			separator = ','
			c.value(raw[start:end])
		})
		if separator == '[' {
			c.text = append(c.text, separator)
		}
		c.text = append(c.text, ']')
	default:
		c.text = append(c.text, raw...)
	}
}

// dynamic is the value of a key that ends in .$
func (c *compiler) dynamic(key string, raw json.RawMessage) {
	if raw[0] != '"' {
		c.bad(c.field, "has %q, which is not a path", key+parameterSuffix)
		return
	}
	c.flush()
	p := part{key: key}
	text := unquote(raw)
	if strings.HasPrefix(text, "$$") {
		p.field = contextFieldOf(text)
		switch {
		case p.field == nil:
			c.bad(c.field, "has %q: %s of the context object is not implemented", key+parameterSuffix, text)
		case text == contextToken && !c.hasToken:
			c.bad(c.field, "has %q: there is a task token only in a task that waits for it", key+parameterSuffix)
		case text == contextToken:
			c.template.token = true
		}
	} else {
		var err error
		if p.path, err = parsePath(text); err != nil {
			c.bad(c.field, "has %q: %v", key+parameterSuffix, err)
		}
	}
	c.template.parts = append(c.template.parts, p)
}

// render fills the template in. A path without a value is a
// States.ParameterPathFailure. No template renders the data itself.
func (t *template) render(data json.RawMessage, c *contextObject) (json.RawMessage, *failure) {
	if t == nil {
		return data, nil
	}
	out := make(json.RawMessage, 0, len(data)+256)
	for i := range t.parts {
		switch p := &t.parts[i]; {
		case p.text != nil:
			out = append(out, p.text...)
		case p.field != nil:
			out = append(out, p.field(c)...)
		default:
			v, ok := p.path.lookup(data)
			if !ok {
				cause := fmt.Sprintf("%s of %q in state %q is not in the state's input", p.path.text, p.key, c.rec.State)
				return nil, &failure{name: errParameterPath, cause: cause}
			}
			out = append(out, v...)
		}
	}
	return out, nil
}
