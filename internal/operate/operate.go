// Package operate is what an operator does to a whole fleet: pause, resume and drain
// it, terminate one of its runners, retry a run, and build its images. Operator does
// that in any process that reaches the fleet's records and platform.
//
// It holds no state between calls. Every operation looks at the present state and does
// what is left. So an operation that was killed anywhere is finished by running it
// again, and one that has nothing left to do says so.
package operate

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// records are the lists that operators look at.
type records interface {
	OpenRunners(ctx context.Context) ([]fleet.Runner, error)
	WaitingForRoom(ctx context.Context, limit int) ([]string, error)
}

// github is GitHub's part of the fleet. If a sequence yields an error, that is its last
// element.
type github interface {
	Registrations(ctx context.Context, repository string) iter.Seq2[fleet.Registration, error]
	Delete(ctx context.Context, repository string, id int64) error
	Hooks(ctx context.Context, repository string) iter.Seq2[fleet.Hook, error]
}

// bus accepts an event for dispatch.
type bus interface {
	Put(ctx context.Context, event fleet.Event) error
}

// executions are those of this fleet. Stopping an ended one is no error.
type executions interface {
	Running(ctx context.Context) ([]string, error)
	Stop(ctx context.Context, name, cause string) error
}

// platform lists the tasks of this fleet, and perhaps stopped ones.
type platform interface {
	Tasks(ctx context.Context) ([]fleet.Task, error)
}

// builds are those of the fleet's own projects, by their ids. Stopping an ended one is
// no error.
type builds interface {
	Running(ctx context.Context) ([]string, error)
	Stop(ctx context.Context, buildID string) error
}

// definitions are the task definitions of this fleet. A missing one is no error.
type definitions interface {
	Definitions(ctx context.Context) iter.Seq2[fleet.RegisteredDefinition, error]
	Deregister(ctx context.Context, arn string) error
	// DeleteDefinitions deletes deregistered ones, ten at most.
	DeleteDefinitions(ctx context.Context, arns []string) error
}

// Fleet is one fleet as an operator changes it, wherever it runs. Every change leaves a
// trace: who made it, when and why. Who asks a fleet process from outside cannot say who
// they are: the process finds out, and only the reason is theirs.
type Fleet interface {
	Pause(ctx context.Context, by fleet.Operator) (PauseResult, error)
	Resume(ctx context.Context, by fleet.Operator) (ResumeResult, error)
	// PlanDrain says what a drain would take away now, and changes nothing.
	PlanDrain(ctx context.Context, now bool) (DrainPlan, error)
	// Drain reports each action to progress, as one line of text.
	Drain(ctx context.Context, now bool, by fleet.Operator, progress func(line string)) (DrainResult, error)
	Terminate(ctx context.Context, runnerID string, force bool, by fleet.Operator) (TerminateResult, error)
	Retry(ctx context.Context, runID string, by fleet.Operator) (RetryResult, error)
	BuildImage(ctx context.Context, spec fleet.ImageSpec, by fleet.Operator) (fleet.ImageRecord, error)
	RemoveImage(ctx context.Context, tag string, by fleet.Operator) (fleet.ImageRecord, error)
	RefreshImages(ctx context.Context, all bool, by fleet.Operator) (RefreshResult, error)
}

// Operator is a Fleet whose records and platform this process can reach.
type Operator struct {
	Fleet        lifecycle.Fleet
	Repositories []string // owner/repo
	WebhookURL   string   // where GitHub delivers to, "" if that is not known

	Records    records
	GitHub     github
	Bus        bus
	Executions executions
	Platform   platform
	// Builds and Definitions are nil on one machine, which has none.
	Builds      builds
	Definitions definitions

	Images   images
	Registry registry
	Cursors  cursors

	NewID func() string
	// Wait lets time pass, or returns the context's error.
	Wait func(ctx context.Context, d time.Duration) error
}

// mostCounted is how many waiting runs are counted.
const mostCounted = 1000

// PauseResult says what Pause did.
type PauseResult struct {
	FleetName string    `json:"fleet_name"`
	Already   bool      `json:"already"` // it was paused before
	Reason    string    `json:"reason"`
	PausedBy  string    `json:"paused_by,omitempty"` // "" if an earlier release paused it
	PausedAt  time.Time `json:"paused_at"`
	Waiting   int       `json:"waiting"` // runs that wait for the end of the pause, 1000 at most
}

// Pause makes the fleet launch nothing until it is resumed. Jobs that have a runner go
// on; new ones are recorded and wait, with the reason. A paused fleet gets the new
// reason, and keeps its own if none is given.
func (o Operator) Pause(ctx context.Context, by fleet.Operator) (PauseResult, error) {
	was, err := o.Fleet.Pause(ctx, o.act(by, fleet.CommandPause))
	if err != nil {
		return PauseResult{}, fmt.Errorf("pause fleet %s: %w", o.Fleet.Name, err)
	}
	now, err := o.Fleet.Records.Capacity(ctx)
	if err != nil {
		return PauseResult{}, fmt.Errorf("read whether fleet %s is paused: %w", o.Fleet.Name, err)
	}
	waiting, err := o.waiting(ctx)
	return PauseResult{FleetName: o.Fleet.Name, Already: was.Paused != "", Reason: now.Paused, PausedBy: now.PausedBy, PausedAt: now.PausedAt, Waiting: waiting}, err
}

// act is what an operator does now.
func (o Operator) act(by fleet.Operator, command fleet.Command) fleet.Action {
	return by.Act(command, o.NewID(), o.Fleet.Now())
}

// note lists an action on something whose record cannot be written together with it. It is
// written before the change.
func (o Operator) note(ctx context.Context, a fleet.Action) error {
	if err := o.Fleet.Records.Write(ctx, fleet.Changes{Actions: []fleet.Action{a}}); err != nil {
		return fmt.Errorf("note who does it: %w", err)
	}
	return nil
}

func (o Operator) waiting(ctx context.Context) (int, error) {
	runs, err := o.Records.WaitingForRoom(ctx, mostCounted)
	if err != nil {
		return 0, fmt.Errorf("count the runs that wait: %w", err)
	}
	return len(runs), nil
}

// ResumeResult says what Resume did.
type ResumeResult struct {
	FleetName string    `json:"fleet_name"`
	Already   bool      `json:"already"` // it was not paused
	Reason    string    `json:"reason,omitempty"`
	PausedAt  time.Time `json:"paused_at,omitzero"`
	Waiting   int       `json:"waiting"` // runs that are launched now as far as there is room, 1000 at most
}

// Resume lets the fleet launch again, the runs that waited first, in their order. A job
// that GitHub has given up meanwhile gets no task. If the last step fails, the sweep
// repairs that within a minute.
func (o Operator) Resume(ctx context.Context, by fleet.Operator) (ResumeResult, error) {
	waiting, err := o.waiting(ctx) // before one of them is launched
	if err != nil {
		return ResumeResult{}, err
	}
	was, waited, err := o.Fleet.Resume(ctx, o.act(by, fleet.CommandResume))
	if err != nil {
		return ResumeResult{}, fmt.Errorf("resume fleet %s: %w", o.Fleet.Name, err)
	}
	res := ResumeResult{FleetName: o.Fleet.Name, Already: was.Paused == "", Reason: was.Paused, PausedAt: was.PausedAt, Waiting: waiting}
	if res.Already && waited == 0 {
		return res, nil
	}
	return res, o.Bus.Put(ctx, fleet.Event{
		ID: o.NewID(), Source: fleet.CLISource, DetailType: fleet.FleetResumedEvent, Time: o.Fleet.Now(), Detail: json.RawMessage(`{}`),
	})
}

// TerminateResult says what became of a runner.
type TerminateResult struct {
	RunnerID string               `json:"runner_id"`
	Outcome  lifecycle.Terminated `json:"outcome"`
	JobID    int64                `json:"job_id,omitempty"` // of the runner that is busy, if it is known
	JobName  string               `json:"job_name,omitempty"`
	Message  string               `json:"message"`
}

// Done reports whether the runner has ended or is ending.
func (r TerminateResult) Done() bool {
	return r.Outcome != lifecycle.TerminatedUnknown && r.Outcome != lifecycle.TerminatedBusy
}

// Terminate ends one runner; see lifecycle.Fleet.Terminate. A runner that is not known,
// or that is busy and not forced, is no error: the result is not Done.
func (o Operator) Terminate(ctx context.Context, runnerID string, force bool, by fleet.Operator) (TerminateResult, error) {
	command := fleet.CommandTerminate
	if force {
		command = fleet.CommandForceTerminate
	}
	t, err := o.Fleet.Terminate(ctx, runnerID, o.act(by, command))
	if err != nil {
		return TerminateResult{RunnerID: runnerID}, fmt.Errorf("terminate runner %s: %w", runnerID, err)
	}
	res := TerminateResult{RunnerID: runnerID, Outcome: t.Outcome, JobID: t.JobID, JobName: t.JobName}
	job := "a job that GitHub has not told of yet"
	if t.JobID != 0 {
		job = fmt.Sprintf("job %d (%s)", t.JobID, t.JobName)
	}
	switch t.Outcome {
	case lifecycle.TerminatedUnknown:
		res.Message = "there is no runner " + runnerID
	case lifecycle.TerminatedClosed:
		res.Message = "the runner had ended already"
	case lifecycle.TerminatedEnding:
		res.Message = "the runner is ending; if its job still waits, the next runner is launched for it"
	case lifecycle.TerminatedBusy:
		res.Message = "the runner has " + job + "; --force stops it, and GitHub will show the job as cancelled or failed"
	case lifecycle.TerminatedStopping:
		res.Message = "the runner is being stopped with " + job
	}
	return res, nil
}
