// Package validate is the first step of an execution: labels become a plan,
// admission policy decides, and GitHub is asked whether the job still waits.
//
// It fails open: when GitHub is down or limits our rate, the job is taken to be
// queued. Only a credential that GitHub refuses stops it, before a task costs
// anything.
package validate

import (
	"context"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Step serves the state Validate.
type Step struct {
	Fleet  lifecycle.Fleet
	Policy fleet.Policy
}

// Run returns the plan for the job, or why it gets none. It fails with
// GitHub.Unauthorized or GitHub.NotFound if GitHub does not show us the job, with
// Secret.Missing if there is no credential to ask it with, and with Image.BreakerOpen while runners of its image end without a job.
// It may be repeated.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Plan, error) {
	job := call.Document.Job
	decision := s.Policy.Admit(job)
	if decision.Verdict != fleet.Admitted {
		return fleet.Plan{Decision: fleet.Refused, Rule: decision.Rule, Reason: decision.Reason}, nil
	}
	reason, err := s.unwanted(ctx, call)
	if err != nil {
		return fleet.Plan{}, err
	}
	if reason != "" {
		return fleet.Plan{Decision: fleet.NotWanted, Reason: reason}, nil
	}
	if err := s.record(ctx, call.RunnerID, decision); err != nil {
		return fleet.Plan{}, err
	}
	health, err := s.Fleet.Records.Health(ctx, decision.Image.String())
	if err != nil {
		return fleet.Plan{}, err
	}
	if why := health.Broken(s.Fleet.Now()); why != "" {
		return fleet.Plan{}, fleet.Errorf(fleet.ImageBreakerOpen, "%s", why)
	}
	limits := s.Policy.Limits
	return fleet.Plan{
		Decision:          fleet.Admitted,
		ClassName:         decision.Class,
		Size:              &decision.Size,
		ImageSpec:         &decision.Image,
		StartSeconds:      int(limits.Start / time.Second),
		IdleSeconds:       int(limits.Idle / time.Second),
		BuildSeconds:      int(limits.Build / time.Second),
		BuildLeaseSeconds: int(limits.BuildLease / time.Second),
		RunnerVersion:     s.Policy.RunnerVersion,
	}, nil
}

// unwanted says why the job needs no runner any more, "" if it does. What GitHub
// tells is recorded as if its webhook had told it.
func (s Step) unwanted(ctx context.Context, call fleet.Call) (string, error) {
	runner, err := s.Fleet.ReadRunner(ctx, call.RunnerID)
	if err != nil {
		return "", err
	}
	if runner.Phase != fleet.Open {
		return runner.Reason, nil
	}
	job, err := s.Fleet.GitHub.Job(ctx, runner.Repository, call.Document.Job.JobID)
	switch {
	case fleet.IsNamed(err, fleet.GitHubUnauthorized):
		return "", fmt.Errorf("%w; give the token of github_pat Administration (read and write) and Actions (read) on %s, then run the job again", err, runner.Repository)
	case fleet.IsNamed(err, fleet.GitHubNotFound):
		return "", fmt.Errorf("%w; let the token of github_pat see %s, then run the job again", err, runner.Repository)
	case fleet.IsNamed(err, fleet.SecretMissing):
		return "", fmt.Errorf("%w, then run the job again", err)
	case err != nil:
		s.Fleet.Log.WarnContext(ctx, "taking the job to be queued: GitHub did not say", "runner_id", call.RunnerID, "error", err.Error())
		return "", nil
	}
	queued, err := s.Fleet.LearnJob(ctx, job)
	if queued || err != nil {
		return "", err
	}
	return "the job is " + job.Status + " on GitHub and needs no runner", nil
}

func (s Step) record(ctx context.Context, runnerID string, d fleet.Decision) error {
	return s.Fleet.DescribeRun(ctx, runnerID, func(run fleet.Run, runner fleet.Runner) (fleet.Run, fleet.Runner) {
		run.ClassName, run.Image = d.Class, d.Image.String()
		runner.ClassName, runner.Image = d.Class, d.Image.String()
		now := s.Fleet.Now()
		return run.Mark(fleet.StageAdmitted, now), runner.Mark(fleet.StageAdmitted, now)
	})
}
