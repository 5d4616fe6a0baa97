package github

import (
	"context"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// defaultRunnerGroup is the id of the group that repository-level runners belong
// to. A group of an organisation has to be looked up.
const defaultRunnerGroup = 1

// ForFleet is a Client in the fleet's own words: repositories as owner/name and
// jobs as fleet.Job.
type ForFleet struct{ Client *Client }

// Wait is how long GitHub wants to be left alone, 0 if it did not say.
func (e *Error) Wait() time.Duration { return e.RetryAfter }

// Job asks for a job. What only webhooks tell is left empty.
func (f ForFleet) Job(ctx context.Context, repository string, jobID int64) (fleet.Job, error) {
	job, err := f.Client.GetJob(ctx, parse(repository), jobID)
	if err != nil {
		return fleet.Job{}, err
	}
	return fleet.Job{
		JobID: job.ID, WorkflowRunID: job.RunID, RunAttempt: job.RunAttempt, Repository: repository,
		Name: job.Name, WorkflowName: job.WorkflowName, HeadBranch: job.HeadBranch, HTMLURL: job.HTMLURL,
		Labels: job.Labels, Status: restStatus(job.Status), Conclusion: job.Conclusion,
		RunnerID: job.RunnerID, RunnerName: job.RunnerName,
		CreatedAt: moment(job.CreatedAt), StartedAt: moment(job.StartedAt), CompletedAt: moment(job.CompletedAt),
	}, nil
}

// restStatus turns the two statuses that only the REST API has into the
// webhook's: such a job still waits for its runner.
func restStatus(status string) string {
	if status == "requested" || status == "pending" {
		return fleet.JobQueued
	}
	return status
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Registration looks a runner up by its name.
func (f ForFleet) Registration(ctx context.Context, repository, name string) (fleet.Registration, bool, error) {
	runner, found, err := f.Client.FindRunner(ctx, parse(repository), name)
	return registration(runner), found, err
}

// Delete removes a runner. A busy one is refused with GitHub.RunnerBusy.
func (f ForFleet) Delete(ctx context.Context, repository string, id int64) error {
	return f.Client.DeleteRunner(ctx, parse(repository), id)
}

// Register registers a runner for one job. It asks once: see the package doc.
func (f ForFleet) Register(ctx context.Context, repository, name string, labels []string) (fleet.Registration, string, error) {
	config, err := f.Client.GenerateJITConfig(ctx, parse(repository), JITRequest{
		Name: name, RunnerGroupID: defaultRunnerGroup, Labels: labels, WorkFolder: "_work",
	})
	return registration(config.Runner), config.EncodedJITConfig, err
}

func registration(r Runner) fleet.Registration {
	return fleet.Registration{ID: r.ID, Name: r.Name, Online: r.Status == "online", Busy: r.Busy}
}

func parse(repository string) Repository {
	owner, name, _ := strings.Cut(repository, "/")
	return Repository{Owner: owner, Name: name}
}
