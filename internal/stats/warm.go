package stats

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Pool is what became of the warm runners that a pool launched.
type Pool struct {
	Name     string `json:"pool"`
	Launched int    `json:"launched"`
	Served   int    `json:"served"` // a job
	Lost     int    `json:"lost"`   // GitHub deleted them while they idled, or their machine was taken back
	Ended    int    `json:"ended"`  // by the fleet or an operator, without a job
	Failed   int    `json:"failed"`
	Open     int    `json:"open"`    // and without a job so far
	Idled    int64  `json:"idle_ms"` // all together, from their registrations until their jobs or their ends
}

// onWarm reports whether a warm runner ran the job.
func onWarm(l report.Lived) bool {
	return slices.ContainsFunc(l.Seen, func(r fleet.Runner) bool { return r.RunnerID == l.Run.RanOn && r.IsWarm() })
}

// AddWarm counts a warm runner for its pool, whether or not it had a job.
func (c *Counter) AddWarm(r fleet.Runner) {
	p := c.pools[r.Pool]
	if p == nil {
		p = &Pool{Name: r.Pool}
		c.pools[r.Pool] = p
	}
	p.Launched++
	switch r.Fate() {
	case fleet.WarmServed:
		p.Served++
	case fleet.WarmLost:
		p.Lost++
	case fleet.WarmEnded:
		p.Ended++
	case fleet.WarmFailed:
		p.Failed++
	case fleet.WarmOpen:
		p.Open++
	}
	registered := r.At(fleet.StageRegistered)
	if registered.IsZero() {
		return
	}
	until := c.now
	for _, stage := range []fleet.Stage{fleet.StageClosed, fleet.StageTaskStopped, fleet.StageJobStarted} {
		if at := r.At(stage); !at.IsZero() && at.Before(until) {
			until = at
		}
	}
	p.Idled += max(0, until.Sub(registered)).Milliseconds()
}

func (c *Counter) poolsOf() (all []Pool) {
	for _, name := range slices.Sorted(maps.Keys(c.pools)) {
		all = append(all, *c.pools[name])
	}
	return all
}

// warm writes how long jobs waited for warm runners and for others, and what became of the
// warm ones; nothing if there were none.
func (s Stats) warm(w io.Writer, screen readable.Screen) error {
	if s.All.Warm != nil {
		fmt.Fprintln(w)
		t := readable.NewPage(w, screen, readable.Column{Name: "JOBS RAN ON", Least: 14}, readable.Column{Name: "JOBS"}, readable.Column{Name: "QUEUE P50"}, readable.Column{Name: "P95"},
			readable.Column{Name: "P99", Drop: 2}, readable.Column{Name: "LONGEST", Drop: 1})
		for _, row := range []struct {
			name string
			of   *Percentiles
		}{{"warm runners", s.All.Warm}, {"others", s.All.Cold}} {
			if p := row.of; p != nil {
				t.Row(row.name, p.Count, readable.Took(&p.P50), readable.Took(&p.P95), readable.Took(&p.P99), readable.Took(&p.Max))
			}
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(s.Pools) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := readable.NewPage(w, screen, []readable.Column{
		{Name: "POOL", Least: 12}, {Name: "LAUNCHED"}, {Name: "TOOK A JOB"}, {Name: "LOST IDLE"}, {Name: "ENDED IDLE", Drop: 2}, {Name: "FAILED", Drop: 3}, {Name: "OPEN", Drop: 4}, {Name: "IDLED", Drop: 1},
	}...)
	for _, p := range s.Pools[:min(len(s.Pools), mostShown)] {
		t.Row(p.Name, p.Launched, p.Served, p.Lost, p.Ended, p.Failed, p.Open, (time.Duration(p.Idled) * time.Millisecond).Round(time.Minute))
	}
	return t.Flush()
}
