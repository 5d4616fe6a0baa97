package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// failedEvents keeps the events that dispatch could not handle, or did not get.
type failedEvents interface {
	// Receive returns the next few. Other receivers do not get them for a while; those
	// that are not done by then come again, but only a few times. more is false if this
	// look found none, which does not prove that there are none.
	Receive(ctx context.Context) (events []fleet.FailedEvent, more bool, err error)
	// Done forgets an event.
	Done(ctx context.Context, receipt string) error
}

// What one sweep spends on failed events. The time leaves most of a minute to the parts
// that find by themselves what the events report.
const (
	mostBatches    = 5
	mostFailedTime = 15 * time.Second
)

// failed has dispatch handle the events once more that it could not handle. If it fails
// again, the event stays: it comes again, and after a few times it is left for people.
func (s *sweep) failed(ctx context.Context) error {
	if s.FailedEvents == nil {
		return nil
	}
	var failed []error
	for range mostBatches {
		events, more, err := s.FailedEvents.Receive(ctx)
		if err == nil {
			err = each(events, func(e fleet.FailedEvent) error { return s.handle(ctx, e) })
		}
		if failed = append(failed, err); !more || hopeless(err) || s.Fleet.Now().Sub(s.now) >= mostFailedTime {
			break
		}
	}
	return errors.Join(failed...)
}

// handle forgets the event last: if the process dies before that, the event is handled
// twice, which is harmless.
func (s *sweep) handle(ctx context.Context, e fleet.FailedEvent) error {
	if err := s.counted(FailedEvent, s.Dispatch(ctx, e.Event)); err != nil {
		return err
	}
	s.told[s.runnerOf(e.Event)] = true
	return s.FailedEvents.Done(ctx, e.Receipt)
}

// runnerOf is the runner that an event is about, "" if it is about none: this sweep
// need not signal that runner's execution once more.
func (s *sweep) runnerOf(event fleet.Event) string {
	var detail struct {
		fleet.Task           // startedBy
		Job        fleet.Job `json:"job"`
	}
	if json.Unmarshal(event.Detail, &detail) != nil {
		return ""
	}
	id, _, _ := fleet.ParseRunnerID(s.Fleet.Name, cmp.Or(detail.StartedBy, detail.Job.RunnerName))
	return id
}
