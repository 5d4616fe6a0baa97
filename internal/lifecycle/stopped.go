package lifecycle

import (
	"context"
	"strconv"
	"strings"
	"unicode"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// WhyStopped is StoppedBeforeJob for a runner that was not ended by the fleet. Its run
// may have ended all the same: then the name is Runner.NotWanted.
func (f Fleet) WhyStopped(ctx context.Context, r fleet.Runner) (name, cause string, err error) {
	if r.LostWarm() {
		return fleet.RunnerNotWanted, "it ended while it idled in its pool", nil
	}
	if name, cause = StoppedBeforeJob(r); name != fleet.RunnerClaimLost {
		return name, cause, nil
	}
	run, err := f.expecting(ctx, r)
	if err == nil && (run == nil || !run.Wanted()) {
		return fleet.RunnerNotWanted, r.NotWanted(), nil
	}
	return name, cause, err
}

// StoppedBeforeJob names why a runner's task ended without a job, and says what to do
// about it.
func StoppedBeforeJob(r fleet.Runner) (name, cause string) {
	switch {
	case r.FailureName != "":
		return r.FailureName, r.Failure
	case r.ExitCode != nil && *r.ExitCode == fleet.ExitClaimGone && r.For == "" && !r.Idle():
		return fleet.RunnerNotWanted, r.NotWanted()
	case r.ExitCode != nil && *r.ExitCode == fleet.ExitClaimGone:
		return fleet.RunnerClaimLost, "the container did not get the answer to its claim; " +
			"does the network carry answers of 10 KB to it? `ecsrunner runners logs " + r.RunnerID + "` shows what it met"
	case r.ExitCode != nil && *r.ExitCode == fleet.ExitClaimUnavailable && r.Asks > 0:
		return fleet.GitHubUnavailable, "GitHub did not register the runner, asked " + strconv.Itoa(r.Asks) + " times in " + fleet.ClaimTime.String()
	case r.ExitCode != nil && *r.ExitCode == fleet.ExitVersionDeprecated:
		return fleet.RunnerVersionDeprecated, "GitHub gives no jobs to the runner version in image " + r.Image + ": set runner_version to latest or to a newer one, and have the image built again"
	case r.StopCode == fleet.StopSpotInterruption, strings.Contains(r.StoppedReason, "Spot Task was interrupted"):
		return fleet.RunnerSpotInterrupted, "Fargate Spot took its capacity back before the runner had a job"
	}
	if name, cause, known := neverStarted(r); known {
		return name, cause
	}
	cause = "the task stopped before the runner took a job"
	switch {
	case r.ExitCode != nil:
		cause += ": " + fleet.ExplainExit(*r.ExitCode, clip(r.ContainerReason, mostReason)) + "; `ecsrunner runners logs " + r.RunnerID + "` shows what it said"
	case r.ContainerReason != "":
		cause += ": " + clip(r.ContainerReason, mostWords)
	case r.StoppedReason != "":
		cause += ": " + clip(r.StoppedReason, mostWords)
	}
	return fleet.RunnerStoppedEarly, cause
}

// How many characters of a foreign text a cause repeats. With our own text around them
// it has at most 300.
const (
	mostWords  = 120
	mostReason = 75 // beside an exit code
	mostName   = 60 // of an image
)

// neverStarted names what kept a task's containers from being started. Only ECS's texts
// distinguish the reasons
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html).
func neverStarted(r fleet.Runner) (name, cause string, known bool) {
	if r.StopCode != fleet.StopTaskFailedToStart {
		return "", "", false
	}
	for _, said := range []string{r.ContainerReason, r.StoppedReason} {
		if name, cause, known = ofWords(said, r.Image); known {
			return name, cause, true
		}
	}
	return "", "", false
}

func ofWords(said, image string) (name, cause string, known bool) {
	words := clip(said, mostWords)
	for _, s := range noPlace {
		if strings.Contains(strings.ToLower(said), s.part) {
			return s.name, "ECS could not start the task: " + words + "; " + s.hint, true
		}
	}
	switch cannotPull := strings.Contains(said, "CannotPullContainerError"); {
	case cannotPull && (strings.HasPrefix(said, "container ") || strings.Contains(said, "guardduty")):
		return fleet.RunnerCannotPullContainer, "ECS could not pull the image of a container that AWS adds to the task: " + words +
			"; exclude the cluster from GuardDuty Runtime Monitoring (tag GuardDutyManaged: false)", true
	case cannotPull:
		return fleet.RunnerCannotPullContainer, "ECS could not pull image " + clip(image, mostName) + ": " + words +
			"; do subnet_ids have a way out (NAT, or assign_public_ip)?", true
	case strings.Contains(said, "ResourceInitializationError"):
		return fleet.RunnerResourceInitialization, "ECS could not set the task up: " + words +
			"; do subnet_ids have a way out (NAT, or assign_public_ip), and security_groups let traffic out?", true
	}
	return "", "", false
}

// noPlace are parts of ECS's texts about a task that it accepted and then had no place
// for, in lower case: ECS looks for an address or a network interface only after RunTask
// has succeeded. Such a text says nothing about the image. The first part that fits
// counts.
var noPlace = []struct{ part, name, hint string }{
	{"insufficientfreeaddressesinsubnet", fleet.RunnerNoCapacity, triesAgain + moreAddresses},
	{"not have enough free addresses", fleet.RunnerNoCapacity, triesAgain + moreAddresses},
	{"network interface provisioning to complete", fleet.RunnerNoCapacity, triesAgain + moreAddresses},
	{"capacity is unavailable", fleet.RunnerNoCapacity, triesAgain + "more subnet_ids in other zones help"},
	{"ephemeralstorage provisioning to complete", fleet.RunnerNoCapacity, triesAgain + "more subnet_ids in other zones help"},
	{"networkinterfacelimitexceeded", fleet.RunnerQuotaExceeded, triesAgain + "a higher quota of network interfaces in this region helps"},
	{"reached the limit on the number of vcpus", fleet.RunnerQuotaExceeded, triesAgain + higherQuota},
	{"reached the limit on the number of tasks", fleet.RunnerQuotaExceeded, triesAgain + higherQuota},
	{"privateipaddresslimitexceeded", fleet.RunnerNoCapacity, triesAgain + moreAddresses},
	{"invalidsubnetid", fleet.RunnerLaunchFailed, "correct subnet_ids and deploy again"},
	{"invalidsecuritygroup", fleet.RunnerLaunchFailed, "correct security_groups and deploy again"},
	{"invalidgroup", fleet.RunnerLaunchFailed, "correct security_groups and deploy again"},
	{"unauthorizedoperation", fleet.RunnerLaunchFailed, "ECS's service-linked role must be allowed to make network interfaces in the subnets"},
	// EC2's throttles and outages, and unlisted errors.
	{"create network interface", fleet.RunnerNoCapacity, "the fleet tries again"},
	{"unexpected ec2 error", fleet.RunnerNoCapacity, "the fleet tries again"},
}

const (
	triesAgain    = "the fleet tries again, and "
	moreAddresses = "more or larger subnet_ids help: each runner needs an address of its own"
	higherQuota   = "a higher Fargate quota or fewer max_runners help"
)

// clip makes one line of a platform's text, without anything that does not print, and
// cuts out the middle if it is too long: ECS begins with the kind of an error and ends
// with its cause.
func clip(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	head := most / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(most-head-1):])
}
