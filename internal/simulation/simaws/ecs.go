package simaws

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// ECS is one cluster on Fargate, and the account's task definitions.
type ECS struct {
	// OnEvent gets each event of the default bus, in the order in which ECS makes them.
	// The bus decides what becomes of them.
	OnEvent func(Event)
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

	k      *kernel.Kernel
	cfg    Config
	limits limits

	taskIDs, eventIDs ids
	all               []*task          // in the order of their start
	remembered        []*task          // what the API may know, in that order
	tasks             map[string]*task // of remembered, by ARN
	tokens            map[string]launched
	vCPUs             map[string]float64 // in use, by capacity provider

	families map[string]*family
}

// NewECS returns a cluster without tasks.
func NewECS(k *kernel.Kernel, cfg Config) *ECS {
	return &ECS{
		k: k, cfg: cfg, limits: newLimits(),
		taskIDs: ids{stream: "ecs.task"}, eventIDs: ids{stream: "ecs.event"},
		tasks: map[string]*task{}, tokens: map[string]launched{}, vCPUs: map[string]float64{}, families: map[string]*family{},
	}
}

// call is one call of the API: it is throttled, or has its effect.
func (e *ECS) call(what, operation string, limit *bucket, effect func() error) error {
	return e.k.Call(what, func() error {
		if _, strikes := e.k.Strikes(ECSThrottled, what); strikes || !limit.take(e.k.Now(), 1) {
			e.k.Log("%s is throttled", what)
			return refused("ECS", operation, throttled())
		}
		return refused("ECS", operation, effect())
	})
}

// isCluster refuses a request about any cluster but the only one.
func (e *ECS) isCluster(name *string) error {
	given := deref(name)
	if given != e.cfg.Cluster && given != e.cfg.ClusterARN() {
		return &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}
	}
	return nil
}

func invalid(message string) error {
	return &types.InvalidParameterException{Message: aws.String(message)}
}

func clientError(message string) error { return &types.ClientException{Message: aws.String(message)} }

// TaskStart is a program that begins: the container named runner.
type TaskStart struct {
	ARN       string
	Env       map[string]string // of the definition and of the task's overrides
	StartedBy string
	Image     string
}

// TaskView is the truth about a task, for those who check the world.
type TaskView struct {
	ARN, StartedBy, ClientToken string
	Definition, Image           string
	Status, DesiredStatus       string
	StopCode, StoppedReason     string
	Provider, Subnet            string
	CPU, Memory                 int       // in ECS's units
	CreatedAt                   time.Time // by RunTask
	PullStartedAt               time.Time // what Fargate bills from; zero if it was never pulled
	StartedAt                   time.Time // its containers; zero: they have not
	EndedAt                     time.Time // its program; zero: it has not
	StoppedAt                   time.Time // zero: it has not
	ExitCode                    *int      // of the container named runner
	Up                          bool      // whether the program runs
	Tags                        map[string]string
}

// Tasks lists all tasks that were ever started, in that order.
func (e *ECS) Tasks() []TaskView {
	views := make([]TaskView, len(e.all))
	for i, t := range e.all {
		views[i] = t.view()
	}
	return views
}

// Running lists the tasks that have not stopped, in the order of their start. It
// costs no more than the tasks of the last hour.
func (e *ECS) Running() []TaskView {
	e.forget()
	var views []TaskView
	for _, t := range e.remembered {
		if t.last != stopped {
			views = append(views, t.view())
		}
	}
	return views
}

// Task is one task that has not stopped more than an hour ago.
func (e *ECS) Task(arn string) (TaskView, bool) {
	t, ok := e.tasks[arn]
	if !ok {
		return TaskView{}, false
	}
	return t.view(), true
}

// keeps is how long a stopped task is remembered, at least
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html:
// "Stopped tasks are currently displayed in the returned results for at least one
// hour").
const keeps = time.Hour

// forget drops the tasks that stopped too long ago.
func (e *ECS) forget() {
	now := e.k.Now()
	if len(e.remembered) == 0 || !e.remembered[0].over(now) {
		return // the oldest is nearly always among the first to go
	}
	kept := e.remembered[:0]
	for _, t := range e.remembered {
		if !t.over(now) {
			kept = append(kept, t)
			continue
		}
		delete(e.tasks, t.arn)
		if launch, ok := e.tokens[t.token]; ok && launch.tasks[0] == t {
			delete(e.tokens, t.token)
		}
	}
	clear(e.remembered[len(kept):])
	e.remembered = kept
}

// find is a task by its ARN or id, if the API knows it by now.
func (e *ECS) find(id string) (*task, bool) {
	if !strings.HasPrefix(id, "arn:") {
		id = e.cfg.arn("ecs", "task/"+e.cfg.Cluster+"/"+id)
	}
	t, ok := e.tasks[id]
	if !ok || t.over(e.k.Now()) || e.k.Now().Before(t.knownAt) {
		return nil, false
	}
	return t, true
}
