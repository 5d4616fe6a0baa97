package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/forecast"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

// bar shows how far simulations have come: on a terminal, on one line.
type bar struct {
	w    io.Writer
	live bool
	of   int // simulations

	n        int    // of the one that is played
	what     string // the value that it varies
	workload workload.Workload
	now      simulation.Progress
	drawn    time.Time
}

func newBar(w io.Writer, of int) *bar { return &bar{w: w, live: isTerminal(w), of: of} }

func (b *bar) begin(n int, what string, jobs workload.Workload) {
	b.n, b.what, b.workload, b.now, b.drawn = n, what, jobs, simulation.Progress{}, time.Time{}
}

// redrawBar is how often the bar is drawn at most, and barWidth how wide it is.
const (
	redrawBar = 100 * time.Millisecond
	barWidth  = 24
)

func (b *bar) show(now simulation.Progress) {
	b.now = now
	if !b.live || time.Since(b.drawn) < redrawBar {
		return
	}
	b.drawn = time.Now()
	done := min(barWidth, b.now.Ended*barWidth/max(1, len(b.workload.Jobs)))
	fmt.Fprintf(b.w, "\r\x1b[K\x1b[?7l[%s%s] %s\x1b[?7h", strings.Repeat("#", done), strings.Repeat(".", barWidth-done), b.came())
}

func (b *bar) clear() {
	if b.live {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}

// came says how far it has come.
func (b *bar) came() string {
	text := fmt.Sprintf("%d of %d jobs have ended, after %s", b.now.Ended, len(b.workload.Jobs), forecast.Lasts(b.now.Since))
	if b.of > 1 {
		text = fmt.Sprintf("simulation %d of %d (%s): %s", b.n+1, b.of, b.what, text)
	}
	return text
}
