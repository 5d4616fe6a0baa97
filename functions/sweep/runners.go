package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// runnersCursor keeps the last runner whose execution was asked for.
const runnersCursor = "runners"

// runners makes sure that every open runner has a running execution that has received
// what it waits for. Repairs that ask GitHub come last: GitHub may not answer.
func (s *sweep) runners(ctx context.Context) error {
	open, err := s.Records.OpenRunners(ctx)
	if err != nil {
		return err
	}
	due, after, err := s.nextRunners(ctx, open)
	if err != nil {
		return err
	}
	reached := after
	var last []func() error
	failed := each(due, func(r fleet.Runner) error {
		if s.late() {
			return fmt.Errorf("look at the execution of %s: %w", r.RunnerID, errPutOff)
		}
		reached = r.RunnerID
		running, known, err := s.Executions.Running(ctx, r.RunnerID)
		switch {
		case err != nil:
			return err
		case !known:
			return s.counted(ExecutionMissing, s.Fleet.StartAgain(ctx, r))
		case !running:
			last = append(last, func() error { return s.executionEnded(ctx, r.RunnerID) })
		case s.unsignalled(r) && !s.told[r.RunnerID]:
			return s.signalAgain(ctx, r.RunnerID)
		case s.unfinished(r):
			last = append(last, func() error { return s.endAgain(ctx, r.RunnerID) })
		case s.Fleet.OutlivesJob(r) && !s.stopping[r.TaskARN]:
			last = append(last, func() error { return s.afterJob(ctx, r) })
		}
		return nil
	})
	if len(due) == 0 || reached == due[len(due)-1].RunnerID && len(due) < mostExecutions {
		reached = "" // all of them
	}
	if reached != after {
		failed = errors.Join(failed, s.Records.PutCursor(ctx, runnersCursor, reached))
	}
	return errors.Join(failed, each(last, func(do func() error) error { return do() }))
}

// nextRunners are the open runners after those that the last sweep looked at, as many
// as Step Functions may be asked for.
func (s *sweep) nextRunners(ctx context.Context, open []fleet.Runner) (due []fleet.Runner, after string, err error) {
	after, err = s.kept(ctx, runnersCursor)
	open = slices.DeleteFunc(open, func(r fleet.Runner) bool { return !s.old(r.At(fleet.StageLaunched)) })
	slices.SortFunc(open, func(a, b fleet.Runner) int { return cmp.Compare(a.RunnerID, b.RunnerID) })
	next, _ := slices.BinarySearchFunc(open, after, func(r fleet.Runner, id string) int {
		if r.RunnerID <= id {
			return -1
		}
		return 1
	})
	due = slices.Concat(open[next:], open[:next])
	return due[:min(mostExecutions, len(due))], after, err
}

// again reads a runner once more before it is repaired: while the sweep walked the
// list, or asked GitHub about others, its own execution may have moved on. ok is false
// if the runner has closed.
func (s *sweep) again(ctx context.Context, runnerID string) (r fleet.Runner, ok bool, err error) {
	r, known, err := s.Fleet.Records.Runner(ctx, runnerID)
	return r, known && r.Phase != fleet.Closed, err
}

func (s *sweep) executionEnded(ctx context.Context, runnerID string) error {
	if _, open, err := s.again(ctx, runnerID); err != nil || !open {
		return err
	}
	_, _, err := s.Fleet.Finish(ctx, runnerID, nil, "Execution.Ended", "the execution ended without closing its runner")
	return s.counted(ExecutionEnded, err)
}

func (s *sweep) signalAgain(ctx context.Context, runnerID string) error {
	r, open, err := s.again(ctx, runnerID)
	if err != nil || !open || !s.unsignalled(r) {
		return err
	}
	return s.counted(SignalLost, s.Fleet.Signal(ctx, r))
}

func (s *sweep) endAgain(ctx context.Context, runnerID string) error {
	r, open, err := s.again(ctx, runnerID)
	if err != nil || !open || !s.unfinished(r) {
		return err
	}
	_, err = s.Fleet.End(ctx, runnerID, r.Reason)
	return s.counted(EndingUnfinished, err)
}

// unfinished reports whether the end of a runner was begun and did not go on. A runner
// that has no task yet, and waits for no signal, ends by itself.
func (s *sweep) unfinished(r fleet.Runner) bool {
	if r.Phase != fleet.Closing || r.Took != 0 || !s.old(r.At(fleet.StageClosing)) || s.stopping[r.TaskARN] {
		return false
	}
	return r.TaskARN != "" || r.Claims > 0 || r.WaitingFor == fleet.WaitForImage
}

// afterJob looks at a runner with a job whose run has ended. The usual end of a task
// takes some time.
func (s *sweep) afterJob(ctx context.Context, r fleet.Runner) error {
	run, known, err := s.Fleet.Records.Run(ctx, fleet.RunID(r.Took))
	if err != nil || !known || !run.Status.Terminal() {
		return err
	}
	// A hook may have been answered by a newer policy than the one that refused the job.
	judged := r.JudgedAs(r.Took)
	if run.RanOn == r.RunnerID && run.GoesOn(s.Fleet.Now()) && (judged == nil || judged.Verdict == fleet.Refused) {
		return s.counted(RefusedGoesOn, s.Fleet.Tasks.Stop(ctx, r.TaskARN, fleet.StoppedByPolicy))
	}
	ended := run.At(fleet.StageJobCompleted)
	if ended.IsZero() {
		ended = run.At(fleet.StageClosed)
	}
	if !s.old(ended) {
		return nil
	}
	stopped, err := s.Fleet.AfterJob(ctx, r.RunnerID, ended)
	if err != nil || !stopped {
		return err
	}
	return s.counted(TaskOutlivedJob, nil)
}

// unsignalled reports whether the execution still waits for what was recorded: the
// process that recorded it died before it signalled.
func (s *sweep) unsignalled(r fleet.Runner) bool {
	took := r.Took != 0 && s.old(r.At(fleet.StageJobStarted))
	stopped := r.Stopped() && s.old(r.At(fleet.StageTaskStopped))
	switch r.WaitingFor {
	case fleet.WaitForJob:
		return took || stopped
	case fleet.WaitForStopped:
		return stopped
	}
	return false
}

// tasks compares the platform's tasks with the runners: it sends lost events again, and
// stops tasks that no execution waits for.
func (s *sweep) tasks(ctx context.Context) error {
	tasks, err := s.Platform.Tasks(ctx)
	if err != nil {
		return err
	}
	known := map[string]fleet.Task{}
	for _, task := range tasks {
		known[task.ARN] = task
		s.stopping[task.ARN] = task.LastStatus != fleet.TaskStopped && task.DesiredStatus == fleet.TaskStopped
	}
	open, err := s.Records.OpenRunners(ctx)
	if err != nil {
		return err
	}
	theirs := map[string]bool{} // tasks that open runners have
	for _, r := range open {
		theirs[r.TaskARN] = true
	}
	failed := each(tasks, func(task fleet.Task) error {
		if theirs[task.ARN] {
			return nil
		}
		return s.task(ctx, task)
	})
	return errors.Join(failed, each(open, func(r fleet.Runner) error {
		task, ok := known[r.TaskARN]
		return s.taskOf(ctx, r, task, ok)
	}))
}

// taskOf sends the event again that an open runner's task has stopped.
func (s *sweep) taskOf(ctx context.Context, r fleet.Runner, task fleet.Task, known bool) error {
	switch {
	case r.TaskARN == "" || r.Stopped():
		return nil
	case known && (task.LastStatus != fleet.TaskStopped || s.fresh(task.StoppedAt)):
		return nil
	case !known:
		if task, known = r.Vanished(s.now); !known {
			return nil
		}
	}
	return s.counted(TaskEventLost, s.announce(ctx, task))
}

// task stops a live task of ours that no execution waits for. If the task may have a
// job it is left alone, but no longer than a job may take.
func (s *sweep) task(ctx context.Context, task fleet.Task) error {
	_, _, ours := fleet.ParseRunnerID(s.Fleet.Name, task.StartedBy)
	if !ours || task.LastStatus == fleet.TaskStopped || s.stopping[task.ARN] || task.CreatedAt == nil || !s.old(*task.CreatedAt) {
		return nil
	}
	r, known, err := s.Fleet.Records.Runner(ctx, task.StartedBy)
	if err != nil || known && r.Phase != fleet.Closed && (r.TaskARN == "" || r.TaskARN == task.ARN) {
		return err
	}
	limits, since := s.Fleet.Limits, *task.CreatedAt
	if closed := r.At(fleet.StageClosed); r.IsWarm() && closed.After(since) { // its job may have begun just before
		since = closed
	}
	if s.now.Sub(since) < limits.Start+limits.Idle+limits.MaxRuntime {
		if works, err := s.mayWork(ctx, task, r, known); err != nil || works {
			return err
		}
	}
	return s.counted(TaskOfClosedRunner, s.Fleet.Tasks.Stop(ctx, task.ARN, "no open runner of the fleet has this task"))
}

// mayWork reports whether a task that no execution waits for may have a job. Perhaps no
// webhook reported the job, so mayWork deletes the registrations, as at the end of
// every runner: GitHub refuses if the runner has a job.
func (s *sweep) mayWork(ctx context.Context, task fleet.Task, r fleet.Runner, known bool) (bool, error) {
	switch {
	case !known:
		return s.mayBeRegistered(ctx, task.StartedBy)
	case r.Took == 0 && r.Claims == 0:
		return false, nil // without a claim it cannot have a job
	case r.Took != 0:
		return s.mayWorkOn(ctx, r)
	case r.Phase != fleet.Closed:
		return true, nil // a second task: it may be the one that claimed
	}
	// It may have the job that it was meant for.
	r, err := s.Fleet.AskAfter(ctx, r)
	untold, _ := errors.AsType[lifecycle.Untold](err)
	switch {
	case err != nil && !untold.NoSuchJob:
		return true, err
	case r.Took != 0:
		return s.mayWorkOn(ctx, r)
	}
	return s.Fleet.Deregister(ctx, r)
}

// mayWorkOn is mayWork for a runner that took a job. Its end may have been reported too
// early, and GitHub may have taken the job back from a runner that works on.
func (s *sweep) mayWorkOn(ctx context.Context, r fleet.Runner) (bool, error) {
	if works, err := s.hasOpenJob(ctx, r); err != nil || works {
		return works, err
	}
	return s.Fleet.Deregister(ctx, r)
}

func (s *sweep) hasOpenJob(ctx context.Context, r fleet.Runner) (bool, error) {
	run, known, err := s.Fleet.Records.Run(ctx, fleet.RunID(r.Took))
	return known && !run.Status.Terminal() && run.RanOn == r.RunnerID, err
}

func (s *sweep) announce(ctx context.Context, task fleet.Task) error {
	detail, err := json.Marshal(task)
	if err != nil {
		return fmt.Errorf("encode task %s: %w", task.ARN, err)
	}
	return s.Bus.Put(ctx, fleet.Event{ID: s.NewID(), Source: fleet.SweepSource, DetailType: fleet.TaskEvent, Time: s.now, Detail: detail})
}

// registrations deletes what ended runners left on GitHub. It touches only offline ones
// with the name of this fleet.
func (s *sweep) registrations(ctx context.Context) error {
	switch now := s.now.Unix(); {
	case s.Policy.WholeOrganization():
		if now-s.recent.Registered < seconds(askPushed-tick) {
			return nil
		}
		err := s.registrationsOf(ctx, s.Policy.FirstPlace())
		if err == nil {
			s.recent.Registered = now
		}
		return err
	case s.Policy.SharedPlace() != "" && len(s.turn) > 0: // all runners are registered in one place
		return s.registrationsOf(ctx, s.Policy.FirstPlace())
	}
	return each(s.turn, func(repository string) error { return s.registrationsOf(ctx, repository) })
}

func (s *sweep) registrationsOf(ctx context.Context, place string) error {
	list := "runners/" + s.key(place)
	if fleet.IsShared(place) {
		list = "runners_of_organization"
	}
	_, err := pages(ctx, s, list, func(was fleet.Page[fleet.Registration]) (fleet.Page[fleet.Registration], error) {
		return s.GitHub.RegistrationsPage(ctx, place, was)
	}, func(reg fleet.Registration) bool {
		_, _, ours := fleet.ParseRunnerID(s.Fleet.Name, reg.Name)
		return ours
	}, func(reg fleet.Registration) error {
		runnerID, _, _ := fleet.ParseRunnerID(s.Fleet.Name, reg.Name)
		deleted, err := s.registration(ctx, place, runnerID, reg)
		if !deleted {
			s.registered[runnerID] = true
		}
		return err
	})
	s.registeredIn[s.key(place)] = err == nil
	return err
}

// mayBeRegistered reports whether GitHub has a registration of a runner without a
// record, or gives no answer. Where it would be registered is not known, so all places are
// asked, also those without a turn in this sweep.
func (s *sweep) mayBeRegistered(ctx context.Context, runnerID string) (bool, error) {
	places := s.Policy.Repositories
	if shared := s.Policy.SharedPlace(); shared != "" {
		places = []string{shared}
	}
	for _, repository := range places {
		if _, asked := s.registeredIn[s.key(repository)]; !asked {
			if err := s.registrationsOf(ctx, repository); err != nil {
				return true, err
			}
		}
		if !s.registeredIn[s.key(repository)] {
			return true, nil
		}
	}
	return s.registered[runnerID], nil
}

// registration deletes a registration that no open runner needs. GitHub may call a
// runner with a job offline, and then refuses.
func (s *sweep) registration(ctx context.Context, place, runnerID string, reg fleet.Registration) (deleted bool, err error) {
	if reg.Online || reg.Busy {
		return false, nil
	}
	r, known, err := s.Fleet.Records.Runner(ctx, runnerID)
	if !known && fleet.IsShared(place) {
		return false, err // another fleet that is registered there may have this one's name
	}
	if err != nil || known && (r.Phase != fleet.Closed || !s.old(r.At(fleet.StageClosed))) {
		return false, err
	}
	if r.Took != 0 && !r.Stopped() {
		if works, err := s.hasOpenJob(ctx, r); err != nil || works {
			return false, err
		}
	}
	err = s.Fleet.GitHub.Delete(ctx, place, reg.ID)
	switch {
	case fleet.IsNamed(err, fleet.GitHubNotFound):
		return true, nil
	case fleet.IsNamed(err, fleet.GitHubRunnerBusy):
		return false, nil
	}
	return err == nil, s.counted(RegistrationLeft, err)
}
