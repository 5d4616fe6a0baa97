package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tasks is a machine with one function f in state X, these fields added to it.
func tasks(fields string) string {
	return `{"StartAt":"X","States":{
		"X":{"Type":"Task","Resource":"` + arnPrefix + `f","TimeoutSeconds":60,"Next":"Done"` + fields + `},
		"Done":{"Type":"Succeed"},"Caught":{"Type":"Pass","End":true}}}`
}

const catchAll = `,"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"Caught"}]`

// waits is a machine whose state X calls f and waits for its token.
func waits(fields string) string {
	return `{"StartAt":"X","States":{
		"X":{"Type":"Task","Resource":"` + invokeWithToken + `","TimeoutSeconds":60,"Next":"Done",
			"Parameters":{"FunctionName":"f","Payload":{"state.$":"$$.State.Name","task_token.$":"$$.Task.Token"}}` + fields + `},
		"Done":{"Type":"Succeed"},"Caught":{"Type":"Pass","End":true}}}`
}

type unnamed struct{}

func (*unnamed) Error() string { return "has no name" }

func TestFunctions(t *testing.T) {
	for name, c := range map[string]struct {
		machine string
		f       func(context.Context, document) (string, error)
		want    string // status, then output or error and cause
	}{
		"the answer is the result": {tasks(""), answer(`{"b": 1}`), `SUCCEEDED {"b":1}`},
		"the answer is added":      {tasks(`,"ResultPath":"$.r"`), answer(`[1]`), `SUCCEEDED {"a":1,"r":[1]}`},
		"the answer is dropped":    {tasks(`,"ResultPath":null`), answer(`[1]`), `SUCCEEDED {"a":1}`},
		"no answer is null":        {tasks(""), answer(``), `SUCCEEDED null`},
		"an answer that is no JSON": {tasks(""), answer(`{`),
			`FAILED Lambda.Unknown {"errorMessage":"the function's answer: not valid JSON: unexpected end of JSON input","errorType":"Lambda.Unknown"}`},
		"a named error": {tasks(""), func(context.Context, document) (string, error) { return "", named{"A.B", "of a"} },
			`FAILED A.B {"errorMessage":"of a","errorType":"A.B"}`},
		"a wrapped error": {tasks(""), func(context.Context, document) (string, error) { return "", fmt.Errorf("f: %w", named{"A.B", "of a"}) },
			`FAILED wrapError {"errorMessage":"f: of a","errorType":"wrapError"}`},
		"an error of errors.New": {tasks(""), func(context.Context, document) (string, error) { return "", errors.New("x") },
			`FAILED errorString {"errorMessage":"x","errorType":"errorString"}`},
		"a pointer to a type": {tasks(""), func(context.Context, document) (string, error) { return "", &unnamed{} },
			`FAILED unnamed {"errorMessage":"has no name","errorType":"unnamed"}`},
		"a panic": {tasks(""), func(context.Context, document) (string, error) { panic("boom") },
			`FAILED Runtime.ExitError {"errorMessage":"panic: boom","errorType":"Runtime.ExitError"}`},
		"a goroutine that ends": {tasks(""), func(context.Context, document) (string, error) { runtime.Goexit(); return "", nil },
			`FAILED Runtime.ExitError {"errorMessage":"the function ended its goroutine","errorType":"Runtime.ExitError"}`},
		"an answer that is too large": {tasks(catchAll), answer(`"` + strings.Repeat("x", maxData) + `"`),
			`FAILED States.DataLimitExceeded the result of state "X" has 262146 bytes; the limit is 262144`},
		"an output that is too large": {tasks(`,"ResultPath":"$.r"`), answer(`"` + strings.Repeat("x", maxData-8) + `"`),
			`FAILED States.DataLimitExceeded the output of state "X" has 262150 bytes; the limit is 262144`},
		"an error that is caught": {tasks(catchAll), func(context.Context, document) (string, error) { return "", named{"A.B", "of a"} },
			`SUCCEEDED {"a":1,"error":{"Error":"A.B","Cause":"{\"errorMessage\":\"of a\",\"errorType\":\"A.B\"}"}}`},
		"a result that does not fit": {tasks(`,"ResultPath":"$.a.b"` + catchAll), answer(`1`),
			`SUCCEEDED {"a":1,"error":{"Error":"States.ResultPathMatchFailure","Cause":"ResultPath $.a.b of state \"X\" does not fit its input"}}`},
		"a parameter that is not there": {tasks(`,"Parameters":{"z.$":"$.z"}` + catchAll), answer(`1`),
			`SUCCEEDED {"a":1,"error":{"Error":"States.ParameterPathFailure","Cause":"$.z of \"z\" in state \"X\" is not in the state's input"}}`},
		"a time-out that is not there": {strings.Replace(tasks(catchAll), `"TimeoutSeconds":60`, `"TimeoutSecondsPath":"$.z"`, 1), answer(`1`),
			`FAILED States.Runtime TimeoutSecondsPath $.z of state "X" is not a whole number from 1 to 99999999 in its input`},
		"a time-out that is none": {strings.Replace(tasks(""), `"TimeoutSeconds":60`, `"TimeoutSecondsPath":"$"`, 1), answer(`1`),
			`FAILED States.Runtime TimeoutSecondsPath $ of state "X" is not a whole number from 1 to 99999999 in its input`},
		"a function that takes too long": {tasks(""), func(ctx context.Context, _ document) (string, error) { <-ctx.Done(); return "1", nil },
			`FAILED States.Timeout the task of state "X" was not over by 2000-01-01T00:01:00.000Z`},
		"a token without a signal": {waits(`,"HeartbeatSeconds":50`), answer(`1`),
			`FAILED States.Timeout state "X" has had no heartbeat for 50 seconds`},
		"a function that fails before its token is used": {waits(""), func(_ context.Context, in document) (string, error) { return "", named{"A.B", "store " + in.Token} },
			`FAILED A.B {"errorMessage":"store [task token]","errorType":"A.B"}`},
		"an execution that takes too long": {strings.Replace(waits(catchAll), `{"StartAt"`, `{"TimeoutSeconds":7,"StartAt"`, 1), answer(`1`),
			`TIMED_OUT States.Timeout the execution has run for 7s`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": c.f}}
				var told []Execution
				e := newEngine(t, mustParse(t, reach(c.machine)), l.invoke, func(cfg *Config) { cfg.OnEnd = func(x Execution) { told = append(told, x) } })
				start(t, e, "x", `{"a":1}`)
				after(2 * time.Minute)
				x := describe(t, e, "x")
				got := strings.TrimSpace(fmt.Sprintf("%s %s", x.Status, x.Output))
				if x.Status != Succeeded {
					got = fmt.Sprintf("%s %s %s", x.Status, x.Error, x.Cause)
				}
				if got != c.want {
					t.Errorf("execution\n got %s\nwant %s", clip(got, 400), c.want)
				}
				if len(told) != 1 || told[0].Status != x.Status {
					t.Errorf("OnEnd heard %d times", len(told))
				}
			})
		})
	}
}

// reach takes the state Caught out where nothing leads to it.
func reach(machine string) string {
	if strings.Contains(machine, `"Next":"Caught"`) {
		return machine
	}
	return strings.Replace(machine, `,"Caught":{"Type":"Pass","End":true}`, "", 1)
}

func TestOtherStates(t *testing.T) {
	for name, c := range map[string]struct {
		machine string
		takes   time.Duration
		want    string
	}{
		"a pass passes":               {one(`"Type":"Pass","End":true`), 0, `SUCCEEDED {"a":2}`},
		"a pass makes a result":       {one(`"Type":"Pass","Result":{"b":1},"ResultPath":"$.r","End":true`), 0, `SUCCEEDED {"a":2,"r":{"b":1}}`},
		"a pass makes from its input": {one(`"Type":"Pass","Parameters":{"b.$":"$.a"},"End":true`), 0, `SUCCEEDED {"b":2}`},
		"a pass drops its result":     {one(`"Type":"Pass","Result":1,"ResultPath":null,"End":true`), 0, `SUCCEEDED {"a":2}`},
		"a wait":                      {one(`"Type":"Wait","Seconds":3600,"End":true`), time.Hour, `SUCCEEDED {"a":2}`},
		"a wait of no time":           {one(`"Type":"Wait","Seconds":0,"End":true`), 0, `SUCCEEDED {"a":2}`},
		"a wait from the input":       {one(`"Type":"Wait","SecondsPath":"$.a","End":true`), 2 * time.Second, `SUCCEEDED {"a":2}`},
		"a wait from nowhere":         {one(`"Type":"Wait","SecondsPath":"$.b","End":true`), 0, `FAILED States.Runtime SecondsPath $.b of state "X" is not a whole number from 0 to 99999999 in its input`},
		"a fail":                      {one(`"Type":"Fail","Error":"A","Cause":"b"`), 0, `FAILED A b`},
		"a fail from nowhere":         {one(`"Type":"Fail","Error":"A","CausePath":"$.a"`), 0, `FAILED States.Runtime CausePath $.a of state "X" is not a string in its input`},
		"a choice that fits nothing": {`{"StartAt":"X","States":{"X":{"Type":"Choice","Choices":[{"Variable":"$.a","StringEquals":"b","Next":"Y"}]},"Y":{"Type":"Succeed"}}}`, 0,
			`FAILED States.NoChoiceMatched no rule of state "X" matches its input`},
		"a circle ends at the limit of the history": {one(`"Type":"Pass","Next":"X"`), 0, `FAILED States.Runtime the execution's history has reached 25000 events`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := newEngine(t, mustParse(t, c.machine), (&lambdas{}).invoke, nil)
				start(t, e, "x", `{"a":2}`)
				if c.takes > 0 {
					after(c.takes - time.Nanosecond)
					if x := describe(t, e, "x"); x.Status != Running || x.Pending != PendingWait {
						t.Errorf("before its time it is %s", x.Status)
					}
					after(time.Nanosecond)
				}
				synctest.Wait()
				x := describe(t, e, "x")
				got := fmt.Sprintf("%s %s", x.Status, x.Output)
				if x.Status != Succeeded {
					got = fmt.Sprintf("%s %s %s", x.Status, x.Error, x.Cause)
				}
				if got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestEachRetrierCountsByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := mustParse(t, tasks(`,"Retry":[{"ErrorEquals":["A","B"],"MaxAttempts":2},{"ErrorEquals":["C"],"IntervalSeconds":5},{"ErrorEquals":["D"],"MaxAttempts":0},{"ErrorEquals":["States.ALL"]}]`+catchAll))
		errs, begun := []string{"A", "B", "C", "B"}, time.Now()
		var times []time.Duration
		l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": func(context.Context, document) (string, error) {
			times = append(times, time.Since(begun))
			return "", named{errs[len(times)-1], ""}
		}}}
		e := newEngine(t, m, l.invoke, nil)
		start(t, e, "x", `{}`)
		after(time.Minute)
		// The language's own example: waits of 1, 2 and 5 seconds, then the Catch.
		if want := "[0s 1s 3s 8s]"; fmt.Sprint(times) != want {
			t.Errorf("attempts at %v, want %s", times, want)
		}
		if got := entered(t, e, "x"); got != "X Caught" {
			t.Errorf("states %s", got)
		}
		errs = append(errs, "D")
		start(t, e, "y", `{}`)
		synctest.Wait()
		if got := entered(t, e, "y"); got != "X Caught" {
			t.Errorf("with no attempts allowed: states %s", got)
		}
	})
}

func TestStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": answer("1")}}
		e := newEngine(t, mustParse(t, reach(waits(""))), l.invoke, nil)
		first := start(t, e, "x", `{"a":1,"b":2}`)
		synctest.Wait()
		again, err := e.Start(ctx, "x", json.RawMessage(`{ "b":2, "a":1.0 }`))
		if err != nil || !again.StartedAt.Equal(first.StartedAt) {
			t.Errorf("the same again: %v, %v", again, err)
		}
		if got := l.called(); got != "f X" {
			t.Errorf("calls: %s", got)
		}
		if _, err := e.Start(ctx, "x", json.RawMessage(`{"a":2}`)); !errors.Is(err, ErrExecutionAlreadyExists) {
			t.Errorf("with another input: %v", err)
		}
		if err := e.Stop(ctx, "x", "Stopped", "by hand"); err != nil {
			t.Fatal(err)
		}
		if x := describe(t, e, "x"); x.Status != Aborted || x.Error != "Stopped" || x.Cause != "by hand" {
			t.Errorf("after Stop: %+v", x)
		}
		if _, err := e.Start(ctx, "x", json.RawMessage(`{"a":1,"b":2}`)); !errors.Is(err, ErrExecutionAlreadyExists) {
			t.Errorf("after its end: %v", err)
		}
		if err := e.Stop(ctx, "x", "", ""); err != nil {
			t.Errorf("Stop again: %v", err)
		}
		if err := e.Stop(ctx, "y", "", ""); !errors.Is(err, ErrExecutionDoesNotExist) {
			t.Errorf("Stop of nothing: %v", err)
		}
		for _, name := range []string{"", "a.b", "a b", strings.Repeat("a", 81)} {
			if _, err := e.Start(ctx, name, nil); !errors.Is(err, ErrInvalidName) {
				t.Errorf("name %q: %v", name, err)
			}
		}
		for _, input := range []string{`{`, "\"\xff\"", `"` + strings.Repeat("x", maxData) + `"`} {
			if _, err := e.Start(ctx, "z", json.RawMessage(input)); !errors.Is(err, ErrInvalidInput) {
				t.Errorf("input %.20q: %v", input, err)
			}
		}
	})
}

func TestTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		var token string
		l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": func(_ context.Context, in document) (string, error) {
			token = in.Token
			return "", nil
		}}}
		e := newEngine(t, mustParse(t, waits(`,"Retry":[{"ErrorEquals":["Again"],"IntervalSeconds":1}]`+catchAll)), l.invoke, nil)
		start(t, e, "x", `{}`)
		synctest.Wait()
		for name, c := range map[string]struct {
			token string
			want  error
		}{
			"nonsense":                    {"nonsense", ErrInvalidToken},
			"an empty token":              {"", ErrInvalidToken},
			"a token without its secret":  {"x.", ErrInvalidToken},
			"a token that is too long":    {"x." + strings.Repeat("a", maxToken), ErrInvalidToken},
			"a token of no execution":     {"y.aaaa", ErrTaskDoesNotExist},
			"a token with another secret": {"x.aaaa", ErrTaskTimedOut},
		} {
			if err := e.SendTaskSuccess(ctx, c.token, json.RawMessage(`1`)); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := e.SendTaskSuccess(ctx, token, json.RawMessage(`{`)); !errors.Is(err, ErrInvalidOutput) {
			t.Errorf("an output that is no JSON: %v", err)
		}
		old := token
		if err := e.SendTaskFailure(ctx, old, "Again", ""); err != nil {
			t.Fatal(err)
		}
		for range 2 { // while it waits for the next attempt, and during it
			if err := e.SendTaskHeartbeat(ctx, old); !errors.Is(err, ErrTaskTimedOut) {
				t.Errorf("the token of an attempt that is over: %v", err)
			}
			after(time.Second)
		}
		if err := e.SendTaskSuccess(ctx, token, json.RawMessage(`{"said":"`+token+`"}`)); err != nil {
			t.Fatal(err)
		}
		if x := describe(t, e, "x"); x.Status != Succeeded || string(x.Output) != `{"said":"[task token]"}` {
			t.Errorf("at the end: %s %s", x.Status, x.Output)
		}
		if err := e.SendTaskSuccess(ctx, token, json.RawMessage(`1`)); !errors.Is(err, ErrTaskTimedOut) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestATokenMayBeUsedBeforeItsFunctionHasAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e *Engine
		l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": func(ctx context.Context, in document) (string, error) {
			if err := e.SendTaskSuccess(ctx, in.Token, json.RawMessage(`"early"`)); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			return "", errors.Join(named{"A", "of no interest any more"}, ctx.Err())
		}}}
		e = newEngine(t, mustParse(t, reach(waits(""))), l.invoke, nil)
		start(t, e, "x", `{}`)
		after(time.Minute)
		if x := describe(t, e, "x"); x.Status != Succeeded || string(x.Output) != `"early"` {
			t.Errorf("%s %s", x.Status, x.Output)
		}
	})
}

// The first of many callers ends the task, once; the others get the error that it
// is over.
func TestOneSignalWins(t *testing.T) {
	ready := make(chan string, 1)
	ended := make(chan Execution, 1)
	l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": func(_ context.Context, in document) (string, error) {
		ready <- in.Token
		return "", nil
	}}}
	e := newEngine(t, mustParse(t, waits(catchAll)), l.invoke, func(cfg *Config) { cfg.OnEnd = func(x Execution) { ended <- x } })
	for i := range 50 {
		start(t, e, fmt.Sprint("x", i), `{}`)
		token := <-ready
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for j := range 6 {
			wg.Go(func() {
				var err error
				switch j % 3 {
				case 0:
					err = e.SendTaskSuccess(context.Background(), token, json.RawMessage("1"))
				case 1:
					err = e.SendTaskFailure(context.Background(), token, "A", "")
				case 2:
					if e.SendTaskHeartbeat(context.Background(), token) != nil {
						return
					}
					err = ErrTaskTimedOut
				}
				if err != nil && !errors.Is(err, ErrTaskTimedOut) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					won++
				}
			})
		}
		wg.Wait()
		if x := <-ended; won != 1 || x.Status != Succeeded {
			t.Fatalf("%d signals won; %s", won, x.Status)
		}
	}
}

func TestOneStartWins(t *testing.T) {
	l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": answer("1")}}
	ended := make(chan Execution, 1)
	e := newEngine(t, mustParse(t, reach(tasks(""))), l.invoke, func(cfg *Config) { cfg.OnEnd = func(x Execution) { ended <- x } })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := e.Start(context.Background(), "x", nil); err != nil && !errors.Is(err, ErrExecutionAlreadyExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	<-ended
	if got := l.called(); got != "f" {
		t.Errorf("calls: %s", got)
	}
}

func TestOnEndMayStartTheNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e *Engine
		l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": answer("1")}}
		e = newEngine(t, mustParse(t, reach(tasks(""))), l.invoke, func(cfg *Config) {
			cfg.OnEnd = func(x Execution) {
				if x.Name != "xxx" {
					start(t, e, x.Name+"x", "1")
				}
			}
		})
		start(t, e, "x", "1")
		synctest.Wait()
		list, err := e.List(context.Background(), Succeeded, 2)
		if err != nil || len(list) != 2 || describe(t, e, "xxx").Status != Succeeded {
			t.Errorf("%v, %v", list, err)
		}
	})
}
