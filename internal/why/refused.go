package why

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const exampleLabels = "self-hosted,class:small"

// refused is a run that is over because policy refused its job.
func (f Facts) refused() finding {
	run := f.Run
	found := finding{says: "was refused: " + sentence(run.Reason)}
	found.whose, found.next = afterRefusal(run.Rule, run.RanOn == "")
	if run.RanOn != "" {
		found.says = f.refusedOn()
		judged := f.judged()
		switch admitted := judged != nil && judged.Verdict == fleet.Admitted; {
		case admitted:
			found.whose, found.next = ofJob, []Step{{Do: "read the job's log on GitHub"}}
		case run.GoesOn(f.Now):
			found.notes = append(found.notes, "the job should have ended and goes on: GitHub has not reported its end")
		}
	}
	found.notes = append(found.notes, f.noticed()...)
	return found
}

// refusedOn says that a job was refused that GitHub gave to a runner. That it ended before
// its first step is known only if the runner's hook was told so.
func (f Facts) refusedOn() string {
	on, reason := f.Run.RanOn, sentence(f.Run.Reason)
	judged := f.judged()
	if judged != nil && judged.Verdict == fleet.Refused {
		return fmt.Sprintf("was refused on %s, before its first step: %s", on, reason)
	}
	says := fmt.Sprintf("was refused: %s; GitHub gave it to %s all the same, ", reason, on)
	switch {
	case judged != nil: // by a newer policy
		return says + "whose hook was told that it is admitted by now, and did not end it"
	case f.stoppedByPolicy():
		return says + "whose hook got no answer: it ran until the fleet stopped the runner's task"
	case f.Run.Conclusion == "" && !f.Run.GoesOn(f.Now):
		return says + "whose hook is to end it"
	}
	return says + "whose hook has no answer on record: its steps may have run"
}

// noticed says how a refusal was shown to the job's developer.
func (f Facts) noticed() []string {
	if notice := f.Run.Notice.String(); notice != "" {
		return []string{"the refusal: " + sentence(notice)}
	}
	return nil
}

// stoppedByPolicy reports whether the fleet stopped the task of the job's runner because
// policy had refused the job.
func (f Facts) stoppedByPolicy() bool {
	r := f.runner()
	return f.Run.RanOn != "" && r != nil && byPolicy(*r)
}

func byPolicy(r fleet.Runner) bool {
	return r.StopCode == fleet.StopUserInitiated && strings.HasPrefix(r.StoppedReason, fleet.StoppedByPolicy)
}

// endedByPolicy is a run that GitHub calls cancelled or failed, and the fleet ended.
func (f Facts) endedByPolicy() finding {
	found := f.byPolicyOfNow()
	found.says = fmt.Sprintf("was stopped by the fleet: policy had refused it, and GitHub gave it to %s all the same; GitHub's conclusion is %s", f.Run.RanOn, cmp.Or(f.Run.Conclusion, "not known"))
	return found
}

// byPolicyOfNow is whose business a refusal is whose rule the records do not have any more,
// and what to do about it.
func (f Facts) byPolicyOfNow() (found finding) {
	now := f.wouldBe(f.Run.Job)
	found.notes = f.noticed()
	if f.runner().Hook == "" {
		found.notes = append(found.notes, "with enforce_policy a runner asks about its job before the first step, and ends one that policy refuses")
	}
	if now.Verdict != string(fleet.Refused) {
		found.whose, found.next = afterRefusal("", false)
		return found
	}
	found.whose, found.next = afterRefusal(now.Rule, false)
	found.notes = append(found.notes, "the policy of now refuses it by rule "+now.Rule+": "+now.Reason)
	return found
}

// afterRefusal is whose business a refusal by a rule is, and what to do about it. A job that
// no runner took is still queued on GitHub.
func afterRefusal(rule string, queued bool) (whose string, next []Step) {
	cancelFirst := ""
	if queued {
		cancelFirst = ", cancel this run of the workflow on GitHub, which would keep the job queued for up to 24 hours"
	}
	if !aboutLabels(rule) {
		return ofConfiguration, []Step{{Do: "use what the rule allows or have the configuration changed" + cancelFirst + ", and run it again"}}
	}
	return ofJob, []Step{
		{Do: "change the workflow's runs-on" + cancelFirst + ", and run it again"},
		{"try labels before that: this says what the fleet would do", "ecsrunner explain --labels " + exampleLabels},
	}
}

// aboutLabels reports whether a rule of the policy is about what the job asks for, and not
// about who may ask.
func aboutLabels(rule string) bool {
	about, _, _ := strings.Cut(rule, ".")
	return about == "labels" || about == "class" || about == "image"
}
