package ecsfleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// maxReason keeps a reason readable in ECS's console; ECS documents no limit.
const maxReason = 255

// missing is the reason of a failure for a task that ECS does not know.
const missing = "MISSING"

// Stop asks ECS to stop a task: its containers get SIGTERM, and SIGKILL two minutes
// later. A task that has stopped, or is not known, is no error.
func (p Platform) Stop(ctx context.Context, arn, reason string) error {
	if arn == "" {
		return nil
	}
	if runes := []rune(reason); len(runes) > maxReason {
		reason = string(runes[:maxReason])
	}
	_, err := p.ECS.StopTask(ctx, &ecs.StopTaskInput{Cluster: aws.String(p.Cluster), Task: aws.String(arn), Reason: aws.String(reason)})
	if isUnknownTask(err) {
		return nil
	}
	return awserr.CallError(err, "stop task %s", arn)
}

func isUnknownTask(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && strings.Contains(strings.ToLower(api.ErrorMessage()), "task was not found")
}

// Describe returns a task's state. known is false for a task that ECS does not know
// yet, right after RunTask, or no longer, an hour after its end at the earliest.
func (p Platform) Describe(ctx context.Context, arn string) (task fleet.Task, known bool, err error) {
	found, unknown, err := p.describe(ctx, []string{arn})
	if err != nil || len(unknown) > 0 {
		return fleet.Task{}, false, err
	}
	return found[0], true, nil
}

// Tasks lists the tasks of this fleet, stopped ones too as long as ECS remembers them.
// It fails if the list may lack a task. Of a task that ECS lists but cannot describe,
// and whose fleet is therefore not known, only the ARN is set.
//
// ECS cannot list by the beginning of startedBy, so this reads the whole cluster, a
// hundred tasks per two calls. Tasks that are to run are listed first: a task that
// stops meanwhile is then on the second list, or on both.
func (p Platform) Tasks(ctx context.Context) ([]fleet.Task, error) {
	alive, err := p.list(ctx, types.DesiredStatusRunning)
	if err != nil {
		return nil, err
	}
	ended, err := p.list(ctx, types.DesiredStatusStopped)
	if err != nil {
		return nil, err
	}
	arns := slices.Concat(alive, ended)
	slices.Sort(arns)
	arns = slices.Compact(arns)

	var ours []fleet.Task
	for some := range slices.Chunk(arns, page) {
		tasks, unknown, err := p.describe(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, arn := range unknown {
			ours = append(ours, fleet.Task{ARN: arn})
		}
		for _, task := range tasks {
			if _, _, ok := fleet.ParseRunnerID(p.FleetName, task.StartedBy); ok {
				ours = append(ours, task)
			}
		}
	}
	return ours, nil
}

func (p Platform) list(ctx context.Context, status types.DesiredStatus) ([]string, error) {
	var arns []string
	pages := ecs.NewListTasksPaginator(p.ECS, &ecs.ListTasksInput{Cluster: aws.String(p.Cluster), DesiredStatus: status, MaxResults: aws.Int32(page)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.CallError(err, "list %s tasks of cluster %s", status, p.Cluster)
		}
		arns = append(arns, out.TaskArns...)
	}
	return arns, nil
}

// describe returns the tasks that ECS knows and the ARNs of those it does not. It fails
// if a requested task is neither.
func (p Platform) describe(ctx context.Context, arns []string) (tasks []fleet.Task, unknown []string, err error) {
	out, err := p.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(p.Cluster), Tasks: arns})
	if err != nil {
		return nil, nil, awserr.CallError(err, "describe %s", several(arns))
	}
	for _, f := range out.Failures {
		if text(f.Reason) != missing {
			return nil, nil, fmt.Errorf("describe task %s: %s %s", text(f.Arn), text(f.Reason), text(f.Detail))
		}
		unknown = append(unknown, text(f.Arn))
	}
	tasks = make([]fleet.Task, 0, len(out.Tasks))
	for _, t := range out.Tasks {
		tasks = append(tasks, taskOf(t))
	}
	if len(tasks)+len(unknown) < len(arns) {
		return nil, nil, fleet.Errorf(fleet.AWSUnavailable, "describe %s: ECS answered for %d only", several(arns), len(tasks)+len(unknown))
	}
	return tasks, unknown, nil
}

func several(arns []string) string {
	if len(arns) == 1 {
		return "task " + arns[0]
	}
	return fmt.Sprintf("%d tasks", len(arns))
}

// taskOf has the fields of an ECS task state change event.
func taskOf(t types.Task) fleet.Task {
	task := fleet.Task{
		ARN:           text(t.TaskArn),
		ClusterARN:    text(t.ClusterArn),
		StartedBy:     text(t.StartedBy),
		LastStatus:    text(t.LastStatus),
		DesiredStatus: text(t.DesiredStatus),
		StopCode:      string(t.StopCode),
		StoppedReason: text(t.StoppedReason),
		CreatedAt:     t.CreatedAt,
		PullStartedAt: t.PullStartedAt,
		PullStoppedAt: t.PullStoppedAt,
		StartedAt:     t.StartedAt,
		StoppingAt:    t.StoppingAt,
		StoppedAt:     t.StoppedAt,
		Version:       t.Version,
	}
	for _, a := range t.Attachments {
		var attached fleet.Attachment
		for _, d := range a.Details {
			attached.Details = append(attached.Details, fleet.Detail{Name: text(d.Name), Value: text(d.Value)})
		}
		task.Attachments = append(task.Attachments, attached)
	}
	for _, c := range t.Containers {
		container := fleet.Container{Name: text(c.Name), Reason: text(c.Reason)}
		if c.ExitCode != nil {
			code := int(*c.ExitCode)
			container.ExitCode = &code
		}
		task.Containers = append(task.Containers, container)
	}
	return task
}
