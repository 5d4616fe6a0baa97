package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// noAddress ends the runner as one whose subnet had no address.
func (w *held) noAddress(subnet string) {
	w.runner, _ = w.runner.ApplyTask(fleet.Task{
		ARN: "arn:task/1", LastStatus: fleet.TaskStopped, StopCode: fleet.StopTaskFailedToStart, StoppedReason: "no free addresses", Version: 3,
		Attachments: []fleet.Attachment{{Details: []fleet.Detail{{Name: "networkInterfaceId", Value: "eni-1"}, {Name: "subnetId", Value: subnet}}}},
	}, w.now)
	w.fail(fleet.RunnerNoCapacity)
}

func TestASubnetWithoutRoomIsLeftOut(t *testing.T) {
	w := newHeld(t)
	w.launch()
	equal(t, len(w.runner.LeftOut), 0)
	w.noAddress("subnet-0a")
	if w.launch() == "" {
		t.Fatalf("the run waits, and there may be another subnet: %s", w.run.Reason)
	}
	equal(t, w.runner.LeftOut, []string{"subnet-0a"})

	other := w.another(8, func(r *fleet.Run) { r.Job.Repository, r.ClassName = "octo/other", "large" })
	other.now = w.now.Add(10 * time.Minute)
	other.launch()
	equal(t, other.runner.LeftOut, []string{"subnet-0a"})
	later := w.another(9, nil)
	later.now = w.now.Add(10*time.Minute + 1)
	later.launch()
	equal(t, len(later.runner.LeftOut), 0)
}

func TestNoSubnetHasRoom(t *testing.T) {
	w := newHeld(t)
	for _, subnet := range []string{"subnet-0a", "subnet-0b"} {
		w.launch()
		w.noAddress(subnet)
	}
	if w.launch() == "" {
		t.Fatalf("each subnet is tried once, and the run waits: %s", w.run.Reason)
	}
	equal(t, w.runner.LeftOut, []string{"subnet-0a", "subnet-0b"})
	w.noAddress("subnet-0b")
	equal(t, w.launch(), "")
	equal(t, w.run.Setback.Hold, "capacity/small/0")
	w.now = w.now.Add(time.Minute)
	if w.launch() == "" {
		t.Errorf("it is not tried again after a minute: %s", w.run.Reason)
	}
}

// Other reasons for the end of a task say nothing about its subnet.
func TestASubnetIsLeftOutForWantOfRoomAlone(t *testing.T) {
	task := fleet.Task{
		ARN: "arn:task/1", LastStatus: fleet.TaskStopped, StopCode: fleet.StopTaskFailedToStart, Version: 3,
		Attachments: []fleet.Attachment{{Details: []fleet.Detail{{Name: "subnetId", Value: "subnet-0a"}}}},
	}
	for name, c := range map[string]struct {
		change func(*fleet.Task)
		fails  string
	}{
		"an image cannot be pulled": {func(*fleet.Task) {}, fleet.RunnerCannotPullContainer},
		"the quota is used up":      {func(*fleet.Task) {}, fleet.RunnerQuotaExceeded},
		"the container ran":         {func(t *fleet.Task) { t.StopCode = "EssentialContainerExited" }, fleet.RunnerNoCapacity},
		"no subnet is named":        {func(t *fleet.Task) { t.Attachments = nil }, fleet.RunnerNoCapacity},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHeld(t)
			w.launch()
			stopped := task
			c.change(&stopped)
			w.runner, _ = w.runner.ApplyTask(stopped, w.now)
			w.fail(c.fails)
			equal(t, w.launch(), "")
			if _, kept := w.holds[fleet.SubnetsHold()]; kept {
				t.Error("a subnet is left out")
			}
		})
	}
}

func TestSubnetOfATask(t *testing.T) {
	const reason = "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-0a1b': InsufficientFreeAddressesInSubnet"
	eni := []fleet.Attachment{{}, {Details: []fleet.Detail{{Name: "macAddress", Value: "02:"}, {Name: "subnetId", Value: "subnet-0c"}}}}
	for name, c := range map[string]struct {
		task fleet.Task
		want string
	}{
		"its interface names it":  {fleet.Task{Attachments: eni, StoppedReason: reason}, "subnet-0c"},
		"the reason names it":     {fleet.Task{StoppedReason: reason}, "subnet-0a1b"},
		"nothing names it":        {fleet.Task{StoppedReason: "Timeout waiting for network interface provisioning to complete."}, ""},
		"the reason names others": {fleet.Task{StoppedReason: "the subnet-group is missing"}, ""},
	} {
		t.Run(name, func(t *testing.T) { equal(t, c.task.Subnet(), c.want) })
	}
}
