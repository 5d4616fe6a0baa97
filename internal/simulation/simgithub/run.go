package simgithub

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Statuses and conclusions in GitHub's words.
const (
	queued     = "queued"
	waiting    = "waiting"
	pending    = "pending"
	inProgress = "in_progress"
	completed  = "completed"

	success        = "success"
	failure        = "failure"
	cancelled      = "cancelled"
	startupFailure = "startup_failure"
)

// run is a workflow run with the jobs of all its attempts.
type run struct {
	id          int64
	repo        *repository
	number      int
	attempt     int
	jobs        []*job
	maxParallel int
	created     time.Time
	past        []runState
}

// runState is what a run has shown since a time. A run's own status and update move
// only when the run itself begins, ends or begins again, not with each job.
type runState struct {
	since              time.Time
	status, conclusion string
}

func (r *run) now() runState { return r.past[len(r.past)-1] }

func (r *run) over() bool { return r.now().status == completed }

// latest returns the jobs of the latest attempt.
func (r *run) latest() []*job {
	for i, j := range r.jobs {
		if j.attempt == r.attempt {
			return r.jobs[i:] // attempts are made one after the other
		}
	}
	return nil
}

// NewRun begins a workflow run without jobs and returns its id.
func (g *GitHub) NewRun(repository string) int64 { return g.newRun(g.repository(repository), false).id }

// newRun begins a workflow run, for a push unless unpushed is set.
func (g *GitHub) newRun(repo *repository, unpushed bool) *run {
	r := &run{
		id: g.newID(), repo: repo, number: len(repo.runs) + 1, attempt: 1, maxParallel: repo.maxParallel,
		created: g.k.Now(), past: []runState{{since: g.k.Now(), status: queued}},
	}
	if !unpushed {
		repo.pushed = r.created
	}
	g.runs[r.id] = r
	repo.runs = append(repo.runs, r)
	repo.active = append(repo.active, r)
	return r
}

// update derives a run's state from its jobs.
func (g *GitHub) update(r *run) {
	status, conclusion := r.derive()
	before := r.now()
	if status == before.status && conclusion == before.conclusion {
		return
	}
	r.past = append(r.past, runState{g.k.Now(), status, conclusion})
	switch {
	case status == completed && before.status != completed:
		r.repo.completed++
		i, _ := slices.BinarySearchFunc(r.repo.active, r.id, byRunID)
		r.repo.active = slices.Delete(r.repo.active, i, i+1)
		g.k.Log("workflow run %d is completed: %s", r.id, conclusion)
	case status != completed && before.status == completed:
		r.repo.completed--
		i, _ := slices.BinarySearchFunc(r.repo.active, r.id, byRunID)
		r.repo.active = slices.Insert(r.repo.active, i, r)
	}
}

func byRunID(r *run, id int64) int { return cmp.Compare(r.id, id) }

// derive says what the jobs of the latest attempt add up to. A run is in_progress as
// soon as one of its jobs is.
func (r *run) derive() (status, conclusion string) {
	jobs := r.latest()
	var over, failed, stopped, stuck, begun, isQueued, isWaiting, isPending int
	for _, j := range jobs {
		state := j.now()
		over += one(state.status == completed || j.abandoned)
		stuck += one(j.abandoned)
		failed += one(state.conclusion == failure)
		stopped += one(state.conclusion == cancelled)
		begun += one(state.status == inProgress || state.status == completed)
		isQueued += one(state.status == queued)
		isWaiting += one(state.status == waiting)
		isPending += one(state.status == pending)
	}
	isOver := len(jobs) > 0 && over == len(jobs)
	switch {
	case isOver && stuck > 0:
		return completed, startupFailure
	case isOver && failed > 0:
		return completed, failure
	case isOver && stopped > 0:
		return completed, cancelled
	case isOver:
		return completed, success
	case begun > 0:
		return inProgress, ""
	case isQueued == 0 && isWaiting > 0:
		return waiting, ""
	case isQueued == 0 && isPending > 0:
		return pending, ""
	}
	return queued, "" // also without a job yet
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// CancelRun cancels every job of a workflow run.
func (g *GitHub) CancelRun(runID int64) {
	for _, j := range slices.Clone(g.run(runID).latest()) {
		g.Cancel(j.id)
	}
}

// Rerun makes all jobs of a completed workflow run again, with new ids and the next
// attempt, and returns them. It returns none if the run is not completed, which
// GitHub refuses with 403 (cli/cli#9221).
// https://docs.github.com/actions/managing-workflow-runs/re-running-workflows-and-jobs
func (g *GitHub) Rerun(runID int64) []int64 {
	r := g.run(runID)
	if !r.over() {
		return nil
	}
	before := r.latest()
	r.attempt++
	g.k.Log("workflow run %d runs again, attempt %d", r.id, r.attempt)
	var ids []int64
	for _, j := range before {
		ids = append(ids, g.add(r, j.spec).id)
	}
	return ids
}

// rerunFailed makes the failed and cancelled jobs of a completed workflow run again. GitHub
// shows the others in the next attempt as well, with what they ended as; here they are in
// the first alone.
func (g *GitHub) rerunFailed(r *run) {
	before, made := r.latest(), Rerun{RunID: r.id}
	r.attempt++
	g.k.Log("the failed jobs of workflow run %d run again, attempt %d", r.id, r.attempt)
	for _, j := range before {
		if c := j.now().conclusion; c == failure || c == cancelled {
			made.Jobs = append(made.Jobs, j.id)
			g.add(r, j.spec)
		}
	}
	g.reruns = append(g.reruns, made)
}

// Rerun is a workflow run whose failed jobs an API request ran again, and these jobs.
type Rerun struct {
	RunID int64
	Jobs  []int64
}

// Reruns are all of them, the oldest first.
func (g *GitHub) Reruns() []Rerun { return slices.Clone(g.reruns) }

// run panics if there is none of that id: a scenario has a mistake.
func (g *GitHub) run(id int64) *run {
	r := g.runs[id]
	if r == nil {
		panic(fmt.Sprintf("simgithub: there is no workflow run %d", id))
	}
	return r
}
