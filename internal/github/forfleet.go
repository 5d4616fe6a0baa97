package github

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// defaultRunnerGroup is the id of the group that repository-level runners belong
// to. A group of a shared place has to be looked up.
const defaultRunnerGroup = 1

// ForFleet is a Client in the fleet's own words: repositories as owner/name and
// jobs as fleet.Job.
type ForFleet struct {
	Client *Client
	Scope  Scope // where runners are registered
}

// NewForFleet is how every fleet gets its GitHub; see New for the arguments.
func NewForFleet(apiBase string, credential Credential, httpClient *http.Client) ForFleet {
	return ForFleet{Client: New(apiBase, credential, httpClient)}
}

// Wait is how long GitHub asks to wait, 0 if it did not say.
func (e *Error) Wait() time.Duration { return e.RetryAfter }

// Job asks for a job. What only webhooks have stays empty, and so does whether the
// repository is private.
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
	known := workflowRun(run)
	known.Visibility = run.Repository.Visibility
	known.Origin = origin(run)
	return known, nil
}

// RerunFailedJobs runs the failed jobs of a workflow run again; see Client.RerunFailedJobs.
func (f ForFleet) RerunFailedJobs(ctx context.Context, repository string, workflowRun int64) error {
	err := f.Client.RerunFailedJobs(ctx, parse(repository), workflowRun)
	if fleet.IsNamed(err, NoAccess, NotFound) {
		err = fmt.Errorf("%w; it needs the permission Actions (read and write) on %s; without it, set spot_retry: 0", err, repository)
	}
	return err
}

// origin is where a run's jobs come from. What GitHub left out is not known.
func origin(run WorkflowRun) (o fleet.Origin) {
	if run.Event != "" {
		o.Event, o.Branch = &run.Event, &run.HeadBranch
	}
	switch base, head := run.Repository.ID, run.HeadRepository; {
	case base == 0 || head != nil && head.ID == 0:
	case head == nil: // a fork that was deleted
		o.Fork = new(true)
	default:
		o.Fork = new(head.ID != base)
	}
	return o
}

// WorkflowRuns asks for a page of the workflow runs with a status, "" for any, the newest
// first.
//
// A job that waits can be in a run of any status but completed, and a run whose status
// changes meanwhile may be on two lists or on none.
func (f ForFleet) WorkflowRuns(ctx context.Context, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
	type answer struct {
		Runs []WorkflowRun `json:"workflow_runs"`
	}
	query := url.Values{"per_page": {"100"}}
	if status != "" {
		query.Set("status", status)
	}
	first := parse(repository).resource("/actions/runs?%s", query.Encode())
	return page(ctx, f.Client, first, was, func(a answer) (runs []fleet.WorkflowRun) {
		for _, r := range a.Runs {
			runs = append(runs, workflowRun(r))
		}
		return runs
	})
}

// JobsOf asks for a page of the jobs of a run's latest attempt. GitHub.NotFound means that
// the run was deleted.
func (f ForFleet) JobsOf(ctx context.Context, repository string, run fleet.WorkflowRun, was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error) {
	type answer struct {
		Jobs []Job `json:"jobs"`
	}
	first := parse(repository).resource("/actions/runs/%d/jobs?filter=latest&per_page=100", run.ID)
	return page(ctx, f.Client, first, was, func(a answer) (jobs []fleet.Job) {
		for _, j := range a.Jobs {
			job := fleetJob(repository, j)
			job.Private = run.Private
			jobs = append(jobs, job)
		}
		return jobs
	})
}

func workflowRun(r WorkflowRun) fleet.WorkflowRun {
	return fleet.WorkflowRun{
		ID: r.ID, Attempt: r.RunAttempt, Status: r.Status, Conclusion: r.Conclusion, Private: r.Repository.Private,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

func fleetJob(repository string, job Job) fleet.Job {
	return fleet.Job{
		JobID: job.ID, WorkflowRunID: job.RunID, RunAttempt: job.RunAttempt, Repository: repository,
		Name: job.Name, WorkflowName: job.WorkflowName, HeadBranch: job.HeadBranch, HeadSHA: fleet.CommitSHA(job.HeadSHA), HTMLURL: job.HTMLURL,
		Labels: job.Labels, Status: restStatus(job.Status), Conclusion: job.Conclusion,
		RunnerID: job.RunnerID, RunnerName: job.RunnerName,
		CreatedAt: moment(job.CreatedAt), StartedAt: moment(job.StartedAt), CompletedAt: moment(job.CompletedAt),
	}
}

// restStatus turns a status that only the REST API has into the webhook's: a requested
// job waits for its runner. A pending job does not: its concurrency group holds it back,
// and it is queued later.
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

// Registration looks a runner of a place up by its name.
func (f ForFleet) Registration(ctx context.Context, place, name string) (fleet.Registration, bool, error) {
	runner, found, err := f.Client.FindRunner(ctx, at(place), name)
	return registration(runner), found, err
}

// Registrations yields all runners of a place, also those of others. An error is the last
// thing it yields.
func (f ForFleet) Registrations(ctx context.Context, place string) iter.Seq2[fleet.Registration, error] {
	return fleet.AllPages(func(was fleet.Page[fleet.Registration]) (fleet.Page[fleet.Registration], error) {
		return f.RegistrationsPage(ctx, place, was)
	})
}

// RegistrationsPage asks for a page of the runners of a place, also those of others.
func (f ForFleet) RegistrationsPage(ctx context.Context, place string, was fleet.Page[fleet.Registration]) (fleet.Page[fleet.Registration], error) {
	type answer struct {
		Runners []Runner `json:"runners"`
	}
	return page(ctx, f.Client, at(place).resource("/actions/runners?per_page=100"), was, func(a answer) (found []fleet.Registration) {
		for _, r := range a.Runners {
			found = append(found, registration(r))
		}
		return found
	})
}

// Hooks yields the webhooks of a place, also those of others. An error is the last thing it
// yields.
func (f ForFleet) Hooks(ctx context.Context, place string) iter.Seq2[fleet.Hook, error] {
	return func(yield func(fleet.Hook, error) bool) {
		for h, err := range f.Client.Hooks(ctx, at(place)) {
			if !yield(fleet.Hook{ID: h.ID, URL: h.Config.URL}, err) {
				return
			}
		}
	}
}

// DeliveriesPage asks for a page of the deliveries of a place's webhook, the newest first.
// Those of a GitHub App's webhook that are of another installation than the place's are
// marked as such.
func (f ForFleet) DeliveriesPage(ctx context.Context, place string, hookID int64, was fleet.Page[fleet.Delivery]) (fleet.Page[fleet.Delivery], error) {
	first := at(place).resource("/hooks/%d/deliveries?per_page=100", hookID)
	if hookID == fleet.AppHook {
		first = resource{path: "/app/hook/deliveries?per_page=100", app: true}
	}
	foreign := func(Delivery) bool { return false }
	if organization, ok := fleet.OrganizationOf(place); ok && hookID == fleet.AppHook {
		foreign = f.Client.ofAnother(ctx, organization)
	}
	return page(ctx, f.Client, first, was, func(a []Delivery) (deliveries []fleet.Delivery) {
		for _, d := range a {
			deliveries = append(deliveries, fleet.Delivery{ID: d.ID, GUID: d.GUID, Event: d.Event, Status: d.StatusCode, Foreign: foreign(d)})
		}
		return deliveries
	})
}

// Redeliver asks for one more attempt of a delivery; see Client.Redeliver.
func (f ForFleet) Redeliver(ctx context.Context, place string, hookID, deliveryID int64) error {
	if hookID == fleet.AppHook {
		return f.Client.RedeliverOfApp(ctx, deliveryID)
	}
	return f.Client.Redeliver(ctx, at(place), hookID, deliveryID)
}

// Delete removes a runner. A busy one is refused with GitHub.RunnerBusy.
func (f ForFleet) Delete(ctx context.Context, place string, id int64) error {
	return f.Client.DeleteRunner(ctx, at(place), id)
}

// Register registers a runner for one job in a place. It asks once: see the package doc.
// Only if GitHub refuses the runner group, which may have been made anew under another id,
// does it look for that, and ask once more.
func (f ForFleet) Register(ctx context.Context, place, name string, labels []string) (fleet.Registration, string, error) {
	where := at(place)
	group, err := f.group(ctx, where)
	if err != nil {
		return fleet.Registration{}, "", err
	}
	request := JITRequest{Name: name, RunnerGroupID: group, Labels: labels, WorkFolder: "_work"}
	config, err := f.Client.GenerateJITConfig(ctx, where, request)
	if group != defaultRunnerGroup && gone(err) {
		f.Client.ForgetRunnerGroups()
		now, missing := f.group(ctx, where)
		switch {
		case missing != nil:
			return fleet.Registration{}, "", missing
		case now != group:
			request.RunnerGroupID = now
			config, err = f.Client.GenerateJITConfig(ctx, where, request)
		}
	}
	return registration(config.Runner), config.EncodedJITConfig, hinted(where, err)
}

func registration(r Runner) fleet.Registration {
	return fleet.Registration{ID: r.ID, Name: r.Name, Online: r.Status == "online", Busy: r.Busy}
}

func parse(repository string) Repository {
	owner, name, _ := strings.Cut(repository, "/")
	return Repository{Owner: owner, Name: name}
}
