// Package stages splits the time of a job into parts that add up.
//
// The parts are one after the other without gaps, from GitHub's queueing of the job until
// its end, or until now: together they are the whole time. The surprising one is what a
// runner did before the job was queued. It did that for another job, and it takes none of
// this job's time.
package stages

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Name of a stage, as people read it.
type Name string

// The stages, in their order. A job goes through some of them.
const (
	Webhook   Name = "reach the fleet"
	Launch    Name = "launch a runner"
	Room      Name = "wait for room"
	Tries     Name = "earlier tries"
	Other     Name = "launch another job's runner" // which took it, or is to take it
	NextTry   Name = "wait for the next try"
	Approval  Name = "wait for approval"
	Admit     Name = "admit"
	Image     Name = "get the image"
	Task      Name = "start the task"
	Container Name = "pull and start the container"
	Register  Name = "register on GitHub"
	Assign    Name = "get the job from GitHub"
	Job       Name = "run the job"
	End       Name = "end"
)

// Names are all stages in their order.
func Names() []Name {
	return []Name{Webhook, Launch, Room, Tries, Other, NextTry, Approval, Admit, Image, Task, Container, Register, Assign, Job, End}
}

// Stage is one part of the time.
type Stage struct {
	Name Name      `json:"name"`
	From time.Time `json:"from"`
	Took int64     `json:"took_ms"`
	Open bool      `json:"open,omitempty"` // it goes on
}

// Split is the time of one job. A job that has no time yet has no stages and no Total.
type Split struct {
	Stages []Stage
	Total  *int64 // in milliseconds, the sum of the stages
}

// Took is how long a stage took in milliseconds, the sum of its parts if the job was in it
// twice; 0 if the job was not in it.
func (s Split) Took(name Name) (ms int64) {
	for _, stage := range s.Stages {
		if stage.Name == name {
			ms += stage.Took
		}
	}
	return ms
}

// BeforeJob is how long the job waited for its start in milliseconds, so far if it still
// waits: all stages before Job.
func (s Split) BeforeJob() (ms int64) {
	for _, stage := range s.Stages {
		if stage.Name != Job && stage.Name != End {
			ms += stage.Took
		}
	}
	return ms
}

// Open is the stage that goes on, "" if the job has ended.
func (s Split) Open() Name {
	for _, stage := range s.Stages {
		if stage.Open {
			return stage.Name
		}
	}
	return ""
}

// RunnersOf are the ids of the runners that Of needs of a run: of all others it takes no
// notice.
func RunnersOf(run fleet.Run) (ids []string) {
	for _, id := range []string{run.RanOn, run.RunnerID, run.LastRunner} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// milestone ends a stage.
type milestone struct {
	stage Name
	at    time.Time
}

// Of splits the time of a run, which goes on until now unless it has ended. Of the runners
// it needs those that RunnersOf names; the stages are those of the one that ran the job, or
// is to run it.
func Of(run fleet.Run, runners []fleet.Runner, now time.Time) Split {
	f := facts{run, runners}
	from := run.At(fleet.StageQueued)
	if from.IsZero() || ClocksApart(run) > 0 {
		from = run.At(fleet.StageReceived)
	}
	if from.IsZero() {
		return Split{Stages: []Stage{}}
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
	end, open := Ended(run, now)
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
	total := max(0, end.Sub(begin).Milliseconds())
	return Split{stages, &total}
}

// Ended is when the time of a job ended, or now while it goes on.
func Ended(run fleet.Run, now time.Time) (at time.Time, open bool) {
	if !run.Status.Terminal() {
		return now, true
	}
	if at := run.At(fleet.StageJobCompleted); !at.IsZero() {
		return at, false
	}
	if at := run.At(fleet.StageClosed); !at.IsZero() {
		return at, false
	}
	return now, false
}

// ClocksApart is how far GitHub's clock is known to be ahead of the fleet's: by its clock,
// the job was made after the fleet heard of it. The time of such a job counts from when the
// fleet heard of it. A job that GitHub queued again has another time in its record.
func ClocksApart(run fleet.Run) time.Duration {
	made, received := run.Job.CreatedAt, run.At(fleet.StageReceived)
	if made == nil || received.IsZero() || !made.Equal(run.At(fleet.StageQueued)) {
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
