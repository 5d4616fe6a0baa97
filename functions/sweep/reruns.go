package sweep

import (
	"context"
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// The most that one sweep looks at.
const (
	mostInterrupted = 200 // runs whose job Spot interrupted
	mostReruns      = 20  // their workflow runs, each with a request at least
)

// attempt is one attempt of a workflow run.
type attempt struct {
	repository  string
	workflowRun int64
	number      int
}

// reruns has GitHub run jobs again that Spot interrupted, once their workflow runs have
// ended. One that goes on is looked at more and more rarely; GitHub's lists of active ones,
// which the sweep has read, show its end sooner.
func (s *sweep) reruns(ctx context.Context) error {
	waiting, err := s.Fleet.Records.Waiting(ctx, fleet.RerunList, fleet.LaterOrder, mostInterrupted)
	if err != nil {
		return err
	}
	var order []attempt
	of := map[attempt][]fleet.Run{}
	due := map[attempt]bool{}
	for _, runID := range waiting {
		run, known, err := s.Fleet.Records.Run(ctx, runID)
		if err != nil {
			return err
		}
		if !known || run.Rerun == nil {
			continue
		}
		key := s.key(run.Job.Repository)
		one := attempt{key, run.Job.WorkflowRunID, run.Attempt()}
		if len(of[one]) == 0 {
			order = append(order, one)
		}
		of[one] = append(of[one], run)
		due[one] = due[one] || run.Rerun.Due(s.now) || run.Rerun.Over(s.listed[key] && !s.active[one.workflowRun])
	}
	reruns := s.Reruns
	if reruns.GitHub != nil {
		reruns.GitHub = rerunner{s.gate, s.Reruns.GitHub}
	}
	var failed []error
	asked := 0
	for _, one := range order {
		if !due[one] || asked == mostReruns {
			continue
		}
		if s.late() {
			break
		}
		asked++
		rerun, err := s.Fleet.Rerun(ctx, reruns, of[one])
		if rerun {
			s.repairs[SpotInterrupted]++
		}
		failed = append(failed, err)
		if hopeless(err) && !fleet.IsNamed(err, fleet.GitHubUnavailable) {
			break
		}
	}
	return errors.Join(failed...)
}

// rerunner is the gate for re-runs. Whether a workflow run has ended is looked at as
// everything else; what is decided then comes from what is left above the reserve.
type rerunner struct {
	*gate
	hub lifecycle.Rerunner
}

func (r rerunner) WorkflowRun(ctx context.Context, repository string, id int64) (fleet.WorkflowRun, error) {
	if err := r.may(ctx, repository, kindRerun, pointsOfGet, true); err != nil {
		return fleet.WorkflowRun{}, err
	}
	return r.hub.WorkflowRun(ctx, repository, id)
}

func (r rerunner) RerunFailedJobs(ctx context.Context, repository string, workflowRun int64) error {
	if err := r.may(ctx, repository, kindRerun, pointsOfOther, false); err != nil {
		return err
	}
	return r.hub.RerunFailedJobs(ctx, repository, workflowRun)
}
