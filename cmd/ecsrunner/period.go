package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// period are the flags of commands that count a history.
type period struct {
	source
	by, since string
	most      uint
}

func (p *period) flags(cmd *cobra.Command, by string, groupings string) {
	p.source.flags(cmd)
	cmd.Flags().StringVar(&p.by, "by", by, "group by "+groupings)
	values := strings.FieldsFunc(strings.Replace(groupings, " or ", " ", 1), func(r rune) bool { return r == ' ' || r == ',' })
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there, and has none yet
	cmd.Flags().StringVar(&p.since, "since", "24h", "count runs that came since then: 90m, 24h, 7d or a date")
	cmd.Flags().UintVar(&p.most, "limit", 20_000, fmt.Sprintf("look at this many runs at most, the newest first; %d is the most", report.MostRead))
}

// looked is how much of a history was counted. Its JSON is stable.
type looked struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Looked int       `json:"runs_looked_at"`
	// Cut reports that there are older runs since then, which were not looked at.
	Cut    bool      `json:"cut"`
	Oldest time.Time `json:"oldest,omitzero"`
}

// read counts the runs of the period, and says on a terminal how far it is.
// warm gets the warm runners that were launched in it.
func (p *period) read(ctx context.Context, f *opened, now time.Time, talk io.Writer, count func(report.Lived), warm func(fleet.Runner)) (looked, error) {
	if p.most < 1 || p.most > report.MostRead {
		return looked{}, usagef("--limit %d: use 1 to %d", p.most, report.MostRead)
	}
	since, err := timeOf("since", p.since, now)
	if err != nil {
		return looked{}, err
	}
	live, n := isTerminal(talk), 0
	read, err := report.History(ctx, f.records, report.RunQuery{Since: since}, int(p.most), func(page []report.Lived) error {
		for _, lived := range page {
			count(lived)
		}
		if n += len(page); live {
			fmt.Fprintf(talk, "\r\x1b[Kreading runs: %d", n)
		}
		return ctx.Err()
	})
	if err == nil {
		from := since
		if read.Cut {
			from = read.Oldest
		}
		err = report.WarmRunners(ctx, f.records, from, report.MostRead, warm)
	}
	if live {
		fmt.Fprint(talk, "\r\x1b[K")
	}
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("interrupted after %d runs: nothing is printed of a part", n)
	}
	return looked{Since: since.UTC(), Until: now.UTC(), Looked: read.Looked, Cut: read.Cut, Oldest: read.Oldest}, err
}

// say says how many runs were looked at.
func (l looked) say(cmd *cobra.Command) {
	cmd.PrintErrf("%d runs since %s\n", l.Looked, day(l.Since))
	if l.Cut {
		cmd.PrintErrf("there are more, from before %s, which are not in it: --limit looks at more\n", day(l.Oldest))
	}
}
