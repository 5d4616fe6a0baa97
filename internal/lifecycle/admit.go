package lifecycle

import (
	"context"
	"reflect"

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
			return fleet.Changes{Runners: []fleet.Runner{f.startFromReady(runner, ready, d)}}, nil
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
		res.Run = res.Run.Want(wants)
		if full == "" {
			res.Runner.ClassName, res.Runner.Image = d.Class, d.Image.String()
			res.Runner = f.startFromReady(res.Runner.Mark(fleet.StageAdmitted, f.Now()), ready, d) // the run follows
		}
		changes := fleet.Changes{Runners: []fleet.Runner{res.Runner}, Capacity: res.Capacity}
		if !reflect.DeepEqual(res.Run, *run) { // the webhook knew less
			changes.Runs = []fleet.Run{res.Run}
		}
		return changes, nil
	})
	return full, err
}

func (f Fleet) startFromReady(r fleet.Runner, ready *fleet.Ready, d fleet.Decision) fleet.Runner {
	if ready == nil {
		return r
	}
	return f.StartFrom(r, ready.Image, ready.TaskDefinition.ARN, &d.Size)
}

// StartFrom records what a runner's task is started from. Its claim must show which task it
// comes from if the platform's tasks can, and the image's entrypoint: that is decided here, and
// stays, since a task that was started without may already be up.
func (f Fleet) StartFrom(r fleet.Runner, image fleet.Image, definition string, size *fleet.Class) fleet.Runner {
	image.Identity = image.Identity && f.TasksSign
	return r.StartFrom(image, definition, size, f.Now())
}

// AdmitWarm records on a warm runner what its pool's runners are, and what it is started from
// as Admit does. It may be repeated.
func (f Fleet) AdmitWarm(ctx context.Context, runnerID string, d fleet.Decision, ready *fleet.Ready) error {
	_, _, err := f.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if r.Phase != fleet.Open || ready == nil && !r.At(fleet.StageAdmitted).IsZero() {
			return r, false
		}
		r.ClassName, r.Image = d.Class, d.Image.String()
		return f.startFromReady(r.Mark(fleet.StageAdmitted, f.Now()), ready, d), true
	})
	return err
}
