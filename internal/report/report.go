// Package report is what the fleet shows to people and programs: stable field names
// for JSON, and nothing that could be used as a credential.
//
// The records have their own shape and secrets (task tokens); they are never
// shown as they are.
package report

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// Source is where the fleet's records are read: a data directory, or a DynamoDB
// table and Step Functions.
type Source interface {
	Run(ctx context.Context, runID string) (fleet.Run, bool, error)
	Runs(ctx context.Context, limit int) ([]fleet.Run, error)
	// RunsBelow reads up to limit runs of a list that are older than a place in it and no
	// older than a time, the newest first. The zero Place is before the newest, and the zero
	// time after the oldest.
	RunsBelow(ctx context.Context, list RunList, below Place, since time.Time, limit int) (RunsRead, error)
	Runner(ctx context.Context, runnerID string) (fleet.Runner, bool, error)
	Runners(ctx context.Context, limit int) ([]fleet.Runner, error)
	// RunnersBelow reads up to limit runners that are older than a place and were launched no
	// earlier than a time, the newest first, as RunsBelow does.
	RunnersBelow(ctx context.Context, below Place, since time.Time, limit int) (RunnersRead, error)
	// OpenRunners lists the runners that are not closed, in no order.
	OpenRunners(ctx context.Context) ([]fleet.Runner, error)
	// RunnersByID reads the runners that there are of the ids, in no order.
	RunnersByID(ctx context.Context, ids []string) ([]fleet.Runner, error)
	RunnersOf(ctx context.Context, runID string) ([]fleet.Runner, error)
	Capacity(ctx context.Context) (fleet.Capacity, error)
	Execution(ctx context.Context, name string) (execution.Execution, bool, error)
	ExecutionList(ctx context.Context, limit int) ([]execution.Execution, error)
	History(ctx context.Context, name string) ([]execution.Event, error)
	Settings(ctx context.Context) (Settings, error)
	Repairs(ctx context.Context) (map[string]int, error)
	HoldsBelow(ctx context.Context, prefix string, limit int) ([]fleet.Hold, error)
	Cursor(ctx context.Context, name string) (string, error)
	Image(ctx context.Context, tag string) (fleet.ImageRecord, bool, error)
	Images(ctx context.Context) ([]fleet.ImageRecord, error)
	BuildLock(ctx context.Context, tag string) (fleet.BuildLock, error)
	// Actions lists up to limit actions of operators since a time, the newest first.
	Actions(ctx context.Context, since time.Time, limit int) ([]fleet.Action, error)
}

// Action is what an operator did.
type Action = fleet.Action

// Settings are what a fleet reports about itself.
type Settings struct {
	FleetName    string   `json:"fleet_name"`
	Repositories []string `json:"repositories"`
	// Organization is served as a whole if there are no repositories.
	Organization string `json:"github_org,omitempty"`
	GitHubURL    string `json:"github_url,omitempty"` // "" is GitHub itself
	// GitHubCA are the authorities of that GitHub, in PEM, which commands trust that call
	// it. They are not shown.
	GitHubCA     string                 `json:"github_ca,omitempty"`
	MaxRunners   int                    `json:"max_runners"`
	DefaultClass string                 `json:"default_class"`
	ClassSizes   map[string]fleet.Class `json:"class_sizes"`
	Listen       string                 `json:"listen,omitempty"`
	APIListen    string                 `json:"api_listen,omitempty"` // of GET /api, on one machine
	Engine       string                 `json:"engine"`               // how runners are run: process, container or fargate
	StartedAt    time.Time              `json:"started_at"`
	Version      string                 `json:"version,omitempty"` // of the program that serves it, on one machine
	// Policy is what the fleet decides by, for commands that name an image. It is
	// not shown.
	Policy *fleet.Policy `json:"policy,omitempty"`
}

// Told reports whether the fleet has noted what it serves.
func (s Settings) Told() bool { return len(s.Repositories) > 0 || s.Organization != "" }

// Serves names what the fleet serves.
func (s Settings) Serves() string {
	if len(s.Repositories) == 0 && s.Organization != "" {
		return "all of " + s.Organization
	}
	return strings.Join(s.Repositories, ", ")
}

// Run is a run as it is shown. RunnerID is the runner that has its job, else the
// runner that is expected to take it, else the last one that was.
type Run struct {
	RunID         string          `json:"run_id"`
	Repository    string          `json:"repository"`
	JobID         int64           `json:"job_id"`
	JobName       string          `json:"job_name"`
	WorkflowName  string          `json:"workflow_name,omitempty"`
	WorkflowRunID int64           `json:"workflow_run_id"`
	RunAttempt    int             `json:"run_attempt,omitempty"`
	HTMLURL       string          `json:"html_url,omitempty"`
	Labels        []string        `json:"labels"`
	Status        fleet.RunStatus `json:"status"`
	Reason        string          `json:"reason,omitempty"`
	Retry         *Retry          `json:"retry,omitempty"` // of a run that is RETRYING
	Rule          string          `json:"rule,omitempty"`
	Notice        string          `json:"refusal_notice,omitempty"` // whether its developer was shown a refusal
	Rerun         string          `json:"rerun,omitempty"`          // of a run whose runner Fargate Spot took back
	Conclusion    string          `json:"conclusion"`
	RunnerID      string          `json:"runner_id"`
	Launched      int             `json:"runners_launched"`
	ClassName     string          `json:"class_name"`
	Image         string          `json:"image"`
	Actions       []fleet.Action  `json:"actions,omitempty"` // of operators, the newest first
	Times         fleet.Times     `json:"times"`
	Stages        Stages          `json:"stages"`
}

// OfRun shows a run with the times of the runner that has, or is to have, its job, and with
// its stages until now. Of the runners it needs those that stages.RunnersOf names.
func OfRun(run fleet.Run, runners []fleet.Runner, now time.Time) Run {
	var runner *fleet.Runner
	for i, r := range runners {
		if r.RunnerID == RunnerOf(run) {
			runner = &runners[i]
		}
	}
	times := fleet.Times{}
	if runner != nil {
		for stage, at := range runner.Times {
			times[stage] = at
		}
	}
	for stage, at := range run.Times {
		times[stage] = at
	}
	view := Run{
		RunID: run.RunID, Repository: run.Job.Repository, JobID: run.Job.JobID, JobName: run.Job.Name,
		WorkflowName: run.Job.WorkflowName, WorkflowRunID: run.Job.WorkflowRunID, RunAttempt: run.Job.RunAttempt,
		HTMLURL: run.Job.HTMLURL, Labels: run.Job.Labels, Status: run.Shown(), Reason: run.Reason, Rule: run.Rule, Notice: run.Notice.String(), Rerun: run.Rerun.String(),
		Conclusion: run.Conclusion, RunnerID: RunnerOf(run), Launched: run.Launched,
		ClassName: run.ClassName, Image: run.Image, Actions: run.Actions, Times: times, Stages: stagesOf(run, stages.Of(run, runners, now)),
	}
	if view.Labels == nil {
		view.Labels = []string{}
	}
	if runner != nil && view.ClassName == "" {
		// Another run's runner took the job before it was admitted: the job ran on
		// that runner's class and image.
		view.ClassName, view.Image = runner.ClassName, runner.Image
	}
	return view
}

// RunnerOf is the runner to name beside a run.
func RunnerOf(run fleet.Run) string {
	for _, id := range []string{run.RanOn, run.RunnerID} {
		if id != "" {
			return id
		}
	}
	return run.LastRunner
}

// Runner is a runner as it is shown.
type Runner struct {
	RunnerID        string             `json:"runner_id"`
	RunID           string             `json:"run_id"`
	Pool            string             `json:"pool,omitempty"`      // of warm runners, that launched it
	IdleSince       time.Time          `json:"idle_since,omitzero"` // of a warm runner that is registered and waits for any job
	IdledFor        *int64             `json:"idled_ms,omitempty"`  // of a warm runner that has a job: from its registration until then
	For             string             `json:"for,omitempty"`
	Took            int64              `json:"took_job_id,omitempty"`
	Status          fleet.RunnerStatus `json:"status"`
	Phase           fleet.Phase        `json:"phase"`
	Reason          string             `json:"reason,omitempty"`
	Repository      string             `json:"repository"`
	Labels          []string           `json:"labels"`
	ClassName       string             `json:"class_name"`
	Image           string             `json:"image"`
	TaskARN         string             `json:"task_arn,omitempty"`
	TaskStatus      string             `json:"task_status,omitempty"`
	StopCode        string             `json:"stop_code,omitempty"`
	StoppedReason   string             `json:"stopped_reason,omitempty"`
	ExitCode        *int               `json:"exit_code,omitempty"`
	ContainerReason string             `json:"container_reason,omitempty"`
	Claims          int                `json:"claims"`
	RegistrationID  int64              `json:"github_runner_id,omitempty"`
	FailureName     string             `json:"failure_name,omitempty"`
	Failure         string             `json:"failure,omitempty"`
	Hook            fleet.JobHook      `json:"hook,omitempty"`
	Judged          *fleet.Judged      `json:"judged,omitempty"`
	Actions         []fleet.Action     `json:"actions,omitempty"` // of operators, the newest first
	Times           fleet.Times        `json:"times"`
}

// RunShown is the run that a runner has, or had: of the job that it took, else the one that
// expects it, else the one that it was launched for; "" of a warm runner that idles.
func (r Runner) RunShown() string {
	switch {
	case r.Took != 0:
		return fleet.RunID(r.Took)
	case r.Idles():
		return ""
	}
	return cmp.Or(r.For, r.RunID)
}

// Idles reports whether it is a warm runner that waits for a job, or starts to.
func (r Runner) Idles() bool {
	return r.Pool != "" && r.For == "" && r.Took == 0 && r.Phase == fleet.Open
}

// OfRunner shows a runner, without its task token and nonce.
func OfRunner(r fleet.Runner) Runner {
	view := Runner{
		RunnerID: r.RunnerID, RunID: r.RunID, Pool: r.Pool, For: r.For, Took: r.Took, Status: r.Status, Phase: r.Phase,
		Reason: r.Reason, Repository: r.Repository, Labels: r.Labels, ClassName: r.ClassName, Image: r.Image,
		TaskARN: r.TaskARN, TaskStatus: r.TaskStatus, StopCode: r.StopCode, StoppedReason: r.StoppedReason,
		ExitCode: r.ExitCode, ContainerReason: r.ContainerReason, Claims: r.Claims, RegistrationID: r.RegistrationID,
		FailureName: r.FailureName, Failure: r.Failure, Hook: r.Hook, Judged: r.Judged, Actions: r.Actions, Times: r.Times,
	}
	if view.Labels == nil {
		view.Labels = []string{}
	}
	registered, began := r.At(fleet.StageRegistered), r.At(fleet.StageJobStarted)
	switch {
	case !r.IsWarm() || registered.IsZero():
	case r.Idle():
		view.IdleSince = r.IdleSince().UTC()
	case r.Took != 0 && began.After(registered):
		ms := began.Sub(registered).Milliseconds()
		view.IdledFor = &ms
	}
	return view
}

// InPool says of a warm runner of which pool it is, and what it does there, "" of any other.
// at shows a time.
func (r Runner) InPool(at func(time.Time) string) string {
	switch {
	case r.Pool == "":
		return ""
	case r.IdledFor != nil:
		return fmt.Sprintf("warm, of pool %s; idled %s before its job", r.Pool, time.Duration(*r.IdledFor*int64(time.Millisecond)).Round(time.Second))
	case !r.IdleSince.IsZero():
		return fmt.Sprintf("warm, idles in pool %s since %s", r.Pool, at(r.IdleSince))
	case r.Idles():
		return "warm, starts for pool " + r.Pool
	case r.For != "" && r.Took == 0 && r.Phase == fleet.Open:
		return fmt.Sprintf("warm, of pool %s; %s expects it", r.Pool, r.For)
	}
	return "warm, of pool " + r.Pool
}

// Execution is an execution as it is shown, with its history if that was asked for.
type Execution struct {
	execution.Execution
	ConsoleURL string            `json:"console_url,omitempty"` // of the AWS console
	Events     []execution.Event `json:"events,omitempty"`
}
