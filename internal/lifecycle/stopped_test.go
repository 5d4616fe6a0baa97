package lifecycle_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

func TestStoppedBeforeJob(t *testing.T) {
	const (
		timeout = "Timeout waiting for network interface provisioning to complete."
		pull    = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 323658145986.dkr.ecr.eu-central-1.amazonaws.com/aws-guardduty-agent-fargate:v1.5.0-Fg_arm64: unexpected status from HEAD request: 403 Forbidden"
	)
	exit := func(code int) *int { return &code }
	neverStarted := func(reason string) fleet.Runner {
		return fleet.Runner{StopCode: fleet.StopTaskFailedToStart, StoppedReason: reason}
	}
	for name, tc := range map[string]struct {
		runner fleet.Runner
		want   string
		says   []string
	}{
		"a subnet without addresses": {
			neverStarted("Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-0a': InsufficientFreeAddressesInSubnet"),
			fleet.RunnerNoCapacity, []string{"InsufficientFreeAddressesInSubnet", "more or larger subnet_ids"},
		},
		"the same in EC2's sentence": {
			neverStarted("The specified subnet does not have enough free addresses to satisfy the request."),
			fleet.RunnerNoCapacity, []string{"more or larger subnet_ids"},
		},
		"a network interface that does not come": {neverStarted(timeout), fleet.RunnerNoCapacity, []string{timeout, "more or larger subnet_ids"}},
		"the same with the kind before it":       {neverStarted("ResourceInitializationError: " + timeout), fleet.RunnerNoCapacity, nil},
		"no capacity once the task was accepted": {neverStarted("Capacity is unavailable at this time. Please try again later or in a different availability zone"), fleet.RunnerNoCapacity, []string{"other zones"}},
		"no disk":                                {neverStarted("Timeout waiting for EphemeralStorage provisioning to complete."), fleet.RunnerNoCapacity, nil},
		"the quota of network interfaces":        {neverStarted("Unexpected EC2 error: NetworkInterfaceLimitExceeded"), fleet.RunnerQuotaExceeded, []string{"quota of network interfaces"}},
		"a subnet that is not there":             {neverStarted("ResourceInitializationError: Unexpected EC2 error while attempting to Create Network Interface: InvalidSubnetID.NotFound"), fleet.RunnerLaunchFailed, []string{"correct subnet_ids"}},
		"EC2 limits the rate":                    {neverStarted("Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-0a': RequestLimitExceeded"), fleet.RunnerNoCapacity, []string{"RequestLimitExceeded", "the fleet tries again"}},
		"EC2 fails":                              {neverStarted("Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-0a': InternalError"), fleet.RunnerNoCapacity, []string{"InternalError"}},
		"EC2 has an unlisted error":              {neverStarted("Unexpected EC2 error while attempting to attach network interface: Strange"), fleet.RunnerNoCapacity, []string{"Strange"}},
		"no address is left to an interface":     {neverStarted("Unexpected EC2 error while attempting to Create Network Interface: PrivateIpAddressLimitExceeded"), fleet.RunnerNoCapacity, []string{"subnet_ids"}},
		"a security group that is not there":     {neverStarted("Unexpected EC2 error while attempting to Create Network Interface: InvalidSecurityGroupID.NotFound"), fleet.RunnerLaunchFailed, []string{"correct security_groups"}},
		"too many tasks":                         {neverStarted("You've reached the limit on the number of tasks you can run concurrently"), fleet.RunnerQuotaExceeded, []string{"quota"}},
		"such words of a task that ran":          {fleet.Runner{StopCode: fleet.StopUserInitiated, StoppedReason: timeout}, fleet.RunnerStoppedEarly, []string{timeout}},

		"Spot took it back":                 {fleet.Runner{StopCode: fleet.StopSpotInterruption, ExitCode: exit(143)}, fleet.RunnerSpotInterrupted, nil},
		"Spot took it back before it began": {fleet.Runner{StopCode: fleet.StopSpotInterruption, StoppedReason: "Your Spot Task was interrupted."}, fleet.RunnerSpotInterrupted, nil},
		"the same under another stop code":  {fleet.Runner{StopCode: "TerminationNotice", StoppedReason: "Your Spot Task was interrupted."}, fleet.RunnerSpotInterrupted, nil},

		"an image that cannot be pulled": {
			fleet.Runner{StopCode: fleet.StopTaskFailedToStart, StoppedReason: "CannotPullContainerError: i/o timeout", Image: "node:22"},
			fleet.RunnerCannotPullContainer, []string{"image node:22", "i/o timeout"},
		},
		"only the container says so": {
			fleet.Runner{StopCode: fleet.StopTaskFailedToStart, StoppedReason: "Task failed to start", ContainerReason: "CannotPullContainerError: i/o timeout", Image: "node:22"},
			fleet.RunnerCannotPullContainer, []string{"image node:22", "i/o timeout"},
		},
		"GuardDuty's image cannot be pulled": {
			fleet.Runner{StopCode: fleet.StopTaskFailedToStart, StoppedReason: "Task failed to start", ContainerReason: "container aws-guardduty-agent-mfjGLB: " + pull},
			fleet.RunnerCannotPullContainer, []string{"container aws-guardduty-agent-mfjGLB", "403 Forbidden", "GuardDutyManaged"},
		},
		"the same, and only the task says so": {neverStarted(pull), fleet.RunnerCannotPullContainer, []string{"a container that AWS adds", "GuardDutyManaged"}},

		"a runner without memory": {
			fleet.Runner{RunnerID: "fleet-7-1", ExitCode: exit(137), ContainerReason: "OutOfMemoryError: Container killed due to memory usage"},
			fleet.RunnerStoppedEarly, []string{"ran out of memory (OutOfMemoryError: Container killed due to memory usage)", "runners logs fleet-7-1"},
		},
		"a container that was never created": {
			fleet.Runner{StopCode: fleet.StopEssentialContainerExited, StoppedReason: "Essential container in task exited", ContainerReason: "CannotCreateContainerError: x"},
			fleet.RunnerStoppedEarly, []string{"CannotCreateContainerError: x"},
		},
		"words that speak to a terminal": {neverStarted("a\x1b[31mb\u202ec\nd"), fleet.RunnerStoppedEarly, []string{"a [31mb c d"}},
		"words without end": {
			fleet.Runner{RunnerID: strings.Repeat("f", 40), ExitCode: exit(137), ContainerReason: strings.Repeat("word ", 200)},
			fleet.RunnerStoppedEarly, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, cause := lifecycle.StoppedBeforeJob(tc.runner)
			if got != tc.want {
				t.Errorf("got %s: %s, want %s", got, cause, tc.want)
			}
			for _, part := range tc.says {
				if !strings.Contains(cause, part) {
					t.Errorf("got %q, want …%s…", cause, part)
				}
			}
			if utf8.RuneCountInString(cause) > 300 || strings.ContainsFunc(cause, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("got %d characters: %q", utf8.RuneCountInString(cause), cause)
			}
		})
	}
}
