package local

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// observed reports what was written of runs and runners.
type observed struct {
	counted
	tell func(fleet.Changes)
}

func (o observed) Write(ctx context.Context, changes fleet.Changes) error {
	err := o.counted.Write(ctx, changes)
	if err == nil {
		o.tell(changes)
	}
	return err
}

// observedImages reports that something was written of images, without a change.
type observedImages struct {
	*sqlite.Store
	tell func()
}

func (o observedImages) PutImage(ctx context.Context, image fleet.ImageRecord) error {
	defer o.tell()
	return o.Store.PutImage(ctx, image)
}

func (o observedImages) JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (string, error) {
	defer o.tell()
	return o.Store.JoinBuild(ctx, tag, runnerID, now, lease)
}

func (o observedImages) EndBuild(ctx context.Context, tag, owner string) error {
	defer o.tell()
	return o.Store.EndBuild(ctx, tag, owner)
}

func (f *Fleet) images() observedImages { return observedImages{f.store, f.observe} }

func (f *Fleet) records() lifecycle.Records {
	kept := counted{f.store, f.measured}
	var records lifecycle.Records = kept
	if f.cfg.Observe != nil {
		records = observed{kept, f.cfg.Observe}
	}
	if f.cfg.Unpaced {
		records = unpaced{records}
	}
	return records
}

// unpaced are records that do not say how many runners have just started.
type unpaced struct{ lifecycle.Records }

func (u unpaced) Capacity(ctx context.Context) (fleet.Capacity, error) {
	capacity, err := u.Records.Capacity(ctx)
	capacity.Pace = fleet.Pace{}
	return capacity, err
}

// observe reports something that changes no record.
func (f *Fleet) observe() {
	if f.cfg.Observe != nil {
		f.cfg.Observe(fleet.Changes{})
	}
}
