package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// progress shows how runs get on: on a terminal a block that is drawn over
// itself, elsewhere one plain line per change.
type progress struct {
	w       io.Writer
	live    bool
	paint   paint
	started time.Time

	mu     sync.Mutex
	known  map[string]fleet.Run
	order  []string
	drawn  int // lines of the block on the screen
	closed bool
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, live: isTerminal(w), paint: colours(w), started: time.Now(), known: map[string]fleet.Run{}}
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
		p.known[run.RunID] = run
		if !p.live {
			fmt.Fprintln(p.w, p.line(run))
		}
	}
	if p.live {
		p.draw()
	}
}

func (p *progress) line(run fleet.Run) string {
	text := fmt.Sprintf("%6.1fs  %-16s %-28s %s", time.Since(p.started).Seconds(), run.RunID, plain(run.Job.Name), p.paint.status(run.Status, run.Conclusion))
	if run.Status == fleet.RunCompleted {
		text += " " + run.Conclusion
	}
	if id := report.RunnerOf(run); id != "" {
		text += "  on " + id
	}
	if run.Reason != "" {
		text += "  (" + plain(run.Reason) + ")"
	}
	return text
}

// mostDrawn bounds the block, so that it fits a screen: of more runs, those that
// have not ended are shown, the first ones.
const mostDrawn = 20

func (p *progress) draw() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
	}
	p.drawn = 0
	ended := 0
	for _, id := range p.order {
		run := p.known[id]
		if run.Status.Terminal() {
			ended++
		}
		if len(p.order) > mostDrawn && run.Status.Terminal() || p.drawn == mostDrawn {
			continue
		}
		fmt.Fprintf(p.w, "\x1b[?7l%s\x1b[?7h\n", p.line(run)) // no line wraps: the block has as many lines as we count
		p.drawn++
	}
	fmt.Fprintf(p.w, "%d of %d runs have ended\n", ended, len(p.order))
	p.drawn++
}

// close leaves the screen to others.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.live && p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}
