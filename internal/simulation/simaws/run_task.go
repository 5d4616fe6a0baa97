package simaws

import (
	"context"
	"reflect"
	"strconv"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// launched is what a client token stands for.
type launched struct {
	in    ecs.RunTaskInput
	tasks []*task
	at    time.Time
}

// RunTask starts tasks. A token of an earlier request gets that one's tasks again; a
// request that finds no room is answered with 200, failures and no task
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
func (e *ECS) RunTask(_ context.Context, in *ecs.RunTaskInput, _ ...func(*ecs.Options)) (out *ecs.RunTaskOutput, err error) {
	err = e.call("ecs.run_task", "RunTask", e.limits.clusterModify, func() error {
		out, err = e.runTask(in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (e *ECS) runTask(in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	r := request{in: in, provider: e.provider(in), count: max(1, int(aws.ToInt32(in.Count)))}
	subject := r.provider + "/" + deref(in.StartedBy)
	if _, strikes := e.k.Strikes(RunTaskError, subject); strikes {
		return nil, &types.ServerException{Message: aws.String("Service Unavailable. Please try again later.")}
	}
	if !e.limits.runTask.take(e.k.Now(), 1) {
		return nil, throttled()
	}
	if err := e.isCluster(in.Cluster); err != nil {
		return nil, err
	}
	if again, err := e.again(in); again != nil || err != nil {
		return again, err
	}
	if err := e.check(&r); err != nil {
		return nil, err
	}
	if failure := e.noRoom(r, subject); failure != "" {
		e.k.Log("ecs starts no task for %s: %s", subject, failure)
		return &ecs.RunTaskOutput{Failures: []types.Failure{{Reason: aws.String(failure)}}}, nil
	}
	if !e.launchBucket(r.provider).take(e.k.Now(), float64(r.count)) {
		return nil, throttled()
	}
	tasks := e.startTasks(r)
	if _, strikes := e.k.Strikes(AnswerLost, subject); strikes {
		e.k.Log("ecs starts task %s, and the answer is lost", tasks[0].name())
		return nil, lostAnswer()
	}
	return e.answer(tasks), nil
}

// again is the answer to a request whose token was used before, for a task that is
// remembered: for 24 hours or until an hour after its end, whatever comes first. The
// same parameters get the same tasks; other parameters are a conflict, and name them
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html).
// A request that started nothing leaves nothing to remember.
func (e *ECS) again(in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	token := deref(in.ClientToken)
	first, ok := e.tokens[token]
	if token == "" || !ok {
		return nil, nil
	}
	if now := e.k.Now(); now.Sub(first.at) >= 24*time.Hour || first.tasks[0].over(now) {
		delete(e.tokens, token)
		return nil, nil
	}
	if reflect.DeepEqual(first.in, *in) {
		return e.answer(first.tasks), nil
	}
	conflict := &types.ConflictException{Message: aws.String("The client token was used with other parameters.")}
	for _, t := range first.tasks {
		conflict.ResourceIds = append(conflict.ResourceIds, t.arn)
	}
	return nil, conflict
}

// noRoom is the reason for which no task can start just now, "" if one can. The
// apostrophe in the one about the quota is ECS's.
func (e *ECS) noRoom(r request, subject string) string {
	const quota = "You’ve reached the limit on the number of vCPUs you can run concurrently"
	if _, strikes := e.k.Strikes(NoCapacity, subject); strikes {
		return "Capacity is unavailable at this time. Please try again later or in a different availability zone"
	}
	if _, strikes := e.k.Strikes(Quota, subject); strikes {
		return quota
	}
	limit := e.cfg.VCPUQuota
	if r.provider == spot {
		limit = e.cfg.SpotVCPUQuota
	}
	if limit > 0 && e.vCPUs[r.provider]+float64(r.count*r.cpu)/1024 > limit {
		return quota
	}
	return ""
}

func (e *ECS) launchBucket(provider string) *bucket {
	if provider == spot {
		return e.limits.spotLaunches
	}
	return e.limits.launches
}

func (e *ECS) startTasks(r request) []*task {
	tasks := make([]*task, r.count)
	for i := range tasks {
		tasks[i] = e.newTask(r)
	}
	if token := deref(r.in.ClientToken); token != "" {
		e.tokens[token] = launched{in: *r.in, tasks: tasks, at: e.k.Now()}
	}
	for _, t := range tasks {
		e.begin(t)
	}
	return tasks
}

func (e *ECS) newTask(r request) *task {
	now, id := e.k.Now(), e.taskIDs.hex()
	main, _ := r.definition.container(runner)
	t := &task{
		arn: e.cfg.arn("ecs", "task/"+e.cfg.Cluster+"/"+id), id: id, n: len(e.all),
		startedBy: deref(r.in.StartedBy), token: deref(r.in.ClientToken),
		definition: r.definition, image: deref(main.Image), stopTimeout: stopTimeout(main),
		overrides: r.in.Overrides, tags: r.in.Tags, provider: r.provider, cpu: r.cpu, memory: r.memory,
		subnet: r.subnets[e.k.Int("ecs.subnet", len(r.subnets))],
		last:   provisioning, desired: running, created: now,
	}
	// What was just made may not be seen by the next call (API_RunTask, "eventual
	// consistency").
	t.knownAt = now.Add(e.k.Between("ecs.consistency", 0, 2*time.Second))
	if fault, strikes := e.k.Strikes(TaskMissing, t.subject()); strikes {
		t.describedAt = now.Add(fault.For.Duration)
	}
	if fault, strikes := e.k.Strikes(SidecarFirst, t.subject()); strikes {
		t.sidecar = newSidecar(id, fault.With, true)
	} else if fault, strikes := e.k.Strikes(SidecarLast, t.subject()); strikes {
		t.sidecar = newSidecar(id, fault.With, false)
	}
	r.definition.tasks++
	e.vCPUs[t.provider] += t.vCPUs()
	e.all, e.remembered, e.tasks[t.arn] = append(e.all, t), append(e.remembered, t), t
	return t
}

func newSidecar(id, exit string, first bool) *sidecar {
	return &sidecar{name: "aws-guardduty-agent-" + id[:8], first: first, exit: number(exit, 0)}
}

// number reads a fault's With.
func number(with string, otherwise int) int {
	if n, err := strconv.Atoi(with); err == nil {
		return n
	}
	return otherwise
}

// stopTimeout is the time between SIGTERM and SIGKILL: 30 s if the definition says
// nothing, 120 s at most
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html).
func stopTimeout(c types.ContainerDefinition) time.Duration {
	if c.StopTimeout == nil {
		return 30 * time.Second
	}
	return time.Duration(*c.StopTimeout) * time.Second
}

func (e *ECS) answer(tasks []*task) *ecs.RunTaskOutput {
	out := &ecs.RunTaskOutput{}
	for _, t := range tasks {
		out.Tasks = append(out.Tasks, t.sdk(e.cfg.ClusterARN()))
	}
	return out
}

// lostAnswer is what the SDK returns when the connection breaks after the request.
func lostAnswer() error {
	return &smithyhttp.RequestSendError{Err: syscall.ECONNRESET}
}
