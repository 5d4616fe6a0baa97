package simaws

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// page is the most that a list returns and DescribeTasks takes.
const page = 100

// DescribeTasks describes up to 100 tasks. A task that is not known, not yet or no
// longer, is a failure with the reason MISSING and no error
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html).
func (e *ECS) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	out := &ecs.DescribeTasksOutput{}
	err := e.call("ecs.describe_tasks", "DescribeTasks", e.limits.clusterRead, func() error {
		if err := e.isCluster(in.Cluster); err != nil {
			return err
		}
		if len(in.Tasks) == 0 || len(in.Tasks) > page {
			return invalid("Tasks must have 1 to 100 entries.")
		}
		clusterARN, now := e.cfg.ClusterARN(), e.k.Now()
		out.Tasks = make([]types.Task, 0, len(in.Tasks))
		for _, id := range in.Tasks {
			t, ok := e.find(id)
			if !ok || now.Before(t.describedAt) {
				if ok {
					e.k.Log("ECS lists task %s and does not describe it", t.name())
				}
				out.Failures = append(out.Failures, types.Failure{Arn: aws.String(id), Reason: aws.String("MISSING")})
				continue
			}
			shown := t.sdk(clusterARN)
			if !slices.Contains(in.Include, types.TaskFieldTags) {
				shown.Tags = nil
			}
			out.Tasks = append(out.Tasks, shown)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListTasks lists the tasks of a desired status, RUNNING if none is given. A task
// that is to be stopped is in the list of STOPPED long before it has stopped, and one
// that has stopped stays there for an hour
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html).
func (e *ECS) ListTasks(_ context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	out := &ecs.ListTasksOutput{}
	err := e.call("ecs.list_tasks", "ListTasks", e.limits.clusterRead, func() error {
		if err := e.isCluster(in.Cluster); err != nil {
			return err
		}
		if in.StartedBy != nil && (in.Family != nil || in.LaunchType != "") {
			return invalid("startedBy must be the only filter.")
		}
		return e.list(in, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (e *ECS) list(in *ecs.ListTasksInput, out *ecs.ListTasksOutput) error {
	e.forget()
	after, err := strconv.Atoi(deref(in.NextToken))
	if in.NextToken != nil && err != nil {
		return invalid("Invalid token.")
	}
	desired, limit := running, pageSize(in.MaxResults)
	if in.DesiredStatus != "" {
		desired = string(in.DesiredStatus)
	}
	now, last := e.k.Now(), 0
	for _, t := range e.remembered {
		if t.n < after || t.desired != desired || t.over(now) || now.Before(t.knownAt) ||
			in.StartedBy != nil && t.startedBy != *in.StartedBy ||
			in.Family != nil && t.definition.family != *in.Family {
			continue
		}
		if len(out.TaskArns) == limit {
			out.NextToken = aws.String(strconv.Itoa(last + 1))
			return nil
		}
		out.TaskArns, last = append(out.TaskArns, t.arn), t.n
	}
	return nil
}

// pageSize is how many a list returns: 100, or less if asked for.
func pageSize(most *int32) int {
	if most == nil || *most < 1 || *most > page {
		return page
	}
	return int(*most)
}

// StopTask says that a task is to be stopped. Its containers get SIGTERM, and SIGKILL
// after their stopTimeout. It returns a task that has stopped as it is
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html).
func (e *ECS) StopTask(_ context.Context, in *ecs.StopTaskInput, _ ...func(*ecs.Options)) (*ecs.StopTaskOutput, error) {
	out := &ecs.StopTaskOutput{}
	err := e.call("ecs.stop_task", "StopTask", e.limits.clusterModify, func() error {
		if err := e.isCluster(in.Cluster); err != nil {
			return err
		}
		t, ok := e.find(deref(in.Task))
		if !ok {
			return invalid("The referenced task was not found.")
		}
		reason := deref(in.Reason)
		if reason == "" {
			reason = "Task stopped by user"
		}
		e.retire(t, userInitiated, reason)
		shown := t.sdk(e.cfg.ClusterARN())
		out.Task = &shown
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
