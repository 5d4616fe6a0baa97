package github

import (
	"context"
	"errors"
	"iter"
	"net/http"
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

// NewForFleet is how every fleet gets its GitHub; see New for the arguments.
func NewForFleet(apiBase string, credential Credential, httpClient *http.Client) ForFleet {
	return ForFleet{Client: New(apiBase, credential, httpClient)}
}

// Wait is how long GitHub wants to be left alone, 0 if it did not say.
func (e *Error) Wait() time.Duration { return e.RetryAfter }

// Job asks for a job. What only webhooks tell is left empty, and so is whether
// the repository is private.
func (f ForFleet) Job(ctx context.Context, repository string, jobID int64) (fleet.Job, error) {
	job, err := f.Client.GetJob(ctx, parse(repository), jobID)
	if err != nil {
		return fleet.Job{}, err
	}
	return fleetJob(repository, job), nil
}

// WorkflowRun asks how a workflow run stands.
func (f ForFleet) WorkflowRun(ctx context.Context, repository string, id int64) (fleet.WorkflowRun, error) {
	run, err := f.Client.GetWorkflowRun(ctx, parse(repository), id)
	if err != nil {
		return fleet.WorkflowRun{}, err
	}
	return fleet.WorkflowRun{Status: run.Status, Conclusion: run.Conclusion}, nil
}

// ActiveJobs yields the jobs of all workflow runs that have not ended, whatever
// their own status. Each run is looked at once, even if its status changes
// meanwhile. An error is the last thing it yields.
func (f ForFleet) ActiveJobs(ctx context.Context, repository string) iter.Seq2[fleet.Job, error] {
	repo := parse(repository)
	return func(yield func(fleet.Job, error) bool) {
		for run, err := range f.activeRuns(ctx, repo) {
			if err != nil {
				yield(fleet.Job{}, err)
				return
			}
			for job, err := range f.jobsOf(ctx, repository, run) {
				if !yield(job, err) || err != nil {
					return
				}
			}
		}
	}
}

func (f ForFleet) activeRuns(ctx context.Context, repo Repository) iter.Seq2[WorkflowRun, error] {
	return func(yield func(WorkflowRun, error) bool) {
		seen := map[int64]bool{}
		for _, status := range []string{"queued", "in_progress", "waiting", "pending"} {
			for run, err := range f.Client.WorkflowRuns(ctx, repo, status) {
				if err == nil && seen[run.ID] {
					continue
				}
				seen[run.ID] = true
				if !yield(run, err) || err != nil {
					return
				}
			}
		}
	}
}

// queueLimit is how long before its end a workflow run may have begun that
// EndedJobs still finds: GitHub gives a queued job up after 24 h.
const queueLimit = 36 * time.Hour

// EndedJobs yields the jobs of workflow runs that have ended since a time. An
// error is the last thing it yields.
func (f ForFleet) EndedJobs(ctx context.Context, repository string, since time.Time) iter.Seq2[fleet.Job, error] {
	repo := parse(repository)
	return func(yield func(fleet.Job, error) bool) {
		for run, err := range f.Client.WorkflowRuns(ctx, repo, "completed") {
			switch {
			case err != nil:
				yield(fleet.Job{}, err)
				return
			case run.CreatedAt.Before(since.Add(-queueLimit)):
				return // the newest come first
			case run.UpdatedAt.Before(since.Truncate(time.Second)): // GitHub's times have whole seconds
				continue
			}
			for job, err := range f.jobsOf(ctx, repository, run) {
				if !yield(job, err) || err != nil {
					return
				}
			}
		}
	}
}

// jobsOf yields the jobs of a run, none if it was deleted since it was listed.
func (f ForFleet) jobsOf(ctx context.Context, repository string, run WorkflowRun) iter.Seq2[fleet.Job, error] {
	return func(yield func(fleet.Job, error) bool) {
		for job, err := range f.Client.RunJobs(ctx, parse(repository), run.ID) {
			if failure, ok := errors.AsType[*Error](err); ok && failure.ErrorName() == NotFound {
				return
			}
			found := fleetJob(repository, job)
			found.Private = run.Repository.Private
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

func fleetJob(repository string, job Job) fleet.Job {
	return fleet.Job{
		JobID: job.ID, WorkflowRunID: job.RunID, RunAttempt: job.RunAttempt, Repository: repository,
		Name: job.Name, WorkflowName: job.WorkflowName, HeadBranch: job.HeadBranch, HTMLURL: job.HTMLURL,
		Labels: job.Labels, Status: restStatus(job.Status), Conclusion: job.Conclusion,
		RunnerID: job.RunnerID, RunnerName: job.RunnerName,
		CreatedAt: moment(job.CreatedAt), StartedAt: moment(job.StartedAt), CompletedAt: moment(job.CompletedAt),
	}
}

// restStatus turns a status that only the REST API has into the webhook's: a job
// that is requested waits for its runner. One that is pending does not: it is
// held back by its concurrency group, and is queued later.
func restStatus(status string) string {
	if status == "requested" {
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

// Registrations yields all runners of the repository, also those of others. An
// error is the last thing it yields.
func (f ForFleet) Registrations(ctx context.Context, repository string) iter.Seq2[fleet.Registration, error] {
	return func(yield func(fleet.Registration, error) bool) {
		for runner, err := range f.Client.Runners(ctx, parse(repository)) {
			if !yield(registration(runner), err) {
				return
			}
		}
	}
}

// Hooks yields the webhooks of a repository, also those of others. An error is the
// last thing it yields.
func (f ForFleet) Hooks(ctx context.Context, repository string) iter.Seq2[fleet.Hook, error] {
	return func(yield func(fleet.Hook, error) bool) {
		for h, err := range f.Client.Hooks(ctx, parse(repository)) {
			if !yield(fleet.Hook{ID: h.ID, URL: h.Config.URL}, err) {
				return
			}
		}
	}
}

// Deliveries yields the deliveries of a repository's webhook, newest first. An
// error is the last thing it yields.
func (f ForFleet) Deliveries(ctx context.Context, repository string, hookID int64) iter.Seq2[fleet.Delivery, error] {
	return func(yield func(fleet.Delivery, error) bool) {
		for d, err := range f.Client.HookDeliveries(ctx, parse(repository), hookID) {
			if !yield(fleet.Delivery{ID: d.ID, GUID: d.GUID, Event: d.Event, Status: d.StatusCode}, err) {
				return
			}
		}
	}
}

// Redeliver asks for one more attempt of a delivery; see Client.Redeliver.
func (f ForFleet) Redeliver(ctx context.Context, repository string, hookID, deliveryID int64) error {
	return f.Client.Redeliver(ctx, parse(repository), hookID, deliveryID)
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
