package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// jsonStore keeps records and events as text, as a database would.
type jsonStore struct {
	*MemoryStore
	t       *testing.T
	refuses int // writes
}

var errDisk = errors.New("disk is full")

func (s *jsonStore) Create(ctx context.Context, r Record, events []Event) error {
	return s.MemoryStore.Create(ctx, again(s.t, r), again(s.t, events))
}

func (s *jsonStore) Save(ctx context.Context, r Record, events []Event) error {
	s.mu.Lock()
	s.refuses--
	refused := s.refuses >= 0
	s.mu.Unlock()
	if refused {
		return errDisk
	}
	return s.MemoryStore.Save(ctx, again(s.t, r), again(s.t, events))
}

func again[T any](t *testing.T, v T) (out T) {
	text, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Error(err)
	}
	return out
}

func TestResume(t *testing.T) {
	const minute = time.Minute
	type functions = map[string]func(context.Context, document) (string, error)
	var token string
	keep := func(_ context.Context, in document) (string, error) { token = in.Token; return "", nil }
	fail := func(context.Context, document) (string, error) { return "", named{"A", ""} }
	hang := func(ctx context.Context, in document) (string, error) {
		token = in.Token
		<-ctx.Done()
		return "", ctx.Err()
	}
	wait := strings.Replace(one(`"Type":"Wait","Seconds":3600,"Next":"Done"`), `}}}`, `},"Done":{"Type":"Succeed"}}}`, 1)
	retry := reach(tasks(`,"Retry":[{"ErrorEquals":["A"],"IntervalSeconds":3600}]`))
	for name, c := range map[string]struct {
		machine string
		first   func(context.Context, document) (string, error) // f before the crash
		second  func(context.Context, document) (string, error) // and after it
		down    time.Duration                                   // a minute after the start
		then    func(t *testing.T, e *Engine)
		endsAt  time.Duration // after the start
		want    string
	}{
		"a wait goes on":                       {machine: wait, down: minute, endsAt: time.Hour, want: "SUCCEEDED"},
		"a wait that is over":                  {machine: wait, down: 2 * time.Hour, endsAt: 2*time.Hour + minute, want: "SUCCEEDED"},
		"a retry goes on":                      {machine: retry, first: fail, second: answer("2"), down: minute, endsAt: time.Hour, want: "SUCCEEDED 2"},
		"a function is called again":           {machine: reach(tasks("")), first: hang, second: answer("2"), down: 5 * minute, endsAt: 6 * minute, want: "SUCCEEDED 2"},
		"a function gets its whole time again": {machine: strings.Replace(reach(tasks("")), "60", "600", 1), first: hang, second: hang, down: minute, endsAt: 12 * minute, want: "FAILED States.Timeout"},
		"a token's time-out goes on":           {machine: strings.Replace(reach(waits("")), "60", "600", 1), first: keep, down: minute, endsAt: 10 * minute, want: "FAILED States.Timeout"},
		"a heartbeat that was missed comes first": {machine: strings.Replace(waits(`,"HeartbeatSeconds":300,"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"Caught"}]`), "60", "600", 1),
			first: keep, down: time.Hour, endsAt: time.Hour + minute, want: "SUCCEEDED"},
		"a token is still good": {machine: strings.Replace(reach(waits("")), "60", "600", 1), first: keep, down: minute, endsAt: 2 * minute, want: "SUCCEEDED 7",
			then: func(t *testing.T, e *Engine) { signal(t, e, token, "7") }},
		"a function gets the same token again": {machine: strings.Replace(reach(waits("")), "60", "600", 1), first: hang, down: minute, endsAt: 2 * minute, want: "SUCCEEDED 7",
			second: func(_ context.Context, in document) (string, error) {
				if in.Token != token {
					return "", errors.New("another token")
				}
				return "", nil
			},
			then: func(t *testing.T, e *Engine) { signal(t, e, token, "7") }},
		"the execution's time-out goes on": {machine: strings.Replace(wait, `{"StartAt"`, `{"TimeoutSeconds":600,"StartAt"`, 1), down: minute, endsAt: 10 * minute, want: "TIMED_OUT States.Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store, begun := &jsonStore{MemoryStore: NewMemoryStore(), t: t}, time.Now()
				live := func(f func(context.Context, document) (string, error)) *Engine {
					l := &lambdas{by: functions{"f": f}}
					return newEngine(t, mustParse(t, c.machine), l.invoke, func(cfg *Config) { cfg.Store = store })
				}
				e := live(c.first)
				start(t, e, "x", `{}`)
				after(minute - time.Second)
				crash, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_ = e.Close(crash)
				after(minute - time.Since(begun))
				if err := e.SendTaskSuccess(context.Background(), "x.y", nil); !errors.Is(err, ErrClosed) {
					t.Errorf("a closed engine says %v", err)
				}
				after(c.down)
				e = live(c.second)
				if err := e.Resume(context.Background()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if c.then != nil {
					c.then(t, e)
				}
				after(24 * time.Hour)
				x := describe(t, e, "x")
				got := string(x.Status) + " " + x.Error
				if strings.Contains(c.want, "SUCCEEDED ") {
					got = string(x.Status) + " " + string(x.Output)
				}
				if strings.TrimSpace(got) != c.want {
					t.Errorf("got %s (%s), want %s", got, x.Cause, c.want)
				}
				if took := x.StoppedAt.Sub(begun); took != c.endsAt {
					t.Errorf("it ended after %s, want %s", took, c.endsAt)
				}
			})
		})
	}
}

func TestResumeUnderAnotherDefinition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := NewMemoryStore()
		with := func(cfg *Config) { cfg.Store = store }
		e := newEngine(t, mustParse(t, one(`"Type":"Wait","Seconds":9,"End":true`)), (&lambdas{}).invoke, with)
		start(t, e, "x", `{}`)
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		e = newEngine(t, mustParse(t, `{"StartAt":"Y","States":{"Y":{"Type":"Succeed"}}}`), (&lambdas{}).invoke, with)
		if err := e.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		if x := describe(t, e, "x"); x.Status != Failed || x.Error != errRuntime {
			t.Errorf("%s %s", x.Status, x.Error)
		}
	})
}

// Close lets a running function end, keeps its answer, and begins nothing new.
func TestCloseWaitsForFunctions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := NewMemoryStore()
		with := func(cfg *Config) { cfg.Store = store }
		machine := strings.Replace(tasks(""), `"Caught":{"Type":"Pass"`, `"Caught":{"Type":"Task","TimeoutSeconds":5,"Resource":"`+arnPrefix+`g"`, 1)
		machine = strings.Replace(machine, `"Next":"Done"`, `"Next":"Caught"`, 1)
		machine = strings.Replace(machine, `"Done":{"Type":"Succeed"},`, "", 1)
		l := &lambdas{by: map[string]func(context.Context, document) (string, error){
			"f": func(context.Context, document) (string, error) { time.Sleep(10 * time.Second); return "1", nil },
			"g": answer("2"),
		}}
		e := newEngine(t, mustParse(t, machine), l.invoke, with)
		start(t, e, "x", `{}`)
		synctest.Wait()
		begun := time.Now()
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("Close took %s", took)
		}
		if _, err := e.Start(context.Background(), "y", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Start after Close: %v", err)
		}
		e = newEngine(t, mustParse(t, machine), l.invoke, with)
		if err := e.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := l.called(); got != "f, g" || describe(t, e, "x").Status != Succeeded {
			t.Errorf("calls: %s", got)
		}
	})
}

func TestAWriteThatIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &jsonStore{MemoryStore: NewMemoryStore(), t: t}
		var token string
		l := &lambdas{by: map[string]func(context.Context, document) (string, error){"f": func(_ context.Context, in document) (string, error) {
			token = in.Token
			return "", nil
		}}}
		e := newEngine(t, mustParse(t, reach(waits(""))), l.invoke, func(cfg *Config) { cfg.Store = store })
		store.refuses = 3
		start(t, e, "x", `{}`)
		after(3*time.Second - time.Nanosecond)
		if p := describe(t, e, "x").Pending; p != PendingFunction {
			t.Errorf("the answer is pending: %s", p)
		}
		after(time.Nanosecond) // the engine's own writes are tried again
		if p := describe(t, e, "x").Pending; p != PendingToken {
			t.Errorf("the answer is stored: %s", p)
		}
		store.refuses = 1
		if err := e.SendTaskSuccess(context.Background(), token, json.RawMessage("1")); !errors.Is(err, errDisk) {
			t.Errorf("a caller hears %v", err)
		}
		signal(t, e, token, "1")
		if x := describe(t, e, "x"); x.Status != Succeeded {
			t.Errorf("at the end: %s", x.Status)
		}
	})
}

func TestTwoEnginesOnOneStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := NewMemoryStore()
		with := func(cfg *Config) { cfg.Store = store }
		m := mustParse(t, one(`"Type":"Wait","Seconds":9,"End":true`))
		a, b := newEngine(t, m, (&lambdas{}).invoke, with), newEngine(t, m, (&lambdas{}).invoke, with)
		start(t, a, "x", `{}`)
		if err := b.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := b.Stop(context.Background(), "x", "", ""); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		if x := describe(t, a, "x"); x.Status != Aborted {
			t.Errorf("%s", x.Status)
		}
	})
}
