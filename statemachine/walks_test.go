package statemachine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

var update = flag.Bool("update", false, "write "+goldenFile)

const (
	goldenFile = "testdata/walks.golden.json"
	runnerID   = "fleet-1001-1"
)

// outcome is what engines must agree about.
type outcome struct {
	Path   string            `json:"path"`  // the states entered
	Calls  []json.RawMessage `json:"calls"` // the functions' payloads, of every attempt
	Status string            `json:"status"`
	Output json.RawMessage   `json:"output,omitempty"`
	Error  string            `json:"error,omitempty"`
	Cause  string            `json:"cause,omitempty"`
}

// TestWalks plays each script of testdata/walks.json on our engine. What comes out
// is in walks.golden.json, and `make test-asl` holds other engines to it.
func TestWalks(t *testing.T) {
	s := loadScripts(t)
	got := map[string]outcome{}
	for name := range s.Walks {
		got[name] = walk(t, s, name)
	}
	if *update {
		writeGolden(t, got)
	}
	golden := loadGolden(t)
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if diff := cmp.Diff(golden[name], got[name], compactJSON); diff != "" {
			t.Errorf("%s (- %s, + our engine):\n%s", name, goldenFile, diff)
		}
		delete(golden, name)
	}
	for name := range golden {
		t.Errorf("%s has %q, which is no walk", goldenFile, name)
	}
}

// TestWalksLeaveNothingOut: every state is entered, and every way out of it taken.
func TestWalksLeaveNothingOut(t *testing.T) {
	taken := map[string]bool{}
	for _, o := range loadGolden(t) {
		path := strings.Fields(o.Path)
		for i := range path[1:] {
			taken[path[i]+" → "+path[i+1]] = true
		}
	}
	type next struct{ Next, Default string }
	var d struct {
		States map[string]struct {
			next
			Catch, Choices []next
		}
	}
	if err := json.Unmarshal(statemachine.Definition, &d); err != nil {
		t.Fatal(err)
	}
	for name, s := range d.States {
		for _, way := range append(append(s.Catch, s.Choices...), s.next, next{Next: s.Default}) {
			if way.Next != "" && !taken[name+" → "+way.Next] {
				t.Errorf("no walk goes from %s to %s", name, way.Next)
			}
		}
	}
}

// walk plays a script on our engine, in no time.
func walk(t *testing.T, s scripts, name string) outcome {
	t.Helper()
	machine, err := engine.Parse(statemachine.Definition, functions())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	play := s.play(name)
	e, err := engine.New(engine.Config{
		Machine: machine, Invoke: play.invoke, Store: engine.NewMemoryStore(),
		Clock: w, Go: w.later, Jitter: func() float64 { return 0.5 },
	})
	if err != nil {
		t.Fatal(err)
	}
	play.signal = func(c call, a answer) {
		w.later(func() {
			if err := send(e, c.Token, a); err != nil {
				t.Errorf("%s: signal to %s: %v", name, c.State, err)
			}
		})
	}
	if _, err := e.Start(context.Background(), runnerID, s.Input); err != nil {
		t.Fatal(err)
	}
	w.run()
	x, err := e.Describe(context.Background(), runnerID)
	if err != nil {
		t.Fatal(err)
	}
	events, err := e.History(context.Background(), runnerID)
	if err != nil {
		t.Fatal(err)
	}
	if left := play.leftover(); len(left) > 0 {
		t.Errorf("%s: nobody asked for the answers of %v", name, left)
	}
	var path []string
	for _, ev := range events {
		if strings.HasSuffix(ev.Type, "StateEntered") {
			path = append(path, ev.State)
		}
	}
	return newOutcome(t, path, play, string(x.Status), x.Output, x.Error, x.Cause)
}

func newOutcome(t *testing.T, path []string, play *script, status string, output json.RawMessage, errorName, cause string) outcome {
	t.Helper()
	if strings.HasPrefix(errorName, "States.") {
		cause = ownWords
	}
	return outcome{strings.Join(path, " "), play.payloads(t), status, canonical(t, output), errorName, cause}
}

// signaller completes a task by its token.
type signaller interface {
	SendTaskSuccess(ctx context.Context, token string, output json.RawMessage) error
	SendTaskFailure(ctx context.Context, token, errorName, cause string) error
	SendTaskHeartbeat(ctx context.Context, token string) error
}

func send(to signaller, token string, a answer) error {
	if a.Fails != nil {
		return to.SendTaskFailure(context.Background(), token, a.Fails.Name, a.Fails.Cause)
	}
	return to.SendTaskSuccess(context.Background(), token, a.Completes)
}

// world is a clock and a queue on one goroutine, in the place of time and
// concurrency.
type world struct {
	now    time.Time
	queue  []func()
	timers []*timer
}

type timer struct {
	at   time.Time
	f    func()
	dead bool
}

func (w *world) Now() time.Time { return w.now }

func (w *world) AfterFunc(d time.Duration, f func()) engine.Timer {
	t := &timer{at: w.now.Add(d), f: f}
	w.timers = append(w.timers, t)
	return t
}

func (t *timer) Stop() bool {
	was := !t.dead
	t.dead = true
	return was
}

func (w *world) later(f func()) { w.queue = append(w.queue, f) }

// run does what is queued or due until nothing is.
func (w *world) run() {
	for {
		for len(w.queue) > 0 {
			f := w.queue[0]
			w.queue = w.queue[1:]
			f()
		}
		w.timers = slices.DeleteFunc(w.timers, func(t *timer) bool { return t.dead })
		if len(w.timers) == 0 {
			return
		}
		next := slices.MinFunc(w.timers, func(a, b *timer) int { return a.at.Compare(b.at) })
		next.dead = true
		w.now = next.at
		next.f()
	}
}

// compactJSON compares JSON without the white space of files.
var compactJSON = cmp.Transformer("compact", func(text json.RawMessage) string {
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return string(text)
	}
	return out.String()
})

func loadGolden(t *testing.T) map[string]outcome {
	t.Helper()
	golden := map[string]outcome{}
	readStrictly(t, goldenFile, &golden)
	return golden
}

// writeGolden writes a call a line, so that a change is easy to see.
func writeGolden(t *testing.T, outcomes map[string]outcome) {
	t.Helper()
	var out bytes.Buffer
	separator := "{\n"
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		o := outcomes[name]
		fmt.Fprintf(&out, "%s  %s: {\n    \"path\": %s,\n    \"calls\": [", separator, quoted(t, name), quoted(t, o.Path))
		for i, c := range o.Calls {
			fmt.Fprintf(&out, "%s\n      %s", strings.Repeat(",", min(i, 1)), c)
		}
		fmt.Fprintf(&out, "\n    ],\n    \"status\": %s", quoted(t, o.Status))
		if o.Output != nil {
			fmt.Fprintf(&out, ",\n    \"output\": %s", o.Output)
		}
		if o.Error != "" {
			fmt.Fprintf(&out, ",\n    \"error\": %s,\n    \"cause\": %s", quoted(t, o.Error), quoted(t, o.Cause))
		}
		out.WriteString("\n  }")
		separator = ",\n"
	}
	out.WriteString("\n}\n")
	if err := os.WriteFile(goldenFile, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
