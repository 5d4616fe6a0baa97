package lifecycle

import (
	"context"
	"strconv"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Signal completes the stage that the runner's execution waits for, if what it
// waits for has happened. It acts on the record alone, so whoever has just
// written a fact, or has just stored a token, may call it, any number of times.
func (f Fleet) Signal(ctx context.Context, runner fleet.Runner) error {
	if runner.TaskToken == "" {
		return nil
	}
	switch runner.WaitingFor {
	case fleet.WaitForJob:
		return f.signalJob(ctx, runner)
	case fleet.WaitForStopped:
		if runner.Stopped() || runner.Phase == fleet.Closed {
			return f.succeed(ctx, runner, fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1})
		}
	case fleet.WaitForImage:
		if runner.Phase != fleet.Open {
			return f.fail(ctx, runner, fleet.RunnerNotWanted, NotWanted(runner))
		}
	}
	return nil
}

func (f Fleet) signalJob(ctx context.Context, runner fleet.Runner) error {
	switch {
	case runner.Took != 0:
		return f.succeed(ctx, runner, fleet.Wait{Outcome: fleet.OutcomeTook, Seconds: seconds(f.Limits.Inspect)})
	case runner.Stopped() && runner.Phase != fleet.Open:
		return f.fail(ctx, runner, fleet.RunnerNotWanted, NotWanted(runner))
	case runner.Stopped():
		name, cause, err := f.WhyStopped(ctx, runner)
		if err != nil {
			return err
		}
		return f.fail(ctx, runner, name, cause)
	}
	return nil
}

// WhyStopped is StoppedBeforeJob for a runner that nobody has ended. Its run may
// have ended all the same: then it is Runner.NotWanted.
func (f Fleet) WhyStopped(ctx context.Context, r fleet.Runner) (name, cause string, err error) {
	if name, cause = StoppedBeforeJob(r); name != fleet.RunnerClaimLost {
		return name, cause, nil
	}
	run, err := f.expecting(ctx, r)
	if err == nil && (run == nil || !run.Wanted()) {
		return fleet.RunnerNotWanted, NotWanted(r), nil
	}
	return name, cause, err
}

// StoppedBeforeJob names why a runner's task ended without a job, and says what to
// do about it.
func StoppedBeforeJob(r fleet.Runner) (name, cause string) {
	switch {
	case r.FailureName != "":
		return r.FailureName, r.Failure
	case r.ExitCode != nil && *r.ExitCode == fleet.ExitClaimGone && r.For == "":
		return fleet.RunnerNotWanted, NotWanted(r)
	case r.ExitCode != nil && *r.ExitCode == fleet.ExitClaimGone:
		return fleet.RunnerClaimLost, "the container did not get the answer to its claim; " +
			"does the network carry answers of 10 KB to it? `ecsrunner runners logs " + r.RunnerID + "` shows what it met"
	case r.ExitCode != nil && *r.ExitCode == fleet.ExitClaimUnavailable && r.Asks > 0:
		return fleet.GitHubUnavailable, "GitHub did not register the runner, asked " + strconv.Itoa(r.Asks) + " times in " + fleet.ClaimTime.String()
	case r.ExitCode != nil && *r.ExitCode == fleet.ExitVersionDeprecated:
		return fleet.RunnerVersionDeprecated, "GitHub gives no jobs to the runner version in image " + r.Image + ": set runner_version to latest or to a newer one, and have the image built again"
	case r.StopCode == fleet.StopSpotInterruption:
		return fleet.RunnerSpotInterrupted, "Fargate Spot took its capacity back before the runner had a job"
	}
	if name, cause, known := neverStarted(r); known {
		return name, cause
	}
	cause = "the task stopped before the runner took a job"
	if r.ExitCode != nil {
		cause += ": " + fleet.ExplainExit(*r.ExitCode) + "; `ecsrunner runners logs " + r.RunnerID + "` shows what it said"
	} else if r.StoppedReason != "" {
		cause += ": " + clip(r.StoppedReason, mostWords)
	}
	return fleet.RunnerStoppedEarly, cause
}

// mostWords is how many characters of another's words a cause repeats. With ours
// around them it has at most 300.
const mostWords = 120

// neverStarted names what kept a task's container from being started. ECS tells it
// apart by the beginning of stoppedReason only
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html).
func neverStarted(r fleet.Runner) (name, cause string, known bool) {
	if r.StopCode != fleet.StopTaskFailedToStart {
		return "", "", false
	}
	words := clip(r.StoppedReason, mostWords)
	switch {
	case strings.Contains(r.StoppedReason, "CannotPullContainerError"):
		return fleet.RunnerCannotPullContainer, "ECS could not pull image " + clip(r.Image, mostName) + ": " + words +
			"; do subnet_ids have a way out (NAT, or assign_public_ip)?", true
	case strings.Contains(r.StoppedReason, "ResourceInitializationError"):
		return fleet.RunnerResourceInitialization, "ECS could not set the task up: " + words +
			"; do subnet_ids have a way out (NAT, or assign_public_ip), and security_groups let traffic out?", true
	}
	return "", "", false
}

// mostName is how many characters of an image's name a cause repeats.
const mostName = 60

// clip takes the middle out of a text that is too long: ECS begins with the kind of
// an error and ends with its cause.
func clip(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	head := most / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(most-head-1):])
}

// NotWanted says why a runner is needed no longer.
func NotWanted(r fleet.Runner) string {
	if r.Reason != "" {
		return r.Reason
	}
	return "the job needs this runner no longer"
}

func (f Fleet) succeed(ctx context.Context, r fleet.Runner, wait fleet.Wait) error {
	return f.Executions.Succeed(ctx, r.TaskToken, encode(wait))
}

func (f Fleet) fail(ctx context.Context, r fleet.Runner, name, cause string) error {
	return f.Executions.Fail(ctx, r.TaskToken, name, cause)
}

// Heartbeat tells the execution that its runner makes progress.
func (f Fleet) Heartbeat(ctx context.Context, runner fleet.Runner) error {
	if runner.TaskToken == "" || runner.WaitingFor != fleet.WaitForJob {
		return nil
	}
	return f.Executions.Heartbeat(ctx, runner.TaskToken)
}

// StoreToken notes what the runner's execution waits for, and completes it at
// once if that has happened already. A closed runner keeps no token, but a late
// call for it is answered in the same way.
func (f Fleet) StoreToken(ctx context.Context, runnerID, token, waitingFor string, status fleet.RunnerStatus) (fleet.Runner, error) {
	runner, _, err := f.ChangeBoth(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		r.TaskToken, r.WaitingFor = token, waitingFor
		return r.Progress(status), r.Phase != fleet.Closed
	})
	if err != nil {
		return runner, err
	}
	runner.TaskToken, runner.WaitingFor = token, waitingFor
	return runner, f.Signal(ctx, runner)
}
