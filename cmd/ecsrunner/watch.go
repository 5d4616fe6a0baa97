package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// watchPace is how long a list stays as it is. It costs a fleet on AWS as much as the
// command does each time.
const watchPace = 2 * time.Second

// watchRuns shows a list again and again until the command is told to stop: on a terminal in
// place, and elsewhere the runs that have changed.
func watchRuns(cmd *cobra.Command, find func(context.Context) ([]report.Run, string, error), wide bool) error {
	out := cmd.OutOrStdout()
	draw := redraw(out, func() int { return heightOf(out) })
	var seen changes
	return watch(cmd.Context(), wait, func(ctx context.Context) error {
		runs, _, err := find(ctx)
		if err != nil {
			return err
		}
		if !isTerminal(out) {
			return printRuns(out, screenOf(out), seen.of(runs), wide, time.Now())
		}
		var text bytes.Buffer
		if err := printRuns(&text, screenOf(out), runs, wide, time.Now()); err != nil {
			return err
		}
		fmt.Fprintf(&text, "%d runs at %s, shown again every %s until Ctrl-C\n", len(runs), time.Now().Format(time.TimeOnly), watchPace)
		return draw(text.String())
	})
}

// watch shows something until the context ends, which is no failure.
func watch(ctx context.Context, wait func(context.Context, time.Duration) error, show func(context.Context) error) error {
	for {
		err := show(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if wait(ctx, watchPace) != nil {
			return nil
		}
	}
}

// redraw writes over what it wrote before, as much as the terminal has lines for.
func redraw(w io.Writer, height func() int) func(string) error {
	return func(text string) error {
		lines := strings.SplitAfter(text, "\n")
		if most := height(); most > 1 && len(lines) > most {
			lines = append(lines[:most-2:most-2], lines[len(lines)-2:]...) // the last one is of the watch itself
		}
		var screen strings.Builder
		screen.WriteString("\x1b[H")
		for _, line := range lines {
			screen.WriteString(strings.Replace(line, "\n", "\x1b[K\n", 1))
		}
		screen.WriteString("\x1b[J")
		_, err := io.WriteString(w, screen.String())
		return err
	}
}

// changes are runs as they were seen last, by their ids.
type changes map[string]string

// of are the runs that have changed, the oldest first as in a log. How long they took is no
// change.
func (c *changes) of(runs []report.Run) (changed []report.Run) {
	now := changes{}
	for _, r := range slices.Backward(runs) {
		now[r.RunID] = strings.Join([]string{string(r.Status), r.Conclusion, r.RunnerID, r.Reason + nextTry(r)}, "\x00")
		if (*c)[r.RunID] != now[r.RunID] {
			changed = append(changed, r)
		}
	}
	*c = now
	return changed
}
