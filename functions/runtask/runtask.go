// Package runtask starts the runner's task.
//
// Its state completes when the runner takes a job, not when the step returns.
// The step may be called again for the same runner, with a new token: it then
// finds the task by the record, or by the client token, and starts no second one.
//
// The token is stored with the task, once that is started: one write. A process that dies in
// between has failed, and the next attempt gets the same task and stores its own token.
package runtask

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// launcher is the part of a container platform that this step needs.
type launcher interface {
	// Launch starts one task. The same client token gets the same task. It fails
	// with Runner.NoCapacity or Runner.QuotaExceeded if there is certainly no task,
	// and with Runner.LaunchFailed or Runner.LaunchUnclear.
	Launch(ctx context.Context, launch fleet.TaskLaunch) (fleet.Task, error)
}

// Step serves the state RunTask.
type Step struct {
	Fleet    lifecycle.Fleet
	Launcher launcher
	ClaimURL string // of the fleet's API; /runners/{id}/claim follows
	ClaimKey []byte
	Signed   Signed
}

// Run starts the task if there is none, and stores the token. It fails with
// Runner.NotWanted if the job needs no runner any more, and with the platform's error
// if that starts no task.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Wait, error) {
	none := fleet.Wait{}
	runner, err := s.Fleet.ReadRunner(ctx, call.RunnerID)
	if err == nil && !isNew(runner) {
		runner, err = s.Fleet.StoreToken(ctx, call.RunnerID, call.TaskToken, fleet.WaitForJob, fleet.RunnerStarting)
	}
	if err != nil {
		return none, err
	}
	if runner.Phase != fleet.Open && runner.Took == 0 {
		return none, fleet.Errorf(fleet.RunnerNotWanted, "%s", runner.NotWanted())
	}
	if runner.TaskARN != "" {
		return none, nil
	}
	if err := wanted(runner); err != nil {
		return none, err
	}
	task, err := s.Launcher.Launch(ctx, s.toBeSigned(runner, s.launch(call, runner)))
	if fleet.IsNamed(err, fleet.RunnerNoCapacity, fleet.RunnerQuotaExceeded) {
		return none, s.nextRung(ctx, runner, err)
	}
	if caught := call.Document.Error; caught != nil && caught.Error == fleet.RunnerDefinitionGone && fleet.IsNamed(err, fleet.RunnerDefinitionGone) {
		// It was registered again and is gone all the same: from here on the retries
		// pause, and end.
		return none, fleet.Errorf(fleet.RunnerLaunchUnclear, "start the task of %s: %w", runner.RunnerID, err)
	}
	if err != nil {
		return none, fmt.Errorf("start the task of %s: %w", runner.RunnerID, err)
	}
	return none, s.started(ctx, call.TaskToken, runner, task)
}

// isNew reports whether no task of the runner is known, so that nothing can have happened for
// which the execution waits.
func isNew(r fleet.Runner) bool { return r.TaskARN == "" && r.Took == 0 }

// wanted fails unless a run expects the runner, or it is to idle in its pool. If the runner has a job it has a task,
// although the process that started it died before it recorded that.
func wanted(runner fleet.Runner) error {
	if runner.Took == 0 && runner.For == "" && !runner.Idle() {
		return fleet.Errorf(fleet.RunnerNotWanted, "%s", runner.NotWanted())
	}
	return nil
}

// launch is a pure function of the call, of the rung, and of values that the record has
// had since the launch: a repeated RunTask has identical parameters, as ECS's client
// tokens demand.
func (s Step) launch(call fleet.Call, runner fleet.Runner) fleet.TaskLaunch {
	doc := call.Document
	rung := runner.Rung
	size := *doc.Plan.Size
	_, definition := doc.StartsFrom()
	env := map[string]string{
		fleet.EnvRunnerID:   call.RunnerID,
		fleet.EnvClaimURL:   s.ClaimURL + "/runners/" + call.RunnerID + "/claim",
		fleet.EnvClaimToken: fleet.ClaimToken(s.ClaimKey, call.RunnerID),
	}
	if mib := doc.Plan.LogMiB; mib != 0 {
		env[fleet.EnvLogMiB] = strconv.Itoa(mib)
	}
	return fleet.TaskLaunch{
		RunnerID:         call.RunnerID,
		ClientToken:      fmt.Sprintf("%s.%d", call.RunnerID, rung),
		TaskDefinition:   definition,
		CPU:              size.CPU,
		Memory:           size.Memory,
		EphemeralStorage: size.EphemeralStorage,
		CapacityProvider: size.CapacityProvider(rung),
		LeftOut:          runner.LeftOut,
		Env:              env,
	}
}

// nextRung records that this rung of the capacity ladder had no room, so that the retry
// asks under a new client token: ECS remembers the old one.
func (s Step) nextRung(ctx context.Context, was fleet.Runner, cause error) error {
	_, _, err := s.Fleet.ChangeBoth(ctx, was.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if r.Rung != was.Rung || !isNew(r) {
			return r, false
		}
		r.Rung++
		r.Reason = fleet.ErrorName(cause) + ": " + cause.Error()
		return r, true
	})
	if err != nil {
		return err
	}
	return cause
}

// started records the task and the token, which completes at once if what it waits for has
// happened. If the runner was let go meanwhile, the process that let it go saw no task to
// stop, so started stops it. It writes the run only if the run shows what delayed the start of
// the task.
func (s Step) started(ctx context.Context, token string, was fleet.Runner, task fleet.Task) error {
	change := s.Fleet.ChangeRunner
	if was.Reason != "" {
		change = s.Fleet.ChangeBoth
	}
	runner, _, err := change(ctx, was.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if r.TaskARN = task.ARN; r.TaskStatus == "" {
			r.TaskStatus = fleet.TaskPending // it is provisioned first, for some seconds
		}
		r.Reason = ""
		// A late attempt must not take its token from a state that the execution is in by now.
		if late := r.WaitingFor == fleet.WaitForStopped && was.WaitingFor != fleet.WaitForStopped; !late {
			r.TaskToken, r.WaitingFor = token, fleet.WaitForJob
		}
		return r.Progress(fleet.RunnerStarting).Mark(fleet.StageTaskStarted, s.Fleet.Now()), r.Phase == fleet.Open
	})
	if err != nil {
		return err
	}
	if runner.Phase == fleet.Open || runner.Took != 0 {
		if was.TaskToken == token { // stored before, and signalled then
			return nil
		}
		return s.Fleet.Signal(ctx, runner)
	}
	if err := s.Fleet.Tasks.Stop(ctx, task.ARN, runner.NotWanted()); err != nil {
		return err
	}
	return fleet.Errorf(fleet.RunnerNotWanted, "%s", runner.NotWanted())
}
