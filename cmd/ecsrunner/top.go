package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/top"
)

const leastEvery = time.Second

func newTop() *cobra.Command {
	var src source
	every := 5 * time.Second
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the fleet: what runs, what waits and why, and what is left of the budgets",
		Long: `Watch the fleet: what runs, what waits and why, how many jobs started and ended in the
last 15 minutes and how long they waited, what is left of GitHub's limit, on AWS how many
of the account's vCPUs on Fargate this fleet uses, how its pools of warm runners are, and
what keeps runs from being launched. Ctrl-C ends it. In a pipe it writes one page and ends.

On AWS a page costs some read units of the table for each run that is open: look less
often with --every.`,
		Example: `  ecsrunner top
  ecsrunner top --stack ecsrunner-fleet --every 30s`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < leastEvery {
				return usagef("--every %s: use %s or more", every, leastEvery)
			}
			return src.read(cmd.Context(), func(f *opened) error {
				vcpus := f.vcpus(cmd)
				read := func(ctx context.Context) (top.Moment, error) {
					m, err := top.Read(ctx, f.records, f.region(), time.Now())
					if err == nil {
						m.State = f.state()
						m.Fargate, err = vcpus(ctx)
					}
					return m, err
				}
				if src.json {
					m, err := read(cmd.Context())
					if err != nil {
						return err
					}
					return printJSON(cmd.OutOrStdout(), m)
				}
				screen := topScreen{w: cmd.OutOrStdout(), live: isTerminal(cmd.OutOrStdout()), resized: onResize}
				return screen.watch(cmd.Context(), every, read)
			})
		},
	}
	src.flags(cmd)
	cmd.Flags().Lookup("json").Usage = "print one page as JSON"
	cmd.Flags().DurationVar(&every, "every", every, "how long a page stands")
	return cmd
}

// state says in words whether the fleet is served, and where.
func (f *opened) state() string {
	switch {
	case f.cloud != nil:
		return stateOf(report.Cluster{OnAWS: f.cloud.place(), Running: true})
	case datadir.IsServed(f.dir):
		return "running"
	}
	return "not running"
}

// topScreen is where pages are written: a terminal, or a pipe.
type topScreen struct {
	w       io.Writer
	live    bool
	resized func() (resized <-chan os.Signal, stop func())
}

// watch shows a page after the other until ctx ends. A page that cannot be read leaves the
// last one, with the reason below it: the next one may be read again.
func (s topScreen) watch(ctx context.Context, every time.Duration, read func(context.Context) (top.Moment, error)) error {
	m, err := read(ctx)
	if err != nil {
		return err
	}
	if !s.live {
		return s.write(strings.Join(m.Page(top.Size{}, time.Local), "\n") + "\n")
	}
	// The other screen, without a cursor: what was on the terminal comes back at the end.
	if err := s.write("\x1b[?1049h\x1b[?25l"); err != nil {
		return err
	}
	defer func() { _ = s.write("\x1b[?25h\x1b[?1049l") }() // the terminal may be gone
	resized, stop := s.resized()
	defer stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.draw(m, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-resized:
		case <-tick.C:
			var next top.Moment
			if next, err = read(ctx); err == nil {
				m = next
			} else if errors.Is(err, context.Canceled) {
				return nil
			}
		}
	}
}

// draw writes a page over the one before.
func (s topScreen) draw(m top.Moment, failed error) error {
	size := s.size()
	lines := m.Page(size, time.Local)
	if failed != nil {
		lines = append(lines[:min(len(lines), max(0, size.Rows-1))], top.Fit(fmt.Sprintf("not read again: %v", failed), size))
	}
	return s.write("\x1b[?7l\x1b[H" + strings.Join(lines, "\x1b[K\r\n") + "\x1b[K\x1b[J\x1b[?7h")
}

// size is that of the terminal, or one that every terminal has.
func (s topScreen) size() top.Size {
	if f, ok := s.w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return top.Size{Columns: columns, Rows: rows}
		}
	}
	return top.Size{Columns: 80, Rows: 24}
}

func (s topScreen) write(text string) error {
	_, err := io.WriteString(s.w, text)
	return err
}
