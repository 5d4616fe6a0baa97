package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// The statuses of a job.
const (
	statusQueued     = "queued"
	statusWaiting    = "waiting"
	statusInProgress = "in_progress"
	statusCompleted  = "completed"
)

// ErrNoJob is what methods return if no job has the id.
var ErrNoJob = errors.New("simulated GitHub: no such job")

// maxLog bounds the lines kept of one job's log.
const maxLog = 20_000

// StepSpec is one shell step of a job.
type StepSpec = protocol.Step

// JobSpec describes a job to queue.
type JobSpec struct {
	RunID    int64  // 0 starts a new run; see Server.NewRun
	Attempt  int    // 0 is the first
	Workflow string // the workflow's name
	Key      string // the job's id in the workflow file; "" is its name
	Name     string
	Labels   []string // runs-on, sent verbatim
	Env      map[string]string
	Steps    []StepSpec

	// Environment, if set, makes the job wait for Server.Approve before it is
	// queued for runners.
	Environment string
}

// Job is a job as GitHub shows it.
type Job struct {
	ID         int64
	RunID      int64
	Attempt    int
	Workflow   string
	Name       string
	Labels     []string
	Status     string // queued, waiting, in_progress or completed
	Conclusion string // "" until completed
	RunnerID   int64  // 0 if none took it
	RunnerName string
	Steps      []Step
	CreatedAt  time.Time
	StartedAt  time.Time // CreatedAt until a runner takes it, as on GitHub
	// CompletedAt is zero until then.
	CompletedAt time.Time
}

// Step is one step of a job, GitHub's own first and last steps included.
type Step struct {
	Number      int
	Name        string
	Status      string
	Conclusion  string
	StartedAt   time.Time
	CompletedAt time.Time
}

type job struct {
	Job // without Status: that is status

	spec       JobSpec
	status     string
	deployment *deployment
	updated    time.Time

	session *session // that was given the job, or runs it
	cancel  bool     // asked for while it runs
	expiry  Timer
	log     []string
}

func (j *job) snapshot() Job {
	snapshot := j.Job
	snapshot.Status = j.status
	snapshot.Labels = slices.Clone(j.Labels)
	snapshot.Steps = slices.Clone(j.Steps)
	return snapshot
}

// Queue adds a job and returns its id.
func (s *Server) Queue(spec JobSpec) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(spec)
}

// add is Queue.
func (s *Server) add(spec JobSpec) int64 {
	spec.Labels = slices.Clone(spec.Labels)
	spec.Steps = slices.Clone(spec.Steps)
	spec.Env = maps.Clone(spec.Env)
	if spec.RunID == 0 {
		spec.RunID = s.newID()
	}
	spec.Attempt = max(spec.Attempt, 1)
	setDefault(&spec.Key, spec.Name)
	now := s.now()
	j := &job{
		spec:    spec,
		status:  statusQueued,
		updated: now,
		Job: Job{
			ID: s.newID(), RunID: spec.RunID, Attempt: spec.Attempt, Workflow: spec.Workflow, Name: spec.Name,
			Labels: spec.Labels, Steps: []Step{}, CreatedAt: now, StartedAt: now,
		},
	}
	s.jobs = append(s.jobs, j)
	if spec.Environment != "" {
		// GitHub announces a gated job as queued, although it waits.
		j.status = statusWaiting
		j.deployment = &deployment{id: s.newID(), environment: spec.Environment, created: now, updated: now}
		s.emit("queued", j)
		s.emit("waiting", j)
	} else {
		s.emit("queued", j)
		s.enqueue(j)
	}
	s.notify()
	return j.ID
}

// Approve opens the gate of a job that waits for its environment.
func (s *Server) Approve(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.job(id)
	switch {
	case j == nil:
		return fmt.Errorf("approve job %d: %w", id, ErrNoJob)
	case j.status != statusWaiting:
		return fmt.Errorf("approve job %d: it is %s", id, j.status)
	}
	j.status = statusQueued
	j.updated = s.now()
	j.deployment.updated = j.updated
	s.emit("queued", j)
	s.enqueue(j)
	s.notify()
	return nil
}

// Cancel ends a job that no runner has. Its runner gets a message and ends a
// running job; without the runner the job ends after five minutes.
func (s *Server) Cancel(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.job(id)
	switch {
	case j == nil:
		return fmt.Errorf("cancel job %d: %w", id, ErrNoJob)
	case j.status == statusCompleted:
		return fmt.Errorf("cancel job %d: it is completed", id)
	}
	s.cancel(j)
	return nil
}

func (s *Server) cancel(j *job) {
	if j.status != statusInProgress {
		s.withdraw(j)
		s.complete(j, protocol.Cancelled)
		return
	}
	if j.cancel {
		return
	}
	j.cancel = true
	s.logf(j, "the job was cancelled")
	s.wake(j.session)
	j.expiry = s.after(cancelLimit, func() { s.finish(j, protocol.Cancelled) })
	s.notify()
}

// Job returns a job, or false.
func (s *Server) Job(id int64) (Job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.job(id); j != nil {
		return j.snapshot(), true
	}
	return Job{}, false
}

// Jobs returns all jobs in the order they were queued.
func (s *Server) Jobs() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Job, len(s.jobs))
	for i, j := range s.jobs {
		all[i] = j.snapshot()
	}
	return all
}

// JobLog returns the lines of a job's log so far. Lines of the simulator's own
// begin with "simulated GitHub: ".
func (s *Server) JobLog(id int64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.job(id); j != nil {
		return slices.Clone(j.log)
	}
	return nil
}

func (s *Server) job(id int64) *job {
	i, found := slices.BinarySearchFunc(s.jobs, id, func(j *job, id int64) int { return cmp.Compare(j.ID, id) })
	if !found {
		return nil
	}
	return s.jobs[i]
}

// begin is the moment a runner accepts the job.
func (s *Server) begin(j *job, r *runner) {
	stop(j.expiry)
	now := s.now()
	j.status, j.updated, j.StartedAt = statusInProgress, now, now
	j.RunnerID, j.RunnerName = r.ID, r.Name
	j.Steps = []Step{{Number: 1, Name: "Set up job", Status: statusInProgress, StartedAt: now}}
	for i, step := range j.spec.Steps {
		j.Steps = append(j.Steps, Step{Number: i + 2, Name: step.Title(), Status: statusQueued})
	}
	s.logf(j, "job %q was taken by runner %s", j.Name, r.Name)
	s.emit("in_progress", j)
	s.notify()
}

// step records that a step began, or ended if there is a conclusion.
func (s *Server) step(j *job, number int, conclusion string) {
	now := s.now()
	end := func(step *Step, conclusion string) {
		if step.Status == statusCompleted {
			return
		}
		step.Status, step.Conclusion, step.CompletedAt = statusCompleted, conclusion, now
		if step.StartedAt.IsZero() {
			step.StartedAt = now
		}
	}
	end(&j.Steps[0], protocol.Success)
	step := &j.Steps[number-1]
	if conclusion != "" {
		end(step, conclusion)
	} else if step.Status == statusQueued {
		step.Status, step.StartedAt = statusInProgress, now
	}
	j.updated = now
	s.notify()
}

// complete closes a job and sends the webhook. The caller has taken it from the
// queue and from its runner.
func (s *Server) complete(j *job, conclusion string) {
	stop(j.expiry)
	now := s.now()
	for i := range j.Steps {
		switch step := &j.Steps[i]; step.Status {
		case statusInProgress:
			s.step(j, step.Number, protocol.Cancelled)
		case statusQueued:
			s.step(j, step.Number, protocol.Skipped)
		}
	}
	if len(j.Steps) > 0 {
		j.Steps = append(j.Steps, Step{
			Number: len(j.Steps) + 1, Name: "Complete job", Status: statusCompleted, Conclusion: protocol.Success,
			StartedAt: now, CompletedAt: now,
		})
	}
	j.status, j.Conclusion, j.CompletedAt, j.updated = statusCompleted, conclusion, now, now
	s.logf(j, "job %q completed with conclusion %s", j.Name, conclusion)
	s.emit("completed", j)
	s.notify()
}

func (s *Server) logf(j *job, format string, args ...any) {
	j.log = append(j.log, "simulated GitHub: "+fmt.Sprintf(format, args...))
}

// addLog keeps lines of the job itself, up to a limit.
func (s *Server) addLog(j *job, lines []string) {
	room := max(maxLog-len(j.log), 0)
	if room == 0 {
		return
	}
	if len(lines) >= room {
		j.log = append(j.log, lines[:room]...)
		s.logf(j, "the log is cut here, after %d lines", maxLog)
	} else {
		j.log = append(j.log, lines...)
	}
	s.notify()
}
