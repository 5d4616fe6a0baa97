package lifecycletest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Fault is what happens at one point. The zero Fault is none.
type Fault struct {
	Point int  // the n-th call into the world, from 1
	After bool // the call has had its effect
	Error bool // the caller gets an error; else it dies
}

// killed is the panic of a function that was killed.
type killed struct{ call string }

// point counts a call into the world, and has the fault if it is due there.
func (w *World) point(call string, effect func() error) error {
	if w.meddling {
		return effect()
	}
	w.points++
	due := w.fault.Point == w.points
	if due && !w.fault.After {
		if err := w.strike(call); err != nil {
			return err
		}
	}
	err := effect()
	w.letMeddle(call)
	if due && w.fault.After {
		if err := w.strike(call); err != nil {
			return err
		}
	}
	return err
}

func (w *World) letMeddle(call string) {
	for _, at := range []string{call, fmt.Sprint(w.points)} {
		if meddle := w.meddle[at]; meddle != nil {
			delete(w.meddle, at)
			w.meddling = true
			meddle()
			w.meddling = false
		}
	}
}

func (w *World) strike(call string) error {
	if !w.fault.Error {
		panic(killed{call})
	}
	name := fleet.RecordsUnavailable
	switch part, _, _ := strings.Cut(call, "."); part {
	case "GitHub":
		name = fleet.GitHubUnavailable
	case "Tasks":
		name = fleet.RunnerLaunchUnclear
	}
	return fleet.Errorf(name, "no answer to %s", call)
}

// After calls act, once and without faults, right after a call such as "GitHub.Register"
// has had its effect: another process acts there.
func (w *World) After(call string, act func()) { w.meddle[call] = act }

// AfterPoint is After for the n-th call during Suffer, whichever that is.
func (w *World) AfterPoint(n int, act func()) { w.meddle[fmt.Sprint(n)] = act }

// Undisturbed calls act now, without faults: another process acts.
func (w *World) Undisturbed(act func()) {
	w.meddling = true
	act()
	w.meddling = false
}

// Points is how many calls were made so far.
func (w *World) Points() int { return w.points }

// Suffer runs a call with the fault. died reports whether it was killed.
func (w *World) Suffer(f Fault, call func() error) (died bool, err error) {
	w.fault, w.points = f, 0
	defer func() {
		w.fault = Fault{}
		if p := recover(); p != nil {
			if _, ok := p.(killed); !ok {
				panic(p)
			}
			died = true
		}
	}()
	return false, call()
}

// KillEverywhere kills a call at every point, before and after the effect, makes the
// point fail as well, and calls again as Step Functions and the bus do. The world must
// then look as after one undisturbed call.
//
// call returns the error that its caller would see. settle, if not nil, is what happens
// in the world by itself afterwards.
func KillEverywhere(t *testing.T, setup func(*testing.T) *World, call func(*World) error, settle func(*World)) {
	t.Helper()
	if settle == nil {
		settle = func(*World) {}
	}
	calm := setup(t)
	_, calmErr := calm.Suffer(Fault{}, func() error { return call(calm) })
	points := calm.Points()
	settle(calm)
	want := calm.State()
	if points == 0 {
		t.Fatal("the call does nothing")
	}
	for n := 1; n <= points && !t.Failed(); n++ {
		faults := []Fault{{n, false, false}, {n, true, false}, {n, false, true}, {n, true, true}}
		if testing.Short() {
			faults = faults[n%4:][:1]
		}
		for _, f := range faults {
			w := setup(t)
			died, err := w.Suffer(f, func() error { return call(w) })
			if !died && !f.Error {
				t.Errorf("%+v: the call did not come to the point", f)
			}
			if err == nil && !died {
				continue // it handles the error: a test of its own checks what it then does
			}
			if err = call(w); fleet.ErrorName(err) != fleet.ErrorName(calmErr) {
				t.Errorf("%+v: the second call ended with %v, an undisturbed one with %v", f, err, calmErr)
			}
			settle(w)
			if got := w.State(); got != want {
				t.Errorf("%+v:\n%s", f, difference(want, got))
			}
		}
	}
}

func difference(want, got string) string {
	was, is := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for _, l := range missing(was, is) {
		b.WriteString("  - " + l + "\n")
	}
	for _, l := range missing(is, was) {
		b.WriteString("  + " + l + "\n")
	}
	return b.String()
}

// missing returns the lines of one that are not in other.
func missing(one, other []string) (lines []string) {
	in := map[string]bool{}
	for _, l := range other {
		in[l] = true
	}
	for _, l := range one {
		if !in[l] {
			lines = append(lines, l)
		}
	}
	return lines
}
