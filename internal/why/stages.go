package why

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Stage is one part of the time from GitHub's queueing of the job until its end, or until
// now. Together the stages are the whole time.
type Stage struct {
	Name string    `json:"name"`
	From time.Time `json:"from"`
	Took int64     `json:"took_ms"`
	Open bool      `json:"open,omitempty"` // it goes on
}

// Names of stages.
const (
	stageWebhook  = "reach the fleet"
	stageLaunch   = "launch a runner"
	stageRoom     = "wait for room"
	stageTries    = "earlier tries"
	stageOther    = "launch another job's runner" // which took it, or is to take it
	stageNextTry  = "wait for the next try"
	stageApproval = "wait for approval"
	stageAdmit    = "admit"
	stageImage    = "get the image"
	stageTask     = "start the task"
	stageUp       = "pull and start the container"
	stageRegister = "register on GitHub"
	stageGiven    = "get the job from GitHub"
	stageJob      = "run the job"
	stageEnd      = "end"
)

// milestone ends a stage.
type milestone struct {
	stage string
	at    time.Time
}

// stages are those of the runner that ran the job or is to run it. What that runner did
// before the job was queued, it did for another job, and takes none of this job's time.
func (f Facts) stages() ([]Stage, *int64) {
	from := f.Run.At(fleet.StageQueued)
	if from.IsZero() || f.clocksApart() > 0 {
		from = f.Run.At(fleet.StageReceived)
	}
	if from.IsZero() {
		return []Stage{}, nil
	}
	begin, stages := from, []Stage{}
	add := func(m milestone, open bool) {
		m.at = inMilliseconds(begin, m.at) // else the parts would not add up
		if m.at.IsZero() || !m.at.After(from) {
			return
		}
		stages = append(stages, Stage{Name: m.stage, From: from.UTC(), Took: m.at.Sub(from).Milliseconds(), Open: open})
		from = m.at
	}
	end, open := f.end()
	marks, last := f.milestones()
	for _, m := range marks { // GitHub's times have whole seconds, and so may be too early
		if late := m.at.Sub(end); late > 0 && late < time.Second && !open {
			end = m.at
		}
	}
	for _, m := range marks {
		if m.at.After(end) {
			m.at = end
		}
		add(m, false)
	}
	add(milestone{last, end}, open)
	total := end.Sub(begin).Milliseconds()
	if total < 0 {
		total = 0
	}
	return stages, &total
}

// clocksApart is how far GitHub's clock is known to be ahead of the fleet's: by its clock,
// the job was made after the fleet heard of it. A job that GitHub queued again has another
// time in its record.
func (f Facts) clocksApart() time.Duration {
	made, received := f.Run.Job.CreatedAt, f.Run.At(fleet.StageReceived)
	if made == nil || received.IsZero() || !made.Equal(f.Run.At(fleet.StageQueued)) {
		return 0
	}
	return max(0, made.Sub(received))
}

// inMilliseconds is a time that is whole milliseconds after another.
func inMilliseconds(begin, at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return begin.Add(at.Sub(begin).Truncate(time.Millisecond))
}

// end is when the time of the job ended, or now while it goes on.
func (f Facts) end() (at time.Time, open bool) {
	if !f.Run.Status.Terminal() {
		return f.Now, true
	}
	if at := f.Run.At(fleet.StageJobCompleted); !at.IsZero() {
		return at, false
	}
	if at := f.Run.At(fleet.StageClosed); !at.IsZero() {
		return at, false
	}
	return f.Now, false
}

// milestones are in order, and last is the stage that comes after them.
func (f Facts) milestones() (marks []milestone, last string) {
	run, runner := f.Run, f.runner()
	marks = append(marks, milestone{stageWebhook, run.At(fleet.StageReceived)})
	if run.Status == fleet.RunWaiting {
		return marks, stageApproval
	}
	first := run.At(fleet.StageLaunched)
	if since := run.WaitsSince; !since.IsZero() && (first.IsZero() || since.Before(first)) {
		marks = append(marks, milestone{stageLaunch, since}, milestone{stageRoom, first})
	} else {
		marks = append(marks, milestone{stageLaunch, first})
	}
	if runner == nil {
		return f.withoutRunner(marks)
	}
	launched := milestone{stageTries, runner.At(fleet.StageLaunched)}
	if runner.RunID != run.RunID {
		launched.stage = stageOther
	}
	marks = append(marks, launched)
	last = stageAdmit
	for _, s := range []struct {
		name string
		at   time.Time
		next string
	}{
		{stageAdmit, runner.At(fleet.StageAdmitted), stageImage},
		{stageImage, runner.At(fleet.StageImageReady), stageTask},
		{stageTask, runner.At(fleet.StageTaskStarted), stageUp},
		{stageUp, runner.At(fleet.StageContainerUp), stageRegister},
		{stageRegister, runner.At(fleet.StageRegistered), stageGiven},
		{stageGiven, run.At(fleet.StageJobStarted), stageJob},
		{stageJob, run.At(fleet.StageJobCompleted), stageEnd},
	} {
		ran := s.name != stageJob || !run.At(fleet.StageJobStarted).IsZero()
		if !s.at.IsZero() && ran {
			marks, last = append(marks, milestone{s.name, s.at}), s.next
		}
	}
	return marks, last
}

// withoutRunner are the milestones of a run that has no runner, or had none when it ended.
func (f Facts) withoutRunner(marks []milestone) (_ []milestone, last string) {
	run := f.Run
	last = stageLaunch
	if run.Status == fleet.RunRunning || !run.At(fleet.StageJobStarted).IsZero() { // on a runner of others
		return append(marks, milestone{stageGiven, run.At(fleet.StageJobStarted)}), stageJob
	}
	if run.Launched > 0 {
		last = stageTries
		for _, r := range f.Runners {
			if at := r.At(fleet.StageClosed); !at.IsZero() && r.RunnerID == run.LastRunner {
				marks, last = append(marks, milestone{stageTries, at}), stageLaunch
			}
		}
	}
	switch {
	case run.WaitsForRoom, !run.WaitsSince.IsZero() && run.Launched == 0 && run.Setback == nil:
		last = stageRoom
	case run.Setback != nil:
		if run.Launched == 0 {
			marks = append(marks, milestone{stageLaunch, run.Setback.At})
		}
		last = stageNextTry
	}
	return marks, last
}
