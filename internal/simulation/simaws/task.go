package simaws

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// The statuses of a task, in the order of its life
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html).
const (
	provisioning   = "PROVISIONING"
	pending        = "PENDING"
	activating     = "ACTIVATING"
	running        = "RUNNING"
	deactivating   = "DEACTIVATING"
	stopping       = "STOPPING"
	deprovisioning = "DEPROVISIONING"
	stopped        = "STOPPED"
)

const (
	onDemand = "FARGATE"
	spot     = "FARGATE_SPOT"
)

// runner is the name of the container that the fleet is about.
const runner = "runner"

// task is one task. Its times are zero until they are.
type task struct {
	arn, id, startedBy, token string
	n                         int // its number in the order of all
	definition                *definition
	image                     string
	overrides                 *types.TaskOverride
	tags                      []types.Tag
	provider, subnet          string
	cpu, memory               int
	stopTimeout               time.Duration
	sidecar                   *sidecar

	last, desired, stopCode, reason           string
	version                                   int64
	created, pullStarted, pullStopped         time.Time
	started, ended, stoppingSince, stoppedAt  time.Time
	knownAt                                   time.Time // to the API
	describedAt                               time.Time // by DescribeTasks
	exit                                      *int      // of the runner's container
	exitReason                                string
	up, hangs, lost                           bool
	pendingFor, provisioningFor, activatingIn time.Duration

	next *kernel.Timer // the next status
	kill *kernel.Timer // SIGKILL
}

// sidecar is a container that AWS adds to a task.
type sidecar struct {
	name  string
	first bool // in the list of containers
	exit  int
}

// subject is what faults know a task by.
func (t *task) subject() string { return t.provider + "/" + t.startedBy }

// name is what people know it by.
func (t *task) name() string {
	if t.startedBy != "" {
		return t.startedBy
	}
	return t.id
}

// over reports whether the API may have forgotten it.
func (t *task) over(now time.Time) bool {
	return t.last == stopped && now.Sub(t.stoppedAt) >= keeps
}

func (t *task) vCPUs() float64 { return float64(t.cpu) / 1024 }

func (t *task) view() TaskView {
	v := TaskView{
		ARN: t.arn, StartedBy: t.startedBy, ClientToken: t.token,
		Definition: t.definition.arn, Image: t.image,
		Status: t.last, DesiredStatus: t.desired, StopCode: t.stopCode, StoppedReason: t.reason,
		Provider: t.provider, Subnet: t.subnet, CPU: t.cpu, Memory: t.memory,
		CreatedAt: t.created, PullStartedAt: t.pullStarted, StartedAt: t.started, EndedAt: t.ended, StoppedAt: t.stoppedAt,
		ExitCode: t.exit, Up: t.up,
	}
	if len(t.tags) > 0 {
		v.Tags = make(map[string]string, len(t.tags))
		for _, tag := range t.tags {
			v.Tags[deref(tag.Key)] = deref(tag.Value)
		}
	}
	return v
}

// container is one container as the API and the events show it.
type container struct {
	name, image, status, reason string
	exit                        *int
}

// containers are those of the task. GuardDuty's may be before the runner's or behind
// it: nothing promises an order.
func (t *task) containers() []container {
	status := pending
	switch {
	case t.last == stopped, !t.ended.IsZero(), t.desired == stopped && t.started.IsZero():
		status = stopped
	case !t.started.IsZero():
		status = running
	}
	main := container{name: runner, image: t.image, status: status, reason: t.exitReason, exit: t.exit}
	if t.sidecar == nil {
		return []container{main}
	}
	side := container{name: t.sidecar.name, image: "guardduty/aws-guardduty-agent-fargate:v1", status: status}
	if status == stopped && !t.started.IsZero() {
		side.exit = &t.sidecar.exit
	}
	if t.sidecar.first {
		return []container{side, main}
	}
	return []container{main, side}
}

// sdk is the task as DescribeTasks shows it.
func (t *task) sdk(clusterARN string) types.Task {
	out := types.Task{
		TaskArn: &t.arn, ClusterArn: &clusterARN, TaskDefinitionArn: &t.definition.arn, Group: aws.String("family:" + t.definition.family),
		LastStatus: aws.String(t.last), DesiredStatus: aws.String(t.desired), StopCode: types.TaskStopCode(t.stopCode),
		CapacityProviderName: aws.String(t.provider), LaunchType: types.LaunchTypeFargate, PlatformVersion: aws.String("1.4.0"),
		Cpu: aws.String(strconv.Itoa(t.cpu)), Memory: aws.String(strconv.Itoa(t.memory)), Overrides: t.overrides, Tags: t.tags,
		CreatedAt: &t.created, PullStartedAt: instant(t.pullStarted), PullStoppedAt: instant(t.pullStopped), StartedAt: instant(t.started),
		ExecutionStoppedAt: instant(t.ended), StoppingAt: instant(t.stoppingSince), StoppedAt: instant(t.stoppedAt),
		Connectivity: types.ConnectivityConnected, Version: t.version,
		Attachments: []types.Attachment{{
			Id: &t.id, Type: aws.String("ElasticNetworkInterface"), Status: aws.String(t.interfaceStatus()),
			Details: []types.KeyValuePair{{Name: aws.String("subnetId"), Value: &t.subnet}},
		}},
	}
	if t.startedBy != "" {
		out.StartedBy = &t.startedBy
	}
	if t.reason != "" {
		out.StoppedReason = aws.String(t.reason)
	}
	if t.lost {
		out.Connectivity = types.ConnectivityDisconnected
	}
	for _, c := range t.containers() {
		one := types.Container{Name: aws.String(c.name), Image: aws.String(c.image), LastStatus: aws.String(c.status), TaskArn: &t.arn}
		if c.exit != nil {
			one.ExitCode = aws.Int32(int32(*c.exit))
		}
		if c.reason != "" {
			one.Reason = aws.String(c.reason)
		}
		out.Containers = append(out.Containers, one)
	}
	return out
}

// instant is a pointer to a time that has come, else nil.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
