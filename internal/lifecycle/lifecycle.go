// Package lifecycle carries out the fleet's decisions: it reads records, has package
// fleet decide, writes all changes in one transaction, and only then acts on the world.
//
// It always writes a fact before it signals it, and repeats the signal whenever the fact
// turns out to be known already: if a process dies in between, the next caller repairs
// it.
package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Records is the fleet's table. Write applies all changes or none: it fails with
// Records.Conflict if a record is no longer at the version that was read. A change with
// version 0 creates the record.
type Records interface {
	Run(ctx context.Context, runID string) (fleet.Run, bool, error)
	Runner(ctx context.Context, runnerID string) (fleet.Runner, bool, error)
	Capacity(ctx context.Context) (fleet.Capacity, error)
	// Holds reads the holds that exist among the keys.
	Holds(ctx context.Context, keys []string) (map[string]fleet.Hold, error)
	// HoldsBelow lists up to limit holds whose keys begin with prefix.
	HoldsBelow(ctx context.Context, prefix string, limit int) ([]fleet.Hold, error)
	// Waiting lists up to limit runs of a fleet.Run.WaitList, up to an order.
	Waiting(ctx context.Context, list, upTo string, limit int) ([]string, error)
	Write(ctx context.Context, changes fleet.Changes) error
	// WaitingForRoom lists up to limit runs that wait for room, oldest first. They are
	// launched in the order of Waiting.
	WaitingForRoom(ctx context.Context, limit int) ([]string, error)
}

// Executions is the state machine. It is no error to start a name again, or to complete
// a closed token.
type Executions interface {
	Start(ctx context.Context, name string, input []byte) error
	Succeed(ctx context.Context, token string, output []byte) error
	Fail(ctx context.Context, token, name, cause string) error
	Heartbeat(ctx context.Context, token string) error
}

// GitHub is the part of GitHub's API that the fleet uses. Errors carry the GitHub.*
// names.
type GitHub interface {
	Job(ctx context.Context, repository string, jobID int64) (fleet.Job, error)
	// Registration and Delete are about runners of a place: see fleet.OrganizationPlace.
	Registration(ctx context.Context, place, name string) (fleet.Registration, bool, error)
	Delete(ctx context.Context, place string, id int64) error
	WorkflowRun(ctx context.Context, repository string, id int64) (fleet.WorkflowRun, error)
}

// Tasks is the container platform. It is no error to stop a task that has stopped, or
// that is not known.
type Tasks interface {
	Stop(ctx context.Context, arn, reason string) error
}

// Fleet is everything that the operations of this package need.
type Fleet struct {
	Name             string
	MaxRunners       int
	MaxPerRepository int            // for one repository; 0 means no limit
	KeptForOthers    int            // of MaxRunners, for repositories that have no runner
	Repositories     int            // that the fleet serves
	MaxOfRules       map[string]int // of the rules of the policy that say it: see fleet.Policy.MaxOfRules
	// RuleOf is fleet.Policy.RuleOf; nil leaves what the runs' records say.
	RuleOf        func(fleet.Job) (name string, known bool)
	TasksSign     bool   // the platform's tasks can show which task they are
	SharedPlace   string // that all runners are registered in; "" is each job's repository
	Limits        fleet.Limits
	RefusalStatus fleet.RefusalStatus
	// HandledAgain reports that what is handled is an event that comes again, whatever is
	// recorded, if this process dies.
	HandledAgain bool
	SpotRetry    int    // how often a workflow run whose jobs Spot interrupted is run again: 0 or 1
	Deployment   string // names the configuration: another one ends holds
	Records      Records
	Executions   Executions
	GitHub       GitHub
	Tasks        Tasks
	// Backoff waits for a random part of a time before a change that met a conflict is
	// decided again; nil does not wait.
	Backoff func(ctx context.Context, most time.Duration) error
	Now     func() time.Time
	Log     *slog.Logger
}

// Of is a fleet as its policy has it. What it uses is still to be set.
func Of(p fleet.Policy) Fleet {
	return Fleet{
		Name: p.FleetName, MaxRunners: p.MaxRunners, MaxPerRepository: p.Share(), KeptForOthers: p.KeptForOthers(), Repositories: p.Serves(),
		MaxOfRules: p.MaxOfRules(), RuleOf: p.RuleOf, SharedPlace: p.SharedPlace(), Limits: p.Limits, RefusalStatus: p.RefusalStatus,
		SpotRetry: p.SpotRetry, Deployment: p.Fingerprint(),
	}
}

// Informed is the fleet in a function that has the whole policy, with its classes: it knows
// which rule admits a job today. Without it the fleet goes by the runs' records.
func (f Fleet) Informed(p fleet.Policy) Fleet {
	f.RuleOf = p.RuleOf
	return f
}

// A change is decided again if a record has changed meanwhile. Many launches at once all
// write the capacity, and DynamoDB cancels transactions that only overlap: so the pauses
// grow, and in the end Step Functions or Lambda tries again.
const (
	conflicts    = 50
	firstPause   = 20 * time.Millisecond
	longestPause = time.Second
)

// change repeats decide, which reads, decides and returns what to write, until the write
// meets no conflict. decide must have no effect of its own.
func (f Fleet) change(ctx context.Context, decide func() (fleet.Changes, error)) error {
	return f.changeBy(ctx, f.Records.Write, decide)
}

// changeBy is change with another way to write than all or nothing.
func (f Fleet) changeBy(ctx context.Context, write func(context.Context, fleet.Changes) error, decide func() (fleet.Changes, error)) error {
	pause := firstPause
	for round := 1; ; round++ {
		changes, err := decide()
		if err != nil || changes.Empty() {
			return err
		}
		err = write(ctx, changes)
		if err == nil || round == conflicts || !fleet.IsNamed(err, fleet.RecordsConflict) {
			return err
		}
		if err := f.backOff(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
}

func (f Fleet) backOff(ctx context.Context, most time.Duration) error {
	if ctx.Err() != nil || f.Backoff == nil {
		return ctx.Err()
	}
	return f.Backoff(ctx, most)
}

// ReadRun reads a run that must be there.
func (f Fleet) ReadRun(ctx context.Context, runID string) (fleet.Run, error) {
	run, ok, err := f.Records.Run(ctx, runID)
	if err == nil && !ok {
		err = noRecord(runID)
	}
	return run, err
}

func noRecord(runID string) error { return fmt.Errorf("run %s has no record", runID) }

// ReadRunner reads a runner that must be there.
func (f Fleet) ReadRunner(ctx context.Context, runnerID string) (fleet.Runner, error) {
	runner, ok, err := f.Records.Runner(ctx, runnerID)
	if err == nil && !ok {
		err = fmt.Errorf("runner %s has no record", runnerID)
	}
	return runner, err
}

// changeRun reads a run, calls decide to change it, and writes it. known is false for a
// run without a record; the run that decide returns then becomes the record. If decide
// returns false the run stays as it is. changeRun returns the run as it is then, and
// whether it was written.
func (f Fleet) changeRun(ctx context.Context, runID string, decide func(run fleet.Run, known bool) (fleet.Run, bool)) (now fleet.Run, written bool, err error) {
	err = f.change(ctx, func() (fleet.Changes, error) {
		run, known, err := f.Records.Run(ctx, runID)
		if err != nil {
			return fleet.Changes{}, err
		}
		now, written = decide(run, known)
		if !written {
			now = run
			return fleet.Changes{}, nil
		}
		return fleet.Changes{Runs: []fleet.Run{now}}, nil
	})
	return now, written, err
}

// ChangeRunner reads a runner, calls decide to change it, and writes it. If decide
// returns false the runner stays as it is. ChangeRunner returns the runner as it is
// then, and whether it was written.
func (f Fleet) ChangeRunner(ctx context.Context, runnerID string, decide func(fleet.Runner) (fleet.Runner, bool)) (fleet.Runner, bool, error) {
	var now fleet.Runner
	var written bool
	err := f.change(ctx, func() (fleet.Changes, error) {
		runner, err := f.ReadRunner(ctx, runnerID)
		if err != nil {
			return fleet.Changes{}, err
		}
		now, written = decide(runner)
		if !written {
			now = runner
			return fleet.Changes{}, nil
		}
		return fleet.Changes{Runners: []fleet.Runner{now}}, nil
	})
	return now, written, err
}

// ChangeBoth is ChangeRunner for a runner that a run may expect: the run follows the
// runner's status.
func (f Fleet) ChangeBoth(ctx context.Context, runnerID string, decide func(fleet.Runner) (fleet.Runner, bool)) (fleet.Runner, bool, error) {
	return f.ChangeExpected(ctx, runnerID, func(r fleet.Runner, _ bool) (fleet.Runner, bool) { return decide(r) })
}

// ChangeExpected is ChangeBoth for a decision that depends on whether a wanted run expects
// the runner, or it idles in its pool. Only the runner is written under the version that was read: a run that is
// cancelled meanwhile has its runner ended by whoever cancels it (ADR 39).
func (f Fleet) ChangeExpected(ctx context.Context, runnerID string, decide func(r fleet.Runner, wanted bool) (fleet.Runner, bool)) (fleet.Runner, bool, error) {
	var behind bool
	now, written, err := f.changeBoth(ctx, runnerID, func(r fleet.Runner, run *fleet.Run) (fleet.Runner, *fleet.Run, bool) {
		next, ok := decide(r, run != nil && run.Wanted() || r.Idle())
		behind = ok && run != nil && shown(run.Follow(next)) != shown(*run)
		return next, nil, ok
	})
	if err == nil && behind {
		f.follow(ctx, now)
	}
	return now, written, err
}

// shown is what a run shows of its runner.
func shown(run fleet.Run) string { return string(run.Status) + " " + run.Reason }

// follow lets the run that expects a runner follow its status. What people see of a run is
// not worth a failure: the next change of the runner does it too.
func (f Fleet) follow(ctx context.Context, runner fleet.Runner) {
	err := f.change(ctx, func() (fleet.Changes, error) {
		run, err := f.expecting(ctx, runner)
		if err != nil || run == nil {
			return fleet.Changes{}, err
		}
		now, err := f.ReadRunner(ctx, runner.RunnerID) // after the run: another may have followed it further
		if err != nil {
			return fleet.Changes{}, err
		}
		followed := run.Follow(now)
		if shown(followed) == shown(*run) {
			return fleet.Changes{}, nil
		}
		return fleet.Changes{Runs: []fleet.Run{followed}}, nil
	})
	if err != nil {
		f.Log.WarnContext(ctx, "leaving the status of a run as it was", "run_id", runner.For, "error", err.Error())
	}
}

func (f Fleet) changeBoth(ctx context.Context, runnerID string, decide func(fleet.Runner, *fleet.Run) (fleet.Runner, *fleet.Run, bool)) (fleet.Runner, bool, error) {
	return f.changeBothBy(ctx, runnerID, nil, decide)
}

// changeBothBy is changeBoth for an operator, nil for the fleet itself. What it writes is
// listed as the operator's action.
func (f Fleet) changeBothBy(ctx context.Context, runnerID string, by *fleet.Action, decide func(fleet.Runner, *fleet.Run) (fleet.Runner, *fleet.Run, bool)) (fleet.Runner, bool, error) {
	var now fleet.Runner
	var written bool
	err := f.change(ctx, func() (fleet.Changes, error) {
		runner, run, err := f.readPair(ctx, runnerID)
		if err != nil {
			return fleet.Changes{}, err
		}
		next, nextRun, ok := decide(runner, run)
		if written = ok; !ok {
			now = runner
			return fleet.Changes{}, nil
		}
		now = next
		changes := fleet.Changes{Runners: []fleet.Runner{next}}
		if nextRun != nil {
			changes.Runs = []fleet.Run{*nextRun}
		}
		if by != nil && by.Listed() {
			listed := *by
			if run != nil {
				listed.RunID = run.RunID
			}
			changes.Actions = []fleet.Action{listed}
		}
		return changes, nil
	})
	return now, written, err
}

// readPair reads a runner and the run that expects it, nil if none does. Two runners may
// swap their runs between the two reads; then it reads again, because a decision that
// writes nothing would meet no conflict.
func (f Fleet) readPair(ctx context.Context, runnerID string) (fleet.Runner, *fleet.Run, error) {
	runner, err := f.ReadRunner(ctx, runnerID)
	if err != nil {
		return fleet.Runner{}, nil, err
	}
	for range mostSwaps {
		run, err := f.expecting(ctx, runner)
		if err != nil || run != nil || runner.For == "" {
			return runner, run, err
		}
		now, err := f.ReadRunner(ctx, runnerID)
		if err != nil || now.Version == runner.Version {
			return runner, nil, err
		}
		runner = now
	}
	return fleet.Runner{}, nil, fleet.Errorf(fleet.RecordsConflict, "read runner %s: its run changed %d times meanwhile", runnerID, mostSwaps)
}

// mostSwaps is how often a runner's run may change while the two are read.
const mostSwaps = 10

// expecting reads the run that expects the runner, nil if none does.
func (f Fleet) expecting(ctx context.Context, runner fleet.Runner) (*fleet.Run, error) {
	if runner.For == "" {
		return nil, nil
	}
	run, ok, err := f.Records.Run(ctx, runner.For)
	if err != nil || !ok || run.RunnerID != runner.RunnerID {
		return nil, err
	}
	return &run, nil
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs of this project: they marshal or a test fails
	}
	return b
}

// DescribeRun changes a runner and the run that expects it together. Without such a run
// it changes nothing.
func (f Fleet) DescribeRun(ctx context.Context, runnerID string, describe func(fleet.Run, fleet.Runner) (fleet.Run, fleet.Runner)) error {
	_, _, err := f.changeBoth(ctx, runnerID, func(r fleet.Runner, run *fleet.Run) (fleet.Runner, *fleet.Run, bool) {
		if run == nil {
			return r, nil, false
		}
		nextRun, next := describe(*run, r)
		return next, &nextRun, true
	})
	return err
}
