package why

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// The job that all situations are about, and another one with the same labels.
const (
	theJob   = 20000000005
	otherJob = 20000000010
)

var commonPolicy = fleet.Policy{
	FleetName: "ci", Repositories: []string{"octo-org/app"}, MaxRunners: 20, DefaultClass: "small", BaseImage: "ubuntu-24.04",
	Classes: map[string]fleet.Class{
		"small": {CPU: 1024, Memory: 2048, Arch: fleet.X64}, "large": {CPU: 4096, Memory: 8192, Arch: fleet.X64, Spot: true},
	},
	Registries: fleet.DefaultRegistries, Limits: fleet.DefaultLimits(),
}

func queuedJob(id int64) fleet.Job {
	created := noon
	return fleet.Job{
		JobID: id, WorkflowRunID: 7001, Repository: "octo-org/app", RepositoryID: 9, HookID: 7, Private: true, Name: "build", WorkflowName: "CI",
		HTMLURL: "https://github.com/octo-org/app/actions/runs/7001/job/20000000005", Labels: []string{"self-hosted", "class:large"}, Status: fleet.JobQueued, CreatedAt: &created,
	}
}

// world is the records of a fleet, changed by the fleet's own decisions.
type world struct {
	now      time.Time
	policy   fleet.Policy
	runs     map[int64]fleet.Run
	runners  []fleet.Runner
	holds    map[string]fleet.Hold
	behind   bool // others wait for room before the job
	capacity fleet.Capacity
	record   *fleet.ImageRecord
	lock     fleet.BuildLock

	asked    string // the job's id unless a situation says otherwise
	withheld bool   // the job has no record
	github   GitHub
	labels   []string
}

// newWorld has the job, received a second after GitHub queued it.
func newWorld() *world {
	w := &world{now: noon, policy: commonPolicy, runs: map[int64]fleet.Run{}, holds: map[string]fleet.Hold{}}
	return w.after(time.Second).receive(queuedJob(theJob))
}

func (w *world) after(d time.Duration) *world {
	w.now = w.now.Add(d)
	return w
}

func (w *world) receive(job fleet.Job) *world {
	w.runs[job.JobID] = fleet.NewRun(job, w.now).Want(w.policy.Wants(job))
	return w
}

func (w *world) change(f func(fleet.Run) fleet.Run) *world {
	w.runs[theJob] = f(w.runs[theJob])
	return w
}

func (w *world) write(c fleet.Changes) {
	for _, run := range c.Runs {
		w.runs[run.Job.JobID] = run
	}
	for _, runner := range c.Runners {
		i := slices.IndexFunc(w.runners, func(r fleet.Runner) bool { return r.RunnerID == runner.RunnerID })
		if i < 0 {
			w.runners = append(w.runners, runner)
		} else {
			w.runners[i] = runner
		}
	}
	for _, h := range c.Holds {
		h.Version++
		w.holds[h.Key] = h
	}
	if c.Capacity != nil {
		w.capacity = *c.Capacity
	}
}

func (w *world) launch() *world { return w.launchFor(theJob) }

// launchFor lets the fleet decide about the launch of a job's runner.
func (w *world) launchFor(job int64) *world {
	w.write(fleet.Launch(fleet.LaunchFacts{
		FleetName: "ci", MaxRunners: w.policy.MaxRunners, MaxPerRepository: w.policy.Share(), KeptForOthers: w.policy.KeptForOthers(), Repositories: len(w.policy.Repositories),
		MaxOfRules: w.policy.MaxOfRules(), Queue: w.policy.Limits.Queue, Run: w.runs[job], Behind: w.behind, Capacity: w.capacity, Idle: w.idle(), Holds: w.holds, Deployment: "d1", Now: w.now,
	}).Changes)
	return w
}

// warm adds a warm runner that has idled for an hour.
func (w *world) warm() *world {
	r := fleet.Runner{
		RunnerID: "ci-w1-1", Pool: "large@octo-org/app", Repository: "octo-org/app", RegisteredIn: "octo-org/app", Phase: fleet.Open, Status: fleet.RunnerWaitingForJob,
		Labels: []string{"self-hosted", "linux", "x64", "class:large"}, ClassName: "large", Image: "ubuntu-24.04", Claims: 1, RegistrationID: 77, TaskStatus: fleet.TaskRunning,
	}
	for i, stage := range []fleet.Stage{fleet.StageLaunched, fleet.StageAdmitted, fleet.StageImageReady, fleet.StageTaskStarted, fleet.StageContainerUp, fleet.StageClaimed, fleet.StageRegistered} {
		r = r.Mark(stage, noon.Add(time.Duration(i)*time.Second-time.Hour))
	}
	w.runners = append(w.runners, r)
	w.capacity.Open, w.capacity.OpenOf = 1, map[string]int{"octo-org/app": 1}
	w.capacity.Warm = map[string]fleet.WarmRunner{"ci-w1-1": {Pool: r.Pool, Place: r.RegisteredIn, Labels: r.Labels, Since: noon.Add(-time.Hour)}}
	w.policy.Classes = maps.Clone(w.policy.Classes)
	w.policy.EnforcePolicy = true
	large := w.policy.Classes["large"]
	large.Warm = &fleet.Warm{Count: 1}
	w.policy.Classes["large"] = large
	return w.change(func(run fleet.Run) fleet.Run { return run.Want(w.policy.Wants(run.Job)) })
}

// about asks about a runner.
func (w *world) about(runnerID string) *world {
	w.asked = runnerID
	return w
}

// idle is the warm runner, if it idles.
func (w *world) idle() *fleet.Runner {
	for _, r := range w.runners {
		if r.Idle() {
			return &r
		}
	}
	return nil
}

// newest is the newest runner of the job.
func (w *world) newest(f func(fleet.Runner) fleet.Runner) *world { return w.newestOf(theJob, f) }

func (w *world) newestOf(job int64, f func(fleet.Runner) fleet.Runner) *world {
	id := w.runs[job].LastRunner
	for i, r := range w.runners {
		if r.RunnerID == id {
			w.runners[i] = f(r)
			w.runs[job] = w.runs[job].Follow(w.runners[i])
		}
	}
	return w
}

var walk = []struct {
	stage fleet.Stage
	takes time.Duration
}{
	{fleet.StageAdmitted, 400 * time.Millisecond}, {fleet.StageImageReady, 1100 * time.Millisecond}, {fleet.StageTaskStarted, 2 * time.Second},
	{fleet.StageContainerUp, 31 * time.Second}, {fleet.StageClaimed, 900 * time.Millisecond}, {fleet.StageRegistered, 1600 * time.Millisecond},
}

// comesTo lets the job's newest runner go on until a stage.
func (w *world) comesTo(last fleet.Stage) *world { return w.comesToOf(theJob, last) }

func (w *world) comesToOf(job int64, last fleet.Stage) *world {
	for _, s := range walk {
		passed := false
		w.newestOf(job, func(r fleet.Runner) fleet.Runner { passed = !r.At(s.stage).IsZero(); return r })
		if passed {
			continue
		}
		w.after(s.takes).newestOf(job, func(r fleet.Runner) fleet.Runner {
			switch s.stage {
			case fleet.StageAdmitted:
				r.ClassName, r.Image = w.runs[job].ClassName, w.runs[job].Image
			case fleet.StageTaskStarted:
				r.TaskARN, r.TaskStatus = "arn:aws:ecs:eu-central-1:111122223333:task/ci/1", fleet.TaskPending
			case fleet.StageContainerUp:
				r.TaskStatus = fleet.TaskRunning
			case fleet.StageClaimed:
				r.Claims = 1
			case fleet.StageRegistered:
				r = r.Progress(fleet.RunnerWaitingForJob)
				r.RegistrationID = 41
			}
			return r.Mark(s.stage, w.now)
		})
		if s.stage == last {
			return w
		}
	}
	return w
}

// took lets GitHub give a job to a runner.
func (w *world) took(job int64, runnerID string) *world {
	facts := fleet.TookFacts{Run: w.runs[job], At: w.now}
	find := func(id string) *fleet.Runner {
		for i := range w.runners {
			if w.runners[i].RunnerID == id {
				r := w.runners[i]
				return &r
			}
		}
		return nil
	}
	facts.Runner = *find(runnerID)
	for _, run := range w.runs {
		if run.RunnerID == runnerID && run.Job.JobID != job {
			facts.Meant = &run
		}
	}
	if expected := w.runs[job].RunnerID; expected != runnerID {
		facts.Expected = find(expected)
	}
	w.write(fleet.Took(facts).Changes)
	return w
}

// stops ends the task of the job's newest runner.
func (w *world) stops(code string, exit int, reason string) *world {
	return w.newest(func(r fleet.Runner) fleet.Runner {
		r.TaskStatus, r.StopCode, r.ContainerReason = fleet.TaskStopped, code, reason
		if exit >= 0 {
			r.ExitCode = &exit
		}
		return r.Mark(fleet.StageTaskStopped, w.now)
	})
}

// stoppedFor ends the task of a job's newest runner as StopTask does.
func (w *world) stoppedFor(job int64, reason string) *world {
	return w.newestOf(job, func(r fleet.Runner) fleet.Runner {
		exit := 143
		r.TaskStatus, r.StopCode, r.StoppedReason, r.ExitCode, r.StoppingAt = fleet.TaskStopped, fleet.StopUserInitiated, reason, &exit, w.now
		return r.Mark(fleet.StageTaskStopped, w.now)
	})
}

// ofOrganization makes the fleet serve all of its organization.
func (w *world) ofOrganization() *world {
	w.policy.Repositories, w.policy.Organization = nil, "octo-org"
	return w
}

// closes ends the job's newest runner, with a failure of the fleet if it has a name.
func (w *world) closes(failure, cause string) *world {
	run := w.runs[theJob]
	i := slices.IndexFunc(w.runners, func(r fleet.Runner) bool { return r.RunnerID == cmp.Or(run.RanOn, run.LastRunner) })
	w.write(fleet.Close(fleet.CloseFacts{
		Runner: w.runners[i], Run: &run, Capacity: w.capacity, Error: failure, Cause: cause, Holds: maps.Clone(w.holds), Deployment: "d1", Now: w.now,
	}).Changes)
	return w
}

// fails launches runners and lets each fail.
func (w *world) fails(failure, cause string) *world {
	return w.launch().comesTo(fleet.StageAdmitted).after(2*time.Second).closes(failure, cause)
}

// ada is an operator on AWS.
var ada = fleet.Operator{By: "arn:aws:sts::111122223333:assumed-role/Operators/ada@example.com"}

// acts is what ada does now.
func (w *world) acts(command fleet.Command, reason string) fleet.Action {
	a := fleet.Operator{By: ada.By, Reason: reason}.Act(command, "1", w.now)
	a.RunnerID = w.runs[theJob].LastRunner
	return a
}

// stoppedByOperator writes that an operator stops the runner of the job.
func (w *world) stoppedByOperator(command fleet.Command, reason string) *world {
	a := w.acts(command, reason)
	w.newest(func(r fleet.Runner) fleet.Runner { r.Reason = a.EndReason(); return r.Trace(a) })
	return w.change(func(r fleet.Run) fleet.Run {
		if r.Status.Terminal() {
			return r
		}
		return r.Trace(a)
	})
}

// completes lets GitHub end the job.
func (w *world) completes(conclusion string) *world {
	return w.change(func(r fleet.Run) fleet.Run {
		job, at := r.Job, w.now
		job.Status, job.Conclusion, job.CompletedAt = fleet.JobCompleted, conclusion, &at
		return r.Complete(job, w.now)
	})
}

func (w *world) refused(rule, reason string) *world {
	return w.change(func(r fleet.Run) fleet.Run {
		r = r.Move(fleet.RunRefused, reason).Mark(fleet.StageClosed, w.now)
		r.Rule = rule
		return r
	})
}

// facts are what Read would find.
func (w *world) facts() Facts {
	subject, err := ParseSubject(cmp.Or(w.asked, "https://github.com/octo-org/app/actions/runs/7001/job/20000000005"))
	if err != nil {
		panic(err)
	}
	f := Facts{Now: w.now, Subject: subject, Policy: w.policy, Capacity: w.capacity, Image: w.record, Lock: w.lock, GitHub: w.github, Labels: w.labels, Flags: " --stack ecsrunner-ci"}
	if w.withheld {
		return f
	}
	runID := subject.RunID()
	for _, r := range w.runners {
		if r.RunnerID == subject.RunnerID {
			f.Runner, runID = &r, runOf(r)
		}
	}
	for _, run := range w.runs {
		if run.RunID == runID {
			f.Run = &run
		}
	}
	if f.Run == nil {
		return f
	}
	for _, r := range w.runners {
		if r.RunID == f.Run.RunID || r.RunnerID == f.Run.RanOn || r.RunnerID == f.Run.RunnerID {
			f.Runners = append(f.Runners, r)
		}
	}
	if f.Run.Retrying() {
		if h, ok := w.holds[f.Run.Setback.Hold]; ok {
			f.Hold = &h
		}
	}
	return f
}
