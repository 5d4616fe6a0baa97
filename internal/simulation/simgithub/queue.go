package simgithub

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// queueLimit is how long a job may wait for a runner.
	// https://docs.github.com/actions/reference/limits: 24 hours
	queueLimit = 24 * time.Hour
	// approvalLimit is how long a job may wait for an approval: 30 days, the same page.
	approvalLimit = 30 * 24 * time.Hour
	// cancelLimit is how long a runner may take to end a cancelled job.
	// https://docs.github.com/actions/reference/workflows-and-actions/workflow-cancellation
	cancelLimit = 5 * time.Minute
)

// Queue adds a job and returns its id. Its one `queued` webhook goes out, whether a
// runner may have it yet or not: none follows when max-parallel or a concurrency group
// lets it start (runs-on/runs-on#452, #347).
func (g *GitHub) Queue(spec JobSpec) int64 {
	var r *run
	if spec.RunID == 0 {
		r = g.newRun(g.repository(spec.Repository), spec.Unpushed)
	} else if r = g.run(spec.RunID); spec.Repository != "" && g.repository(spec.Repository) != r.repo {
		panic(fmt.Sprintf("simgithub: workflow run %d is not in %s", r.id, spec.Repository))
	}
	if spec.MaxParallel > 0 {
		r.maxParallel = spec.MaxParallel
	}
	return g.add(r, spec).id
}

// add makes a job of a run's attempt.
func (g *GitHub) add(r *run, spec JobSpec) *job {
	now := g.k.Now()
	spec.Labels = slices.Clone(spec.Labels)
	j := &job{
		id: g.newID(), run: r, attempt: r.attempt, spec: spec, created: now, queued: now,
		past: []jobState{{since: now, status: queued}},
	}
	for _, l := range spec.Labels {
		j.labels = append(j.labels, strings.ToLower(l))
	}
	g.jobs = append(g.jobs, j)
	g.jobByID[j.id] = j
	r.jobs = append(r.jobs, j)
	g.k.Log("job %d %q is made in %s, labels %q", j.id, spec.Name, r.repo.name, spec.Labels)

	if spec.Environment {
		// A job behind an environment comes as queued and as waiting, both with the
		// status waiting (runs-on/runs-on#539).
		j.held, j.gate = byEnvironment, gate{g.newID(), now, now}
		g.show(j, func(s *jobState) { s.status = waiting })
		g.emit(queued, j)
		g.emit(waiting, j)
		j.deadline = g.k.After(approvalLimit, func() {
			g.k.Log("job %d was not approved within %s", j.id, approvalLimit)
			g.complete(j, failure)
		})
		return j
	}
	g.update(r)
	g.emit(queued, j)
	g.admit(j)
	return j
}

// Approve opens the environment of a job that waits for it. It reports whether one
// did. Another `queued` webhook goes out; created_at and started_at stay what they
// were (runs-on/runs-on#539).
func (g *GitHub) Approve(jobID int64) bool {
	j := g.job(jobID)
	if j.held != byEnvironment || j.over() {
		return false
	}
	stop(j.deadline)
	j.held, j.gate.updated = free, g.k.Now()
	g.k.Log("job %d is approved", j.id)
	g.show(j, func(s *jobState) { s.status = queued })
	g.emit(queued, j)
	g.admit(j)
	return true
}

// ready lets runners have a job. No webhook says so.
func (g *GitHub) ready(j *job) {
	j.held, j.queued = free, g.k.Now()
	if j.now().status != queued {
		g.show(j, func(s *jobState) { s.status = queued })
	}
	if j.stuck {
		return
	}
	g.giveUpLater(j)
	g.enqueue(j)
	if j.spec.Hosted {
		g.k.After(g.k.Between("github.hosted", 5*time.Second, 30*time.Second), func() { g.runHosted(j) })
		return
	}
	g.steal(j)
}

// enqueue puts a job among those that runners may have. The oldest comes first.
func (g *GitHub) enqueue(j *job) {
	repo := j.repo()
	i, _ := slices.BinarySearchFunc(repo.queue, j.id, func(other *job, id int64) int { return cmp.Compare(other.id, id) })
	repo.queue = slices.Insert(repo.queue, i, j)
	g.look(repo)
}

// giveUpLater cancels a job that no runner has taken within 24 hours since one might.
func (g *GitHub) giveUpLater(j *job) {
	stop(j.deadline)
	j.deadline = g.k.After(queueLimit, func() {
		g.k.Log("job %d has waited for 24 h: GitHub gives it up", j.id)
		g.complete(j, cancelled)
	})
}

// withdraw takes a job from the queue and from the runner that it was offered to.
func (g *GitHub) withdraw(j *job) {
	repo := j.repo()
	if i := slices.Index(repo.queue, j); i >= 0 {
		repo.queue = slices.Delete(repo.queue, i, i+1)
	}
	if r := j.offered; r != nil {
		j.offered, r.offered = nil, nil
		g.showRunner(r)
		g.look(repo)
	}
}

// Cancel asks for the end of a job. A job that no runner has ends at once; a running
// one is ended by its runner, or by GitHub after five minutes.
func (g *GitHub) Cancel(jobID int64) {
	j := g.job(jobID)
	switch {
	case j.over(), j.abandoned, j.cancels:
	case j.now().status != inProgress:
		g.k.Log("job %d is cancelled before a runner had it", j.id)
		g.complete(j, cancelled)
	case j.taken:
		g.complete(j, cancelled)
	default:
		j.cancels = true
		g.k.Log("job %d is cancelled while it runs", j.id)
		g.tell(j.runner, func(on Events) {
			if on.Cancelled != nil {
				on.Cancelled(j.id)
			}
		})
		r := j.runner
		g.k.After(cancelLimit, func() {
			if j.runner == r && !j.over() {
				g.k.Log("the runner of job %d did not end it within %s: GitHub does", j.id, cancelLimit)
				g.complete(j, cancelled)
				g.release(r)
			}
		})
	}
}

// complete ends a job on GitHub. Its runner keeps what it has: see release.
func (g *GitHub) complete(j *job, conclusion string) {
	if !j.over() {
		g.ended++
	}
	g.withdraw(j)
	stop(j.expiry)
	stop(j.deadline)
	j.taken, j.held = false, free
	g.k.Log("job %d is completed: %s", j.id, conclusion)
	g.show(j, func(s *jobState) { s.status, s.conclusion, s.completed = completed, conclusion, g.k.Now() })
	g.emit(completed, j)
	g.makeRoom(j)
}

// job panics if there is none of that id: a scenario has a mistake.
func (g *GitHub) job(id int64) *job {
	j := g.jobByID[id]
	if j == nil {
		panic(fmt.Sprintf("simgithub: there is no job %d", id))
	}
	return j
}
