package simaws

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// sigkill is the exit code of a program that SIGKILL ended.
const sigkill = 137

// Stop codes
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html).
const (
	failedToStart   = "TaskFailedToStart"
	essentialExited = "EssentialContainerExited"
	userInitiated   = "UserInitiated"
	interrupted     = "SpotInterruption"
	infrastructure  = "InfrastructureHealth"
)

// Exit says that the program in a task's container has ended. It has no effect if
// the program was killed, or while the fault Hangs holds the container.
func (e *ECS) Exit(arn string, code int) {
	t, ok := e.tasks[arn]
	if !ok || !t.up {
		return
	}
	if t.hangs {
		e.k.Log("the program of task %s ends with %d, and its container goes on", t.name(), code)
		return
	}
	e.exited(t, &code)
}

// exited is the end of the container named runner. It is essential, so the task ends
// with it. There is no exit code if its machine was lost.
func (e *ECS) exited(t *task, code *int) {
	if !t.ended.IsZero() {
		return
	}
	t.up, t.exit, t.ended = false, code, e.k.Now()
	stopTimer(t.kill)
	e.k.Log("the program of task %s has ended", t.name())
	if t.desired != stopped {
		e.retire(t, essentialExited, "Essential container in task exited")
		return
	}
	if t.last == stopping {
		t.next = e.k.After(time.Second, func() { e.deprovision(t) })
	}
}

// killed ends a program without a signal that it could handle.
func (e *ECS) killed(t *task, code *int, why string) {
	if !t.up {
		return
	}
	t.exitReason = why
	e.k.Log("the program of task %s is killed %s", t.name(), why)
	if e.OnKill != nil {
		e.OnKill(t.arn)
	}
	e.exited(t, code)
}

// retire says that a task is to be stopped, and why. Only the first reason counts.
func (e *ECS) retire(t *task, code, reason string) {
	if t.desired == stopped {
		return
	}
	t.desired, t.stopCode, t.reason, t.stoppingSince = stopped, code, reason, e.k.Now()
	stopTimer(t.next)
	e.changed(t)
	if t.started.IsZero() {
		t.next = e.k.After(time.Second, func() { e.deprovision(t) })
		return
	}
	t.next = e.k.After(time.Second, func() { e.deactivate(t) })
}

// deactivate sends SIGTERM, and SIGKILL after the container's stopTimeout
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html).
func (e *ECS) deactivate(t *task) {
	if t.up {
		t.kill = e.k.After(t.stopTimeout, func() { e.killed(t, new(sigkill), "") })
		e.k.Log("the program of task %s gets SIGTERM", t.name())
	}
	e.to(t, deactivating)
	t.next = e.k.After(time.Second, func() {
		e.to(t, stopping)
		if !t.ended.IsZero() {
			t.next = e.k.After(time.Second, func() { e.deprovision(t) })
		}
	})
	if t.up && e.OnSignal != nil {
		e.OnSignal(t.arn)
	}
}

// deprovision gives the network interface back.
func (e *ECS) deprovision(t *task) {
	e.to(t, deprovisioning)
	t.next = e.k.After(e.k.Between("ecs.deprovision", 3*time.Second, 10*time.Second), func() { e.stopped(t) })
}

func (e *ECS) stopped(t *task) {
	t.stoppedAt = e.k.Now()
	e.vCPUs[t.provider] -= t.vCPUs()
	e.to(t, stopped)
	t.definition.tasks--
	e.unused(t.definition)
}

// failToStart ends a task whose container never ran.
func (e *ECS) failToStart(t *task, reason string) {
	e.k.Log("task %s fails to start: %s", t.name(), reason)
	e.retire(t, failedToStart, reason)
}

// interrupt is Spot's notice: the event and SIGTERM come two minutes before the
// machine goes, and SIGKILL after the stopTimeout, which is at most as long
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html).
func (e *ECS) interrupt(t *task) {
	if t.desired == stopped {
		return
	}
	e.k.Log("spot takes task %s back", t.name())
	e.retire(t, interrupted, "Your Spot Task was interrupted.")
}

// lose takes a task's machine away. ECS notices it only after a while, and never
// learns the exit code.
func (e *ECS) lose(t *task) {
	if !t.up {
		return
	}
	e.k.Log("the machine of task %s is lost", t.name())
	t.up, t.lost = false, true
	stopTimer(t.kill)
	if e.OnKill != nil {
		e.OnKill(t.arn)
	}
	e.k.After(e.k.Between("ecs.notice", time.Minute, 5*time.Minute), func() {
		t.ended = e.k.Now()
		if t.desired == stopped {
			t.next = e.k.After(0, func() { e.deprovision(t) })
			return
		}
		e.retire(t, infrastructure, "The task was stopped because its host is not reachable.")
	})
}

func stopTimer(t *kernel.Timer) {
	if t != nil {
		t.Stop()
	}
}
