package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// endless is a Source whose history never ends.
type endless struct {
	report.Source
	interrupt func()
}

func (e endless) RunsBelow(ctx context.Context, _ report.RunList, below report.Place, _ time.Time, limit int) (report.RunsRead, error) {
	if below.RunID != "" { // the second page
		e.interrupt()
	}
	read := report.RunsRead{}
	for n := range limit {
		at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).Add(-time.Duration(n) * time.Second)
		read.Runs = append(read.Runs, fleet.NewRun(fleet.Job{JobID: int64(n + 1)}, at))
	}
	read.Next = report.PlaceOf(read.Runs[limit-1])
	return read, ctx.Err()
}

func (endless) RunnersByID(context.Context, []string) ([]fleet.Runner, error) { return nil, nil }

// Capacity is that of a fleet without pools.
func (endless) Capacity(context.Context) (fleet.Capacity, error) { return fleet.Capacity{}, nil }

// TestAnInterruptEndsACount: Ctrl-C ends it at the next page, and says what was done.
func TestAnInterruptEndsACount(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	p := period{since: "2026-01-01", most: report.MostRead}
	var talk bytes.Buffer
	counted := 0
	_, err := p.read(ctx, &opened{records: endless{interrupt: interrupt}}, time.Now(), &talk, func(report.Lived) { counted++ }, nil)
	if err == nil || !strings.Contains(err.Error(), "interrupted after 1000 runs") || counted != report.MostListed || talk.Len() != 0 {
		t.Errorf("%v, counted %d, said %q", err, counted, talk.String())
	}
}

func TestACountIsBounded(t *testing.T) {
	p := period{since: "2026-01-01", most: 2500}
	counted := 0
	read, err := p.read(t.Context(), &opened{records: endless{interrupt: func() {}}}, time.Now(), &bytes.Buffer{}, func(report.Lived) { counted++ }, nil)
	if err != nil || counted != 2500 || read.Looked != 2500 || !read.Cut {
		t.Errorf("%+v, %v, counted %d", read, err, counted)
	}
}
