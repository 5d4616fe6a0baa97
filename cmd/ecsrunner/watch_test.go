package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func TestAWatchEnds(t *testing.T) {
	broken := errors.New("the table is gone")
	for name, c := range map[string]struct {
		failsAt, stopsAt int // of the times that it is shown
		stopsIn          string
		shown            int
		want             error
	}{
		"when the command is told to stop while it waits": {stopsAt: 3, stopsIn: "wait", shown: 3},
		"when it is told so while it reads":               {stopsAt: 2, stopsIn: "show", shown: 2},
		"with what fails":                                 {failsAt: 2, shown: 2, want: broken},
	} {
		ctx, stop := context.WithCancel(t.Context())
		shown := 0
		err := watch(ctx, func(ctx context.Context, _ time.Duration) error {
			if shown == c.stopsAt && c.stopsIn == "wait" {
				stop()
			}
			return ctx.Err()
		}, func(ctx context.Context) error {
			shown++
			switch {
			case shown == c.failsAt:
				return broken
			case shown == c.stopsAt && c.stopsIn == "show":
				stop()
				return ctx.Err()
			}
			return nil
		})
		stop()
		if !errors.Is(err, c.want) || shown != c.shown {
			t.Errorf("%s: shown %d times, %v", name, shown, err)
		}
	}
}

func TestRedrawKeepsToTheTerminal(t *testing.T) {
	for height, want := range map[int]string{
		0: "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\nlast\x1b[K\n\x1b[J",
		4: "\x1b[Ha\x1b[K\nb\x1b[K\nlast\x1b[K\n\x1b[J",
		9: "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\nlast\x1b[K\n\x1b[J",
	} {
		var out bytes.Buffer
		if err := redraw(&out, func() int { return height })("a\nb\nc\nlast\n"); err != nil || out.String() != want {
			t.Errorf("%d lines: %q, %v", height, out.String(), err)
		}
	}
}

func TestAPipeGetsWhatHasChanged(t *testing.T) {
	total := int64(1)
	run := func(id string, status fleet.RunStatus) report.Run {
		total++
		took := total
		return report.Run{RunID: id, Status: status, Stages: report.Stages{Total: &took}}
	}
	var seen changes
	for i, c := range []struct {
		runs []report.Run
		want string
	}{
		{[]report.Run{run("job-2", fleet.RunQueued), run("job-1", fleet.RunRunning)}, "job-1 job-2"}, // as a log: the oldest first
		{[]report.Run{run("job-2", fleet.RunQueued), run("job-1", fleet.RunRunning)}, ""},
		{[]report.Run{run("job-3", fleet.RunQueued), run("job-2", fleet.RunQueued), run("job-1", fleet.RunCompleted)}, "job-1 job-3"},
		{[]report.Run{run("job-3", fleet.RunStarting)}, "job-3"},
	} {
		var got []string
		for _, r := range seen.of(c.runs) {
			got = append(got, r.RunID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("look %d: %v, want %s", i, got, c.want)
		}
	}
}
