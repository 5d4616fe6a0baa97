package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const arnPrefix = "arn:aws:lambda:local:000000000000:function:"

// runnerDefinition is the definition that is deployed, with functions named by
// their placeholders: ${ValidateFunctionArn} becomes …:function:Validate.
func runnerDefinition(t testing.TB) (definition []byte, values map[string]string) {
	t.Helper()
	definition, err := os.ReadFile("../../statemachine/runner.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	values = map[string]string{"Partition": "aws"}
	for _, m := range regexp.MustCompile(`\$\{(\w+)FunctionArn\}`).FindAllSubmatch(definition, -1) {
		values[string(m[1])+"FunctionArn"] = arnPrefix + string(m[1])
	}
	return definition, values
}

func mustParse(t testing.TB, definition string) *Machine {
	t.Helper()
	m, err := Parse([]byte(definition), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// document is the part of every payload that the runner's functions get.
type document struct {
	RunnerID string          `json:"runner_id"`
	State    string          `json:"state"`
	Document json.RawMessage `json:"document"`
	Token    string          `json:"task_token"`
}

// lambdas are functions by name. Each call is noted.
type lambdas struct {
	mu    sync.Mutex
	calls []string
	by    map[string]func(ctx context.Context, in document) (string, error)
}

func (l *lambdas) invoke(ctx context.Context, arn string, payload json.RawMessage) (json.RawMessage, error) {
	name := strings.TrimPrefix(arn, arnPrefix)
	var in document
	_ = json.Unmarshal(payload, &in)
	l.mu.Lock()
	l.calls = append(l.calls, strings.Trim(name+" "+in.State, " "))
	f := l.by[name]
	l.mu.Unlock()
	if f == nil {
		return nil, fmt.Errorf("no function %s", name)
	}
	out, err := f(ctx, in)
	return json.RawMessage(out), err
}

func (l *lambdas) called() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.calls, ", ")
}

func answer(out string) func(context.Context, document) (string, error) {
	return func(context.Context, document) (string, error) { return out, nil }
}

// named is an error as the adapter at the Lambda border makes it.
type named struct{ name, text string }

func (n named) Error() string     { return n.text }
func (n named) ErrorName() string { return n.name }

func newEngine(t testing.TB, m *Machine, invoke func(context.Context, string, json.RawMessage) (json.RawMessage, error), with func(*Config)) *Engine {
	t.Helper()
	cfg := Config{Machine: m, Invoke: invoke, Store: NewMemoryStore(), Jitter: func() float64 { return 0.5 }}
	if with != nil {
		with(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func start(t testing.TB, e *Engine, name, input string) Execution {
	t.Helper()
	x, err := e.Start(context.Background(), name, json.RawMessage(input))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func describe(t testing.TB, e *Engine, name string) Execution {
	t.Helper()
	x, err := e.Describe(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// types are the types of an execution's events, in order.
func types(t testing.TB, e *Engine, name string) []string {
	t.Helper()
	events, err := e.History(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, ev := range events {
		list = append(list, ev.Type)
	}
	return list
}

// entered are the states that an execution has entered, in order.
func entered(t testing.TB, e *Engine, name string) string {
	t.Helper()
	events, err := e.History(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, ev := range events {
		if strings.HasSuffix(ev.Type, "StateEntered") {
			list = append(list, ev.State)
		}
	}
	return strings.Join(list, " ")
}

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// after lets d pass in a bubble, and everything that is due happen.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
