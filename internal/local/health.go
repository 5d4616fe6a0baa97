package local

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// States of a fleet process.
const (
	HealthOK       = "ok"
	HealthFailing  = "failing" // records cannot be read or written
	HealthStopping = "stopping"
)

// troubles are the last errors of the parts that have not succeeded since.
type troubles struct {
	mu           sync.Mutex
	write, sweep *report.Trouble
}

func (t *troubles) note(of **report.Trouble, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*of = nil
	if err != nil {
		*of = &report.Trouble{At: time.Now().UTC(), Error: err.Error()}
	}
}

func (t *troubles) last() (write, sweep *report.Trouble) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.write, t.sweep
}

func httpStatus(h report.Health) int {
	if h.Status == HealthOK {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// Health reports the state of this process. A sweep that left something is no failure:
// the next one continues.
func (f *Fleet) Health(ctx context.Context) report.Health {
	h := report.Health{Status: HealthOK, FleetName: f.cfg.Policy.FleetName}
	h.LastWriteError, h.LastSweepError = f.troubles.last()
	capacity, err := f.store.Capacity(ctx)
	h.OpenRunners = capacity.Open
	switch {
	case f.stopping.Load():
		h.Status = HealthStopping
	case err != nil || h.LastWriteError != nil:
		h.Status = HealthFailing
	}
	return h
}
