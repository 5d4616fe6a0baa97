package upgrade

import (
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// clock is the time of a world and its due actions, on one goroutine.
type clock struct {
	world  *lifecycletest.World
	calls  []func()
	timers []*timer
}

type timer struct {
	at   time.Time
	f    func()
	over bool
}

func (t *timer) Stop() bool {
	was := t.over
	t.over = true
	return !was
}

func (c *clock) Now() time.Time { return c.world.Now() }

func (c *clock) AfterFunc(d time.Duration, f func()) engine.Timer {
	t := &timer{at: c.Now().Add(d), f: f}
	c.timers = append(c.timers, t)
	return t
}

// do calls f as soon as nothing else runs.
func (c *clock) do(f func()) { c.calls = append(c.calls, f) }

// until calls what is due until then, in order.
func (c *clock) until(then time.Time) {
	for {
		for len(c.calls) > 0 {
			f := c.calls[0]
			c.calls = c.calls[1:]
			f()
		}
		c.timers = slices.DeleteFunc(c.timers, func(t *timer) bool { return t.over })
		next := then
		var due *timer
		for _, t := range c.timers {
			if t.at.Before(next) || t.at.Equal(next) && due == nil {
				next, due = t.at, t
			}
		}
		c.world.Pass(max(0, next.Sub(c.Now())))
		if due == nil {
			return
		}
		due.over = true
		due.f()
	}
}
