package simaws

import (
	"time"
)

// LeastLaunch and MostLaunch bound the time from RunTask until the container runs. Most of
// it is the pull: every task pulls the whole image (aws/containers-roadmap#696). AWS
// publishes no times; a sample in its documentation runs 24 s after it was created.
const (
	LeastLaunch = 20 * time.Second
	MostLaunch  = 50 * time.Second
)

// begin lets a task's life begin.
func (e *ECS) begin(t *task) {
	whole := e.k.Between("ecs.launch", LeastLaunch, MostLaunch)
	t.provisioningFor, t.pendingFor, t.activatingIn = whole*3/10, whole*2/10, whole/2
	if fault, strikes := e.k.Strikes(SlowLaunch, t.subject()); strikes {
		t.pendingFor += fault.For.Duration
	}
	e.changed(t)
	t.next = e.k.After(t.provisioningFor, func() { e.provisioned(t) })
}

// to gives a task its next status.
func (e *ECS) to(t *task, status string) {
	t.last = status
	e.changed(t)
}

// changed makes the event of a change. Each change has a version of its own
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html).
func (e *ECS) changed(t *task) {
	t.version++
	if e.k.Trace != nil {
		e.k.Log("task %s is %s, to be %s", t.name(), t.last, t.desired)
	}
	if e.OnEvent != nil {
		e.OnEvent(e.event(t))
	}
}

// provisioned is when the network interface is there, or could not be made.
func (e *ECS) provisioned(t *task) {
	if fault, strikes := e.k.Strikes(NetworkFails, t.subject()); strikes {
		e.failToStart(t, e.networkReason(fault.With))
		return
	}
	if _, strikes := e.k.Strikes(NoAddresses, t.subnet); strikes {
		e.failToStart(t, "Unexpected EC2 error while attempting to Create Network Interface in subnet '"+t.subnet+"': InsufficientFreeAddressesInSubnet")
		return
	}
	e.to(t, pending)
	t.next = e.k.After(t.pendingFor, func() {
		t.pullStarted = e.k.Now()
		e.to(t, activating)
		t.next = e.k.After(t.activatingIn, func() { e.pulled(t) })
	})
}

func (e *ECS) networkReason(with string) string {
	switch {
	case with != "":
		return with
	case e.k.Chance("ecs.network_reason", 0.5):
		return "Timeout waiting for network interface provisioning to complete."
	}
	return "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration."
}

// pulled is when the image is there, or could not be pulled.
func (e *ECS) pulled(t *task) {
	if fault, strikes := e.k.Strikes(PullFails, t.image); strikes {
		reason := fault.With
		if reason == "" {
			reason = "pull image manifest has been retried 5 time(s): failed to resolve ref " + t.image + ": failed to do request: i/o timeout"
		}
		e.failToStart(t, "CannotPullContainerError: "+reason)
		return
	}
	if e.Images != nil && !e.Images.serves(t.image) {
		e.failToStart(t, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "+t.image+": not found")
		return
	}
	t.pullStopped, t.started = e.k.Now(), e.k.Now()
	if fault, strikes := e.k.Strikes(ContainerCrashes, t.subject()); strikes {
		e.to(t, running)
		e.k.Log("the container of task %s exits before its program did anything", t.name())
		e.k.After(time.Second, func() { e.exited(t, new(number(fault.With, 1))) })
		return
	}
	e.run(t)
}

// run starts the program, and what will end it.
func (e *ECS) run(t *task) {
	t.up = true
	e.to(t, running)
	if _, strikes := e.k.Strikes(Hangs, t.subject()); strikes {
		t.hangs = true
	}
	if t.provider == spot {
		if fault, strikes := e.k.Strikes(SpotInterrupted, t.subject()); strikes {
			e.k.After(fault.For.Duration, func() { e.interrupt(t) })
		}
	}
	if fault, strikes := e.k.Strikes(OutOfMemory, t.subject()); strikes {
		e.k.After(fault.For.Duration, func() {
			e.killed(t, new(sigkill), "OutOfMemoryError: Container killed due to memory usage")
		})
	}
	if fault, strikes := e.k.Strikes(AgentLost, t.subject()); strikes {
		e.k.After(fault.For.Duration, func() { e.lose(t) })
	}
	if e.OnStart != nil {
		e.OnStart(TaskStart{ARN: t.arn, Env: t.environment(), StartedBy: t.startedBy, Image: t.image})
	}
}

// environment is what the definition and the overrides set; overrides win.
func (t *task) environment() map[string]string {
	env := map[string]string{}
	main, _ := t.definition.container(runner)
	for _, pair := range main.Environment {
		env[deref(pair.Name)] = deref(pair.Value)
	}
	if t.overrides == nil {
		return env
	}
	for _, o := range t.overrides.ContainerOverrides {
		if deref(o.Name) != runner {
			continue
		}
		for _, pair := range o.Environment {
			env[deref(pair.Name)] = deref(pair.Value)
		}
	}
	return env
}
