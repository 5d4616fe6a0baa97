// Package cost says what a history of runs cost: Fargate, and the control plane's share, at
// the prices of package price, beside what GitHub's own runners would have cost.
//
// A runner is paid for whether or not it got a job. It belongs to the run whose job it took,
// or else to the one that it was launched for, so the sums over any grouping are the same.
// Amounts are whole billionths of a dollar, for the same reason.
package cost

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// By is what runs are grouped by.
type By string

const (
	ByRun        By = "run"
	ByRepository By = "repository"
	ByWorkflow   By = "workflow" // with its repository
	ByClass      By = "class"
	ByDay        By = "day" // on which the fleet heard of the job
)

// Groupings are all of them.
func Groupings() []By { return []By{ByRun, ByRepository, ByWorkflow, ByClass, ByDay} }

// ParseBy reads a grouping.
func ParseBy(text string) (By, error) {
	if by := By(text); slices.Contains(Groupings(), by) {
		return by, nil
	}
	return "", fmt.Errorf("%q: use one of %s", text, strings.Trim(strings.ReplaceAll(fmt.Sprint(Groupings()), " ", ", "), "[]"))
}

const none = "(none)"

func (b By) of(l report.Lived, zone *time.Location) string {
	switch b {
	case ByRun:
		return l.Run.RunID
	case ByRepository:
		return cmp.Or(l.Run.Job.Repository, none)
	case ByWorkflow:
		return l.Run.Job.Repository + ": " + cmp.Or(l.Run.Job.WorkflowName, none)
	case ByDay:
		return l.Run.At(fleet.StageReceived).In(zone).Format(time.DateOnly)
	}
	return cmp.Or(classOf(l), none)
}

// classOf is the class that the job ran on, or else the one that it was admitted with.
func classOf(l report.Lived) string {
	for _, r := range l.Runners {
		if r.RunnerID == l.Run.RanOn && r.ClassName != "" {
			return r.ClassName
		}
	}
	return l.Run.ClassName
}

// Line is what the runs of a group cost.
type Line struct {
	Name    string `json:"name"`
	Runs    int    `json:"runs"`
	Runners int    `json:"runners"` // that were launched
	// TaskSeconds are what Fargate bills, and SpotSeconds those of them that were on Spot.
	TaskSeconds int64 `json:"task_seconds"`
	SpotSeconds int64 `json:"spot_seconds"`

	Fargate      price.Amount `json:"fargate_usd"`
	ControlPlane price.Amount `json:"control_plane_usd"`
	Total        price.Amount `json:"total_usd"`
	// Idle is the part of Fargate that warm runners cost before they had a job, or without
	// one, and IdleSeconds that time.
	Idle        price.Amount `json:"idle_usd,omitempty"`
	IdleSeconds int64        `json:"idle_seconds,omitempty"`

	// Hosted is what GitHub's own runners would have cost for the jobs that have ended, and
	// HostedMinutes are what it would have counted.
	Hosted        price.Amount `json:"github_hosted_usd"`
	HostedMinutes int64        `json:"github_hosted_minutes"`

	Open        int `json:"open_tasks"`   // that still run: counted until now
	Unpriced    int `json:"unpriced"`     // tasks of a class that the fleet does not have any more
	NotCompared int `json:"not_compared"` // jobs for which GitHub has no runner as large, or of an unknown class
}

// Report is what a history cost.
type Report struct {
	By        By     `json:"by"`
	Region    string `json:"region"` // of the prices
	AsOf      string `json:"prices_as_of"`
	Estimated bool   `json:"estimated"` // the region's own prices are not known: those of us-east-1 are used
	Total     Line   `json:"total"`
	Lines     []Line `json:"lines"` // the most expensive first; days in their order
	// Pools are the warm runners of each pool, which the lines have too: all of their tasks,
	// with jobs and without.
	Pools []Line `json:"pools,omitempty"`
}

// Counter adds runs one after the other.
type Counter struct {
	by      By
	book    price.Book
	classes map[string]fleet.Class
	now     time.Time
	zone    *time.Location
	total   Line
	lines   map[string]*Line
	pools   map[string]*Line
}

// NewCounter makes a counter that has counted nothing. Tasks that still run are counted
// until now.
func NewCounter(by By, book price.Book, classes map[string]fleet.Class, now time.Time, zone *time.Location) *Counter {
	return &Counter{by: by, book: book, classes: classes, now: now, zone: zone, total: Line{Name: "total"}, lines: map[string]*Line{}, pools: map[string]*Line{}}
}

// Add counts a run with the runners that belong to it.
func (c *Counter) Add(l report.Lived) {
	name := c.by.of(l, c.zone)
	if c.lines[name] == nil {
		c.lines[name] = &Line{Name: name}
	}
	line := c.Of(l)
	c.total.add(line)
	c.lines[name].add(line)
	for _, r := range l.Runners {
		if r.IsWarm() {
			c.pool(r, 1)
		}
	}
}

// Of is what one run cost.
func (c *Counter) Of(l report.Lived) Line {
	line := Line{Name: l.Run.RunID, Runs: 1}
	for _, r := range l.Runners {
		line.Runners++
		line.ControlPlane += c.book.Runner()
		c.task(&line, r)
	}
	line.Total = line.Fargate + line.ControlPlane
	c.hosted(&line, l)
	return line
}

// task adds a runner's task, from when the platform accepted it until it stopped. Fargate
// bills from the beginning of the pull, some seconds later, which no record has.
func (c *Counter) task(line *Line, r fleet.Runner) {
	began, ended, ran := r.At(fleet.StageTaskStarted), r.At(fleet.StageTaskStopped), Billed(r)
	if !ran {
		return
	}
	class, known := c.classes[r.ClassName]
	if !known {
		line.Unpriced++
		return
	}
	if ended.IsZero() {
		if ended = r.At(fleet.StageClosed); ended.IsZero() {
			ended, line.Open = c.now, line.Open+1
		}
	}
	took, provider := ended.Sub(began), class.CapacityProvider(r.Rung)
	if r.IsWarm() {
		idled := took
		if job := r.At(fleet.StageJobStarted); !job.IsZero() {
			idled = min(max(job.Sub(began), 0), took)
		}
		line.IdleSeconds += int64(idled / time.Second)
		line.Idle += c.book.Time(class, provider, idled)
	}
	seconds := int64(price.Billed(took) / time.Second)
	line.TaskSeconds += seconds
	if provider == fleet.FargateSpot {
		line.SpotSeconds += seconds
	}
	line.Fargate += c.book.Task(class, provider, took)
}

// Billed reports whether Fargate bills a runner's task: the platform accepted it, and it
// had room.
func Billed(r fleet.Runner) bool {
	hadRoom := !r.At(fleet.StageContainerUp).IsZero() || r.FailureName != fleet.RunnerNoCapacity && r.FailureName != fleet.RunnerQuotaExceeded
	return hadRoom && !r.At(fleet.StageTaskStarted).IsZero()
}

// hosted adds what the job would have cost on GitHub's own runner.
func (c *Counter) hosted(line *Line, l report.Lived) {
	took, ended := l.Run.JobTime()
	if !ended || l.Run.RanOn == "" {
		return
	}
	class, known := c.classes[classOf(l)]
	h, found := price.HostedFor(class, took)
	if !known || !found {
		line.NotCompared++
		return
	}
	line.HostedMinutes += price.HostedMinutes(took)
	line.Hosted += h.Job(took)
}

func (l *Line) add(o Line) {
	l.Runs += o.Runs
	l.Runners += o.Runners
	l.TaskSeconds += o.TaskSeconds
	l.SpotSeconds += o.SpotSeconds
	l.Fargate += o.Fargate
	l.ControlPlane += o.ControlPlane
	l.Total += o.Total
	l.Idle += o.Idle
	l.IdleSeconds += o.IdleSeconds
	l.Hosted += o.Hosted
	l.HostedMinutes += o.HostedMinutes
	l.Open += o.Open
	l.Unpriced += o.Unpriced
	l.NotCompared += o.NotCompared
}

// Report is what was counted so far.
func (c *Counter) Report() Report {
	r := Report{By: c.by, Region: c.book.Region, AsOf: c.book.AsOf, Estimated: c.book.Estimated, Total: c.total, Lines: make([]Line, 0, len(c.lines))}
	for _, line := range c.lines {
		r.Lines = append(r.Lines, *line)
	}
	for _, name := range slices.Sorted(maps.Keys(c.pools)) {
		r.Pools = append(r.Pools, *c.pools[name])
	}
	slices.SortFunc(r.Lines, func(a, b Line) int {
		if c.by == ByDay {
			return cmp.Compare(a.Name, b.Name)
		}
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return r
}
