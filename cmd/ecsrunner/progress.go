package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// progress shows how runs proceed: on a terminal as a block that is redrawn in place,
// elsewhere as one plain line per change.
type progress struct {
	w       io.Writer
	live    bool
	paint   paint
	started time.Time

	mu     sync.Mutex
	known  map[string]seen
	order  []string
	drawn  int // lines of the block on the screen
	closed bool
}

// seen is a run as it last changed.
type seen struct {
	fleet.Run
	at time.Duration // since the start
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, live: isTerminal(w), paint: colours(w), started: time.Now(), known: map[string]seen{}}
}

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format+"\n", args...)
}

// show takes note of changed runs.
func (p *progress) show(runs []fleet.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	for _, run := range runs {
		was, known := p.known[run.RunID]
		if known && (was.Status == run.Status && was.Reason == run.Reason || was.Version > run.Version) {
			continue
		}
		if !known {
			p.order = append(p.order, run.RunID)
			slices.Sort(p.order)
		}
		now := seen{run, time.Since(p.started)}
		p.known[run.RunID] = now
		if !p.live {
			fmt.Fprintln(p.w, p.line(now))
		}
	}
	if p.live {
		p.draw()
	}
}

func (p *progress) line(run seen) string {
	text := fmt.Sprintf("%6.1fs  %-16s %-*s %s", run.at.Seconds(), run.RunID, widest, clip(readable.Plain(run.Job.Name)), p.paint.status(run.Shown(), run.Conclusion))
	if run.Status == fleet.RunCompleted {
		text += " " + run.Conclusion
	}
	if id := report.RunnerOf(run.Run); id != "" {
		text += "  on " + id
	}
	if run.Reason != "" {
		text += "  (" + readable.Plain(run.Reason) + ")"
	}
	return text
}

// mostDrawn bounds the block: of more runs, only the first ones that have not ended are
// shown.
const mostDrawn = 20

// room is how many runs fit the screen below its first line, beside the line that
// counts them and the line of the cursor. Lines that have scrolled off a screen cannot
// be drawn over, and some terminals keep a screen that is cleared whole.
func (p *progress) room() int {
	if height := heightOf(p.w); height > 0 {
		return max(1, min(mostDrawn, height-3))
	}
	return mostDrawn
}

func (p *progress) draw() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
	}
	p.drawn = 0
	ended, room := 0, p.room()
	for _, id := range p.order {
		run := p.known[id]
		if run.Status.Terminal() {
			ended++
		}
		if len(p.order) > room && run.Status.Terminal() || p.drawn == room {
			continue
		}
		fmt.Fprintf(p.w, "\x1b[?7l%s\x1b[?7h\n", p.line(run)) // no line wraps: the block has as many lines as we count
		p.drawn++
	}
	fmt.Fprintf(p.w, "%6.1fs  %d of %d runs have ended\n", time.Since(p.started).Seconds(), ended, len(p.order))
	p.drawn++
}

// close clears the block, so that others can use the screen.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.live && p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}
