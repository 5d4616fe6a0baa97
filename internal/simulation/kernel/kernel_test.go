package kernel_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

func run(k *kernel.Kernel) {
	for k.Step(kernel.Epoch.Add(time.Hour)) {
	}
}

// history lets two processes count, and says who was when.
func history(seed uint64, plan ...kernel.Fault) string {
	var lines []string
	k := kernel.New(seed, plan)
	k.Trace = func(at time.Time, line string) {
		lines = append(lines, fmt.Sprintf("%s %s", at.Sub(kernel.Epoch), line))
	}
	for _, name := range []string{"a", "b"} {
		k.Go(&kernel.Process{Name: name, Mortal: true}, func() {
			for i := range 5 {
				_ = k.Call("counter.add", func() error {
					k.Log("%s adds %d", name, i)
					return nil
				})
			}
		}, func(why string) { k.Log("%s ended %s", name, why) })
	}
	run(k)
	k.Close()
	return strings.Join(lines, "\n")
}

func TestOneSeedIsOneHistory(t *testing.T) {
	first, second := history(1), history(1)
	if first != second {
		t.Error("the same seed gave two histories")
	}
	seen := map[string]bool{}
	for seed := range uint64(20) {
		seen[history(seed)] = true
	}
	if len(seen) != 20 {
		t.Errorf("20 seeds gave %d histories", len(seen))
	}
}

func TestProcessesDieAtTheirCalls(t *testing.T) {
	before := history(1, kernel.Fault{Kind: kernel.Killed, Times: 1})
	after := history(1, kernel.Fault{Kind: kernel.KilledAfter, Times: 1})
	if strings.Count(before, "adds 0") != 1 || !strings.Contains(before, "ended before counter.add") {
		t.Errorf("killed before its first call:\n%s", before)
	}
	if strings.Count(after, "adds 0") != 2 || !strings.Contains(after, "ended after counter.add") {
		t.Errorf("killed after its first call:\n%s", after)
	}
}

func TestDeferredCodeOfTheDeadHasNoEffect(t *testing.T) {
	k := kernel.New(1, []kernel.Fault{{Kind: kernel.KilledAfter, Of: "first"}})
	var did []string
	do := func(what string) {
		_ = k.Call(what, func() error {
			did = append(did, what)
			return nil
		})
	}
	k.Go(&kernel.Process{Mortal: true}, func() {
		defer do("deferred")
		do("first")
		do("second")
	}, nil)
	run(k)
	if !slices.Equal(did, []string{"first"}) {
		t.Errorf("done: %q", did)
	}
}

func TestKillFromOutside(t *testing.T) {
	k := kernel.New(1, nil)
	var ended string
	p := k.Go(&kernel.Process{}, func() { k.Pause(time.Minute) }, func(why string) { ended = why })
	k.After(time.Second, func() { p.Kill("time is over") })
	run(k)
	if ended != "time is over" || !p.Dead() {
		t.Errorf("ended with %q, dead %t", ended, p.Dead())
	}
}

// The other things happen before and after a pause as they are due, whether it passes at once
// or by a turn.
func TestAPauseAlone(t *testing.T) {
	for name, c := range map[string]struct {
		until time.Duration // of the first step
		other time.Duration // when something else happens; 0 is never
		want  string
	}{
		"nothing else happens":            {time.Hour, 0, "process 1s"},
		"something happens later":         {time.Hour, 2 * time.Second, "process 1s, other 2s"},
		"something happens before":        {time.Hour, time.Second / 2, "other 500ms, process 1s"},
		"what was due first happens then": {time.Hour, time.Second, "other 1s, process 1s"},
		"it ends with the step":           {time.Second, 0, "process 1s"},
		"it ends after the step":          {time.Second - 1, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := kernel.New(1, nil)
			var did []string
			does := func(who string) { did = append(did, fmt.Sprint(who, " ", k.Since())) }
			if c.other > 0 {
				k.At(kernel.Epoch.Add(c.other), func() { does("other") })
			}
			k.Go(&kernel.Process{}, func() { k.Pause(time.Second); does("process") }, nil)
			for k.Step(kernel.Epoch.Add(c.until)) {
			}
			if got := strings.Join(did, ", "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			turns := len(did) + 1 // the process began
			if k.Turns != turns {
				t.Errorf("%d turns, want %d", k.Turns, turns)
			}
			k.Close()
		})
	}
}

// A process that is killed at the moment in which its pause ends does not go on.
func TestKillAtTheEndOfAPause(t *testing.T) {
	k := kernel.New(1, nil)
	var p *kernel.Process
	k.At(kernel.Epoch.Add(time.Second), func() { p.Kill("time is over") })
	p = k.Go(&kernel.Process{}, func() {
		k.Pause(time.Second)
		t.Error("it went on")
	}, nil)
	run(k)
}

func TestAwait(t *testing.T) {
	k := kernel.New(1, nil)
	var order []string
	var finish func()
	k.Go(&kernel.Process{Name: "caller"}, func() {
		k.Await(func(done func()) {
			k.Go(&kernel.Process{Name: "callee"}, func() {
				k.Pause(time.Minute)
				order = append(order, "callee")
			}, func(string) { done() })
		})
		order = append(order, "caller")
	}, nil)
	abandoned := k.Go(&kernel.Process{Name: "abandoned"}, func() {
		k.Await(func(done func()) { finish = done })
		t.Error("it went on")
	}, func(why string) { order = append(order, "abandoned: "+why) })
	k.After(time.Second, func() { abandoned.Kill("stopped") })
	k.After(2*time.Second, func() { finish() })
	run(k)
	k.Close()
	if want := []string{"abandoned: stopped", "callee", "caller"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
}

func TestCloseEndsWhatIsLeft(t *testing.T) {
	k := kernel.New(1, nil)
	unwound := false
	k.Go(&kernel.Process{}, func() {
		defer func() { unwound = true }()
		k.Pause(2 * time.Hour)
		t.Error("it went on")
	}, nil)
	run(k)
	k.Close()
	if !unwound {
		t.Error("the process was left where it was")
	}
}

func TestFaults(t *testing.T) {
	minute := kernel.Duration{Duration: time.Minute}
	plan := []kernel.Fault{
		{Kind: "early", Until: minute},
		{Kind: "late", From: minute},
		{Kind: "twice", Times: 2},
		{Kind: "often", Rate: 0.25},
		{Kind: "some", Of: "octo/"},
	}
	k := kernel.New(7, plan)
	count := func(kind, subject string) (n int) {
		for range 1000 {
			if _, strikes := k.Strikes(kind, subject); strikes {
				n++
			}
		}
		return n
	}
	k.After(0, func() {
		if count("early", "x") != 1000 || count("late", "x") != 0 || count("twice", "x") != 2 || count("some", "octo/a") != 1000 || count("some", "a/octo/") != 0 {
			t.Error("in the first minute")
		}
		if n := count("often", "x"); n < 200 || n > 300 {
			t.Errorf("a quarter of 1000 is %d", n)
		}
	})
	k.After(time.Minute, func() {
		if count("early", "x") != 0 || count("late", "x") != 1000 {
			t.Error("after the first minute")
		}
	})
	run(k)
	if k.Counts()["twice"] != 2 {
		t.Errorf("counted %v", k.Counts())
	}
}

func TestCheckPlan(t *testing.T) {
	known := []kernel.Kind{{Name: "a"}, {Name: "b"}}
	for want, f := range map[string]kernel.Fault{
		`no kind of fault "c"; there are a, b`: {Kind: "c"},
		"rate 2 is not":                        {Kind: "a", Rate: 2},
		"fault a: from is -1ns; use a time":    {Kind: "a", From: kernel.Duration{Duration: -1}},
		"fault a: until is -1ns; use a time":   {Kind: "a", Until: kernel.Duration{Duration: -1}},
		"fault a: for is -1ns; use a time":     {Kind: "a", For: kernel.Duration{Duration: -1}},
		"fault a: times is -1; use a number":   {Kind: "a", Times: -1},
		"before it begins":                     {Kind: "a", From: kernel.Duration{Duration: 2}, Until: kernel.Duration{Duration: 1}},
	} {
		if err := kernel.CheckPlan([]kernel.Fault{f}, known); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", f, err, want)
		}
	}
	if err := kernel.CheckPlan([]kernel.Fault{{Kind: "a", Rate: 0.5}}, known); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfCalls(t *testing.T) {
	k := kernel.New(1, nil)
	broken := errors.New("broken")
	if err := k.Call("x", func() error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func BenchmarkCall(b *testing.B) {
	k := kernel.New(1, nil)
	k.Go(&kernel.Process{}, func() {
		for b.Loop() {
			_ = k.Call("x", func() error { return nil })
		}
	}, nil)
	for k.Step(kernel.Epoch.Add(1e6 * time.Hour)) {
	}
}
