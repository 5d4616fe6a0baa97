package sweep

import (
	"context"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// jobs compares the jobs that wait or run on GitHub with the records.
func (s *sweep) jobs(ctx context.Context) error {
	if s.Policy.WholeOrganization() {
		return s.organizationJobs(ctx)
	}
	return each(s.turn, func(repository string) error { return s.jobsOf(ctx, repository) })
}

// job compares a job with its record. It reports whether the record agrees with GitHub.
func (s *sweep) job(ctx context.Context, job fleet.Job) (settled bool, err error) {
	run, known, err := s.Fleet.Records.Run(ctx, fleet.RunID(job.JobID))
	if err != nil {
		return false, err
	}
	return s.settled(job, run, known), s.compare(ctx, job, run, known)
}

// settled reports whether nothing is to be done about a job, now or soon.
func (s *sweep) settled(job fleet.Job, run fleet.Run, known bool) bool {
	switch {
	case job.Status == fleet.JobCompleted:
		return !known || run.Status.Terminal() && run.Status != fleet.RunFailed && run.Status != fleet.RunGone
	case !known:
		return false
	case job.Status != fleet.JobQueued:
		return !run.Wanted()
	case run.Wanted():
		return run.RunnerID != "" || run.WaitsForRoom || s.waits(run)
	}
	return run.Status == fleet.RunRefused || run.Status == fleet.RunCompleted || run.Status == fleet.RunCancelled
}

// compare checks whether our record of a job, if there is one, is behind GitHub. It
// leaves a run that we gave up alone until GitHub runs or ends its job after all.
func (s *sweep) compare(ctx context.Context, job fleet.Job, run fleet.Run, known bool) error {
	_, _, onOurs := fleet.ParseRunnerID(s.Fleet.Name, job.RunnerName)
	unnoticed := onOurs && run.RanOn == ""
	switch job.Status {
	case fleet.JobQueued:
		return s.queued(ctx, job, run, known)
	case fleet.JobWaiting:
		if known && run.Wanted() && s.old(run.At(fleet.StageReceived)) {
			return s.learn(ctx, job, run, WaitingLost)
		}
	case fleet.JobInProgress:
		if !s.fresh(job.StartedAt) && (unnoticed || known && run.Wanted()) {
			return s.learn(ctx, job, run, InProgressLost)
		}
	case fleet.JobCompleted:
		closed := run.Status == fleet.RunCompleted || run.Status == fleet.RunCancelled
		if !s.fresh(job.CompletedAt) && (unnoticed || known && !closed) {
			return s.learn(ctx, job, run, CompletedLost)
		}
	}
	return nil
}

// queued launches a job that waits on GitHub and has no runner of ours. A job that
// waits for room is known and fine, and the part that looks at runners handles an
// expected runner.
func (s *sweep) queued(ctx context.Context, job fleet.Job, run fleet.Run, known bool) error {
	cause := QueuedLost
	switch {
	case !known:
		if s.fresh(job.CreatedAt) || s.Policy.Admit(job).Verdict == fleet.Ignored {
			return nil
		}
	case run.Status == fleet.RunWaiting: // it was approved
	case run.Status == fleet.RunFailed || run.Status == fleet.RunGone: // we gave it up too early
	case run.Status == fleet.RunRunning:
		takenBack, err := s.Fleet.QueuedAgain(ctx, run.RunID)
		if err != nil || !takenBack {
			return err
		}
		return s.counted(JobTakenBack, nil)
	case !run.Wanted() || s.waits(run) || run.WaitsForRoom || run.RunnerID != "" || !s.old(run.At(fleet.StageReceived)):
		return nil
	default:
		cause = RunnerMissing
	}
	return s.counted(cause, s.Fleet.Queued(ctx, job, s.Policy.Wants(job), s.now))
}

// waits reports whether a run gets its next try without this part of the sweep: its own
// time is to come, or the hold that it waits for exists.
func (s *sweep) waits(run fleet.Run) bool {
	return run.Retrying() && (run.Setback.Hold == "" || s.holds == nil || s.holds[run.Setback.Hold])
}

// learn does what the lost webhook would have done, and counts a repair if that changed
// the run.
func (s *sweep) learn(ctx context.Context, job fleet.Job, was fleet.Run, cause Cause) error {
	if _, err := s.Fleet.LearnJob(ctx, job); err != nil {
		return err
	}
	run, _, err := s.Fleet.Records.Run(ctx, fleet.RunID(job.JobID))
	s.told[run.RanOn] = true
	if err != nil || run.Version == was.Version {
		return err
	}
	return s.counted(cause, nil)
}

// openRunsCursor keeps how many of the open runs, from the oldest on, were looked at;
// the next sweep continues after them.
const openRunsCursor = "open_runs"

// openRuns asks GitHub for the jobs of open runs that it did not list: their workflow
// runs have ended, or were started again. It asks nothing in a repository without a
// list, but for a run that misses its runner in a whole organization: there the next list
// may come late.
func (s *sweep) openRuns(ctx context.Context) error {
	cursor, err := s.number(ctx, openRunsCursor)
	if err != nil {
		return err
	}
	from := max(0, int(cursor))
	runs, err := s.Records.OpenRuns(ctx, from+mostRuns)
	if err != nil {
		return err
	}
	if from >= len(runs) {
		from = 0
	}
	to := min(len(runs), from+mostRuns)
	var unlisted []fleet.Run
	hooks := map[string]int64{}
	for i, run := range runs[from:to] {
		switch {
		case run.Job.HookOfOrganization:
			hooks[s.key(fleet.OrganizationPlace(run.Job.Owner()))] = run.Job.HookID
		case run.Job.HookID != 0:
			hooks[s.key(run.Job.Repository)] = run.Job.HookID
		}
		workflowRun := run.Job.WorkflowRunID
		switch {
		case s.seen[run.Job.JobID], !s.old(run.At(fleet.StageReceived)):
			continue
		case !s.listed[s.key(run.Job.Repository)] && !(s.Policy.WholeOrganization() && s.missesRunner(run)):
			continue
		case s.active[workflowRun] && !s.looked[workflowRun] && !s.missesRunner(run):
			continue // its workflow run goes on, and has its turn
		}
		if len(unlisted) == mostAsked {
			to = from + i
			break
		}
		unlisted = append(unlisted, run)
	}
	next := int64(to)
	if to == len(runs) {
		next = 0
	}
	if next != cursor {
		if err := s.Records.PutCursor(ctx, openRunsCursor, strconv.FormatInt(next, 10)); err != nil {
			return err
		}
	}
	if err := s.noteHooks(ctx, hooks); err != nil {
		return err
	}
	return each(unlisted, func(run fleet.Run) error { return s.openRun(ctx, run) })
}

// missesRunner reports whether a run that needs a runner has none, and waits for
// nothing.
func (s *sweep) missesRunner(run fleet.Run) bool {
	return run.Wanted() && run.RunnerID == "" && !run.WaitsForRoom && !s.waits(run)
}

func (s *sweep) openRun(ctx context.Context, run fleet.Run) error {
	job, err := s.GitHub.Job(ctx, s.nameOf(run.Job), run.Job.JobID)
	if fleet.IsNamed(err, fleet.GitHubNotFound) {
		return s.gone(ctx, run)
	}
	if err != nil {
		return err
	}
	if err := s.knownAgain(ctx, run); err != nil {
		return err
	}
	// Facts that only webhooks contain are not lost if the run takes the job over.
	job.Private, job.Visibility, job.HookID, job.InstallationID = run.Job.Private, run.Job.Visibility, run.Job.HookID, run.Job.InstallationID
	job.HookOfOrganization, job.RepositoryID = run.Job.HookOfOrganization, run.Job.RepositoryID
	return s.compare(ctx, job, run, true)
}

// unknownFor is how long GitHub may not know a job before its run is closed: as long as
// a job can be queued and run, and half a day.
const unknownFor = 36 * time.Hour

// gone closes the run of a job that GitHub does not know. The job may only be hidden
// from our credential for a while, so the run is given time.
func (s *sweep) gone(ctx context.Context, run fleet.Run) error {
	was := run
	if run.UnknownSince.IsZero() {
		run.UnknownSince = s.now
	} else if s.now.Sub(run.UnknownSince) < unknownFor {
		return nil
	} else {
		run = run.Move(fleet.RunGone, "GitHub has not known the job since "+run.UnknownSince.UTC().Format(time.DateTime+" MST")).Mark(fleet.StageClosed, s.now)
		run.WaitsForRoom = false
	}
	err := s.Fleet.Records.Write(ctx, fleet.Changes{Runs: []fleet.Run{run}})
	if fleet.IsNamed(err, fleet.RecordsConflict) {
		return nil // the record has changed: the next sweep looks again
	}
	if run.Status == was.Status {
		return err
	}
	return s.counted(JobGone, err)
}

// knownAgain forgets that GitHub did not know the job for a while.
func (s *sweep) knownAgain(ctx context.Context, run fleet.Run) error {
	if run.UnknownSince.IsZero() {
		return nil
	}
	run.UnknownSince = time.Time{}
	err := s.Fleet.Records.Write(ctx, fleet.Changes{Runs: []fleet.Run{run}})
	if fleet.IsNamed(err, fleet.RecordsConflict) {
		return nil
	}
	return err
}
