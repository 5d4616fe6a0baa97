package simgithub

import (
	"slices"
	"time"
)

const (
	// offerLimit is how long a job that was assigned waits to be picked up.
	// https://docs.github.com/actions/reference/runners/self-hosted-runners: 60 seconds
	offerLimit = time.Minute
	// runLimit is how long a job may run on a runner that is not GitHub's.
	// https://docs.github.com/actions/reference/limits: 5 days
	runLimit = 5 * 24 * time.Hour
	// retryLook is how often the queue is looked at while GitHub assigns no jobs.
	retryLook = 5 * time.Second
)

// fits reports whether a runner has all labels of a job. Labels are compared without
// regard to case (actions/actions-runner-controller#2302), and white space counts.
// https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/use-in-a-workflow
func (r *runner) fits(j *job) bool {
	for _, l := range j.labels {
		if !slices.Contains(r.lower, l) {
			return false
		}
	}
	return len(j.labels) > 0
}

// idle reports whether a runner may be offered a job.
func (r *runner) idle() bool { return r.online && !r.gone && r.offered == nil && r.job == nil }

// look lets the runners of a repository have its jobs, a moment from now.
func (g *GitHub) look(repo *repository) {
	for _, member := range repo.members {
		g.look(member)
	}
	if repo.looking || len(repo.queue) == 0 {
		return
	}
	repo.looking = true
	g.k.After(g.k.Between("github.assign", 50*time.Millisecond, time.Second), func() { g.assign(repo) })
}

// assign offers each job of the queue, the oldest first, to any idle runner of the
// repository that fits: a runner that was started for one job may get another.
func (g *GitHub) assign(repo *repository) {
	repo.looking = false
	if _, lasts := g.k.Lasts(NoAssignment, repo.name); lasts {
		if len(repo.queue) > 0 {
			repo.looking = true
			g.k.After(retryLook, func() { g.assign(repo) })
		}
		return
	}
	var idle []*runner
	for _, r := range repo.pool() {
		if r.idle() {
			idle = append(idle, r)
		}
	}
	for i := 0; i < len(repo.queue) && len(idle) > 0; {
		j := repo.queue[i]
		r := g.pick(j, idle)
		if r == nil {
			i++
			continue
		}
		repo.queue = slices.Delete(repo.queue, i, i+1)
		idle = slices.DeleteFunc(idle, func(other *runner) bool { return other == r })
		g.offer(j, r)
	}
}

// pick chooses among the runners that fit a job: which one GitHub takes is not
// published, so it is chance.
func (g *GitHub) pick(j *job, idle []*runner) *runner {
	if j.spec.Hosted {
		return nil
	}
	var fitting []*runner
	for _, r := range idle {
		if r.fits(j) && r != j.refusedBy {
			fitting = append(fitting, r)
		}
	}
	switch len(fitting) {
	case 0:
		return nil
	case 1:
		return fitting[0]
	}
	return fitting[g.k.Int("github.pick", len(fitting))]
}

// offer assigns a job to a runner. A runner that does not accept it within a minute
// loses it: it is queued again, without a webhook.
func (g *GitHub) offer(j *job, r *runner) {
	j.offered, r.offered = r, j
	g.showRunner(r)
	g.k.Log("job %d is assigned to runner %s", j.id, r.name)
	g.tell(r, func(on Events) {
		if r.offered != j {
			return
		}
		r.told = j
		if on.Job != nil {
			on.Job(j.id)
		}
	})
	since := g.k.Now()
	stop(j.expiry)
	j.expiry = g.k.After(offerLimit, func() {
		if j.offered == r {
			g.k.Log("runner %s did not pick job %d up since %s: it is queued again", r.name, j.id, since.Format(time.TimeOnly))
			g.withdraw(j)
			j.refusedBy = r
			g.enqueue(j)
		}
	})
	if r.foreign {
		g.runForeign(j, r)
	}
}

// begin is the moment at which a runner has a job.
func (g *GitHub) begin(j *job, id int64, name string, group *runnerGroup) {
	stop(j.expiry)
	stop(j.deadline)
	g.k.Log("job %d is in progress on runner %s", j.id, name)
	g.show(j, func(s *jobState) {
		s.status, s.started, s.runnerID, s.runnerName, s.group = inProgress, g.k.Now(), id, name, group
	})
	g.emit(inProgress, j)
	j.deadline = g.k.After(runLimit, func() {
		g.k.Log("job %d has run for %s: GitHub cancels it", j.id, runLimit)
		g.Cancel(j.id)
	})
}

// runHosted lets one of GitHub's own runners have a job.
func (g *GitHub) runHosted(j *job) {
	if j.over() {
		return
	}
	if _, lasts := g.k.Lasts(NoAssignment, j.repo().name); lasts {
		g.k.After(retryLook, func() { g.runHosted(j) })
		return
	}
	g.withdraw(j)
	j.taken = true
	g.begin(j, g.newID(), "GitHub Actions "+string(rune('1'+g.k.Int("github.hosted", 9))), hosted)
	g.k.After(j.spec.Takes, func() {
		if j.taken {
			g.complete(j, success)
		}
	})
}
