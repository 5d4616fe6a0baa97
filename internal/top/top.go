// Package top shows a fleet at a glance, as a page that fits a terminal: what runs, what
// waits and why, how fast jobs come and go, and what is left of the budgets.
//
// A page is made from the newest records alone, so it costs as much for a fleet with a
// million runs as for one with a hundred.
package top

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/pools"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stats"
)

const (
	mostOpen  = 500              // open runs that are read, the newest
	mostHolds = 100              // that are read
	lately    = 15 * time.Minute // over which rates are
	mostRead  = 500              // runs of that time
)

// Moment is a fleet at one time.
type Moment struct {
	At          time.Time          `json:"at"`
	FleetName   string             `json:"fleet_name"`
	State       string             `json:"state"` // in words; the caller knows where the fleet is
	Paused      string             `json:"paused,omitempty"`
	OpenRunners int                `json:"open_runners"`
	MaxRunners  int                `json:"max_runners"`
	GitHub      *fleet.GitHubUsage `json:"github,omitempty"` // nil until the first sweep
	Holds       []Hold             `json:"holds"`
	// Fargate is what the fleet uses of the AWS account's limits. It is empty where the fleet
	// is not on AWS, and if they are not known.
	Fargate []report.VCPUs `json:"fargate"`
	Pools   []pools.Pool   `json:"pools,omitempty"` // of warm runners

	// Started and Ended count jobs of the last 15 minutes, and Queue is how long those waited
	// that were started. RatesCut reports that only the newest jobs of that time were counted.
	Started  int                `json:"started"`
	Ended    int                `json:"ended"`
	Queue    *stats.Percentiles `json:"queue"`
	RatesCut bool               `json:"rates_cut"`

	// Runs have not ended, the oldest first. MoreOpen reports that there are older ones.
	Runs     []report.Run `json:"runs"`
	MoreOpen bool         `json:"more_open"`
}

// Hold keeps runs from being launched.
type Hold struct {
	Reason string    `json:"reason"`
	Whose  string    `json:"whose"`
	Next   time.Time `json:"next_try_at"`
}

// Read looks at the fleet. Prices are those of a region.
func Read(ctx context.Context, src report.Source, region string, now time.Time) (Moment, error) {
	m := Moment{At: now.UTC(), Holds: []Hold{}, Fargate: []report.VCPUs{}, Runs: []report.Run{}}
	settings, err := src.Settings(ctx)
	if err != nil {
		return m, err
	}
	capacity, err := src.Capacity(ctx)
	if err != nil {
		return m, err
	}
	m.FleetName, m.MaxRunners, m.OpenRunners, m.Paused = settings.FleetName, settings.MaxRunners, capacity.Open, capacity.Paused
	holds, err := src.HoldsBelow(ctx, "", mostHolds)
	if err != nil {
		return m, err
	}
	for _, h := range holds {
		if h.Shown() {
			m.Holds = append(m.Holds, Hold{h.Name + ": " + h.Cause, h.Kind.Whose(), h.NextTry})
		}
	}
	text, err := src.Cursor(ctx, fleet.GitHubUsageCursor)
	if err != nil {
		return m, err
	}
	if usage := (fleet.GitHubUsage{}); json.Unmarshal([]byte(text), &usage) == nil {
		m.GitHub = &usage
	}
	known := pools.Records{Policy: report.PolicyOf(settings), Capacity: capacity, Holds: holds, GitHub: m.GitHub}
	if m.Pools, err = pools.Read(ctx, src, known, region, now); err != nil {
		return m, err
	}
	if err := m.readOpen(ctx, src, now); err != nil {
		return m, err
	}
	return m, m.readRates(ctx, src, now)
}

func (m *Moment) readOpen(ctx context.Context, src report.Source, now time.Time) error {
	page, err := report.FindRuns(ctx, src, report.RunQuery{Statuses: openStatuses(), Limit: mostOpen}, now)
	m.Runs, m.MoreOpen = page.Runs, page.Next != ""
	slices.Reverse(m.Runs)
	return err
}

func (m *Moment) readRates(ctx context.Context, src report.Source, now time.Time) error {
	since := now.Add(-lately)
	counter := stats.NewCounter(stats.ByClass, now, time.UTC)
	read, err := report.History(ctx, src, report.RunQuery{Since: since}, mostRead, func(page []report.Lived) error {
		for _, l := range page {
			if l.Run.At(fleet.StageJobStarted).After(since) {
				m.Started++
				counter.Add(l)
			}
			if at, goesOn := stages.Ended(l.Run, now); !goesOn && at.After(since) {
				m.Ended++
			}
		}
		return nil
	})
	m.Queue, m.RatesCut = counter.Stats().All.Queue, read.Cut
	return err
}

func openStatuses() []fleet.RunStatus {
	return []fleet.RunStatus{fleet.RunQueued, fleet.RunRetrying, fleet.RunWaiting, fleet.RunImageCreating, fleet.RunStarting, fleet.RunWaitingForJob, fleet.RunRunning}
}

// Size is that of a terminal; zero is unlimited.
type Size struct{ Columns, Rows int }

// Page is the moment as lines of text that fit. Nothing in them controls a terminal.
func (m Moment) Page(size Size, zone *time.Location) []string {
	lines := m.head(zone)
	var running, waiting []report.Run
	for _, r := range m.Runs {
		if r.Status == fleet.RunRunning {
			running = append(running, r)
		} else {
			waiting = append(waiting, r)
		}
	}
	const titles = 3 // two, and an empty line between them
	room := size.Rows - len(lines) - titles
	if size.Rows == 0 {
		room = len(running) + len(waiting)
	}
	forWaiting := min(len(waiting), max(room/2, room-len(running)))
	lines = append(lines, m.table("RUNNING", running, room-forWaiting, size.Columns)...)
	lines = append(lines, "")
	lines = append(lines, m.table("WAITING", waiting, forWaiting, size.Columns)...)
	if size.Rows > 0 && len(lines) > size.Rows {
		lines = lines[:size.Rows]
	}
	for i, line := range lines {
		lines[i] = Fit(line, size)
	}
	return lines
}

// head is what is said of the whole fleet.
func (m Moment) head(zone *time.Location) []string {
	state := m.State
	if m.Paused != "" {
		state += ", paused: " + m.Paused
	}
	lines := []string{fmt.Sprintf("fleet %s: %s; %d of %d runners open", m.FleetName, state, m.OpenRunners, m.MaxRunners)}
	if m.FleetName == "" {
		lines[0] = "the fleet is " + state + " and has noted nothing yet"
	}
	rates := fmt.Sprintf("last %d min: %d jobs started, %d ended", int(lately.Minutes()), m.Started, m.Ended)
	if m.Queue != nil {
		rates += fmt.Sprintf("; they waited %s (p50), %s (p95)", readable.Took(&m.Queue.P50), readable.Took(&m.Queue.P95))
	}
	if m.RatesCut {
		rates += fmt.Sprintf("; of the newest %d jobs", mostRead)
	}
	lines = append(lines, rates)
	if m.GitHub != nil {
		for _, b := range m.GitHub.Budgets {
			lines = append(lines, fmt.Sprintf("GitHub: %d of %d requests left until %s", b.Left(m.GitHub.At), b.Limit, b.Reset.In(zone).Format("15:04")))
		}
	}
	if len(m.Fargate) > 0 {
		var parts []string
		for _, a := range m.Fargate {
			parts = append(parts, fmt.Sprintf("%s %g of %g", a.Provider, a.InUse, a.Allowed))
		}
		lines = append(lines, "vCPUs of the AWS account: "+strings.Join(parts, ", "))
	}
	for i, p := range m.Pools {
		if i == mostPoolsShown {
			lines = append(lines, fmt.Sprintf("and %d more pools", len(m.Pools)-i))
			break
		}
		line := fmt.Sprintf("pool %s: %s", p.Pool, p.Has())
		if !p.Full() {
			line += "; " + p.Reason
			if !p.NextLaunch.IsZero() {
				line += ", until " + p.NextLaunch.In(zone).Format(time.TimeOnly)
			}
		}
		lines = append(lines, line+"; idled "+p.Today.Idled()+" today")
	}
	for i, h := range m.Holds {
		if i == mostHoldsShown {
			lines = append(lines, fmt.Sprintf("and %d more holds", len(m.Holds)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("hold until %s (%s): %s", h.Next.In(zone).Format(time.TimeOnly), h.Whose, h.Reason))
	}
	return append(lines, "")
}

const (
	mostHoldsShown = 4
	mostPoolsShown = 4
)

// table has a line for each of some runs that there is room for, after its title.
func (m Moment) table(title string, runs []report.Run, room, columns int) []string {
	more := ""
	if m.MoreOpen {
		more = " or more"
	}
	lines := []string{fmt.Sprintf("%s %d%s", title, len(runs), more)}
	for i, r := range runs {
		if len(runs) > room && i >= room-1 {
			return append(lines, fmt.Sprintf("  and %d more", len(runs)-i))
		}
		lines = append(lines, "  "+line(r, columns))
	}
	return lines
}

// line is one run: for how long, on which class, which job, and why it waits.
// The job has a third of a terminal's width, so that the reason has room.
func line(r report.Run, columns int) string {
	ms, says := r.Stages.Queue, cmp.Or(r.Reason, r.Stages.Open)
	if r.Status == fleet.RunRunning {
		ms, says = r.Stages.Job, r.RunnerID
	}
	third, name := 0, strings.Join(strings.Fields(readable.Plain(r.Repository+": "+readable.Short(r.JobName))), " ")
	if columns > 0 {
		third = max(columns/3, 20)
	}
	return fmt.Sprintf("%8s  %-10s %-15s %s  %s", readable.Took(ms), cmp.Or(r.ClassName, "-"), r.Status, fit(name, third), says)
}

// Fit is a line that fits the terminal and does not control it.
func Fit(line string, size Size) string { return fit(readable.Plain(line), size.Columns) }

// fit cuts a line to the columns of a terminal, in which wide letters take two.
func fit(line string, columns int) string {
	line = strings.TrimRight(line, " ")
	if columns == 0 {
		return line
	}
	return displaywidth.TruncateString(line, columns, "…")
}
