package local_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// Health shows what a sweep of a running fleet leaves, and stays good.
func TestHealthTellsWhatTheSweepLeft(t *testing.T) {
	w := newWorld(t, func(c *local.Config, _ *sim.Config) {
		c.SweepEvery = 20 * time.Millisecond
		c.Credential = github.PAT(func(context.Context) (string, error) { return "", errors.New("the token is on another machine") })
	})
	w.await("the sweep's error", func() bool { return w.fleet.Health(t.Context()).LastSweepError != nil })
	if h := w.fleet.Health(t.Context()); h.Status != local.HealthOK || h.LastWriteError != nil {
		t.Errorf("%+v", h)
	}
}

// And a write that fails makes it bad.
func TestHealthTellsThatRecordsCannotBeWritten(t *testing.T) {
	w := newWorld(t, func(c *local.Config, _ *sim.Config) { c.SweepEvery = time.Hour })
	if err := w.fleet.LoseRecords(t.Context()); err == nil {
		t.Fatal("a record was written")
	}
	if h := w.fleet.Health(t.Context()); h.Status != local.HealthFailing || h.LastWriteError == nil {
		t.Errorf("%+v", h)
	}
}
