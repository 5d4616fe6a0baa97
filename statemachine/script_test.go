package statemachine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

const (
	functionPrefix = "arn:aws:lambda:us-east-1:123456789012:function:"
	shownToken     = "[task token]"
	ownWords       = "[in the engine's own words]"
)

// functions are the values of the definition's placeholders.
func functions() map[string]string {
	return statemachine.Values(statemachine.AWS, func(step string) string { return functionPrefix + step })
}

// scripts is testdata/walks.json, whose comment explains it.
type scripts struct {
	Comment []string                       `json:"comment"`
	Input   json.RawMessage                `json:"input"`
	Usual   map[string]answer              `json:"usual"`
	Walks   map[string]map[string][]answer `json:"walks"`
}

// answer is what a function, or a signal after it, says to one attempt.
type answer struct {
	Returns   json.RawMessage `json:"returns,omitempty"`
	Raises    *report         `json:"raises,omitempty"`
	Completes json.RawMessage `json:"completes,omitempty"`
	Fails     *report         `json:"fails,omitempty"`
	Silent    bool            `json:"silent,omitempty"`
	Slow      time.Duration   `json:"-"` // as silent, and answers this late
}

// report is an error with its name, as the adapter at the Lambda border makes it.
type report struct {
	Name  string `json:"name"`
	Cause string `json:"cause"`
}

func (r *report) Error() string     { return r.Cause }
func (r *report) ErrorName() string { return r.Name }

func loadScripts(t *testing.T) scripts {
	t.Helper()
	var s scripts
	readStrictly(t, "testdata/walks.json", &s)
	if len(s.Walks) == 0 {
		t.Fatal("testdata/walks.json has no walks")
	}
	if err := strictly(s.Input, new(fleet.Document)); err != nil {
		t.Errorf("the input is no document: %v", err)
	}
	for state, a := range s.Usual {
		a.check(t, state)
	}
	for _, walk := range s.Walks {
		for state, queue := range walk {
			for _, a := range queue {
				a.check(t, state)
			}
		}
	}
	return s
}

// check holds a result to the part of the document that the state adds.
func (a answer) check(t *testing.T, state string) {
	t.Helper()
	part := map[string]any{
		"Validate": new(fleet.Plan), "ResolveImage": new(fleet.Image), "BuildImage": new(fleet.Image),
		"RegisterTaskDefinition": new(fleet.TaskDefinitionPart),
		"RunTask":                new(fleet.Wait), "AwaitCompletion": new(fleet.Wait), "InspectRunner": new(fleet.Wait),
		"RecordStatus": new(fleet.Result), "RecordFailure": new(fleet.Result),
	}[state]
	result := a.Returns
	if result == nil {
		result = a.Completes
	}
	if part == nil {
		t.Errorf("%s is not a state with a function", state)
	} else if result != nil {
		if err := strictly(result, part); err != nil {
			t.Errorf("state %s cannot have the result %s: %v", state, result, err)
		}
	}
}

func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func readStrictly(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = strictly(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// script plays the functions of one execution.
type script struct {
	usual map[string]answer
	// signal sends what an answer says after the function has answered.
	signal func(call, answer)

	mu        sync.Mutex
	queue     map[string][]answer
	calls     []call
	submitted int // functions of tasks with a token that have answered
}

// call is one attempt of a task, as its function sees it.
type call struct {
	RunnerID string          `json:"runner_id"`
	State    string          `json:"state"`
	Document json.RawMessage `json:"document"`
	Token    string          `json:"task_token,omitempty"`

	payload json.RawMessage
	nth     int // among the tasks with a token whose function has answered
}

func (s scripts) play(walk string) *script {
	queue := map[string][]answer{}
	for state, answers := range s.Walks[walk] {
		queue[state] = answers
	}
	return &script{usual: s.Usual, queue: queue}
}

// invoke is a function's side of a call; a signal may follow.
func (s *script) invoke(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	c := call{payload: payload}
	if err := strictly(payload, &c); err != nil {
		return nil, fmt.Errorf("payload %s: %w", payload, err)
	}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	a, ok := s.usual[c.State]
	if queue := s.queue[c.State]; len(queue) > 0 {
		a, ok, s.queue[c.State] = queue[0], true, queue[1:]
	}
	if c.Token != "" && ok && a.Raises == nil {
		s.submitted++
		c.nth = s.submitted
	}
	s.mu.Unlock()
	switch {
	case !ok:
		return nil, fmt.Errorf("the script has no answer for %s", c.State)
	case a.Raises != nil:
		return nil, a.Raises
	case a.Returns != nil:
		return a.Returns, nil
	}
	time.Sleep(a.Slow)
	if !a.Silent && a.Slow == 0 {
		s.signal(c, a)
	}
	return json.RawMessage(`"what a function with a token returns is of no interest"`), nil
}

// leftover names the states with answers that no call asked for.
func (s *script) leftover() (states []string) {
	for state, queue := range s.queue {
		if len(queue) > 0 {
			states = append(states, state)
		}
	}
	return states
}

// payloads are those of all calls, without what differs from engine to engine.
func (s *script) payloads(t *testing.T) []json.RawMessage {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []json.RawMessage{}
	for _, c := range s.calls {
		payload := c.payload
		if c.Token != "" {
			payload = bytes.ReplaceAll(payload, quoted(t, c.Token), quoted(t, shownToken))
		}
		list = append(list, canonical(t, payload))
	}
	return list
}

func quoted(t *testing.T, text string) []byte {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// canonical sorts the keys of JSON, and takes out the words that an engine has
// for its own errors.
func canonical(t *testing.T, text json.RawMessage) json.RawMessage {
	t.Helper()
	if len(text) == 0 {
		return nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	silence(v)
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

func silence(v any) {
	o, _ := v.(map[string]any)
	if o["Error"] != nil && o["Cause"] == nil {
		o["Cause"] = ""
	}
	if name, _ := o["Error"].(string); strings.HasPrefix(name, "States.") {
		o["Cause"] = ownWords
	}
	for _, part := range o {
		silence(part)
	}
}
