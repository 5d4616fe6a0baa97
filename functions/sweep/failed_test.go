package sweep_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// queuedEvent is the event of a job's webhook.
func queuedEvent(w *world, job fleet.Job) fleet.Event {
	return w.Event(fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: fleet.JobQueued, Delivery: w.NewID(), ReceivedAt: w.Now(), Job: job})
}

func TestFailedEvents(t *testing.T) {
	play(t, map[string]scene{
		"a queued job that dispatch could not handle": {
			setup: func(w *world) { w.FailedEvents.Add(queuedEvent(w, w.Job(7))) }, want: repairs{sweep.FailedEvent: 1},
			check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"one whose webhook has only just come": {
			setup: func(w *world) { w.FailedEvents.Add(queuedEvent(w, w.Job(7))) }, early: true, want: repairs{sweep.FailedEvent: 1},
			check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"a task that stopped": {
			setup: func(w *world) {
				id := w.Up(w.Job(7))
				w.FailedEvents.Add(w.Event(fleet.TaskEvent, w.Tasks.Ends(id, 64)))
			},
			want:  repairs{sweep.FailedEvent: 1},
			check: func(t *testing.T, w *world) { wantSignals(t, w, 1) },
		},
		"a job that a runner took": {
			setup: func(w *world) {
				job := w.Job(7)
				job = inProgress(started(w, job), w.Idle(job)+".1")
				w.GitHub.Set(job)
				w.GitHub.Runner(job.RunnerName).Working = true
				w.FailedEvents.Add(w.Event(fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: fleet.JobInProgress, ReceivedAt: w.Now(), Job: job}))
			},
			want:  repairs{sweep.FailedEvent: 1},
			check: func(t *testing.T, w *world) { wantSignals(t, w, 1) },
		},
		"one that was made good already": {
			setup: func(w *world) { job := w.Job(7); w.Launch(job); w.FailedEvents.Add(queuedEvent(w, job)) }, want: repairs{sweep.FailedEvent: 1},
			check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"an event without a handler": {
			setup: func(w *world) { w.FailedEvents.Add(w.Event("other", nil)) }, want: repairs{sweep.FailedEvent: 1},
		},
	})
}

func wantSignals(t *testing.T, w *world, n int) {
	t.Helper()
	if len(w.Executions.Signals) != n {
		t.Errorf("signals %q", w.Executions.Signals)
	}
}

// poison is an event that dispatch cannot read.
func poison(w *world) fleet.Event { return w.Event(fleet.TaskEvent, "not a task") }

func TestAnEventThatFailsAgainIsLeft(t *testing.T) {
	w := lifecycletest.New(t)
	w.FailedEvents.Add(poison(w))
	w.FailedEvents.Add(queuedEvent(w, w.Job(7)))
	got, err := run(w)
	if !maps.Equal(got, repairs{sweep.FailedEvent: 1}) || err == nil || !strings.Contains(err.Error(), "sweep failed events: read event") {
		t.Errorf("repaired %v, %v", got, err)
	}
	if w.FailedEvents.Count() != 1 || w.Run("job-7").RunnerID == "" {
		t.Errorf("%d are left:\n%s", w.FailedEvents.Count(), w.State())
	}
	if _, err := run(w); err != nil {
		t.Errorf("it came again at once: %v", err)
	}
	w.Pass(time.Hour)
	if _, err := run(w); err == nil {
		t.Error("it did not come again")
	}
}

func TestHowManyEventsASweepHandles(t *testing.T) {
	outage := fleet.Errorf(fleet.RecordsUnavailable, "down")
	tests := map[string]struct {
		dispatch func(w *world) error
		handled  int
	}{
		"each of them":              {func(*world) error { return nil }, 50},
		"none of them":              {func(*world) error { return errors.New("a mistake") }, 50},
		"the table is down":         {func(*world) error { return outage }, 1},
		"each takes its time":       {func(w *world) error { w.Pass(4 * time.Second); return nil }, 10},
		"each takes a little while": {func(w *world) error { w.Pass(time.Second); return nil }, 20},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			w := lifecycletest.New(t)
			for range 70 {
				w.FailedEvents.Add(w.Event("other", nil))
			}
			h, handled := handler(w), 0
			h.Dispatch = func(context.Context, fleet.Event) error { handled++; return test.dispatch(w) }
			_, err := h.Run(t.Context())
			if handled != test.handled || (err != nil) != (test.dispatch(w) != nil) {
				t.Errorf("handled %d, %v", handled, err)
			}
		})
	}
}

// On one machine no event is lost on the way, and none is kept.
func TestWithoutQueueAndDefinitions(t *testing.T) {
	w := lifecycletest.New(t)
	arn := w.Definitions.Add(family("fleet", 1), w.Now().Add(-48*time.Hour))
	w.FailedEvents.Add(poison(w))
	h := handler(w)
	h.FailedEvents, h.Dispatch, h.Definitions, h.Images = nil, nil, nil, nil
	if got, err := h.Run(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("repaired %v, %v", got, err)
	}
	if _, active := w.Definitions.Has(arn); !active || w.FailedEvents.Count() != 1 {
		t.Errorf("something changed:\n%s", w.State())
	}
}
