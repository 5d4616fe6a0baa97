package stages

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// facts are what the stages are made from.
type facts struct {
	run     fleet.Run
	runners []fleet.Runner
}

// runner is the one that has the job, or else is expected to take it; nil if there is none.
func (f facts) runner() *fleet.Runner {
	id := f.run.RanOn
	if id == "" {
		id = f.run.RunnerID
	}
	for i, r := range f.runners {
		if id != "" && r.RunnerID == id {
			return &f.runners[i]
		}
	}
	return nil
}

// milestones are in order, and last is the stage that comes after them.
func (f facts) milestones() (marks []milestone, last Name) {
	run, runner := f.run, f.runner()
	marks = append(marks, milestone{Webhook, run.At(fleet.StageReceived)})
	if run.Status == fleet.RunWaiting {
		return marks, Approval
	}
	first := run.At(fleet.StageLaunched)
	if since := run.WaitsSince; !since.IsZero() && (first.IsZero() || since.Before(first)) {
		marks = append(marks, milestone{Launch, since}, milestone{Room, first})
	} else {
		marks = append(marks, milestone{Launch, first})
	}
	if runner == nil {
		return f.withoutRunner(marks)
	}
	launched := milestone{Tries, runner.At(fleet.StageLaunched)}
	if since := run.WaitsSince; runner.RunID != run.RunID {
		launched.stage = Other
		switch { // it would have waited on, had the other one not had room
		case since.IsZero() || !since.Before(launched.at):
		case first.IsZero():
			launched.stage = Room
		case since.After(first):
			marks = append(marks, milestone{Tries, since})
			launched.stage = Room
		}
	}
	marks = append(marks, launched)
	last = Admit
	for _, s := range []struct {
		name Name
		at   time.Time
		next Name
	}{
		{Admit, runner.At(fleet.StageAdmitted), Image},
		{Image, runner.At(fleet.StageImageReady), Task},
		{Task, runner.At(fleet.StageTaskStarted), Container},
		{Container, runner.At(fleet.StageContainerUp), Register},
		{Register, runner.At(fleet.StageRegistered), Assign},
		{Assign, run.At(fleet.StageJobStarted), Job},
		{Job, run.At(fleet.StageJobCompleted), End},
	} {
		ran := s.name != Job || !run.At(fleet.StageJobStarted).IsZero()
		if !s.at.IsZero() && ran {
			marks, last = append(marks, milestone{s.name, s.at}), s.next
		}
	}
	return marks, last
}

// withoutRunner are the milestones of a run that has no runner, or had none when it ended.
func (f facts) withoutRunner(marks []milestone) (_ []milestone, last Name) {
	run := f.run
	last = Launch
	if run.Status == fleet.RunRunning || !run.At(fleet.StageJobStarted).IsZero() { // on a runner of others
		return append(marks, milestone{Assign, run.At(fleet.StageJobStarted)}), Job
	}
	if run.Launched > 0 {
		last = Tries
		for _, r := range f.runners {
			if at := r.At(fleet.StageClosed); !at.IsZero() && r.RunnerID == run.LastRunner {
				marks, last = append(marks, milestone{Tries, at}), Launch
			}
		}
	}
	switch {
	case run.WaitsForRoom, !run.WaitsSince.IsZero() && run.Launched == 0 && run.Setback == nil:
		last = Room
	case run.Setback != nil:
		if run.Launched == 0 {
			marks = append(marks, milestone{Launch, run.Setback.At})
		}
		last = NextTry
	}
	return marks, last
}
