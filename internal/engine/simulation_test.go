package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// world is a clock and a queue on one goroutine: what a simulation puts in the
// place of time and concurrency.
type world struct {
	now   time.Time
	queue []func()
	timer []*worldTimer
}

type worldTimer struct {
	at   time.Time
	f    func()
	dead bool
}

func (w *world) Now() time.Time { return w.now }

func (w *world) AfterFunc(d time.Duration, f func()) Timer {
	t := &worldTimer{at: w.now.Add(d), f: f}
	w.timer = append(w.timer, t)
	return t
}

func (t *worldTimer) Stop() bool {
	was := !t.dead
	t.dead = true
	return was
}

// run does what is queued or due until nothing is, and returns how often time moved.
func (w *world) run() (moves int) {
	for {
		for len(w.queue) > 0 {
			f := w.queue[0]
			w.queue = w.queue[1:]
			f()
		}
		w.timer = slices.DeleteFunc(w.timer, func(t *worldTimer) bool { return t.dead })
		if len(w.timer) == 0 {
			return moves
		}
		next := slices.MinFunc(w.timer, func(a, b *worldTimer) int { return a.at.Compare(b.at) })
		next.dead = true
		w.now = next.at
		moves++
		next.f()
	}
}

// Without goroutines, wall clock and randomness an execution has one history.
func TestASimulationIsRepeatable(t *testing.T) {
	play := func() string {
		w := &world{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		f := newFleet()
		f.by["InspectRunner"] = func(context.Context, document) (string, error) {
			if w.now.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) > 24*time.Hour {
				return `{"outcome":"reaped"}`, nil
			}
			return `{"outcome":"waiting","seconds":600}`, nil
		}
		e := f.engine(t, func(cfg *Config) {
			cfg.Clock = w
			cfg.Go = func(f func()) { w.queue = append(w.queue, f) }
			cfg.NewToken = func() string { return "token" }
		})
		start(t, e, runnerID, `{}`)
		if moves := w.run(); moves < 288 {
			t.Errorf("time moved %d times in a day of heartbeats that stay away", moves)
		}
		if x := describe(t, e, runnerID); x.Status != Failed || !strings.HasSuffix(entered(t, e, runnerID), "RecordFailure Failed") {
			t.Errorf("%s in %s", x.Status, x.State)
		}
		events, err := e.History(context.Background(), runnerID)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(events)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if first, second := play(), play(); first != second {
		t.Error("two runs have two histories")
	}
}
