package local

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// bus is the event bus of one machine. Like EventBridge it promises no order, and
// delivers an event again to a target that failed. Unlike EventBridge it loses the
// events that it holds when the process ends; the sweep repairs that.
type bus struct {
	handle func(context.Context, fleet.Event) error
	log    *slog.Logger

	events  chan fleet.Event
	workers sync.WaitGroup
	ctx     context.Context
	stop    context.CancelFunc

	mu     sync.RWMutex
	closed bool
}

const (
	busDepth    = 4096
	busWorkers  = 4
	busAttempts = 6
)

var errBusClosed = errors.New("the bus is closed")

func newBus(handle func(context.Context, fleet.Event) error, log *slog.Logger) *bus {
	ctx, stop := context.WithCancel(context.Background())
	b := &bus{handle: handle, log: log, events: make(chan fleet.Event, busDepth), ctx: ctx, stop: stop}
	for range busWorkers {
		b.workers.Go(b.work)
	}
	return b
}

// Put accepts an event, or fails if there is no room for it just now.
func (b *bus) Put(_ context.Context, event fleet.Event) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return errBusClosed
	}
	select {
	case b.events <- event:
		return nil
	default:
		return errors.New("the bus is full")
	}
}

// Close lets the workers finish what was accepted, as long as ctx allows.
func (b *bus) Close(ctx context.Context) {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.events)
	}
	b.mu.Unlock()
	done := make(chan struct{})
	go func() { b.workers.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	b.stop()
	<-done
}

func (b *bus) work() {
	for event := range b.events {
		b.deliver(event)
	}
}

// deliver hands one event over. If that fails it tries again, with growing pauses.
func (b *bus) deliver(event fleet.Event) {
	pause := 50 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := b.try(event)
		if err == nil || b.ctx.Err() != nil {
			return
		}
		if attempt == busAttempts {
			b.log.Error("event given up", "event_id", event.ID, "detail_type", event.DetailType, "error", err.Error())
			return
		}
		b.log.Warn("event failed, trying again", "event_id", event.ID, "detail_type", event.DetailType, "attempt", attempt, "error", err.Error())
		select {
		case <-b.ctx.Done():
			return
		case <-time.After(pause):
		}
		pause *= 4
	}
}

// try confines a panic to the event that caused it.
func (b *bus) try(event fleet.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			b.log.Error("panic while handling an event", "event_id", event.ID, "detail_type", event.DetailType, "panic", p)
			err = nil // the same event would panic again
		}
	}()
	return b.handle(b.ctx, event)
}
