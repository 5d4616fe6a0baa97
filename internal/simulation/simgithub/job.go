package simgithub

import "time"

// JobSpec is a job to queue.
type JobSpec struct {
	Repository string
	RunID      int64 // of NewRun or another job; 0 begins a workflow run
	Name       string
	Labels     []string // runs-on, sent verbatim
	// Takes is how long its steps take: for the container that runs it.
	Takes time.Duration
	// Environment makes it wait for Approve.
	Environment bool
	// Concurrency is its concurrency group, one per repository and name.
	Concurrency string
	// MaxParallel bounds how many jobs of its workflow run may run at a time; 0 is the
	// repository's bound.
	MaxParallel int
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
	CreatedAt   time.Time
	QueuedAt    time.Time // when it was last queued
	StartedAt   time.Time // zero until a runner took it
	CompletedAt time.Time // zero until it is completed
	Takes       time.Duration
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

// NewRun begins a workflow run without jobs and returns its id.
func (g *GitHub) NewRun(repository string) int64 { return 0 }

// Queue adds a job and returns its id.
func (g *GitHub) Queue(spec JobSpec) int64 { return 0 }

// Cancel asks for the end of a job. One that no runner has ends at once; one that runs
// is ended by its runner, or by GitHub after five minutes.
func (g *GitHub) Cancel(jobID int64) {}

// CancelRun cancels every job of a workflow run.
func (g *GitHub) CancelRun(runID int64) {}

// Rerun makes all jobs of a completed workflow run again, with new ids and the next
// attempt, and returns them. It returns none if the run is not completed.
func (g *GitHub) Rerun(runID int64) []int64 { return nil }

// Approve opens the environment of a job that waits for it. It reports whether one did.
func (g *GitHub) Approve(jobID int64) bool { return false }

// Rename gives a repository another name. Its id stays.
func (g *GitHub) Rename(from, to string) {}

// ReplaceToken gives a credential another token and revokes the old one.
func (g *GitHub) ReplaceToken(name, token string) {}

// ReleaseRunner publishes a version of the runner, which is the newest from now on.
func (g *GitHub) ReleaseRunner(version string) {}

// Jobs returns all jobs, oldest first.
func (g *GitHub) Jobs() []Job { return nil }

// Job returns a job, if there is one of that id.
func (g *GitHub) Job(id int64) (Job, bool) { return Job{}, false }
