package simgithub

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// JobSpec is a job to queue.
type JobSpec struct {
	Repository string
	RunID      int64 // of NewRun or another job; 0 begins a workflow run
	Name       string
	Labels     []string // runs-on, sent verbatim
	// Takes is how long its steps take: for the container that runs it.
	Takes time.Duration
	// Fails says that one of its steps fails.
	Fails bool
	// Environment makes it wait for Approve.
	Environment bool
	// Concurrency is its concurrency group, one per repository and name.
	Concurrency string
	// MaxParallel bounds how many jobs of its workflow run may run at a time; 0 is the
	// repository's bound.
	MaxParallel int
	// Unpushed says that no push began its workflow run: a timer did, or a person.
	Unpushed bool
	// Hosted says that one of GitHub's own runners takes it.
	Hosted bool
}

// Job is a job as it truly is. REST and webhooks may say otherwise for a while.
type Job struct {
	ID, RunID   int64
	Attempt     int
	Repository  string // its name now
	Name        string
	Labels      []string
	Status      string // queued, waiting, pending, in_progress or completed
	Conclusion  string // "" until completed
	RunnerID    int64  // 0 if none took it
	RunnerName  string
	Foreign     bool // the runner that took it is one of others
	CreatedAt   time.Time
	QueuedAt    time.Time // when it was last queued
	StartedAt   time.Time // zero until a runner took it
	CompletedAt time.Time // zero until it is completed
	Takes       time.Duration
	Fails       bool
	Hosted      bool

	// Held says what keeps it from runners: "environment", "concurrency",
	// "max-parallel", or "" if nothing does.
	Held string
	// Assigned says that a runner was offered it and has not accepted it yet.
	Assigned bool
	// Running says that a runner has it, even if GitHub shows it as completed.
	Running bool
	// Stuck says that it stays queued although its workflow run is or will be over.
	Stuck bool
	// RunOver says that its workflow run is completed.
	RunOver bool
}

// Jobs returns all jobs, oldest first.
func (g *GitHub) Jobs() []Job {
	all := make([]Job, len(g.jobs))
	for i, j := range g.jobs {
		all[i] = j.snapshot()
	}
	return all
}

// Ended counts the jobs that are completed.
func (g *GitHub) Ended() int { return g.ended }

// Job returns a job, if there is one of that id.
func (g *GitHub) Job(id int64) (Job, bool) {
	j := g.jobByID[id]
	if j == nil {
		return Job{}, false
	}
	return j.snapshot(), true
}

// hold is what keeps a job from runners.
type hold string

const (
	free          hold = ""
	byEnvironment hold = "environment"
	byConcurrency hold = "concurrency"
	byMaxParallel hold = "max-parallel"
)

// job is a job and how it came to be as it is.
type job struct {
	id      int64
	run     *run
	attempt int
	spec    JobSpec
	labels  []string // in lower case
	created time.Time
	queued  time.Time
	past    []jobState // the last is how it is

	held      hold
	offered   *runner // that has not accepted it yet
	runner    *runner // that runs it
	foreign   bool    // the last runner that took it is of others
	taken     bool    // one of GitHub's own runners has it
	refusedBy *runner // that let it lie for a minute
	stuck     bool    // no runner ever gets it
	abandoned bool    // its workflow run is over without it
	gate      gate
	told      time.Time // when its latest webhook goes out, if that keeps its place
	cancels   bool      // its end was asked for while it runs
	expiry    *kernel.Timer
	deadline  *kernel.Timer
}

// gate is the deployment of a job with an environment.
type gate struct {
	id               int64
	created, updated time.Time
}

// jobState is what a job has shown since a time.
type jobState struct {
	since              time.Time
	status, conclusion string
	runnerID           int64
	runnerName         string
	group              *runnerGroup // of the runner
	started, completed time.Time
}

func (j *job) now() jobState { return j.past[len(j.past)-1] }

func (j *job) repo() *repository { return j.run.repo }

func (j *job) over() bool { return j.now().status == completed }

// show changes what a job shows, and its run's state with it.
func (g *GitHub) show(j *job, change func(*jobState)) {
	state := j.now()
	change(&state)
	state.since = g.k.Now()
	g.k.Log("job %d is shown as %s", j.id, state.status)
	j.past = append(j.past, state)
	g.update(j.run)
}

func (j *job) snapshot() Job {
	state := j.now()
	return Job{
		ID: j.id, RunID: j.run.id, Attempt: j.attempt, Repository: j.repo().name, Name: j.spec.Name, Labels: j.spec.Labels,
		Status: state.status, Conclusion: state.conclusion, RunnerID: state.runnerID, RunnerName: state.runnerName, Foreign: j.foreign,
		CreatedAt: j.created, QueuedAt: j.queued, StartedAt: state.started, CompletedAt: state.completed,
		Takes: j.spec.Takes, Fails: j.spec.Fails, Hosted: j.spec.Hosted,
		Held: string(j.held), Assigned: j.offered != nil, Running: j.runner != nil || j.taken, Stuck: j.stuck, RunOver: j.run.over(),
	}
}

// stop stops a timer, if there is one.
func stop(t *kernel.Timer) {
	if t != nil {
		t.Stop()
	}
}
