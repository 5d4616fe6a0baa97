package why

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// became says what became of a runner, seen from the run. Runners may have been launched
// for other runs: GitHub gives a job to any idle runner with its labels.
func (f Facts) became(r fleet.Runner, job string) string {
	says := "was launched for " + job
	if f.Run == nil || r.RunID != f.Run.RunID {
		says = "was launched for " + r.RunID
	}
	if r.IsWarm() {
		says = "was launched to idle in pool " + r.Pool
	}
	switch {
	case f.Run != nil && r.Took != 0 && r.Took == f.Run.Job.JobID:
		return f.had(r, job)
	case r.Took != 0:
		says += fmt.Sprintf("; GitHub gave it %s instead", fleet.RunID(r.Took))
		if r.IsWarm() {
			says = "was launched to idle in pool " + r.Pool + ", and ran " + fleet.RunID(r.Took)
		} else if r.RunID == fleet.RunID(r.Took) {
			says = "ran " + r.RunID + ", which it was launched for"
		}
	case f.byOperator(r):
		says += "; " + operator(r) + " ended it before it had a job" + with(r)
	case r.FailureName != "":
		says += "; it failed: " + r.FailureName
		saidAbove := f.Run != nil && f.Run.Retrying() && f.Run.Setback.Cause == r.Failure
		if !saidAbove {
			says += ": " + sentence(r.Failure)
		}
	case r.Phase == fleet.Closed && r.TaskARN == "":
		says += "; it was ended, and no task was started for it: " + cmp.Or(sentence(r.Reason), fleet.NeededNoLonger)
	case r.Phase == fleet.Closed:
		says += "; it was ended: " + cmp.Or(sentence(r.Reason), fleet.NeededNoLonger)
	case r.Phase == fleet.Closing:
		says += "; it is being ended: " + cmp.Or(sentence(r.Reason), fleet.NeededNoLonger)
	case r.Stopped():
		says += "; its task has stopped"
	case f.Run != nil && f.Run.Status.Terminal() && (r.For == f.Run.RunID || r.For == ""):
		says += "; the job ended before it took it"
	case r.For != "" && r.For != r.RunID && (f.Run == nil || r.For != f.Run.RunID):
		says += "; it is now for " + r.For + ", since the two swapped their runners"
	case r.Idle():
		says += "; " + progress(r)
	case r.For == "":
		says += "; no job expects it any more"
	default:
		says += "; " + progress(r)
	}
	if r.ExitCode != nil && *r.ExitCode != 0 && r.Took == 0 {
		says += " (exit " + fmt.Sprint(*r.ExitCode) + ": " + fleet.ExplainExit(*r.ExitCode, fleet.Clip(r.ContainerReason, mostOfName)) + ")"
	}
	return says
}

// had says how a runner had the job.
func (f Facts) had(r fleet.Runner, job string) string {
	verb, end := "ran ", ""
	switch judged := r.JudgedAs(r.Took); {
	case judged != nil && judged.Verdict == fleet.Refused:
		verb, end = "got ", ", which its hook ended before the first step"
	case byPolicy(r):
		verb, end = "got ", "; the fleet stopped its task, since policy had refused the job"
	case f.Run.Status == fleet.RunRefused:
		verb = "got "
	case f.Run.Status == fleet.RunRunning && r.Phase == fleet.Open && !r.Stopped():
		verb = "runs "
	case f.cutShort(r):
		end = "; " + f.stopped(r)
	}
	if r.IsWarm() {
		verb = idled(r) + " and " + verb
	} else if r.RunID != f.Run.RunID {
		verb = "was launched for " + r.RunID + " and " + verb
	}
	return verb + job + end
}

// progress is how far an open runner has come.
func progress(r fleet.Runner) string {
	for _, s := range []struct {
		stage fleet.Stage
		says  string
	}{
		{fleet.StageRegistered, "it is registered and waits for a job"},
		{fleet.StageClaimed, "it waits for GitHub's registration"},
		{fleet.StageContainerUp, "its container is up"},
		{fleet.StageTaskStarted, "its container is being started"},
		{fleet.StageImageReady, "its task is being started"},
		{fleet.StageAdmitted, "it waits for its image"},
	} {
		if !r.At(s.stage).IsZero() {
			return s.says
		}
	}
	return "it has just been launched"
}

// notes are what else is worth knowing of the run.
func (f Facts) notes() (notes []string) {
	run := f.Run
	if r := f.runner(); r != nil && r.RunID != run.RunID && r.At(fleet.StageLaunched).Before(run.At(fleet.StageQueued)) {
		notes = append(notes, fmt.Sprintf("runner %s was there before this job was queued: that time is not counted", r.RunnerID))
	}
	if says := f.cold(); says != "" {
		notes = append(notes, says)
	}
	if n := run.Displaced; n > 0 {
		notes = append(notes, times(n)+" GitHub gave the runner of this job another job with the same labels; the fleet launches a new one then")
	}
	for _, a := range slices.Backward(run.Actions) {
		if a.Command == fleet.CommandRetry {
			notes = append(notes, fmt.Sprintf("%s had it tried again %s ago, with %s", name(a.By), lasted(f.Now.Sub(a.At)), sentence(a.Did())))
		}
	}
	if says := run.Rerun.String(); says != "" {
		notes = append(notes, sentence(says))
	}
	if r := f.runner(); r != nil && r.Hook == fleet.HookMissing {
		notes = append(notes, "the policy is not enforced on runner "+r.RunnerID+": its image is too old to ask the fleet about the job (enforce_policy)")
	}
	for _, id := range run.RanBefore {
		notes = append(notes, "GitHub took the job back from "+id+" and queued it again")
	}
	queued, received := run.At(fleet.StageQueued), run.At(fleet.StageReceived)
	if late := received.Sub(queued); !queued.IsZero() && late > lateWebhook {
		says := "the webhook came late"
		if run.Job.RepositoryID == 0 && run.Job.HookID == 0 {
			says = "its webhook was lost, and the fleet's sweep found it on GitHub"
		}
		notes = append(notes, fmt.Sprintf("the fleet heard of the job %s after GitHub had queued it: %s", lasted(late), says))
	}
	if apart := stages.ClocksApart(*f.Run); apart >= time.Second { // GitHub's times have whole seconds
		notes = append(notes, fmt.Sprintf("GitHub's clock is %s ahead of the fleet's, so the stages count from when the fleet heard of the job", lasted(apart)))
	}
	if d := f.deadline(); !d.IsZero() {
		switch left := d.Sub(f.Now); {
		case left <= 0:
			notes = append(notes, fmt.Sprintf("GitHub should have given the job up %s ago: it keeps a job queued for %s", lasted(-left), lasted(f.limits().Queue)))
		case left < nearDeadline:
			notes = append(notes, fmt.Sprintf("GitHub gives the job up in %s: it keeps a job queued for %s", lasted(left), lasted(f.limits().Queue)))
		}
	}
	return notes
}
