package stages

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

// times are in seconds after noon.
func times(of map[fleet.Stage]float64) fleet.Times {
	t := fleet.Times{}
	for stage, seconds := range of {
		t[stage] = at(seconds)
	}
	return t
}

// said is a split as text: seconds, and an asterisk for what goes on.
func said(s Split) string {
	var parts []string
	for _, stage := range s.Stages {
		part := fmt.Sprintf("%s %g", stage.Name, float64(stage.Took)/1000)
		if stage.Open {
			part += "*"
		}
		parts = append(parts, part)
	}
	if s.Total == nil {
		return "no time"
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(" = %g", float64(*s.Total)/1000)
}

func TestTheTimeOfAJob(t *testing.T) {
	walked := fleet.Runner{RunnerID: "f-1-1", RunID: "job-1", Times: times(map[fleet.Stage]float64{
		fleet.StageLaunched: 12, fleet.StageAdmitted: 12.4, fleet.StageImageReady: 13, fleet.StageTaskStarted: 15, fleet.StageContainerUp: 45, fleet.StageRegistered: 47,
	})}
	ran := times(map[fleet.Stage]float64{fleet.StageQueued: 0, fleet.StageReceived: 1, fleet.StageLaunched: 12, fleet.StageJobStarted: 48, fleet.StageJobCompleted: 108, fleet.StageClosed: 108.3})
	for name, c := range map[string]struct {
		run     fleet.Run
		runners []fleet.Runner
		now     float64
		want    string
	}{
		"that waited for room and ran": {
			fleet.Run{RunID: "job-1", Status: fleet.RunCompleted, RanOn: "f-1-1", LastRunner: "f-1-1", Launched: 1, WaitsSince: at(1.5), Times: ran}, []fleet.Runner{walked}, 999,
			"reach the fleet 1, launch a runner 0.5, wait for room 10.5, admit 0.4, get the image 0.6, start the task 2, pull and start the container 30, register on GitHub 2, get the job from GitHub 1, run the job 60 = 108",
		},
		"that waits for room": {
			fleet.Run{RunID: "job-1", Status: fleet.RunQueued, WaitsForRoom: true, WaitsSince: at(2), Times: times(map[fleet.Stage]float64{fleet.StageQueued: 0, fleet.StageReceived: 1})}, nil, 62,
			"reach the fleet 1, launch a runner 1, wait for room 60* = 62",
		},
		"whose runner is another job's": {
			fleet.Run{RunID: "job-2", Status: fleet.RunRunning, RanOn: "f-1-1", LastRunner: "f-2-1", Launched: 1, Times: times(map[fleet.Stage]float64{fleet.StageQueued: 46, fleet.StageReceived: 46.5, fleet.StageLaunched: 46.6, fleet.StageJobStarted: 48})},
			[]fleet.Runner{walked, {RunnerID: "f-2-1", RunID: "job-2"}}, 50,
			"reach the fleet 0.5, launch a runner 0.1, register on GitHub 0.4, get the job from GitHub 1, run the job 2* = 4",
		},
		"that waits for room, and whose runner is another job's": {
			fleet.Run{RunID: "job-2", Status: fleet.RunRunning, RanOn: "f-1-1", WaitsSince: at(1), Times: times(map[fleet.Stage]float64{fleet.StageQueued: 0, fleet.StageReceived: 0.5, fleet.StageJobStarted: 48})},
			[]fleet.Runner{walked}, 50,
			"reach the fleet 0.5, launch a runner 0.5, wait for room 11, admit 0.4, get the image 0.6, start the task 2, pull and start the container 30, register on GitHub 2, get the job from GitHub 1, run the job 2* = 50",
		},
		"that lost its runner, and waits for room until another job's is launched": {
			fleet.Run{RunID: "job-2", Status: fleet.RunRunning, RanOn: "f-1-1", LastRunner: "f-2-1", Launched: 1, WaitsSince: at(5), Times: times(map[fleet.Stage]float64{fleet.StageQueued: 0, fleet.StageReceived: 0.5, fleet.StageLaunched: 1, fleet.StageJobStarted: 48})},
			[]fleet.Runner{walked, {RunnerID: "f-2-1", RunID: "job-2"}}, 50,
			"reach the fleet 0.5, launch a runner 0.5, earlier tries 4, wait for room 7, admit 0.4, get the image 0.6, start the task 2, pull and start the container 30, register on GitHub 2, get the job from GitHub 1, run the job 2* = 50",
		},
		"that is tried again": {
			fleet.Run{RunID: "job-1", Status: fleet.RunQueued, Launched: 1, LastRunner: "f-1-1", Setback: &fleet.Setback{Kind: fleet.SetbackStart}, Times: times(map[fleet.Stage]float64{fleet.StageQueued: 0, fleet.StageReceived: 1, fleet.StageLaunched: 2})},
			[]fleet.Runner{{RunnerID: "f-1-1", RunID: "job-1", Times: times(map[fleet.Stage]float64{fleet.StageLaunched: 2, fleet.StageClosed: 22})}}, 30,
			"reach the fleet 1, launch a runner 1, earlier tries 20, wait for the next try 8* = 30",
		},
		"that waits for an approval": {
			fleet.Run{RunID: "job-1", Status: fleet.RunWaiting, Times: times(map[fleet.Stage]float64{fleet.StageQueued: 0, fleet.StageReceived: 1})}, nil, 5,
			"reach the fleet 1, wait for approval 4* = 5",
		},
		"that was refused": {
			fleet.Run{RunID: "job-1", Status: fleet.RunRefused, Times: times(map[fleet.Stage]float64{fleet.StageQueued: 0, fleet.StageReceived: 1, fleet.StageClosed: 1.2})}, nil, 99,
			"reach the fleet 1, launch a runner 0.2 = 1.2",
		},
		"that has no record of its time": {fleet.Run{RunID: "job-1"}, nil, 9, "no time"},
	} {
		split := Of(c.run, c.runners, at(c.now))
		if got := said(split); got != c.want {
			t.Errorf("of a job %s:\n got %s\nwant %s", name, got, c.want)
		}
		sum := int64(0)
		for _, stage := range Names() {
			sum += split.Took(stage)
		}
		if split.Total != nil && sum != *split.Total {
			t.Errorf("of a job %s: Names are %d ms together, and the total is %d", name, sum, *split.Total)
		}
		if open := split.Open(); (open == "") != (split.Total == nil || c.run.Status.Terminal()) {
			t.Errorf("of a job %s: %q goes on", name, open)
		}
	}
}

func TestBeforeTheJob(t *testing.T) {
	run := fleet.Run{RunID: "job-1", Status: fleet.RunCompleted, Times: times(map[fleet.Stage]float64{fleet.StageQueued: 0, fleet.StageReceived: 1, fleet.StageJobStarted: 40, fleet.StageJobCompleted: 100})}
	if got := Of(run, nil, noon).BeforeJob(); got != 40_000 {
		t.Errorf("%d ms, want 40,000", got)
	}
	run.Times[fleet.StageJobCompleted] = at(40) // GitHub's times have whole seconds
	if got := Of(run, nil, noon).BeforeJob(); got != 40_000 {
		t.Errorf("of a job that ended at once: %d ms, want 40,000", got)
	}
}

func TestWhichRunnersAreNeeded(t *testing.T) {
	for want, run := range map[string]fleet.Run{
		"":                  {},
		"f-1-1":             {LastRunner: "f-1-1"},
		"f-3-1 f-2-1 f-1-1": {RanOn: "f-3-1", RunnerID: "f-2-1", LastRunner: "f-1-1"},
	} {
		if got := strings.Join(RunnersOf(run), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
