package control

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// ofRecords operates a fleet that does not run, through its records alone. It holds the
// lock of the data directory until done is called, and fails with datadir.InUse if the
// fleet was started meanwhile.
func ofRecords(ctx context.Context, dir string) (o operate.Operator, done func(), err error) {
	lock, err := datadir.Lock(dir)
	if err != nil {
		return o, nil, err
	}
	store, err := sqlite.Open(ctx, filepath.Join(dir, sqlite.FileName))
	if err != nil {
		lock.Close()
		return o, nil, err
	}
	done = func() {
		store.Close()
		lock.Close()
	}
	settings, err := store.Settings(ctx)
	if err != nil {
		done()
		return o, nil, err
	}
	return operate.Operator{
		Fleet:   lifecycle.Fleet{Name: settings.FleetName, Records: store, Now: time.Now, Log: slog.New(slog.DiscardHandler)},
		Records: store, Bus: noBus{}, Images: store, Cursors: store, NewID: rand.Text,
	}, done, nil
}

// noBus is the bus of a fleet that does not run: it drops every event.
type noBus struct{}

func (noBus) Put(context.Context, fleet.Event) error { return nil }
