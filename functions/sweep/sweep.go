// Package sweep repairs what was lost: webhooks, events, and functions that died
// between two lines.
//
// It runs every minute, and not twice at once. It never decides anything by itself: it
// reads the true state from GitHub and from the platform, and calls what the lost event
// would have called. So an unneeded repair is harmless. Every repair is counted by its
// cause.
package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Cause says what a repair is for.
type Cause string

const (
	QueuedLost         Cause = "queued_webhook_lost"      // a queued job that we did not know, or not since its approval
	WaitingLost        Cause = "waiting_webhook_lost"     // a job that waits for approval, and we did not know
	RunnerMissing      Cause = "runner_missing"           // a wanted run without a runner
	InProgressLost     Cause = "in_progress_webhook_lost" // a job that runs, and we did not know
	CompletedLost      Cause = "completed_webhook_lost"   // a job that has ended, and we did not know
	JobTakenBack       Cause = "job_taken_back"           // a job that GitHub took from a runner and queued again: launched again
	JobGone            Cause = "job_gone"                 // a job that GitHub has not known for long: its run is closed
	DeliveryFailed     Cause = "delivery_failed"          // GitHub could not deliver a webhook: requested again
	ExecutionMissing   Cause = "execution_missing"        // a runner whose execution was never started
	ExecutionEnded     Cause = "execution_ended"          // an open runner whose execution has ended
	SignalLost         Cause = "signal_lost"              // an execution that waits for what has happened
	EndingUnfinished   Cause = "ending_unfinished"        // a runner whose ending was cut short
	RefusedGoesOn      Cause = "refused_job_goes_on"      // a refused job that its runner's hook did not end: its task was stopped
	TaskOutlivedJob    Cause = "task_outlived_job"        // a task that went on after its job: stopped
	TaskEventLost      Cause = "task_event_lost"          // a task that has stopped, and we did not know
	TaskOfClosedRunner Cause = "task_of_closed_runner"    // a task that no execution waits for: stopped
	RegistrationLeft   Cause = "registration_left"        // an offline registration of an ended runner: deleted
	Miscounted         Cause = "capacity_miscounted"      // the count of open runners was wrong
	FailedEvent        Cause = "failed_event"             // an event that dispatch could not handle: handled
	BuildEventLost     Cause = "build_event_lost"         // a build that has ended, and we did not know
	BuildOwnerGone     Cause = "build_owner_gone"         // a lock without a build and without its owner: given up
	DefinitionUnused   Cause = "task_definition_unused"   // a task definition that is not used: deregistered
	SpotInterrupted    Cause = "spot_interrupted"         // a workflow run whose failed jobs Spot had interrupted: run again
)

// Repairs counts repairs by cause.
type Repairs map[Cause]int

// records is the part of the table that the sweep needs beyond lifecycle.Records.
type records interface {
	OpenRunners(ctx context.Context) ([]fleet.Runner, error)
	// OpenRuns lists up to limit runs that have not ended, oldest first.
	OpenRuns(ctx context.Context, limit int) ([]fleet.Run, error)
	// UnresolvedRunners lists up to limit runners whose jobs are not known.
	UnresolvedRunners(ctx context.Context, limit int) ([]fleet.Runner, error)
	Cursor(ctx context.Context, name string) (string, error)
	PutCursor(ctx context.Context, name, value string) error
	// AddRepairs adds to the counts of repairs.
	AddRepairs(ctx context.Context, repairs map[string]int) error
}

// github is the part of GitHub's API that the sweep uses: each call but Budget is one
// request. Lists come page by page; a page that has not changed comes back Unchanged.
type github interface {
	// WorkflowRuns lists the workflow runs with a status, "" for any, the newest first.
	WorkflowRuns(ctx context.Context, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error)
	// JobsOf lists the jobs of a workflow run's latest attempt.
	JobsOf(ctx context.Context, repository string, run fleet.WorkflowRun, was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error)
	Job(ctx context.Context, repository string, jobID int64) (fleet.Job, error)
	// RepositoriesPage lists the repositories of an organization, PushedPage in the order of
	// the last pushes.
	RepositoriesPage(ctx context.Context, organization string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error)
	PushedPage(ctx context.Context, organization string, was fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error)
	RegistrationsPage(ctx context.Context, place string, was fleet.Page[fleet.Registration]) (fleet.Page[fleet.Registration], error)
	// DeliveriesPage lists the deliveries of a webhook, the newest first.
	DeliveriesPage(ctx context.Context, place string, hookID int64, was fleet.Page[fleet.Delivery]) (fleet.Page[fleet.Delivery], error)
	Redeliver(ctx context.Context, place string, hookID, deliveryID int64) error
	// Budget returns what is left for the credential that serves a repository.
	Budget(ctx context.Context, repository string, now time.Time) (fleet.Budget, error)
	// LatestRunner returns the latest release of GitHub's runner program.
	LatestRunner(ctx context.Context, place string) (fleet.RunnerRelease, error)
	// CanIdle reports, as an error, what keeps the fleet from having runners that idle in a
	// place: Runner.LaunchFailed or GitHub.NoRunnerGroup, unless GitHub does not say.
	CanIdle(ctx context.Context, place string) error
}

// executions reports the state of an execution.
type executions interface {
	Running(ctx context.Context, name string) (running, known bool, err error)
}

// platform lists the tasks of this fleet, stopped ones too as long as it remembers
// them. If the list may be incomplete, it returns an error: the sweep takes a task that
// is not listed to be gone. A task that it cannot describe yet has only its ARN.
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
	Notices    lifecycle.Notices
	Reruns     lifecycle.Reruns
	// Grace is how long the ordinary way may take before something counts as lost.
	Grace time.Duration
	// Time is how long the parts of a sweep may take, Overhead less than the function;
	// 0 if there is no limit.
	Time time.Duration
	// Lease is nil where only one sweep can run at a time: on one machine.
	Lease lease

	// FailedEvents and Dispatch are set where the bus may lose events that dispatch
	// could not handle. Both are nil where it cannot: on one machine.
	FailedEvents failedEvents
	Dispatch     func(context.Context, fleet.Event) error // handles an event, like dispatch.Handler

	// Definitions is for platforms that keep task definitions until they are deleted,
	// nil where there are none: on one machine.
	Definitions definitions

	Builds   builds // nil where builds report their state themselves
	Images   images
	Builder  lifecycle.Builder // nil where no images are built
	Registry registry          // nil where only the fleet publishes images
	// Revisions is nil where the fleet must not delete images.
	Revisions revisions
}

// Beside the time of its parts, a sweep needs some for the lease and for what comes
// after it. The lease of a killed sweep ends only when that sweep could not be running
// any more.
const (
	Overhead    = 10 * time.Second
	leaseMargin = 2 * Overhead
)

// The most that one sweep looks at.
const (
	mostExecutions = 200 // of open runners: Step Functions allows 15 a second and 300 at once
	mostTurns      = 50  // runs that wait for room, to find those without a turn
	mostRuns       = 200 // open runs; the next sweep goes on
	mostAsked      = 50  // of them, whose jobs GitHub is asked for one by one
	mostDeliveries = 300 // the newest ones
	// of an organization's webhook
	mostDeliveriesOfAll = 2000
	mostFailed          = 200 // webhooks that are remembered, to be requested again
	mostRedelivered     = 30  // deliveries requested again; the next sweep goes on
	mostTold            = 500 // characters of what it could not do, for people
)

// lease keeps two sweeps apart.
type lease interface {
	// TakeLease takes a lease until a time, keeps it, or gives it up with a time that
	// has passed. It reports false if another owner has it.
	TakeLease(ctx context.Context, name, owner string, now, until time.Time) (bool, error)
}

// leaseName is the sweep's lease.
const leaseName = "sweep"

// part is one thing that a sweep does. What it cannot do in its share of the time is
// left to the next sweep, which continues there.
type part struct {
	what  string
	do    func(context.Context) error
	share int // of a hundred parts of the time
}

// orderCursor counts sweeps.
const orderCursor = "sweeps"

// parts are in an order that rotates, so that none always comes last: each sweep begins
// with another group. Within a group a part depends on what an earlier part saw.
func (s *sweep) parts(sweeps int64) []part {
	groups := [][]part{
		{{"jobs", s.jobs, 20}, {"credential", s.credential, 1}, {"open runs", s.openRuns, 10}, {"unresolved runners", s.unresolved, 5}, {"deliveries", s.deliveries, 5}, {"jobs to run again", s.reruns, 2}},
		{{"registrations", s.registrations, 5}, {"tasks", s.tasks, 10}, {"runners", s.runners, 10}},
		{{"room", s.room, 3}, {"warm runners", s.warm, 10}, {"refusals to show", s.notices, 2}},
		{{"task definitions", s.definitions, 5}},
		{{"locks on builds", s.locks, 2}, {"images", s.images, 3}, {"old images", s.oldRevisions, 2}},
	}
	begin := int(max(sweeps, 0) % int64(len(groups)))
	parts := []part{
		{"names of repositories", s.names, 1}, {"failed events", s.failed, 10}, {"retries", s.retries, 5}, {"turns of repositories", s.takeTurns, 2},
	}
	for i := range groups {
		parts = append(parts, groups[(begin+i)%len(groups)]...)
	}
	return append(parts, part{"turns of repositories", s.noteTurns, 1}, part{"GitHub's limits", s.noteUsage, 2})
}

// Run does one sweep, unless another one is under way. If one part fails, because
// GitHub is down for example, the others go on; the error then says what was left.
func (h Handler) Run(ctx context.Context) (Repairs, error) {
	began := h.Fleet.Now()
	if h.Lease == nil {
		return h.sweep(ctx, began)
	}
	me := h.NewID()
	taken, err := h.Lease.TakeLease(ctx, leaseName, me, began, began.Add(h.Time+leaseMargin))
	switch {
	case err != nil:
		return nil, fmt.Errorf("take the lease of the sweep: %w", err)
	case !taken:
		h.Fleet.Log.InfoContext(ctx, "another sweep is under way")
		return nil, nil
	}
	repairs, err := h.sweep(ctx, began)
	now := h.Fleet.Now()
	if _, gone := h.Lease.TakeLease(context.WithoutCancel(ctx), leaseName, me, now, now); gone != nil {
		h.Fleet.Log.WarnContext(ctx, "the lease of the sweep ends by itself: it could not be given up", "error", gone.Error())
	}
	return repairs, err
}

func (h Handler) sweep(ctx context.Context, now time.Time) (Repairs, error) {
	s := &sweep{
		Handler: h, repairs: Repairs{}, now: now, policy: h.Policy.Fingerprint(), configured: h.Policy,
		seen: map[int64]bool{}, active: map[int64]bool{}, looked: map[int64]bool{}, renamed: map[string]string{}, listed: map[string]bool{},
		nameByID: map[int64]string{}, namedAt: map[int64]time.Time{}, idOf: map[string]int64{},
		registered: map[string]bool{}, registeredIn: map[string]bool{}, stopping: map[string]bool{}, told: map[string]bool{},
	}
	s.gate = &gate{
		github: h.GitHub, hub: h.Fleet.GitHub, now: h.Fleet.Now, late: s.late, open: s.openNow,
		floors: map[string]int{}, points: map[string]int{}, usage: fleet.GitHubUsage{Asked: map[string]int{}, PutOff: map[string]int{}},
	}
	s.GitHub, s.Fleet.GitHub = s.gate, repairing{s.gate}
	sweeps, err := s.number(ctx, orderCursor)
	if err == nil {
		err = h.Records.PutCursor(ctx, orderCursor, strconv.FormatInt(sweeps+1, 10))
	}
	if err != nil {
		s.left = append(s.left, fmt.Errorf("count sweeps: %w", err))
	}
	for _, part := range s.parts(sweeps) {
		s.began, s.share = h.Fleet.Now(), h.Time*time.Duration(part.share)/100
		if err := withoutPutOff(part.do(ctx)); err != nil {
			s.left = append(s.left, fmt.Errorf("sweep %s: %w", part.what, err))
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
		s.left = append(s.left, h.Records.AddRepairs(ctx, counts))
	}
	return s.repairs, errors.Join(s.left...)
}

// sweep is one sweep under way.
type sweep struct {
	Handler
	now     time.Time
	repairs Repairs
	policy  string // its fingerprint
	gate    *gate
	left    []error       // what its parts could not do
	began   time.Time     // when the running part began
	share   time.Duration // how long it may take; 0 means no limit

	turn        []string         // the repositories that this sweep looks at on GitHub
	visits      map[string]visit // by the repository's key
	openRunners *[]fleet.Runner  // as they were at the beginning; nil if they were not read

	// Of a whole organization.
	recent     recent
	recentText string
	busyKeys   map[string]string   // repositories with open runs or runners, by their keys
	nameByID   map[int64]string    // present names of repositories
	namedAt    map[int64]time.Time // by the jobs of these times
	idOf       map[string]int64
	accepted   bool // GitHub has accepted the credential

	seen         map[int64]bool    // jobs that GitHub listed
	active       map[int64]bool    // workflow runs that have not ended
	looked       map[int64]bool    // active ones whose jobs GitHub listed
	listed       map[string]bool   // repositories, by key, whose workflow runs it listed
	renamed      map[string]string // the keys of configured repositories → those of their present names
	registered   map[string]bool   // runners with registrations that were left
	registeredIn map[string]bool   // by the key of each place that was asked: whether it listed them
	holds        map[string]bool   // keys of the holds that there are; nil if not all are known
	stopping     map[string]bool   // tasks that were asked to stop
	told         map[string]bool   // runners whose executions were signalled by this sweep
	idle         bool              // there are warm runners that idle
	configured   fleet.Policy      // with the names that the configuration has
}

// noteUsage records what was asked of GitHub.
func (s *sweep) noteUsage(ctx context.Context) error {
	text, err := s.kept(ctx, fleet.GitHubUsageCursor)
	if err != nil {
		return err
	}
	var usage fleet.GitHubUsage
	if json.Unmarshal([]byte(text), &usage) != nil {
		usage = fleet.GitHubUsage{} // none yet
	}
	places := s.Policy.Repositories
	if s.Policy.WholeOrganization() {
		places = []string{s.Policy.FirstPlace()}
	}
	for _, repository := range places {
		if b, err := s.GitHub.Budget(ctx, repository, s.Fleet.Now()); err == nil {
			s.gate.usage.Know(b)
		}
	}
	for _, b := range s.gate.usage.Budgets {
		if b.ExpiresSoon(s.now) {
			s.Fleet.Log.WarnContext(ctx, "the GitHub token expires soon: store a new one", "expires_at", b.Expires)
		}
	}
	s.gate.usage.Renamed = s.presentNames()
	if err := errors.Join(s.left...); err != nil {
		s.gate.usage.Failed = fleet.Clip(err.Error(), mostTold)
	}
	return s.keep(ctx, fleet.GitHubUsageCursor, usage.Add(s.gate.usage, s.now))
}

// late reports whether the running part has used up its share of the time.
func (s *sweep) late() bool { return s.share > 0 && s.Fleet.Now().Sub(s.began) >= s.share }

// counted counts a repair unless it failed.
func (s *sweep) counted(cause Cause, err error) error {
	if err == nil {
		s.repairs[cause]++
	}
	return err
}

// old reports whether something that began at a time should have moved on by now.
func (s *sweep) old(at time.Time) bool { return s.now.Sub(at) >= s.Grace }

// fresh reports whether the webhook about something to which GitHub gives this time may
// still be on its way. Something without a time is old.
func (s *sweep) fresh(at *time.Time) bool { return at != nil && !s.old(*at) }

// each does something with each item. If it fails for one item, it goes on with the
// next, unless that would fail the same way.
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

// hopeless reports whether another request of this sweep would fail the same way.
func hopeless(err error) bool {
	return errors.Is(err, errPutOff) || fleet.IsNamed(err, fleet.GitHubRateLimited, fleet.GitHubUnavailable, fleet.RecordsUnavailable, fleet.AWSUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// room recounts the open runners and launches the runs that wait for room. The count
// changes with every opening and closing, so a write under the version that was read
// before counting is right, or refused.
func (s *sweep) room(ctx context.Context) error {
	capacity, err := s.Fleet.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	open, err := s.Records.OpenRunners(ctx)
	if err != nil {
		return err
	}
	right, changed := capacity.Recount(open, s.Fleet.Now())
	s.idle = len(right.Warm) > 0
	if changed {
		err := s.Fleet.Records.Write(ctx, fleet.Changes{Capacity: &right})
		if right.Open != capacity.Open { // the release before does not count by repository
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
	if err := s.rules(ctx, capacity); err != nil {
		return err
	}
	if s.Fleet.MaxPerRepository == 0 {
		return nil
	}
	// A repository with runs that wait for its share has runners, or runs, and its
	// turn.
	repositories := map[string]bool{}
	for _, repository := range s.turn {
		repositories[fleet.RepositoryKey(repository)] = true
	}
	for key := range capacity.OpenOf {
		repositories[key] = true
	}
	for key := range s.busyKeys {
		repositories[key] = true
	}
	return each(slices.Sorted(maps.Keys(repositories)), func(repository string) error { return s.Fleet.LaunchShare(ctx, repository) })
}

// rules launches the runs that wait for a rule, and those that the configuration of today
// lets wait no longer.
func (s *sweep) rules(ctx context.Context, capacity fleet.Capacity) error {
	rules := maps.Clone(s.Fleet.MaxOfRules)
	if rules == nil {
		rules = map[string]int{}
	}
	maps.Copy(rules, capacity.OpenOfRule)
	return each(slices.Sorted(maps.Keys(rules)), func(rule string) error { return s.Fleet.LaunchRule(ctx, rule) })
}

// turns gives a place in the list to runs that wait for room since the release before,
// which did not keep that list, and to those that wait for a rule which has no limit any
// more.
func (s *sweep) turns(ctx context.Context) error {
	waiting, err := s.Fleet.Records.WaitingForRoom(ctx, mostTurns)
	if err != nil {
		return err
	}
	return each(waiting, func(runID string) error {
		run, known, err := s.Fleet.Records.Run(ctx, runID)
		setFree := run.WaitsForRule && s.Fleet.MaxOfRules[run.AdmittedBy] == 0
		if err != nil || !known || !run.WaitsSince.IsZero() && !setFree {
			return err
		}
		_, err = s.Fleet.Launch(ctx, runID)
		return err
	})
}
