package lifecycletest

import (
	"context"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// hidden is how long other receivers do not get an event that was received.
const hidden = time.Minute

// FailedEvents are the events that dispatch could not handle. An event that was received
// and is not done comes again after a while.
type FailedEvents struct {
	w       *World
	kept    []fleet.FailedEvent
	visible map[string]time.Time
	Fails   error
}

// Add keeps an event that dispatch could not handle.
func (f *FailedEvents) Add(event fleet.Event) {
	f.kept = append(f.kept, fleet.FailedEvent{Receipt: "receipt of " + event.ID, Event: event})
}

// Receive returns up to ten events that no other receiver has.
func (f *FailedEvents) Receive(context.Context) (events []fleet.FailedEvent, more bool, err error) {
	err = f.w.point("FailedEvents.Receive", func() error {
		if f.Fails != nil {
			return f.Fails
		}
		for _, e := range f.kept {
			if len(events) < 10 && !f.visible[e.Receipt].After(f.w.now) {
				events = append(events, e)
				if f.visible == nil {
					f.visible = map[string]time.Time{}
				}
				f.visible[e.Receipt] = f.w.now.Add(hidden)
			}
		}
		return nil
	})
	return events, len(events) > 0, err
}

// Done forgets an event.
func (f *FailedEvents) Done(_ context.Context, receipt string) error {
	return f.w.point("FailedEvents.Done", func() error {
		if f.Fails != nil {
			return f.Fails
		}
		f.kept = slices.DeleteFunc(f.kept, func(e fleet.FailedEvent) bool { return e.Receipt == receipt })
		return nil
	})
}

// Count is how many events are left.
func (f *FailedEvents) Count() int { return len(f.kept) }
