package console

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/why"
)

// timeline is a picture of a run from GitHub's queueing until its end, or until now, with
// the lives of its runners on the same scale.
type timeline struct {
	From   time.Time
	Total  *int64
	Open   bool
	Stages []stageBar
	Lanes  []laneOf
	Marks  []string // of the scale, from the left to the right
}

// stageBar is a stage of the run; X and W are thousandths of the picture.
type stageBar struct {
	Name string
	X, W int
	Took int64
	Open bool
	Tone string
	From time.Time
}

// laneOf is a runner's life.
type laneOf struct {
	RunnerID string
	Says     string // what it was for
	State    state
	Parts    []stageBar
}

// tones of the stages that `why` names: what the fleet waits for is quiet, what it does is
// ready, and the job runs.
func toneOfStage(name stages.Name) string {
	switch name {
	case stages.Job:
		return toneRun
	case stages.Tries, stages.NextTry:
		return toneHeld
	case stages.Room, stages.Approval, stages.Webhook, stages.End, stages.Assign:
		return toneQuiet
	}
	return toneReady
}

func timelineOf(a why.Answer, run fleet.Run, runners []fleet.Runner) timeline {
	t := timeline{Total: a.Total, Open: !a.Ended}
	if len(a.Stages) == 0 || a.Total == nil {
		return t
	}
	t.From = a.Stages[0].From
	end := t.From.Add(time.Duration(*a.Total) * time.Millisecond)
	from := t.From
	for _, r := range runners { // a swap's runner may have begun before the job was queued
		if at := r.At(fleet.StageLaunched); at.Before(from) && !at.IsZero() {
			from = at
		}
		if at := r.At(fleet.StageTaskStopped); at.After(end) {
			end = at
		}
	}
	scale := max(1, end.Sub(from).Milliseconds())
	x := func(at time.Time) int { return int(min(1000, max(0, at.Sub(from).Milliseconds()*1000/scale))) }
	for _, s := range a.Stages {
		left := x(s.From)
		right := x(s.From.Add(time.Duration(s.Took) * time.Millisecond))
		t.Stages = append(t.Stages, stageBar{Name: string(s.Name), X: min(left, 996), W: max(4, right-left), Took: s.Took, Open: s.Open, Tone: toneOfStage(s.Name), From: s.From})
	}
	for _, r := range runners {
		t.Lanes = append(t.Lanes, lifeOf(r, run, end, x))
	}
	for i := range 5 {
		ms := scale * int64(i) / 4
		t.Marks = append(t.Marks, tookText(&ms))
	}
	return t
}

// lifeOf is the life of one runner on the picture's scale.
func lifeOf(r fleet.Runner, run fleet.Run, end time.Time, x func(time.Time) int) laneOf {
	l := laneOf{RunnerID: r.RunnerID, State: stateOf(r.Status)}
	switch {
	case r.RunnerID == run.RanOn && r.RunID != run.RunID:
		l.Says = "launched for " + r.RunID + ", took this job"
	case r.RunnerID == run.RanOn && !run.Status.Terminal():
		l.Says = "runs this job"
	case r.RunnerID == run.RanOn:
		l.Says = "ran this job"
	case r.Took != 0 && r.Took != run.Job.JobID:
		l.Says = "launched for this job, took " + fleet.RunID(r.Took)
	case r.FailureName != "":
		l.Says = "failed: " + r.FailureName
	case r.Phase == fleet.Closed:
		l.Says = "ended without a job"
	default:
		l.Says = "is to take this job"
	}
	parts := []struct {
		name, tone string
		from, to   fleet.Stage
	}{
		{"made ready", toneReady, fleet.StageLaunched, fleet.StageJobStarted},
		{"its job", toneRun, fleet.StageJobStarted, fleet.StageJobCompleted},
		{"stops", toneQuiet, fleet.StageJobCompleted, fleet.StageClosed},
	}
	last := end
	if at := r.At(fleet.StageClosed); !at.IsZero() && at.Before(end) {
		last = at
	}
	for i, p := range parts {
		begin := r.At(p.from)
		if begin.IsZero() {
			continue
		}
		to := last
		for _, next := range parts[i:] {
			if at := r.At(next.to); !at.IsZero() && at.Before(last) {
				to = at
				break
			}
		}
		if to.Before(begin) {
			continue
		}
		tone := p.tone
		if r.FailureName != "" && i == 0 {
			tone = toneBad
		}
		left := x(begin)
		l.Parts = append(l.Parts, stageBar{Name: p.name, X: min(left, 996), W: max(4, x(to)-left), Took: to.Sub(begin).Milliseconds(), Tone: tone, From: begin})
		if to.Equal(last) {
			break
		}
	}
	return l
}
