// Package stats counts a history of runs: how long jobs waited and in which stage, what
// became of them, and what failed, by class, image, repository, workflow, day or hour.
//
// Percentiles are of the nearest rank: the smallest value of which at least so many percent
// are not larger. So each is a time that some job really had, and with few jobs the 95th and
// the 99th are the largest. A run that still waits has no queue time yet: it counts as open.
package stats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// By is what runs are grouped by.
type By string

const (
	ByClass      By = "class"
	ByImage      By = "image"
	ByRepository By = "repository"
	ByWorkflow   By = "workflow" // with its repository
	ByDay        By = "day"      // on which the fleet heard of the job
	ByHour       By = "hour"
)

// Groupings are all of them.
func Groupings() []By { return []By{ByClass, ByImage, ByRepository, ByWorkflow, ByDay, ByHour} }

// none is the group of runs that have no such thing, such as a class before they are
// admitted.
const none = "(none)"

// Of is the group of a run. Days and hours are those of a zone.
func (b By) Of(l report.Lived, zone *time.Location) string {
	run, received := l.Run, l.Run.At(fleet.StageReceived).In(zone)
	switch b {
	case ByClass:
		return cmp.Or(run.ClassName, ofRunner(l, func(r fleet.Runner) string { return r.ClassName }), none)
	case ByImage:
		return cmp.Or(run.Image, ofRunner(l, func(r fleet.Runner) string { return r.Image }), none)
	case ByRepository:
		return cmp.Or(run.Job.Repository, none)
	case ByWorkflow:
		return run.Job.Repository + ": " + cmp.Or(run.Job.WorkflowName, none)
	case ByDay:
		return received.Format(time.DateOnly)
	case ByHour:
		return received.Format("2006-01-02 15:00")
	}
	return none
}

// ofRunner is what the runner that took the job has: another run's may take it before the
// run is admitted.
func ofRunner(l report.Lived, of func(fleet.Runner) string) string {
	for _, r := range l.Runners {
		if r.RunnerID == l.Run.RanOn {
			return of(r)
		}
	}
	return ""
}

// ParseBy reads a grouping.
func ParseBy(text string) (By, error) {
	if by := By(text); slices.Contains(Groupings(), by) {
		return by, nil
	}
	return "", fmt.Errorf("%q: use one of %s", text, strings.Trim(strings.ReplaceAll(fmt.Sprint(Groupings()), " ", ", "), "[]"))
}

// Percentiles are of the times of several jobs, in milliseconds.
type Percentiles struct {
	Count int   `json:"count"` // of jobs
	P50   int64 `json:"p50_ms"`
	P95   int64 `json:"p95_ms"`
	P99   int64 `json:"p99_ms"`
	Max   int64 `json:"max_ms"`
}

// Group is what is counted of the runs of a group.
type Group struct {
	Name string `json:"name"`
	Runs int    `json:"runs"`
	Open int    `json:"open"` // that have not ended
	// Outcomes count runs by their status as it is shown, and Conclusions those that ran
	// by GitHub's conclusion of their job.
	Outcomes    map[fleet.RunStatus]int `json:"outcomes"`
	Conclusions map[string]int          `json:"conclusions"`
	// Queue is from GitHub's queueing of the job until a runner took it, of jobs that ran.
	Queue *Percentiles `json:"queue"` // null if none ran
	// Warm and Cold are the same of jobs that warm runners ran, and of the others. Both are
	// absent if there were no warm ones.
	Warm *Percentiles `json:"queue_warm,omitempty"`
	Cold *Percentiles `json:"queue_cold,omitempty"`
	// Stages have the jobs that were in them: most are never in some.
	Stages []Stage `json:"stages"`
	// Pull is how long ECS says that it pulled images, for each MB that the registry keeps of
	// them, in milliseconds, of runners whose images' sizes are known; and PulledMB is the
	// median size.
	Pull     *Percentiles `json:"pull_per_mb,omitempty"`
	PulledMB float64      `json:"pulled_mb_p50,omitempty"`
	// Runners were launched, of which Fruitless ended without a job. Failures count them by
	// the name of their failure, and Setbacks by what that is about.
	Runners   int                       `json:"runners"`
	Fruitless int                       `json:"fruitless"`
	Displaced int                       `json:"displaced"` // runs whose runner took another job, and how often
	Failures  map[string]int            `json:"failures"`
	Setbacks  map[fleet.SetbackKind]int `json:"setbacks"`
}

// Stage is how long jobs were in a stage.
type Stage struct {
	Name stages.Name `json:"name"`
	Percentiles
}

// Stats are a history, counted.
type Stats struct {
	By     By      `json:"by"`
	All    Group   `json:"all"`
	Groups []Group `json:"groups"`          // the one with the most runs first; days and hours in their order
	Pools  []Pool  `json:"pools,omitempty"` // of warm runners, by name
}

// Counter counts runs one after the other. It keeps their times, and nothing else of them.
type Counter struct {
	by     By
	now    time.Time
	zone   *time.Location
	all    *tally
	groups map[string]*tally
	pools  map[string]*Pool
}

// NewCounter makes a counter that has counted nothing. The time of runs that have not ended
// goes on until now.
func NewCounter(by By, now time.Time, zone *time.Location) *Counter {
	return &Counter{by: by, now: now, zone: zone, all: newTally(), groups: map[string]*tally{}, pools: map[string]*Pool{}}
}

// Add counts a run.
func (c *Counter) Add(l report.Lived) {
	name := c.by.Of(l, c.zone)
	if c.groups[name] == nil {
		c.groups[name] = newTally()
	}
	split := stages.Of(l.Run, l.Seen, c.now)
	c.all.add(l, split)
	c.groups[name].add(l, split)
}

// Stats is what was counted so far.
func (c *Counter) Stats() Stats {
	s := Stats{By: c.by, All: c.all.group("all"), Groups: make([]Group, 0, len(c.groups))}
	for name, t := range c.groups {
		s.Groups = append(s.Groups, t.group(name))
	}
	slices.SortFunc(s.Groups, func(a, b Group) int {
		if c.by == ByDay || c.by == ByHour {
			return cmp.Compare(a.Name, b.Name)
		}
		return cmp.Or(b.Runs-a.Runs, cmp.Compare(a.Name, b.Name))
	})
	s.Pools = c.poolsOf()
	return s
}
