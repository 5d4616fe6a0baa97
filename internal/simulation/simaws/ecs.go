package simaws

import (
	"encoding/json"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// ECS is one cluster on Fargate, and the account's task definitions.
type ECS struct {
	// OnEvent gets each event of the default bus, in EventBridge's envelope and in
	// the order in which ECS makes them. What becomes of them is the bus's business.
	OnEvent func(event json.RawMessage)
	// OnStart says that the container named runner is up.
	OnStart func(TaskStart)
	// OnSignal says that the container gets SIGTERM. It is killed after the
	// container's stopTimeout unless Exit comes first.
	OnSignal func(arn string)
	// OnKill says that the program is gone without having exited: SIGKILL, or its
	// machine was lost. Exit has no effect any more.
	OnKill func(arn string)
	// Images is where images of the account's own repository are pulled from; nil
	// if all can be pulled.
	Images *ECR

	k   *kernel.Kernel
	cfg Config
}

// NewECS returns a cluster without tasks.
func NewECS(k *kernel.Kernel, cfg Config) *ECS { return &ECS{k: k, cfg: cfg} }

// TaskStart is a program that begins: the container named runner.
type TaskStart struct {
	ARN       string
	Env       map[string]string // of the definition and of the task's overrides
	StartedBy string
	Image     string
}

// TaskView is the truth about a task, for those who check the world.
type TaskView struct {
	ARN, StartedBy, ClientToken   string
	Definition, Image             string
	Status, DesiredStatus         string
	StopCode, StoppedReason       string
	Provider, Subnet              string
	CPU, Memory                   int       // in ECS's units
	CreatedAt, StartedAt, EndedAt time.Time // EndedAt is when the program ended
	StoppedAt                     time.Time // zero: it has not
	ExitCode                      *int      // of the container named runner
	Up                            bool      // whether the program runs
	Tags                          map[string]string
}

// Exit says that the program in a task's container has ended. It has no effect on
// one that was killed, and none while the fault Hangs holds the container.
func (e *ECS) Exit(arn string, code int) {}

// Tasks lists all tasks that were ever started, in that order.
func (e *ECS) Tasks() []TaskView { return nil }

// Running lists the tasks that have not stopped, in the order of their start.
func (e *ECS) Running() []TaskView { return nil }

// Task is one task.
func (e *ECS) Task(arn string) (TaskView, bool) { return TaskView{}, false }
