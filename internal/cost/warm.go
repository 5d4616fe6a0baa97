package cost

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// idle is the group of warm runners that had no job, where there is no other.
const idle = "(idle)"

// AddIdle counts a warm runner that belongs to no run: it had no job.
func (c *Counter) AddIdle(r fleet.Runner) {
	name := c.by.ofIdle(r, c.zone)
	if c.lines[name] == nil {
		c.lines[name] = &Line{Name: name}
	}
	line := c.runner(r)
	c.total.add(line)
	c.lines[name].add(line)
	c.pool(r, 0)
}

func (b By) ofIdle(r fleet.Runner, zone *time.Location) string {
	switch b {
	case ByRepository:
		return cmp.Or(r.Repository, idle)
	case ByDay:
		return r.At(fleet.StageLaunched).In(zone).Format(time.DateOnly)
	case ByClass:
		return cmp.Or(r.ClassName, idle)
	}
	return idle
}

// pool counts a warm runner for its pool, with the jobs that it had.
func (c *Counter) pool(r fleet.Runner, jobs int) {
	if c.pools[r.Pool] == nil {
		c.pools[r.Pool] = &Line{Name: r.Pool}
	}
	line := c.runner(r)
	line.Runs = jobs
	c.pools[r.Pool].add(line)
}

// runner is what one runner cost.
func (c *Counter) runner(r fleet.Runner) Line {
	line := Line{Runners: 1, ControlPlane: c.book.Runner()}
	c.task(&line, r)
	line.Total = line.Fargate + line.ControlPlane
	return line
}

// warm writes what pools cost, and nothing if there were none.
func (r Report) warm(w io.Writer, screen readable.Screen) error {
	if len(r.Pools) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := readable.NewPage(w, screen, []readable.Column{
		{Name: "POOL", Least: 12}, {Name: "WARM RUNNERS"}, {Name: "JOBS"}, {Name: "TASKS", Drop: 2}, {Name: "IDLED", Drop: 1}, {Name: "IDLING COST"}, {Name: "TOTAL", Drop: 3},
	}...)
	for _, p := range r.Pools[:min(len(r.Pools), mostShown)] {
		t.Row(p.Name, p.Runners, p.Runs, lasted(p.TaskSeconds), lasted(p.IdleSeconds), p.Idle, p.Total)
	}
	return t.Flush()
}
