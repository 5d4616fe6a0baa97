package why

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// ended is a run that is over.
func (f Facts) ended() finding {
	switch run := f.Run; run.Status {
	case fleet.RunRefused:
		return f.refused()
	case fleet.RunCancelled:
		return f.cancelled()
	case fleet.RunGone:
		return finding{says: "is gone: GitHub has not known the job for a long time", whose: ofGitHub, next: []Step{{Do: "was the job, its workflow run or its repository deleted? If GitHub queues it again, the fleet runs it"}}}
	case fleet.RunFailed:
		return finding{says: "was given up by an earlier release: " + sentence(run.Reason), whose: ofFleet, next: []Step{{Do: "nothing if GitHub still has it queued: it is opened again within a minute; else run the job again"}}}
	}
	return f.completed()
}

func (f Facts) completed() finding {
	run, r := f.Run, f.runner()
	found := finding{whose: ofJob}
	if f.stoppedByPolicy() && !fleet.EndedWell(run.Conclusion) {
		return f.endedByPolicy()
	}
	if run.RanOn == "" {
		found.says = fmt.Sprintf("ended on GitHub (%s) and ran on no runner of this fleet", cmp.Or(run.Conclusion, "no conclusion"))
		found.whose = ofGitHub
		return found
	}
	took := ""
	if from, to := run.At(fleet.StageJobStarted), run.At(fleet.StageJobCompleted); !from.IsZero() && !to.IsZero() {
		took = " after " + lasted(to.Sub(from))
	}
	found.says = fmt.Sprintf("ended with %s%s on %s", cmp.Or(run.Conclusion, "no conclusion"), took, run.RanOn)
	if fleet.EndedWell(run.Conclusion) {
		found.whose = ""
		return found
	}
	if r != nil && f.cutShort(*r) {
		found.says += ": " + f.stopped(*r)
		found.whose = f.whoseEnd(*r)
		found.next = f.again(*r)
		return found
	}
	found.says += ": that is the job's own result, and its runner worked"
	found.next = []Step{{Do: "read the job's log on GitHub"}}
	return found
}

func (f Facts) cancelled() finding {
	run, r := f.Run, f.runner()
	found := finding{whose: ofGitHub, next: []Step{{Do: "run the job again on GitHub if it is still wanted"}}}
	switch {
	case f.stoppedByPolicy():
		return f.endedByPolicy()
	case r != nil && run.RanOn != "" && f.byOperator(*r):
		found.whose = ofOperator
		found.says = fmt.Sprintf("was stopped by %s, who ended its runner %s%s while it ran the job; GitHub calls that cancelled", operator(*r), run.RanOn, with(*r))
	case r != nil && run.RanOn != "" && byMaxRuntime(*r):
		found.whose = ofConfiguration
		found.says = "was ended: " + sentence(r.Reason)
	case r != nil && run.RanOn != "" && f.cutShort(*r):
		found.whose, found.next = f.whoseEnd(*r), f.again(*r)
		found.says = fmt.Sprintf("ended as cancelled because its runner %s was lost: %s", run.RanOn, f.stopped(*r))
	case run.RanOn != "":
		found.says = "was cancelled on GitHub while " + run.RanOn + " ran it"
	case f.workflowRunOver():
		found.says = "was closed by the fleet: " + sentence(run.Reason)
		found.next = []Step{{Do: "run the workflow again on GitHub if it is still wanted"}}
	default:
		found.says = "was cancelled on GitHub before a runner took it"
		if run.Setback != nil {
			found.says += "; until then it waited for its next try: " + f.met(*run.Setback)
			found.whose = run.Setback.Kind.Whose()
		}
		if d := run.QueuedSince().Add(f.limits().Queue); !d.IsZero() && !f.endedAt().Before(d.Add(-time.Minute)) {
			found.says += "; GitHub gives a job up that it has queued for " + lasted(f.limits().Queue)
		}
	}
	return found
}

// workflowRunOver reports whether the fleet closed the run itself, since its workflow run is
// over. GitHub's conclusion is that of the workflow run then.
func (f Facts) workflowRunOver() bool {
	run := f.Run
	return strings.HasPrefix(run.Reason, fleet.WorkflowRunOver) || run.Reason != "" && run.Conclusion != fleet.ConclusionCancelled
}

func (f Facts) endedAt() time.Time {
	at, _ := stages.Ended(*f.Run, f.Now)
	return at
}

func byMaxRuntime(r fleet.Runner) bool { return strings.Contains(r.Reason, "max_runtime") }

// cutShort reports whether the runner of the job ended before the job did.
func (f Facts) cutShort(r fleet.Runner) bool {
	switch {
	case f.byOperator(r):
		return true
	case r.StopCode == fleet.StopSpotInterruption:
		job := f.Run.Job
		if at := f.Run.At(fleet.StageJobCompleted); !at.IsZero() {
			job.CompletedAt = &at
		}
		return r.Interrupted(job)
	case r.StopCode == fleet.StopUserInitiated:
		return f.stoppedBeforeJob(r)
	}
	return r.ExitCode != nil && *r.ExitCode != 0 && *r.ExitCode != fleet.ExitVersionDeprecated
}

// stoppedBeforeJob reports whether the end of a task that was told to stop began before the
// end of its job. GitHub gives whole seconds.
func (f Facts) stoppedBeforeJob(r fleet.Runner) bool {
	stop, job := r.StoppingAt, f.Run.At(fleet.StageJobCompleted)
	if stop.IsZero() {
		stop = r.At(fleet.StageTaskStopped)
	}
	return job.IsZero() || !job.Before(stop.Truncate(time.Second))
}

// whoseEnd is whose business the end of a runner's task is.
func (f Facts) whoseEnd(r fleet.Runner) string {
	switch {
	case f.byOperator(r):
		return ofOperator
	case byMaxRuntime(r):
		return ofConfiguration
	case r.StopCode == fleet.StopUserInitiated && r.Reason == "": // else the fleet ended it
		return ofOperator
	case r.StopCode == fleet.StopUserInitiated:
		return ofFleet
	case r.StopCode == fleet.StopSpotInterruption:
		return ofCapacity
	}
	return ofJob
}

// again is what to do about a job whose runner was lost.
func (f Facts) again(r fleet.Runner) []Step {
	if rerun := f.Run.Rerun; rerun != nil && (!rerun.At.IsZero() || !rerun.NextTry.IsZero()) {
		return []Step{{Do: "nothing: the fleet sees to it that the job runs again (spot_retry)"}}
	}
	return []Step{{Do: "run the job again on GitHub" + f.afterCut(r)}}
}

func (f Facts) afterCut(r fleet.Runner) string {
	switch {
	case f.byOperator(r), r.StopCode == fleet.StopUserInitiated:
		return ""
	case r.StopCode == fleet.StopSpotInterruption:
		return "; a class without Spot is not interrupted"
	case strings.HasPrefix(r.ContainerReason, "OutOfMemoryError"):
		return ", with a class that has more memory"
	}
	return "; if it happens again, read the runner's log and try a larger class"
}

// stopped says how a runner's task ended.
func (f Facts) stopped(r fleet.Runner) string {
	switch {
	case f.byOperator(r):
		return operator(r) + " ended it" + with(r)
	case r.StopCode == fleet.StopSpotInterruption:
		return "Fargate Spot took its capacity back"
	case r.FailureName != "":
		return r.FailureName + ": " + sentence(r.Failure)
	case r.StopCode == fleet.StopUserInitiated:
		return "its task was told to stop: " + cmp.Or(sentence(r.StoppedReason), sentence(r.Reason), "no reason was given")
	case r.ExitCode != nil:
		return fleet.ExplainExit(*r.ExitCode, fleet.Clip(r.ContainerReason, mostOfName))
	case r.StoppedReason != "":
		return sentence(r.StoppedReason)
	case r.Reason != "":
		return sentence(r.Reason)
	}
	return "its task has stopped"
}
