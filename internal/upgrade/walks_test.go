package upgrade

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// walk is a story of a fleet that passes the moments of which goldens are taken.
type walk struct {
	// entries name the calls to stop before: a state, or "<state> <n>" for the n-th
	// call of it, and the situation there.
	entries map[string]string
	tell    func(*teller)
}

// The moments are those in which an execution spends its time, and every entry of a
// state whose document or records look different.
var walks = map[string]walk{
	"a job": {
		entries: map[string]string{
			"Validate":               "a queued job",
			"ResolveImage":           "the base image",
			"RegisterTaskDefinition": "the image is ready",
			"RunTask":                "no task yet",
			"AwaitCompletion":        "it took its job",
			"RecordStatus":           "the job is done",
		},
		tell: func(w *teller) {
			w.queued(7)
			w.here("RunTask", "the task was asked for")
			w.containerRuns("fleet-7-1")
			w.here("RunTask", "the container runs")
			w.claims("fleet-7-1")
			w.here("RunTask", "the runner is idle")
			w.takes("fleet-7-1", 7)
			w.here("AwaitCompletion", "the job runs")
			w.completes("fleet-7-1", 7)
			w.here("AwaitCompletion", "the task is about to stop")
			w.taskEnds("fleet-7-1", fleet.StopEssentialContainerExited)
		},
	},
	"a job whose image and task definition are there": {
		entries: map[string]string{"RunTask 2": "Validate found what it starts from"},
		tell: func(w *teller) {
			w.queued(7)
			w.works("fleet-7-1", 7)
			w.queued(8)
			w.works("fleet-8-1", 8)
		},
	},
	"an image that is built first, for two jobs": {
		entries: map[string]string{
			"ResolveImage":           "an image that there is not",
			"BuildImage":             "nobody builds it",
			"BuildImage 2":           "another job has it built",
			"RegisterTaskDefinition": "after the build",
		},
		tell: func(w *teller) {
			w.queued(7, "image:node:22")
			w.queued(8, "image:node:22")
			w.builds(7, fleet.BuildInProgress)
			w.here("BuildImage", "it is being built")
			w.wait(3 * time.Minute)
			w.builds(7, fleet.BuildSucceeded)
			w.works("fleet-7-1", 7)
			w.works("fleet-8-1", 8)
		},
	},
	"an image whose build fails": {
		entries: map[string]string{"RecordFailure": "the build failed"},
		tell: func(w *teller) {
			w.queued(7, "image:node:22")
			w.wait(time.Minute)
			w.builds(7, "FAILED")
			w.here("RecordFailure", "the run waits for its next try")
			w.nextTry()
			w.builds(7, fleet.BuildSucceeded)
			w.works("fleet-7-2", 7)
		},
	},
	"a platform without room": {
		entries: map[string]string{"RunTask 2": "the platform had no room"},
		tell: func(w *teller) {
			w.platform(noCapacity)
			w.queued(7, "class:large")
			w.wait(time.Second)
			w.here("RunTask", "it is tried again soon")
			w.wait(20 * time.Second)
			w.platform(noFault)
			w.wait(time.Minute)
			w.works("fleet-7-1", 7)
		},
	},
	"a platform whose answer is lost": {
		entries: map[string]string{"RunTask 2": "the task runs and nobody knows"},
		tell: func(w *teller) {
			w.platform(answerLost)
			w.queued(7)
			w.wait(time.Minute)
			w.works("fleet-7-1", 7)
		},
	},
	"a container that takes its time": {
		entries: map[string]string{"InspectRunner": "nothing was claimed", "RunTask 2": "after an inspection"},
		tell: func(w *teller) {
			w.queued(7)
			w.containerRuns("fleet-7-1")
			w.wait(6 * time.Minute)
			w.claims("fleet-7-1")
			w.takes("fleet-7-1", 7)
			w.done("fleet-7-1", 7)
		},
	},
	"a runner that gets no job": {
		entries: map[string]string{
			"InspectRunner": "an idle runner",
			"RecordFailure": "an idle runner was ended",
			"Validate 2":    "the next runner after a failure",
		},
		tell: func(w *teller) {
			w.queued(7)
			w.containerRuns("fleet-7-1")
			w.claims("fleet-7-1")
			w.wait(6 * time.Minute)
			w.nextTry()
			w.works("fleet-7-2", 7)
		},
	},
	"a long job": {
		entries: map[string]string{"InspectRunner": "a long job", "AwaitCompletion 2": "a long job was inspected"},
		tell: func(w *teller) {
			w.queued(7)
			w.containerRuns("fleet-7-1")
			w.claims("fleet-7-1")
			w.takes("fleet-7-1", 7)
			w.wait(35 * time.Minute)
			w.done("fleet-7-1", 7)
		},
	},
	"a job that is cancelled while its runner waits": {
		entries: map[string]string{"RecordStatus": "the runner was let go"},
		tell: func(w *teller) {
			w.queued(7)
			w.containerRuns("fleet-7-1")
			w.claims("fleet-7-1")
			w.cancelled(7)
			w.here("RunTask", "the runner is being ended")
		},
	},
	"a job that is cancelled before anybody looked": {
		entries: map[string]string{"Validate": "a job that is over", "RecordStatus": "nobody needs the runner"},
		tell:    func(w *teller) { w.queuedTooLate(7) },
	},
	"two runners that take each other's job": {
		tell: func(w *teller) {
			for _, id := range []int64{7, 8} {
				w.queued(id)
				w.containerRuns(fleet.RunnerID(lifecycletest.Name, id, 1))
				w.claims(fleet.RunnerID(lifecycletest.Name, id, 1))
			}
			w.takes("fleet-7-1", 8)
			w.here("AwaitCompletion", "it took the job of another")
			w.takes("fleet-8-1", 7)
			w.done("fleet-7-1", 8)
			w.done("fleet-8-1", 7)
		},
	},
	"a fleet that is full": {
		entries: map[string]string{"RecordStatus": "another job waits for its place"},
		tell: func(w *teller) {
			w.world.MaxRunners = 1
			w.wire()
			w.queued(7)
			w.queued(8)
			w.works("fleet-7-1", 7)
			w.works("fleet-8-1", 8)
		},
	},
	"a task that is interrupted": {
		entries: map[string]string{"RecordFailure": "the platform took its capacity back"},
		tell: func(w *teller) {
			w.queued(7, "class:large")
			w.containerRuns("fleet-7-1")
			w.taskEnds("fleet-7-1", fleet.StopSpotInterruption)
			w.nextTry()
			w.works("fleet-7-2", 7)
		},
	},
}

// moments plays a walk with the compiled code, and returns a golden of each of its
// moments.
func (w walk) moments(t *testing.T) []golden {
	t.Helper()
	teller := &teller{play: newPlay(t), calls: map[string]fleet.Call{}}
	p := teller.play
	base := fleet.ImageSpec{Kind: fleet.BaseImage, Name: p.world.Policy().BaseImage, Arch: fleet.X64}
	p.world.Images.Have(base, "sha256:base")
	counts, entries := map[string]int{}, maps.Clone(w.entries)
	p.calling = func(call fleet.Call) {
		counts[call.State]++
		key := call.State
		if n := counts[call.State]; n > 1 {
			key += " " + string(rune('0'+n))
		}
		if situation, wanted := entries[key]; wanted {
			delete(entries, key)
			teller.take(p.snapshot(call, situation, true))
		}
		teller.calls[call.State] = call
	}
	p.run(statemachine.Definition, nil)
	w.tell(teller)
	p.toTheEnd()
	for _, problem := range append(p.problems, p.leftovers()...) {
		t.Error(problem)
	}
	if len(entries) > 0 {
		t.Errorf("the walk does not come to %q", slices.Sorted(maps.Keys(entries)))
	}
	end := p.ending()
	for i := range teller.taken {
		g := &teller.taken[i]
		g.ToCome, g.End = p.happened[len(g.ToCome):], end
	}
	return teller.taken
}

// teller lets a walk happen.
type teller struct {
	*play
	calls map[string]fleet.Call // the latest of each state
	taken []golden
}

// take adds a golden, with what has happened in place of what is to come.
func (w *teller) take(g golden) {
	g.ToCome = slices.Clone(w.happened)
	w.taken = append(w.taken, g)
}

// here takes a golden of a state that waits.
func (w *teller) here(state, situation string) {
	w.until(w.Now())
	w.take(w.snapshot(w.calls[state], situation, false))
}

// nextTry waits until no run waits for its next try any more.
func (w *teller) nextTry() {
	for range 60 {
		w.wait(time.Minute)
		if runs, _ := w.records(); !slices.ContainsFunc(runs, fleet.Run.Retrying) {
			return
		}
	}
	w.problem("nobody tries again")
}

func (w *teller) wait(d time.Duration) { w.until(w.Now().Add(d)) }

// tell lets an event happen some seconds after the last one.
func (w *teller) tell(what string, h func() happening) {
	w.wait(5 * time.Second)
	next := h()
	next.At, next.What = w.Now(), what
	w.happens(next)
}

func (w *teller) event(source, detailType string, detail any) *fleet.Event {
	event := w.world.Event(detailType, detail)
	event.Source = source
	return &event
}

func (w *teller) jobEvent(action string, job fleet.Job) *fleet.Event {
	return w.event(fleet.WebhookSource, fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: action, Delivery: w.world.NewID(), ReceivedAt: w.Now(), Job: job})
}

func (w *teller) queued(id int64, labels ...string) {
	w.tell("a job is queued", func() happening {
		job := w.world.Job(id, append([]string{"self-hosted"}, labels...)...)
		job.RunAttempt, job.WorkflowName, job.HeadBranch, job.HookID = 1, "ci", "main", 5
		return happening{Job: &job, Event: w.jobEvent("queued", job)}
	})
}

// queuedTooLate reports a queued job that GitHub has closed since.
func (w *teller) queuedTooLate(id int64) {
	w.tell("a job was queued that is over", func() happening {
		job := w.world.Job(id)
		over := lifecycletest.Completed(job, fleet.ConclusionCancelled)
		return happening{Job: &over, Event: w.jobEvent("queued", job)}
	})
}

func (w *teller) cancelled(id int64) {
	w.tell("the job is cancelled", func() happening {
		job := lifecycletest.Completed(w.world.GitHub.Has(id), fleet.ConclusionCancelled)
		job.CompletedAt = new(w.Now())
		return happening{Job: &job, Event: w.jobEvent("completed", job)}
	})
}

func (w *teller) platform(fault launchFault) {
	w.tell("the platform: "+string(fault), func() happening { return happening{LaunchFault: fault} })
}

func (w *teller) builds(id int64, status string) {
	w.tell("the build is "+status, func() happening {
		tag := w.world.Policy().Admit(w.world.GitHub.Has(id)).Image.Tag()
		b := fleet.Build{BuildID: "build-1", Tag: tag, Status: status}
		switch status {
		case fleet.BuildSucceeded:
			b.Digest = "sha256:built"
		case fleet.BuildInProgress:
		default:
			b.Reason = "the base image does not exist"
		}
		return happening{Event: w.event("aws.codebuild", fleet.BuildEvent, b)}
	})
}

func (w *teller) containerRuns(runnerID string) {
	w.tell("the container runs", func() happening {
		task := w.world.Tasks.Of(runnerID)
		task.LastStatus, task.StartedAt = fleet.TaskRunning, new(w.Now())
		task.Version++
		return happening{Task: &task, Event: w.event("aws.ecs", fleet.TaskEvent, task)}
	})
}

// claims claims with the token that the task was started with.
func (w *teller) claims(runnerID string) {
	w.tell("the container claims", func() happening {
		token := ""
		for _, l := range w.launches {
			if l.RunnerID == runnerID {
				token = l.Env[fleet.EnvClaimToken]
			}
		}
		return happening{Claim: &claimed{RunnerID: runnerID, Token: token, Nonce: "nonce of " + runnerID, Status: 200}}
	})
	w.tell("the runner is online", func() happening {
		return happening{Registration: w.registration(runnerID, false)}
	})
}

func (w *teller) registration(runnerID string, working bool) *registration {
	for _, name := range w.world.GitHub.Names() {
		if strings.HasPrefix(name, runnerID+".") {
			r := w.world.GitHub.Runner(name)
			return &registration{ID: r.ID, Name: name, Labels: r.Labels, Online: true, Working: working}
		}
	}
	return &registration{Name: runnerID + " that was never registered"}
}

func (w *teller) takes(runnerID string, id int64) {
	w.tell("the runner takes a job", func() happening {
		reg := w.registration(runnerID, true)
		job := lifecycletest.InProgress(w.world.GitHub.Has(id), reg.Name)
		job.RunnerID, job.StartedAt = reg.ID, new(w.Now())
		return happening{Registration: reg, Job: &job, Event: w.jobEvent("in_progress", job)}
	})
}

// completes lets a job end. GitHub then forgets its runner.
func (w *teller) completes(runnerID string, id int64) {
	w.wait(time.Minute)
	w.tell("the job is completed", func() happening {
		job := lifecycletest.Completed(w.world.GitHub.Has(id), "success")
		job.CompletedAt = new(w.Now())
		return happening{Gone: w.registration(runnerID, true).Name, Job: &job, Event: w.jobEvent("completed", job)}
	})
}

func (w *teller) taskEnds(runnerID, code string) {
	w.tell("the task has stopped", func() happening {
		task := w.world.Tasks.Of(runnerID)
		task.LastStatus, task.StopCode, task.StoppedAt = fleet.TaskStopped, code, new(w.Now())
		if code == fleet.StopEssentialContainerExited {
			task.Containers = []fleet.Container{{Name: "runner", ExitCode: new(int)}}
		}
		task.Version++
		return happening{Task: &task, Event: w.event("aws.ecs", fleet.TaskEvent, task)}
	})
}

func (w *teller) done(runnerID string, id int64) {
	w.completes(runnerID, id)
	w.taskEnds(runnerID, fleet.StopEssentialContainerExited)
}

// works is the rest of a runner's life once it has a task, if all goes well.
func (w *teller) works(runnerID string, id int64) {
	w.containerRuns(runnerID)
	w.claims(runnerID)
	w.takes(runnerID, id)
	w.done(runnerID, id)
}
