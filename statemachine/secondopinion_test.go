//go:build moto

package statemachine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// stepFunctions is one state machine, on our engine or on moto's, in real time.
type stepFunctions interface {
	signaller
	start(name string, input json.RawMessage) error
	stop(name string) error
	describe(name string) (execution, error)
}

type execution struct {
	status     string
	output     json.RawMessage
	err, cause string
	path       []string // states entered
	types      []string // of all events
}

// waits counts how often the execution has begun to wait for a signal.
func (x execution) waits() (n int) {
	for _, typ := range x.types {
		if typ == "TaskSubmitted" {
			n++
		}
	}
	return n
}

// ourMachine is a state machine on our engine.
type ourMachine struct{ *engine.Engine }

func ourEngine(t *testing.T, definition []byte, s *script) ourMachine {
	t.Helper()
	machine, err := engine.Parse(definition, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Machine: machine, Invoke: s.invoke, Store: engine.NewMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	return ourMachine{e}
}

func (m ourMachine) start(name string, input json.RawMessage) error {
	_, err := m.Start(context.Background(), name, input)
	return err
}

func (m ourMachine) stop(name string) error {
	return m.Stop(context.Background(), name, "Stopped", "by the test")
}

func (m ourMachine) describe(name string) (execution, error) {
	x, err := m.Describe(context.Background(), name)
	if err != nil {
		return execution{}, err
	}
	events, err := m.History(context.Background(), name)
	if err != nil {
		return execution{}, err
	}
	found := execution{status: string(x.Status), output: x.Output, err: x.Error, cause: x.Cause}
	for _, ev := range events {
		found.types = append(found.types, ev.Type)
		if strings.HasSuffix(ev.Type, "StateEntered") {
			found.path = append(found.path, ev.State)
		}
	}
	return found, nil
}

// derived is the definition with retries that a test can wait for, and with what
// edit does to it.
func derived(t *testing.T, edit func(definition document)) []byte {
	t.Helper()
	var d document
	text := string(statemachine.Definition)
	for name, value := range functions() {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	for _, s := range d["States"].(map[string]any) {
		retriers, _ := s.(map[string]any)["Retry"].([]any)
		for _, r := range retriers {
			r := r.(map[string]any)
			r["IntervalSeconds"], r["MaxDelaySeconds"] = 1, 2
		}
	}
	if edit != nil {
		edit(d)
	}
	out, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// scene is one execution on one engine, played by a test.
type scene struct {
	t *testing.T
	stepFunctions
	script *script
	runner string
	input  json.RawMessage
	begun  time.Time // just before the execution was started
	notes  []string
	// patience is how long the scene waits for anything; 15 seconds if it is 0.
	patience time.Duration
}

func (s *scene) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// tell notes how an API call went, by the name of its error.
func (s *scene) tell(what string, err error) {
	name := "done"
	var aws *awsError
	for known, n := range map[error]string{
		engine.ErrTaskTimedOut: "TaskTimedOut", engine.ErrTaskDoesNotExist: "TaskDoesNotExist",
		engine.ErrInvalidToken: "InvalidToken", engine.ErrInvalidOutput: "InvalidOutput",
		engine.ErrExecutionAlreadyExists: "ExecutionAlreadyExists",
	} {
		if errors.Is(err, known) {
			name = n
		}
	}
	if errors.As(err, &aws) {
		name = aws.name
	} else if name == "done" && err != nil {
		name = err.Error()
	}
	s.note("%s: %s", what, name)
}

// settled is how long moto needs from an event that it writes down to what it does next.
const settled = 100 * time.Millisecond

// seen waits until the execution looks so.
func (s *scene) seen(f func(execution) bool) bool {
	for deadline := time.Now().Add(cmp.Or(s.patience, 15*time.Second)); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if x, err := s.describe(s.runner); err == nil && f(x) {
			return true
		}
	}
	return false
}

func (s *scene) begin(input json.RawMessage) {
	s.t.Helper()
	s.input, s.begun = input, time.Now()
	if err := s.start(s.runner, input); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) until(what string, f func(execution) bool) execution {
	s.t.Helper()
	seen := s.seen(f)
	x, err := s.describe(s.runner)
	if !seen || err != nil {
		s.t.Fatalf("%s: not in time: %v, %+v", what, err, x)
	}
	return x
}

// waiting is the token of the latest task, once the execution waits for its n-th.
func (s *scene) waiting(n int) string {
	s.t.Helper()
	s.until("waiting for a signal", func(x execution) bool { return x.waits() >= n })
	time.Sleep(settled)
	return s.token()
}

func (s *scene) token() string {
	s.script.mu.Lock()
	defer s.script.mu.Unlock()
	for _, c := range slices.Backward(s.script.calls) {
		if c.Token != "" {
			return c.Token
		}
	}
	return ""
}

func (s *scene) succeed(token, output string) {
	s.tell("SendTaskSuccess", s.SendTaskSuccess(context.Background(), token, json.RawMessage(output)))
}

func (s *scene) fail(token, name string) {
	s.tell("SendTaskFailure", s.SendTaskFailure(context.Background(), token, name, ""))
}

func (s *scene) beat(token string) {
	s.tell("SendTaskHeartbeat", s.SendTaskHeartbeat(context.Background(), token))
}

// ended waits for the end of the execution, and notes if it does not come.
func (s *scene) ended() execution {
	s.t.Helper()
	if !s.seen(func(x execution) bool { return x.status != "RUNNING" }) {
		s.note("does not end")
	}
	x, err := s.describe(s.runner)
	if err != nil {
		s.t.Fatal(err)
	}
	return x
}

// result is all that two engines are compared by.
type result struct {
	Outcome outcome
	Events  []string // their types
	Notes   []string
}

func (s *scene) result(x execution) result {
	return result{
		Outcome: newOutcome(s.t, x.path, s.script, x.status, x.output, x.err, x.cause),
		Events:  x.types,
		Notes:   s.notes,
	}
}

// both plays the same on our engine and on moto.
func both(t *testing.T, m *moto, id string, definition []byte, script func() *script, play func(*scene) execution) (ours, theirs result) {
	t.Helper()
	here := &scene{t: t, script: script(), runner: "fleet-" + id}
	here.stepFunctions = ourEngine(t, definition, here.script)
	there := &scene{t: t, script: script(), runner: here.runner}
	there.stepFunctions = m.machine(t, id, definition, there.script, there.runner)
	return here.result(play(here)), there.result(play(there))
}

// TestSecondOpinion plays the same on our engine and on moto's interpreter, both
// in real time: states, payloads, output, error, types of events and answers of
// the API must be the same, or be known to differ.
func TestSecondOpinion(t *testing.T) {
	t.Cleanup(func() { fmt.Print(unchecked) })
	m := startMoto(t)
	t.Run("walks", func(t *testing.T) {
		tally := newTally(t, "walks", map[string]*difference{
			"a plan without a decision": {
				reason: "moto takes a Choice's Default when its Variable is missing; on AWS, here and in aws-local-stepfunctions the execution fails",
				ours:   "Validate IsAdmitted; FAILED States.Runtime",
				moto:   "Validate IsAdmitted RecordStatus; SUCCEEDED",
			},
			"a plan without limits": {
				reason: "moto's Catch takes States.Runtime with States.ALL; on AWS, here and in aws-local-stepfunctions the execution fails",
				ours:   "IsImageReady RegisterTaskDefinition RunTask; FAILED States.Runtime",
				moto:   "RegisterTaskDefinition RunTask RecordFailure; FAILED errorString",
			},
		})
		t.Parallel()
		scripts := loadScripts(t)
		for i, name := range slices.Sorted(maps.Keys(scripts.Walks)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				script := func() *script { return scripts.play(name).withoutCauses() }
				ours, theirs := both(t, m, fmt.Sprintf("1001-%d", i), derived(t, nil), script, func(s *scene) execution {
					s.script.signal = s.later
					s.begin(scripts.Input)
					x := s.ended()
					if left := s.script.leftover(); len(left) > 0 {
						s.note("nobody asked for the answers of %v", left)
					}
					return x
				})
				tally.add(t, name, ours, theirs)
			})
		}
	})
	t.Run("signals", func(t *testing.T) {
		scenes := signalScenes()
		differs := map[string]*difference{}
		for name, sc := range scenes {
			if sc.differs != nil {
				differs[name] = sc.differs
			}
		}
		tally := newTally(t, "signals", differs)
		t.Parallel()
		scripts := loadScripts(t)
		for i, name := range slices.Sorted(maps.Keys(scenes)) {
			sc := scenes[name]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				script := func() *script { return &script{usual: withoutSignals(scripts.Usual, sc.answers)} }
				ours, theirs := both(t, m, fmt.Sprintf("1002-%d", i), derived(t, sc.edit), script, func(s *scene) execution {
					s.begin(scripts.Input)
					return sc.play(s)
				})
				tally.add(t, name, ours, theirs)
			})
		}
	})
}

const unchecked = `neither can check, so AWS's documentation is all there is for:
  the words of Cause that Step Functions finds itself, and whether a missing limit is States.Runtime there too
  that a closed task answers TaskTimedOut, a bad output InvalidOutput, and every attempt has a token of its own
  States.HeartbeatTimeout in Catch; a signal that comes before the function's answer, with a heartbeat
  StopExecution during a wait; error and event of an execution's time-out
  the cause of SendTaskFailure (moto drops it; aws-local-stepfunctions is handed it)
  the length of retry intervals, their backoff, limit and jitter (short or zero here), and limits of minutes and days
  the 256 KiB limit, the 25,000 events, throttling, IAM, and which names Lambda gives to crashed functions
`

// withoutCauses leaves out what moto drops on its way from SendTaskFailure.
func (s *script) withoutCauses() *script {
	for state, queue := range s.queue {
		queue = slices.Clone(queue)
		for i, a := range queue {
			if a.Fails != nil {
				queue[i].Fails = &report{Name: a.Fails.Name}
			}
		}
		s.queue[state] = queue
	}
	return s
}

// withoutSignals leaves every signal to the test.
func withoutSignals(usual, own map[string]answer) map[string]answer {
	all := map[string]answer{}
	maps.Copy(all, usual)
	for state, a := range all {
		if a.Completes != nil {
			all[state] = answer{Silent: true}
		}
	}
	all["InspectRunner"] = answer{Returns: json.RawMessage(`{"outcome":"stopped","seconds":1}`)}
	all["RecordFailure"] = answer{Returns: json.RawMessage(`{"runner_status":"FAILED","error":"Runner.StoppedEarly","cause":"recorded"}`)}
	maps.Copy(all, own)
	return all
}

// later sends the signal of a walk once the execution waits for it.
func (s *scene) later(c call, a answer) {
	go func() {
		if !s.seen(func(x execution) bool { return x.waits() >= c.nth }) {
			return // The walk will not end, and its test says so.
		}
		time.Sleep(settled)
		if err := send(s, c.Token, a); err != nil {
			s.t.Errorf("signal to %s: %v", c.State, err)
		}
	}()
}

// difference is a known difference: why, and how each engine ends.
type difference struct{ reason, ours, moto string }

// brief is the last states, how it ended, and what else was noted.
func (r result) brief() string {
	path := strings.Fields(r.Outcome.Path)
	last := strings.Join(path[max(0, len(path)-3):], " ")
	end := strings.TrimSpace(r.Outcome.Status + " " + r.Outcome.Error)
	return strings.Join(append([]string{last, end}, r.Notes...), "; ")
}

// tally counts what agrees, and holds what is known to differ to that.
type tally struct {
	differs map[string]*difference
	agreed  atomic.Int32
}

func newTally(t *testing.T, what string, differs map[string]*difference) *tally {
	r := &tally{differs: differs}
	t.Cleanup(func() {
		n := r.agreed.Load()
		if n == 0 {
			t.Errorf("no %s agreed, or none were played", what)
		}
		var out strings.Builder
		fmt.Fprintf(&out, "moto: %d %s end as on our engine\n", n, what)
		for _, name := range slices.Sorted(maps.Keys(differs)) {
			fmt.Fprintf(&out, "  differs: %s: %s\n", name, differs[name].reason)
		}
		fmt.Print(out.String())
	})
	return r
}

func (r *tally) add(t *testing.T, name string, ours, theirs result) {
	t.Helper()
	diff := gocmp.Diff(ours, theirs, compactJSON)
	known := r.differs[name]
	switch {
	case diff == "" && known == nil:
		r.agreed.Add(1)
	case diff == "":
		t.Errorf("does not differ any more: %s", known.reason)
	case known == nil:
		t.Errorf("differs (- ours, + moto):\n%s", diff)
	case known.ours != ours.brief() || known.moto != theirs.brief():
		t.Errorf("differs in another way than it is known to\nours: %q\nmoto: %q\n(- ours, + moto):\n%s", ours.brief(), theirs.brief(), diff)
	}
}
