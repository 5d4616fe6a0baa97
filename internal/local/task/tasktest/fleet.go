package tasktest

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// Point is where a fleet is killed.
type Point string

const (
	Pending  Point = fleet.TaskPending // recorded, not started
	Started  Point = "STARTED"         // not recorded as such
	Running  Point = fleet.TaskRunning
	Stopping Point = "STOPPING" // asked to stop before it was started
	Stopped  Point = fleet.TaskStopped
	Done     Point = "DONE" // STOPPED was notified, and what the end is read from is not cleared
)

// Fleet is a ledger that can be killed within a test's process: its tasks run on.
type Fleet struct {
	*task.Ledger
	dead  context.Context
	kill  context.CancelFunc
	reach func(Point)
}

// Open opens the ledger of a fleet that can be killed.
func Open(ctx context.Context, cfg task.Config) (*Fleet, error) {
	return open(ctx, cfg, func(Point) {})
}

func open(ctx context.Context, cfg task.Config, reach func(Point)) (f *Fleet, err error) {
	f = &Fleet{reach: reach}
	f.dead, f.kill = context.WithCancel(context.Background())
	notify := cfg.Notify
	cfg.Runner = mortal{cfg.Runner, f}
	cfg.Notify = func(t fleet.Task) {
		f.reach(Point(t.LastStatus))
		f.mayDie()
		if notify != nil {
			notify(t)
		}
	}
	f.Ledger, err = task.Open(ctx, cfg)
	return f, err
}

// Kill returns when the ledger does nothing more.
func (f *Fleet) Kill() {
	f.kill()
	_ = f.Ledger.Close(context.Background())
}

// mayDie ends the goroutine if the fleet was killed.
func (f *Fleet) mayDie() {
	if f.dead.Err() != nil {
		runtime.Goexit()
	}
}

// mortal is a runner of a fleet that may be killed: that ends its contexts at once, and
// before the ledger closes.
type mortal struct {
	task.Runner
	fleet *Fleet
}

func (m mortal) Start(_ context.Context, t task.Task) (task.Handle, error) {
	h, err := m.Runner.Start(m.fleet.dead, t)
	m.fleet.reach(Started)
	m.fleet.mayDie()
	return mortalHandle{h, m.fleet}, err
}

func (m mortal) Adopt(_ context.Context, t task.Task) (task.Handle, bool) {
	h, runs := m.Runner.Adopt(m.fleet.dead, t)
	m.fleet.mayDie()
	return mortalHandle{h, m.fleet}, runs
}

type mortalHandle struct {
	task.Handle
	fleet *Fleet
}

func (h mortalHandle) Wait(_ context.Context) (task.Ending, error) {
	end, err := h.Handle.Wait(h.fleet.dead)
	h.fleet.mayDie()
	return end, err
}

func (h mortalHandle) Clear(_ context.Context) error {
	h.fleet.reach(Done)
	h.fleet.mayDie()
	return h.Handle.Clear(h.fleet.dead)
}

// Play takes over what there is, launches tasks, and calls reached when all of them have
// reached the point, or one that was taken over. There the fleet hangs until it is
// killed. Its clock is at the suite's beginning.
func Play(cfg task.Config, specs []task.Spec, point Point, reached func(*Fleet)) error {
	var f *Fleet
	var count atomic.Int64
	opened := make(chan struct{})
	reach := func(p Point) {
		<-opened
		switch {
		case p == Pending && point == Stopping:
		case p != point:
			return
		case count.Add(1) < int64(len(specs)):
			return
		default:
			reached(f)
		}
		<-f.dead.Done()
		runtime.Goexit()
	}
	cfg.Now = func() time.Time { return begin }
	f, err := open(context.Background(), cfg, reach)
	if err != nil {
		return err
	}
	close(opened)
	if err := f.Resume(); err != nil {
		return err
	}
	for _, spec := range specs {
		launched, err := f.Launch(context.Background(), spec)
		if err == nil && point == Stopping {
			err = f.Stop(context.Background(), launched.ARN, "no longer wanted")
		}
		if err != nil {
			return err
		}
		reach(Stopping)
	}
	<-f.dead.Done()
	return nil
}
