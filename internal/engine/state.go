package engine

import (
	"encoding/json"
	"fmt"
	"strings"
)

// state is one state of a machine, ready to run.
type state struct {
	name    string
	kind    string   // its Type
	targets []target // every state it can lead to
	next    string   // "" ends the execution
	place   *path    // ResultPath; nil discards the result

	// Task
	function           string
	token              bool // waits for a task token
	parameters         *template
	timeout, heartbeat span
	retry              []retrier
	catch              []catcher

	choices  []choice // Choice
	fallback string

	wait span // Wait

	result json.RawMessage // Pass; nil is none

	err, cause word // Fail
}

// target is a state named in a definition, and the field that names it.
type target struct{ field, state string }

// span is a number of seconds, given or found by a path. The zero span is none.
type span struct {
	seconds int64
	path    *path
}

func (s span) given() bool { return s.seconds > 0 || s.path != nil }

// word is a text, given or found by a path.
type word struct {
	text string
	path *path
}

const (
	kindTask    = "Task"
	kindChoice  = "Choice"
	kindWait    = "Wait"
	kindPass    = "Pass"
	kindSucceed = "Succeed"
	kindFail    = "Fail"

	invokeWithToken = "arn:aws:states:::lambda:invoke.waitForTaskToken"
	maxStateName    = 80
)

func parseState(name string, o *object) *state {
	st := &state{name: name}
	if name == "" || len([]rune(name)) > maxStateName {
		o.add(o.at, "a state's name has 1 to %d characters", maxStateName)
	}
	o.text("Comment")
	o.queryLanguage()
	st.kind = o.needText("Type")
	switch st.kind {
	case kindTask:
		st.parseTask(o)
		st.parseNext(o)
	case kindChoice:
		st.parseChoices(o)
	case kindWait:
		st.wait.path = o.either("Seconds", func(f string) { st.wait.seconds, _ = o.whole(f, 0, maxSeconds) })
		if o.fields["Seconds"] == nil && o.fields["SecondsPath"] == nil {
			o.bad("Seconds", "or %q is missing", "SecondsPath")
		}
		st.parseNext(o)
	case kindPass:
		st.parsePass(o)
		st.parseNext(o)
	case kindSucceed:
	case kindFail:
		st.err.path = o.either("Error", func(f string) { st.err.text, _ = o.text(f) })
		st.cause.path = o.either("Cause", func(f string) { st.cause.text, _ = o.text(f) })
	default:
		if st.kind != "" {
			o.bad("Type", "%q is not implemented", st.kind)
		}
		return st
	}
	o.refuseRest()
	return st
}

// parseNext reads Next and End, of which such a state has exactly one.
func (st *state) parseNext(o *object) {
	next, hasNext := o.text("Next")
	end, hasEnd := o.boolean("End")
	switch {
	case hasNext && hasEnd:
		o.bad("End", "stands beside %q", "Next")
	case hasEnd && !end:
		o.bad("End", "is false")
	case !hasNext && !hasEnd:
		o.bad("Next", "or %q is missing", "End")
	}
	if hasNext {
		st.next = next
		st.leadTo("Next", next)
	}
}

func (st *state) leadTo(field, state string) {
	st.targets = append(st.targets, target{fmt.Sprintf("field %q", field), state})
}

func (st *state) parsePass(o *object) {
	st.place = o.place()
	st.result, _ = o.get("Result")
	if raw, ok := o.get("Parameters"); ok {
		st.parameters = compileTemplate(raw, "Parameters", false, o)
	}
}

func (st *state) parseTask(o *object) {
	st.place = o.place()
	st.timeout.path = o.either("TimeoutSeconds", func(f string) { st.timeout.seconds, _ = o.whole(f, 1, maxSeconds) })
	st.heartbeat.path = o.either("HeartbeatSeconds", func(f string) { st.heartbeat.seconds, _ = o.whole(f, 1, maxSeconds) })
	if o.fields["TimeoutSeconds"] == nil && o.fields["TimeoutSecondsPath"] == nil {
		o.bad("TimeoutSeconds", "or %q is missing; without one a lost task waits for a year", "TimeoutSecondsPath")
	}
	if st.timeout.seconds > 0 && st.heartbeat.seconds >= st.timeout.seconds {
		o.bad("HeartbeatSeconds", "is not smaller than %q", "TimeoutSeconds")
	}
	parameters, _ := o.get("Parameters")
	switch resource := o.needText("Resource"); {
	case resource == "":
	case resource == invokeWithToken:
		st.token = true
		st.parseInvocation(parameters, o)
	case isFunction(resource):
		st.function = resource
		if parameters != nil {
			st.parameters = compileTemplate(parameters, "Parameters", false, o)
		}
		if st.heartbeat.given() {
			o.bad("HeartbeatSeconds", "is not implemented for a function without a task token")
		}
	default:
		o.bad("Resource", "%q is not implemented", resource)
	}
	retriers := o.objects("Retry")
	for i, r := range retriers {
		st.retry = append(st.retry, parseRetrier(r, i == len(retriers)-1))
	}
	catchers := o.objects("Catch")
	for i, c := range catchers {
		parsed := parseCatcher(c, i == len(catchers)-1)
		st.catch = append(st.catch, parsed)
		st.targets = append(st.targets, target{fmt.Sprintf(`Catch[%d]: field "Next"`, i), parsed.next})
	}
}

// parseInvocation reads the Parameters of a task that waits for its token.
func (st *state) parseInvocation(raw json.RawMessage, o *object) {
	if raw == nil {
		o.bad("Parameters", "is missing")
		return
	}
	p := newObject(o.at+": Parameters", raw, o.problems)
	st.function = p.needText("FunctionName")
	if payload, ok := p.get("Payload"); !ok {
		p.bad("Payload", "is missing")
	} else if st.parameters = compileTemplate(payload, "Payload", true, p); !st.parameters.token {
		p.bad("Payload", "does not pass $$.Task.Token on; the task could never end")
	}
	p.refuseRest()
}

// isFunction recognises arn:<partition>:lambda:<region>:<account>:function:<name>.
func isFunction(resource string) bool {
	part := strings.Split(resource, ":")
	return len(part) >= 7 && part[0] == "arn" && part[2] == "lambda" && part[5] == "function" && part[6] != ""
}
