package lifecycle

import (
	"context"
	"reflect"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Admit records on a runner and its run that policy admits the job, and counts the runner
// for the rule that admits it. If that rule has as many runners as it may have, full says
// so: the runner is to be closed, and then its run waits for the rule. ready is what the runner
// is started from, nil if that is still to be made. It may be repeated.
func (f Fleet) Admit(ctx context.Context, runnerID string, job fleet.Job, d fleet.Decision, ready *fleet.Ready) (full string, err error) {
	err = f.change(ctx, func() (fleet.Changes, error) {
		full = ""
		runner, run, err := f.readPair(ctx, runnerID)
		if err != nil {
			return fleet.Changes{}, err
		}
		if run == nil { // none expects it just now; after a swap one may again
			if ready == nil || runner.Phase != fleet.Open {
				return fleet.Changes{}, nil
			}
			return fleet.Changes{Runners: []fleet.Runner{startFrom(runner, ready, d, f.Now())}}, nil
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
			res.Runner = startFrom(res.Runner.Mark(fleet.StageAdmitted, now), ready, d, now) // the run follows
		}
		changes := fleet.Changes{Runners: []fleet.Runner{res.Runner}, Capacity: res.Capacity}
		if !reflect.DeepEqual(res.Run, *run) { // the webhook knew less
			changes.Runs = []fleet.Run{res.Run}
		}
		return changes, nil
	})
	return full, err
}

func startFrom(r fleet.Runner, ready *fleet.Ready, d fleet.Decision, now time.Time) fleet.Runner {
	if ready == nil {
		return r
	}
	return r.StartFrom(ready.Image, ready.TaskDefinition.ARN, &d.Size, now)
}

// AdmitWarm records on a warm runner what its pool's runners are, and what it is started from
// as Admit does. It may be repeated.
func (f Fleet) AdmitWarm(ctx context.Context, runnerID string, d fleet.Decision, ready *fleet.Ready) error {
	_, _, err := f.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if !r.At(fleet.StageAdmitted).IsZero() || r.Phase != fleet.Open {
			return r, false
		}
		r.ClassName, r.Image = d.Class, d.Image.String()
		now := f.Now()
		return startFrom(r.Mark(fleet.StageAdmitted, now), ready, d, now), true
	})
	return err
}
