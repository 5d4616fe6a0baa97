// Package validate is the first step of an execution: labels become a plan,
// admission policy decides, and GitHub is asked whether the job still waits. If the image and
// its task definition are there, the plan says so, and the task is started next.
//
// It fails open: when GitHub is down or limits our rate, or what is left of its limit is
// kept for claims, the job is taken to be queued. Only a credential that GitHub refuses,
// and a GitHub that is not trusted, stop it, before a task costs anything. Policy never
// fails open: where a rule depends on the workflow run, the job waits for GitHub's answer.
package validate

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// budgets say what is left of GitHub's limits.
type budgets interface {
	Budget(ctx context.Context, repository string, now time.Time) (fleet.Budget, error)
}

// access is what the fleet may do on GitHub.
type access interface {
	// IsInstallation reports whether an installation of a GitHub App is the fleet's own
	// for a repository.
	IsInstallation(ctx context.Context, repository string, id int64) (bool, error)
	// CanRegister reports, as an error, what keeps the fleet from registering a runner
	// for jobs of a repository. With anew it uses no answer that it remembers.
	CanRegister(ctx context.Context, repository string, anew bool) error
	// CanIdle reports, as an error, what keeps the fleet from having runners that idle in a
	// place.
	CanIdle(ctx context.Context, place string) error
}

// Step serves the state Validate.
type Step struct {
	Fleet   lifecycle.Fleet
	Policy  fleet.Policy
	Budgets budgets
	Access  access
	// Images and Definitions are where it looks whether a job's image and its task
	// definition are there; nil leaves both to their own states.
	Images      images
	Definitions definitions
	LookFor     time.Duration // at most; 0 is no limit
	// Together makes calls at the same time; nil makes one after the other.
	Together func(calls ...func())
}

// Run returns the plan for the job, or why it gets none. It fails with
// GitHub.Unauthorized, GitHub.Untrusted, GitHub.NoAccess or GitHub.NotFound if GitHub does not show us the
// job, with Secret.Missing if there is no credential to ask it with, and with
// GitHub.JobPending while GitHub holds the job back. Where a rule of the policy depends on
// the workflow run, it fails as GitHub does that does not show it. It may be repeated.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Plan, error) {
	if call.Document.Pool != "" {
		return s.warm(ctx, call)
	}
	job := call.Document.Job
	decision := s.Policy.Admit(job)
	if decision.Verdict != fleet.Admitted && decision.Verdict != fleet.Undecided {
		return refused(decision), nil
	}
	if foreign, err := s.foreign(ctx, job); err != nil {
		return fleet.Plan{}, err
	} else if foreign != "" {
		return fleet.Plan{Decision: fleet.Refused, Rule: "installation.foreign", Reason: foreign, NotOurs: true}, nil
	}
	if decision.Verdict == fleet.Undecided {
		var err error
		if decision, err = s.decide(ctx, job, decision); err != nil {
			return fleet.Plan{}, err
		}
		if decision.Verdict != fleet.Admitted {
			return refused(decision), nil
		}
	}
	var reason string
	var err error
	plan := s.plan(decision)
	s.together(
		func() { reason, err = s.mayStart(ctx, call) },
		func() { plan.Ready = s.ready(ctx, decision.Image) },
	)
	if err != nil {
		return fleet.Plan{}, err
	}
	if reason != "" {
		return fleet.Plan{Decision: fleet.NotWanted, Reason: reason}, nil
	}
	full, err := s.Fleet.Admit(ctx, call.RunnerID, job, decision, plan.Ready)
	if err != nil {
		return fleet.Plan{}, err
	}
	if full != "" {
		return fleet.Plan{Decision: fleet.NotWanted, Rule: decision.Rule, Reason: full}, nil
	}
	return plan, nil
}

// mayStart says why the job needs no runner any more, and fails if it can have none.
func (s Step) mayStart(ctx context.Context, call fleet.Call) (reason string, err error) {
	runner, err := s.Fleet.ReadRunner(ctx, call.RunnerID)
	if err != nil {
		return "", err
	}
	if runner.Phase != fleet.Open || runner.For == "" {
		return runner.NotWanted(), nil
	}
	spare, err := s.spare(ctx, runner.Repository)
	if err != nil {
		return "", err
	}
	if !spare {
		s.Fleet.Log.InfoContext(ctx, "taking the job to be queued: what is left of GitHub's limit is kept for claims", "runner_id", call.RunnerID)
		return "", s.canRegister(ctx, call.Document.Job, false)
	}
	run, err := s.Fleet.ReadRun(ctx, runner.For) // after a swap not the one that it was launched for
	if err != nil {
		return "", err
	}
	if reason, err = s.unwanted(ctx, runner, run); err != nil || reason != "" {
		return reason, err
	}
	return "", s.canRegister(ctx, call.Document.Job, run.Setback != nil && run.Setback.Kind == fleet.SetbackAccess)
}

// plan is the plan of a runner whose job is admitted.
func (s Step) plan(decision fleet.Decision) fleet.Plan {
	limits := s.Policy.Limits
	return fleet.Plan{
		Decision:          fleet.Admitted,
		Rule:              decision.Rule,
		Reason:            decision.Reason,
		ClassName:         decision.Class,
		Size:              &decision.Size,
		ImageSpec:         &decision.Image,
		StartSeconds:      int(limits.Start / time.Second),
		IdleSeconds:       int(limits.Idle / time.Second),
		BuildSeconds:      int(limits.BuildWait() / time.Second),
		BuildLeaseSeconds: int(limits.BuildLease / time.Second),
		LogMiB:            s.Policy.LogMiB,
		RunnerVersion:     s.Policy.RunnerVersion,
	}
}

// foreign says that a job's webhook is of a GitHub App's installation which is not the
// fleet's. Where GitHub does not say, a claim will find out, since it registers as the
// fleet's own.
func (s Step) foreign(ctx context.Context, job fleet.Job) (string, error) {
	if !s.Policy.GitHubApp || job.InstallationID == 0 {
		return "", nil
	}
	ours, err := s.Access.IsInstallation(ctx, job.Repository, job.InstallationID)
	switch {
	case fleet.IsNamed(err, fleet.GitHubUnauthorized, fleet.GitHubUntrusted, fleet.SecretMissing):
		return "", err
	case err != nil:
		s.Fleet.Log.WarnContext(ctx, "taking the installation to be the fleet's: GitHub did not say", "job_id", job.JobID, "error", err.Error())
		return "", nil
	case ours:
		return "", nil
	}
	return fmt.Sprintf("its webhook is of installation %d of a GitHub App, which is not the fleet's for %s: of several Apps that send webhooks here, only those of github_app count", job.InstallationID, job.Repository), nil
}

// canRegister fails if the fleet's runner group does not exist, before a task costs
// anything. Where GitHub does not say, the claim will find out. After a try that failed it asks
// GitHub again, since somebody may have deleted the group or made it.
func (s Step) canRegister(ctx context.Context, job fleet.Job, failed bool) error {
	if s.Policy.RunnerGroup == "" {
		return nil
	}
	err := s.Access.CanRegister(ctx, job.Repository, failed)
	if fleet.IsNamed(err, fleet.GitHubNoRunnerGroup, fleet.GitHubNotFound, fleet.GitHubNoAccess, fleet.GitHubUnauthorized, fleet.GitHubUntrusted, fleet.SecretMissing) {
		return err
	}
	if err != nil {
		s.Fleet.Log.WarnContext(ctx, "taking the runner group to be there: GitHub did not say", "job_id", job.JobID, "error", err.Error())
	}
	return nil
}

// refused is the plan for a job that policy does not admit. One that is not ours is refused
// here too: its webhook was taken by a policy that has changed.
func refused(d fleet.Decision) fleet.Plan {
	return fleet.Plan{Decision: fleet.Refused, Rule: d.Rule, Reason: d.Reason, NotOurs: d.Verdict == fleet.Ignored}
}

// decide asks GitHub for the origin of a job on which a rule depends, and policy again.
// Without an answer the job waits: an error says why.
func (s Step) decide(ctx context.Context, job fleet.Job, d fleet.Decision) (fleet.Decision, error) {
	spare, err := s.spare(ctx, job.Repository)
	if err != nil {
		return d, err
	}
	if !spare {
		return d, fleet.Errorf(fleet.GitHubRateLimited, "%s: what is left of GitHub's limit is kept for claims", d.Reason)
	}
	w, err := s.Fleet.GitHub.WorkflowRun(ctx, job.Repository, job.WorkflowRunID)
	if err != nil {
		return d, s.hinted(job.Repository, fmt.Errorf("%s: %w", d.Reason, err))
	}
	job.Origin, job.Visibility = w.Origin, cmp.Or(job.Visibility, w.Visibility)
	if d = s.Policy.Admit(job); d.Verdict == fleet.Undecided {
		return d, fleet.Errorf(fleet.GitHubUnavailable, "%s: GitHub's answer does not have it", d.Reason)
	}
	return d, nil
}

// hinted says what to do about an error of GitHub's that a person has to end, and nothing
// about others.
func (s Step) hinted(repository string, err error) error {
	switch fleet.ErrorName(err) {
	case fleet.GitHubUnauthorized:
		return s.hint(err, "store a valid token as github_pat", "")
	case fleet.GitHubUntrusted:
		return fmt.Errorf("%w; is the certificate of github_url of an authority of your own? Then name the file with that authority's certificate as github_ca in fleet.yaml, and deploy or start again", err)
	case fleet.GitHubNoAccess:
		needs := "Administration (read and write) and Actions (read)"
		switch {
		case s.Policy.Enterprise != "":
			return s.hint(err, "give the token of github_pat the scope repo, and its user access to "+repository, "give the GitHub App Actions (read)")
		case s.Policy.Organization != "":
			needs = "Self-hosted runners of " + s.Policy.Organization + " (read and write) and Actions (read)"
		}
		return s.hint(err, "give the token of github_pat "+needs+" on "+repository, "give the GitHub App "+needs)
	case fleet.GitHubNotFound:
		return s.hint(err, "does the token of github_pat see "+repository+"?", "has the App's installation "+repository+" among its repositories?")
	}
	return err
}

// unwanted says why the run needs no runner any more, "" if it does. GitHub's
// answer is recorded as if its webhook had come.
func (s Step) unwanted(ctx context.Context, runner fleet.Runner, run fleet.Run) (string, error) {
	repository := s.Fleet.RepositoryOf(runner, run)
	job, err := s.Fleet.GitHub.Job(ctx, repository, run.Job.JobID)
	switch fleet.ErrorName(err) {
	case fleet.GitHubUnauthorized, fleet.GitHubUntrusted, fleet.GitHubNoAccess, fleet.GitHubNotFound, fleet.SecretMissing:
		return "", s.hinted(repository, err)
	}
	if err != nil {
		s.Fleet.Log.WarnContext(ctx, "taking the job to be queued: GitHub did not say", "runner_id", runner.RunnerID, "error", err.Error())
		return "", nil
	}
	queued, err := s.Fleet.LearnJob(ctx, job)
	switch {
	case err != nil:
		return "", err
	case !queued:
		return s.taken(ctx, runner.RunnerID, run, job)
	case job.Status == fleet.JobPending:
		return "", fleet.Errorf(fleet.GitHubJobPending, "GitHub holds the job back: max-parallel or a concurrency group does not let it start yet")
	}
	return s.over(ctx, repository, run)
}

// hint adds to an error what to do about it, with a token or with a GitHub App.
func (s Step) hint(err error, withToken, withApp string) error {
	hint := withToken
	if s.Policy.GitHubApp {
		hint = withApp
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, hint)
}

// taken says that the run's job needs no runner, "" if another's runner has the job and
// the two have swapped.
func (s Step) taken(ctx context.Context, runnerID string, run fleet.Run, job fleet.Job) (string, error) {
	runner, err := s.Fleet.ReadRunner(ctx, runnerID)
	if err != nil {
		return "", err
	}
	if runner.Phase == fleet.Open && runner.For != "" && runner.For != run.RunID {
		return "", nil
	}
	return "the job is " + job.Status + " on GitHub and needs no runner", nil
}

// over says why a job that is queued will never start, "" if it may: its workflow run
// is over. It costs a request, so it is asked only after a runner got no job.
func (s Step) over(ctx context.Context, repository string, run fleet.Run) (string, error) {
	if run.Setback == nil || run.Job.WorkflowRunID == 0 {
		return "", nil
	}
	if kind := run.Setback.Kind; kind != fleet.SetbackIdle && kind != fleet.SetbackOutage {
		return "", nil
	}
	w, err := s.Fleet.GitHub.WorkflowRun(ctx, repository, run.Job.WorkflowRunID)
	if err != nil || w.Status != fleet.JobCompleted {
		return "", nil // as if it had not been asked
	}
	return s.Fleet.WorkflowRunOver(ctx, run.RunID, w)
}

// spare reports whether a question to GitHub leaves what others need. A credential that
// cannot be read is for the question to find out.
func (s Step) spare(ctx context.Context, repository string) (bool, error) {
	b, err := s.Budgets.Budget(ctx, repository, s.Fleet.Now())
	if err != nil {
		return true, nil
	}
	return s.Fleet.Spare(ctx, b)
}
