package why

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// ended is a run that is over.
func (f Facts) ended() finding {
	switch run := f.Run; run.Status {
	case fleet.RunRefused:
		found := finding{says: "was refused: " + sentence(run.Reason), whose: ofJob, next: []Step{
			{Do: "change the workflow's runs-on" + cancelFirst + ", and run it again"},
			{"try labels before that: this says what the fleet would do", "ecsrunner explain --labels " + exampleLabels},
		}}
		if !aboutLabels(run.Rule) {
			found.whose = ofConfiguration
			found.next = []Step{{Do: "use what the rule allows or have the configuration changed" + cancelFirst + ", and run it again"}}
		}
		if run.RanOn != "" {
			found.says = fmt.Sprintf("was refused on %s, before its first step: %s", run.RanOn, sentence(run.Reason))
			found.next[0].Do = strings.Replace(found.next[0].Do, cancelFirst, "", 1)
			if run.GoesOn(f.Now) {
				found.notes = append(found.notes, "the job should have ended and goes on: GitHub has not reported its end")
			}
		}
		if notice := run.Notice.String(); notice != "" {
			found.notes = append(found.notes, "the refusal: "+sentence(notice))
		}
		return found
	case fleet.RunCancelled:
		return f.cancelled()
	case fleet.RunGone:
		return finding{says: "is gone: GitHub has not known the job for a long time", whose: ofGitHub, next: []Step{{Do: "was the job, its workflow run or its repository deleted? If GitHub queues it again, the fleet runs it"}}}
	case fleet.RunFailed:
		return finding{says: "was given up by an earlier release: " + sentence(run.Reason), whose: ofFleet, next: []Step{{Do: "nothing if GitHub still has it queued: it is opened again within a minute; else run the job again"}}}
	}
	return f.completed()
}

// aboutLabels reports whether a rule of the policy is about what the job asks for, and not
// about who may ask.
func aboutLabels(rule string) bool {
	about, _, _ := strings.Cut(rule, ".")
	return about == "labels" || about == "class" || about == "image"
}

// cancelFirst is for a job that no runner took.
const cancelFirst = ", cancel this run of the workflow on GitHub, which would keep the job queued for up to 24 hours"

const exampleLabels = "self-hosted,class:small"

func (f Facts) completed() finding {
	run, r := f.Run, f.runner()
	found := finding{whose: ofJob}
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
		found.whose = whoseEnd(*r)
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
	case r != nil && byOperator(*r):
		found.whose = ofOperator
		found.says = fmt.Sprintf("was stopped by an operator, who ended its runner %s while it ran the job; GitHub calls that cancelled", run.RanOn)
	case r != nil && f.cutShort(*r) && r.StopCode != fleet.StopUserInitiated:
		found.whose, found.next = whoseEnd(*r), f.again(*r)
		found.says = fmt.Sprintf("ended as cancelled because its runner %s was lost: %s", run.RanOn, f.stopped(*r))
	case run.RanOn != "":
		found.says = "was cancelled on GitHub while " + run.RanOn + " ran it"
		if r != nil && strings.Contains(r.Reason, "max_runtime") {
			found.whose = ofConfiguration
			found.says = "was ended: " + sentence(r.Reason)
		}
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

func (f Facts) endedAt() time.Time {
	at, _ := f.end()
	return at
}

func byOperator(r fleet.Runner) bool { return r.Reason == fleet.TerminatedByOperator }

// cutShort reports whether the runner of the job ended before the job did.
func (f Facts) cutShort(r fleet.Runner) bool {
	switch {
	case byOperator(r):
		return true
	case r.StopCode == fleet.StopSpotInterruption:
		job := f.Run.Job
		if at := f.Run.At(fleet.StageJobCompleted); !at.IsZero() {
			job.CompletedAt = &at
		}
		return r.Interrupted(job)
	}
	return r.ExitCode != nil && *r.ExitCode != 0 && *r.ExitCode != fleet.ExitVersionDeprecated
}

// whoseEnd is whose business the end of a runner's task is.
func whoseEnd(r fleet.Runner) string {
	switch {
	case byOperator(r):
		return ofOperator
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
	return []Step{{Do: "run the job again on GitHub" + afterCut(r)}}
}

func afterCut(r fleet.Runner) string {
	switch {
	case byOperator(r):
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
	case byOperator(r):
		return "an operator ended it"
	case r.StopCode == fleet.StopSpotInterruption:
		return "Fargate Spot took its capacity back"
	case r.FailureName != "":
		return r.FailureName + ": " + sentence(r.Failure)
	case r.ExitCode != nil:
		return fleet.ExplainExit(*r.ExitCode, fleet.Clip(r.ContainerReason, mostOfName))
	case r.StoppedReason != "":
		return sentence(r.StoppedReason)
	case r.Reason != "":
		return sentence(r.Reason)
	}
	return "its task has stopped"
}
