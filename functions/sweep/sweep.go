// Package sweep makes good what was lost: webhooks, events, and functions that
// died between two lines.
//
// It runs every minute, and may run twice at once. It never decides anything by
// itself: it looks at what is true, on GitHub and on the platform, and calls what
// the lost event would have called. So a repair that was not needed is harmless.
// Every repair is counted by its cause.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Cause says what a repair made good.
type Cause string

const (
	QueuedLost         Cause = "queued_webhook_lost"      // a queued job that we had not heard of, or not since its approval
	WaitingLost        Cause = "waiting_webhook_lost"     // a job that waits for approval, and we did not know
	RunnerMissing      Cause = "runner_missing"           // a wanted run without a runner
	InProgressLost     Cause = "in_progress_webhook_lost" // a job that runs, and we did not know
	CompletedLost      Cause = "completed_webhook_lost"   // a job that has ended, and we did not know
	JobTakenBack       Cause = "job_taken_back"           // a job that GitHub took from a runner and queued again: launched again
	JobGone            Cause = "job_gone"                 // a job that GitHub has not known for long: its run is closed
	DeliveryFailed     Cause = "delivery_failed"          // GitHub could not deliver a webhook: asked for again
	ExecutionMissing   Cause = "execution_missing"        // a runner whose execution was never started
	ExecutionEnded     Cause = "execution_ended"          // an open runner whose execution has ended
	SignalLost         Cause = "signal_lost"              // an execution that waits for what has happened
	EndingUnfinished   Cause = "ending_unfinished"        // a runner whose ending was cut short
	TaskOutlivedJob    Cause = "task_outlived_job"        // a task that went on after its job: stopped
	TaskEventLost      Cause = "task_event_lost"          // a task that has stopped, and we did not know
	TaskOfClosedRunner Cause = "task_of_closed_runner"    // a task that nobody waits for: stopped
	RegistrationLeft   Cause = "registration_left"        // an offline registration of an ended runner: deleted
	Miscounted         Cause = "capacity_miscounted"      // the count of open runners was wrong
	FailedEvent        Cause = "failed_event"             // an event that dispatch could not handle: handled
	BuildEventLost     Cause = "build_event_lost"         // a build that has ended, and we did not know
	BuildOwnerGone     Cause = "build_owner_gone"         // a lock without a build and without its owner: given up
	DefinitionUnused   Cause = "task_definition_unused"   // a task definition that nobody uses: deregistered
)

// Repairs counts repairs by cause.
type Repairs map[Cause]int

// records is what the sweep needs of the table beyond lifecycle.Records.
type records interface {
	OpenRunners(ctx context.Context) ([]fleet.Runner, error)
	// OpenRuns lists up to limit runs that have not ended, oldest first.
	OpenRuns(ctx context.Context, limit int) ([]fleet.Run, error)
	// UnresolvedRunners lists up to limit runners of which nobody knows the job.
	UnresolvedRunners(ctx context.Context, limit int) ([]fleet.Runner, error)
	Cursor(ctx context.Context, name string) (string, error)
	PutCursor(ctx context.Context, name, value string) error
	// AddRepairs adds to the counts of repairs.
	AddRepairs(ctx context.Context, repairs map[string]int) error
}

// github is what the sweep asks of GitHub. An error is the last thing that a
// sequence yields.
type github interface {
	// ActiveJobs yields the jobs of all workflow runs that have not ended.
	ActiveJobs(ctx context.Context, repository string) iter.Seq2[fleet.Job, error]
	// EndedJobs yields the jobs of workflow runs that have ended since a time, as
	// far as those began not much earlier.
	EndedJobs(ctx context.Context, repository string, since time.Time) iter.Seq2[fleet.Job, error]
	Registrations(ctx context.Context, repository string) iter.Seq2[fleet.Registration, error]
	// Deliveries yields the deliveries of a webhook, the newest first.
	Deliveries(ctx context.Context, repository string, hookID int64) iter.Seq2[fleet.Delivery, error]
	Redeliver(ctx context.Context, repository string, hookID, deliveryID int64) error
	// LatestRunner is the latest release of GitHub's runner program.
	LatestRunner(ctx context.Context, repository string) (fleet.RunnerRelease, error)
}

// executions tells how an execution stands.
type executions interface {
	Running(ctx context.Context, name string) (running, known bool, err error)
}

// platform lists the tasks that it knows of this fleet, stopped ones too as long
// as it remembers them. A list that may lack one is an error: what is not on it is
// taken to be gone. Of a task that it cannot describe yet it knows the ARN only.
type platform interface {
	Tasks(ctx context.Context) ([]fleet.Task, error)
}

// bus takes an event for dispatch.
type bus interface {
	Put(ctx context.Context, event fleet.Event) error
}

// Handler runs sweeps.
type Handler struct {
	Fleet      lifecycle.Fleet
	Policy     fleet.Policy
	Records    records
	GitHub     github
	Executions executions
	Platform   platform
	Bus        bus
	NewID      func() string
	// Grace is how long the ordinary way may take before something counts as lost.
	Grace time.Duration

	// FailedEvents and Dispatch are where the bus may lose events that dispatch
	// could not handle. Both are nil where it cannot: on one machine.
	FailedEvents failedEvents
	Dispatch     func(context.Context, fleet.Event) error // as dispatch.Handler handles it

	// Definitions is for platforms that keep task definitions until they are deleted,
	// nil where there are none: on one machine.
	Definitions definitions

	Builds   builds // nil where builds report by themselves how they stand
	Images   images
	Builder  lifecycle.Builder // nil where no images are built
	Registry registry          // nil where nobody else publishes images
}

// Most that one sweep looks at.
const (
	mostWorkflowRuns = 100 // of a repository: each costs a request
	mostTurns        = 50  // runs that wait for room, for one without a turn
	mostRuns         = 200 // open runs; the next sweep goes on
	mostAsked        = 50  // of them, whose jobs GitHub is asked for one by one
	mostDeliveries   = 300 // the newest ones
	mostFailed       = 200 // webhooks that are remembered to be asked for again
	mostRedelivered  = 30  // deliveries asked for again; the next sweep goes on
)

// Run does one sweep. What one part cannot do, because GitHub is down for
// example, does not stop the others; the error then says what was left.
func (h Handler) Run(ctx context.Context) (Repairs, error) {
	s := &sweep{
		Handler: h, repairs: Repairs{}, now: h.Fleet.Now(),
		seen: map[int64]bool{}, renamed: map[string]string{}, listed: map[string]bool{}, registered: map[string]bool{}, stopping: map[string]bool{}, told: map[string]bool{},
	}
	var failed []error
	for _, part := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"names of repositories", s.names},
		{"failed events", s.failed},
		{"retries", s.retries},
		{"jobs", s.jobs},
		{"credential", s.credential},
		{"open runs", s.openRuns},
		{"unresolved runners", s.unresolved},
		{"registrations", s.registrations},
		{"tasks", s.tasks},
		{"runners", s.runners},
		{"deliveries", s.deliveries},
		{"room", s.room},
		{"task definitions", s.definitions},
		{"locks on builds", s.locks},
		{"images", s.images},
	} {
		if err := part.do(ctx); err != nil {
			failed = append(failed, fmt.Errorf("sweep %s: %w", part.what, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(s.repairs) > 0 {
		counts := map[string]int{}
		for cause, n := range s.repairs {
			counts[string(cause)] = n
		}
		h.Fleet.Log.InfoContext(ctx, "repaired", "repairs", counts)
		failed = append(failed, h.Records.AddRepairs(ctx, counts))
	}
	return s.repairs, errors.Join(failed...)
}

// sweep is one sweep under way.
type sweep struct {
	Handler
	now        time.Time
	repairs    Repairs
	seen       map[int64]bool    // jobs that GitHub listed
	listed     map[string]bool   // repositories, by key, of which it listed them
	renamed    map[string]string // the keys of configured repositories → those of their names now
	registered map[string]bool   // runners with registrations that were left; nil if not all are known
	stopping   map[string]bool   // tasks that were asked to stop
	holds      map[string]bool   // keys of the holds that there are; nil if not all are known
	told       map[string]bool   // runners whose executions were signalled by this sweep
}

// counted counts a repair unless it failed.
func (s *sweep) counted(cause Cause, err error) error {
	if err == nil {
		s.repairs[cause]++
	}
	return err
}

// old tells whether something that began at a time should have got on by now.
func (s *sweep) old(at time.Time) bool { return s.now.Sub(at) >= s.Grace }

// fresh tells whether the webhook about something that GitHub dates so may still
// be on its way. What it does not date is old.
func (s *sweep) fresh(at *time.Time) bool { return at != nil && !s.old(*at) }

// each does something with each item. What fails for one does not keep it from
// the next, unless that would only meet the same.
func each[T any](items []T, do func(T) error) error {
	var failed []error
	for _, item := range items {
		err := do(item)
		if failed = append(failed, err); hopeless(err) {
			break
		}
	}
	return errors.Join(failed...)
}

// hopeless tells whether whoever did not answer is better left alone until the
// next sweep.
func hopeless(err error) bool {
	return fleet.IsNamed(err, fleet.GitHubRateLimited, fleet.GitHubUnavailable, fleet.RecordsUnavailable, fleet.AWSUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// room recounts the open runners and launches the runs that wait for one. The
// count changes with every opening and closing, so a write under the version
// that was read before counting is right, or refused.
func (s *sweep) room(ctx context.Context) error {
	capacity, err := s.Fleet.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	open, err := s.Records.OpenRunners(ctx)
	if err != nil {
		return err
	}
	if right, changed := capacity.Recount(open); changed {
		err := s.Fleet.Records.Write(ctx, fleet.Changes{Capacity: &right})
		if right.Open != capacity.Open { // the release before counts none of each repository
			err = s.counted(Miscounted, err)
		}
		if err != nil && !fleet.IsNamed(err, fleet.RecordsConflict) {
			return err
		}
	}
	if err := s.turns(ctx); err != nil {
		return err
	}
	if err := s.Fleet.LaunchWaiting(ctx); err != nil {
		return err
	}
	return each(s.Policy.Repositories, func(repository string) error { return s.Fleet.LaunchShare(ctx, repository) })
}

// turns gives their turns to the runs that wait for room and have none: the release
// before let them wait.
func (s *sweep) turns(ctx context.Context) error {
	waiting, err := s.Fleet.Records.WaitingForRoom(ctx, mostTurns)
	if err != nil {
		return err
	}
	return each(waiting, func(runID string) error {
		run, known, err := s.Fleet.Records.Run(ctx, runID)
		if err != nil || !known || run.Turn != 0 {
			return err
		}
		_, err = s.Fleet.Launch(ctx, runID)
		return err
	})
}
