package lifecycletest

import (
	"context"
	"maps"
	"slices"
)

// Control is the state machine as operators see it. Fails scripts errors by method name.
type Control struct {
	w       *World
	Fails   map[string]error
	Stopped []string // executions that were stopped, in that order
}

// Running lists the running executions.
func (c *Control) Running(context.Context) (names []string, err error) {
	err = c.w.point("Control.Running", func() error {
		e := c.w.Executions
		for _, name := range slices.Sorted(maps.Keys(e.inputs)) {
			if !e.ended[name] {
				names = append(names, name)
			}
		}
		return c.Fails["Running"]
	})
	return names, err
}

// Stop ends an execution.
func (c *Control) Stop(_ context.Context, name, _ string) error {
	return c.w.point("Control.Stop", func() error {
		if err := c.Fails["Stop"]; err != nil {
			return err
		}
		if e := c.w.Executions; !e.ended[name] {
			e.End(name)
			c.Stopped = append(c.Stopped, name)
		}
		return nil
	})
}

// Builds are the running image builds, as operators see them.
type Builds struct {
	w       *World
	running []string
	Fails   error
	Lasting bool // Stop has no effect on the builds
}

// Add starts a build.
func (b *Builds) Add(id string) { b.running = append(b.running, id) }

// Running lists the running builds.
func (b *Builds) Running(context.Context) (running []string, err error) {
	err = b.w.point("Builds.Running", func() error {
		running = slices.Clone(b.running)
		return b.Fails
	})
	return running, err
}

// Stop ends a build. If it has ended already, that is no error.
func (b *Builds) Stop(_ context.Context, id string) error {
	return b.w.point("Builds.Stop", func() error {
		if !b.Lasting {
			b.running = slices.DeleteFunc(b.running, func(running string) bool { return running == id })
		}
		return b.Fails
	})
}
