package simgithub

import (
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// length is a fault's For, or else the usual.
func length(fault kernel.Fault, usual time.Duration) time.Duration {
	if fault.For.Duration > 0 {
		return fault.For.Duration
	}
	return usual
}

// status is a fault's With as a status, or else the usual.
func status(fault kernel.Fault, usual int) int {
	if code, err := strconv.Atoi(fault.With); err == nil {
		return code
	}
	return usual
}

// longestLag is how long what is gone is kept for lists that lag.
const longestLag = 2 * time.Hour

// asOf returns the time whose state a list shows.
func (g *GitHub) asOf(operation string) (at time.Time, lags bool) {
	fault, lags := g.k.Strikes(ListLags, operation)
	if !lags {
		return time.Time{}, false
	}
	d := min(length(fault, 30*time.Second), longestLag)
	g.k.Log("%s shows how it was %s ago", operation, d)
	return g.k.Now().Add(-d), true
}

// completeEarly makes a fault of kind CompletedEarly strike a job that began.
func (g *GitHub) completeEarly(j *job, r *runner) {
	fault, strikes := g.k.Strikes(CompletedEarly, j.repo().name)
	if !strikes {
		return
	}
	g.k.After(length(fault, 30*time.Second), func() {
		switch {
		case j.runner != r || j.over():
		case fault.With == "webhook":
			g.k.Log("GitHub says that job %d is completed, though it runs", j.id)
			truth := j.past
			said := j.now()
			said.status, said.conclusion, said.completed = completed, failure, g.k.Now()
			j.past = append(truth[:len(truth):len(truth)], said)
			g.emit(completed, j)
			j.past = truth
		default:
			g.k.Log("GitHub takes job %d for completed, though it runs", j.id)
			g.complete(j, failure)
		}
	})
}

// takeBack makes a fault of kind TakesBack strike a job that began.
func (g *GitHub) takeBack(j *job, r *runner) {
	fault, strikes := g.k.Strikes(TakesBack, j.repo().name)
	if !strikes {
		return
	}
	g.k.After(length(fault, 30*time.Second), func() {
		if j.runner != r || j.over() || j.cancels {
			return
		}
		g.k.Log("GitHub takes job %d back from runner %s and queues it again", j.id, r.name)
		g.tell(r, func(on Events) {
			if on.Cancelled != nil {
				on.Cancelled(j.id)
			}
		})
		g.release(r)
		g.show(j, func(s *jobState) { *s = jobState{status: queued} })
		g.ready(j)
	})
}

// deleteIdle makes a fault of kind IdleDeleted strike a runner that connects.
func (g *GitHub) deleteIdle(r *runner) {
	fault, strikes := g.k.Strikes(IdleDeleted, r.repo.name)
	if !strikes {
		return
	}
	d := fault.For.Duration
	if d == 0 {
		d = g.k.Between(IdleDeleted+".after", 2*time.Minute, 6*time.Minute)
	}
	g.k.After(d, func() {
		if !r.gone && !r.busy() {
			g.k.Log("GitHub deletes runner %s, which is idle", r.name)
			g.remove(r)
		}
	})
}

// steal makes a fault of kind Steals strike a job that is queued: a foreign runner
// takes it soon, if none of ours is quicker.
func (g *GitHub) steal(j *job) {
	fault, strikes := g.k.Strikes(Steals, j.repo().name)
	if !strikes {
		return
	}
	d := fault.For.Duration
	if d == 0 {
		d = g.k.Between(Steals+".after", time.Second, 5*time.Second)
	}
	g.k.After(d, func() {
		if j.over() || j.runner != nil || j.offered != nil || j.held != free {
			return
		}
		r := g.foreignRunner(j.repo(), j.spec.Labels)
		g.k.Log("a runner of others, %s, takes job %d", r.name, j.id)
		g.withdraw(j)
		g.offer(j, r)
	})
}
