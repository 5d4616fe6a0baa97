package lifecycle

import (
	"context"
	"reflect"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Admit records on a runner and its run that policy admits the job, and counts the runner
// for the rule that admits it. If that rule has as many runners as it may have, full says
// so: the runner is to be closed, and then its run waits for the rule. It may be repeated.
func (f Fleet) Admit(ctx context.Context, runnerID string, job fleet.Job, d fleet.Decision) (full string, err error) {
	err = f.change(ctx, func() (fleet.Changes, error) {
		full = ""
		runner, run, err := f.readPair(ctx, runnerID)
		if err != nil || run == nil {
			return fleet.Changes{}, err
		}
		facts := fleet.AdmitFacts{Run: *run, Runner: runner, MaxOfRules: f.MaxOfRules, Rule: d.RuleName()}
		wants := d.Wants()
		if swapped := run.Job.JobID != job.JobID; swapped { // the decision is about the job of another run
			facts.Rule, wants.RuleKnown = runner.Rule, false
		}
		if facts.Rule != runner.Rule {
			if facts.Capacity, err = f.Records.Capacity(ctx); err != nil {
				return fleet.Changes{}, err
			}
		}
		res := fleet.Admit(facts)
		full = res.Full
		now := f.Now()
		res.Run = res.Run.Want(wants)
		if full == "" {
			res.Runner.ClassName, res.Runner.Image = d.Class, d.Image.String()
			res.Runner = res.Runner.Mark(fleet.StageAdmitted, now) // the run follows
		}
		changes := fleet.Changes{Runners: []fleet.Runner{res.Runner}, Capacity: res.Capacity}
		if !reflect.DeepEqual(res.Run, *run) { // the webhook knew less
			changes.Runs = []fleet.Run{res.Run}
		}
		return changes, nil
	})
	return full, err
}

// AdmitWarm records on a warm runner what its pool's runners are. It may be repeated.
func (f Fleet) AdmitWarm(ctx context.Context, runnerID string, d fleet.Decision) error {
	_, _, err := f.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if !r.At(fleet.StageAdmitted).IsZero() || r.Phase != fleet.Open {
			return r, false
		}
		r.ClassName, r.Image = d.Class, d.Image.String()
		return r.Mark(fleet.StageAdmitted, f.Now()), true
	})
	return err
}
