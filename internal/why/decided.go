package why

import (
	"cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// decided is what the records say of the policy's decision. Of a run that nothing was
// decided about yet it is what the policy of now says.
func (f Facts) decided() Decision {
	run := f.Run
	d := Decision{Verdict: string(fleet.Admitted), ClassName: run.ClassName, Image: name(run.Image)}
	if r := f.runner(); r != nil && d.ClassName == "" { // another run's runner took the job before it was admitted
		d.ClassName, d.Image = r.ClassName, name(r.Image)
	}
	switch {
	case run.Status == fleet.RunRefused:
		return Decision{Verdict: string(fleet.Refused), Rule: run.Rule, Reason: sentence(run.Reason)}
	case f.judged() != nil:
		judged := f.judged()
		d.Verdict, d.Rule, d.Reason = string(judged.Verdict), judged.Rule, sentence(judged.Reason)
		return d
	case f.stoppedByPolicy(): // the record of the run has lost the rule
		return Decision{Verdict: string(fleet.Refused)}
	case f.admitted():
		if run.AdmittedBy != "" {
			d.Rule = fleet.Rule{Name: run.AdmittedBy}.Key()
		}
		return d
	}
	return f.wouldBe(run.Job)
}

// judged is what the policy said when the hook of the job's runner asked, nil if it did
// not.
func (f Facts) judged() *fleet.Judged {
	if r := f.runner(); r != nil {
		return r.JudgedAs(f.Run.Job.JobID)
	}
	return nil
}

// admitted reports whether the job was admitted: by a rule, or for a runner of its own. That
// it ran does not say so, since GitHub may give a runner a job that policy has refused.
func (f Facts) admitted() bool {
	run := f.Run
	var own *fleet.Runner // the newest one that was launched for the run
	for i, r := range f.Runners {
		if r.RunID == run.RunID {
			own = &f.Runners[i]
		}
		if run.RanOn == "" && r.RunID == run.RunID && !r.At(fleet.StageAdmitted).IsZero() {
			return true
		}
	}
	if run.RanOn != "" {
		return own != nil && !endedUnadmitted(*own) // runners are launched for admitted jobs
	}
	return run.RuleKnown && run.AdmittedBy != ""
}

// endedUnadmitted reports whether a runner ended at its first step, which refused its job or
// could not decide.
func endedUnadmitted(r fleet.Runner) bool {
	return r.Phase == fleet.Closed && r.At(fleet.StageAdmitted).IsZero() && r.At(fleet.StageClosing).IsZero()
}

// wouldBe is what the policy says to a job now.
func (f Facts) wouldBe(job fleet.Job) Decision {
	if len(f.Policy.Classes) == 0 { // not known
		return Decision{}
	}
	d := f.Policy.Admit(job)
	view := Decision{Verdict: string(d.Verdict), Would: true, Rule: d.Rule, Reason: sentence(d.Reason)}
	if d.Verdict == fleet.Admitted || d.Verdict == fleet.Undecided {
		view.ClassName, view.Image = d.Class, name(d.Image.String())
	}
	return view
}

// says is the decision in one line.
func (d Decision) says() string {
	if d.Verdict == "" {
		return ""
	}
	text := d.Verdict
	if d.Would {
		text = map[string]string{
			string(fleet.Admitted): "would be admitted", string(fleet.Refused): "would be refused", string(fleet.Ignored): "would be ignored", string(fleet.Undecided): "cannot be decided yet",
		}[d.Verdict]
	}
	if d.Rule != "" {
		text += " by rule " + d.Rule
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	if d.ClassName != "" {
		text += "; class " + d.ClassName + ", image " + cmp.Or(d.Image, "not known")
	}
	return text
}
