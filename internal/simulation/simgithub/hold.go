package simgithub

import (
	"slices"
	"time"
)

// group is a concurrency group of a repository.
type group struct {
	repository int64
	name       string
}

// groupState is who has a concurrency group and who waits for it. There is at most one
// of each.
type groupState struct{ holder, waits *job }

// admit lets a job go on to the runners, unless max-parallel or its concurrency group
// holds it.
//
// Held by max-parallel, REST keeps saying `queued` (unconfirmed). Held by its group it
// says `pending`.
// https://docs.github.com/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
func (g *GitHub) admit(j *job) {
	if g.stick(j) {
		return
	}
	if n := j.run.maxParallel; n > 0 && j.run.going(j) >= n {
		j.held = byMaxParallel
		g.k.Log("job %d is held by max-parallel %d", j.id, n)
		return
	}
	if j.spec.Concurrency == "" {
		g.ready(j)
		return
	}
	name := group{j.repo().id, j.spec.Concurrency}
	state := g.groups[name]
	if state == nil {
		state = &groupState{}
		g.groups[name] = state
	}
	if state.holder == nil {
		state.holder = j
		g.ready(j)
		return
	}
	before := state.waits
	state.waits, j.held = j, byConcurrency
	g.show(j, func(s *jobState) { s.status = pending })
	g.k.Log("job %d is held by concurrency group %q", j.id, name.name)
	if before != nil {
		// "Any existing pending job or workflow in the same concurrency group will be
		// canceled and the new queued job or workflow will take its place."
		g.k.Log("job %d has to leave concurrency group %q", before.id, name.name)
		g.complete(before, cancelled)
	}
}

// going counts the jobs of a run's attempt that use up max-parallel, without one.
func (r *run) going(without *job) (n int) {
	for _, j := range r.latest() {
		n += one(j != without && !j.over() && j.held != byMaxParallel && j.held != byEnvironment)
	}
	return n
}

// makeRoom lets the jobs go on that waited for the end of this one.
func (g *GitHub) makeRoom(ended *job) {
	if ended.spec.Concurrency != "" {
		g.leave(ended)
	}
	if ended.run.maxParallel == 0 || ended.attempt != ended.run.attempt {
		return
	}
	for _, j := range slices.Clone(ended.run.latest()) {
		if j.held == byMaxParallel && !j.over() && ended.run.going(j) < ended.run.maxParallel {
			j.held = free
			g.admit(j)
		}
	}
}

// leave passes a concurrency group on.
func (g *GitHub) leave(j *job) {
	state := g.groups[group{j.repo().id, j.spec.Concurrency}]
	switch {
	case state == nil:
	case state.waits == j:
		state.waits = nil
	case state.holder == j:
		next := state.waits
		state.holder, state.waits = next, nil
		if next != nil {
			g.ready(next)
		}
	}
}

// stick makes a fault of kind StuckQueued strike a job that is let on to the runners:
// it stays queued, and its run ends without it (tuist/tuist#12673, #11455).
func (g *GitHub) stick(j *job) bool {
	if j.stuck {
		return true
	}
	fault, strikes := g.k.Strikes(StuckQueued, j.repo().name)
	if !strikes {
		return false
	}
	j.stuck = true
	g.k.Log("job %d stays queued for ever", j.id)
	g.k.After(length(fault, time.Minute), func() {
		j.abandoned = true
		g.update(j.run)
	})
	return true
}
