package local

import (
	"cmp"
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// fargateDisk is what a task has on Fargate unless its class says more, in GiB.
const fargateDisk = 20

// platform is the ledger of this machine's tasks, as the fleet's functions ask for it.
type platform struct {
	*task.Ledger
	kind string // of what a task is, for people

	disks disks // that a new task needs

	// images knows the task definitions where tasks have images, else nil.
	images func(ctx context.Context, definition string) (fleet.TaskDefinition, bool, error)
}

func (p *platform) Launch(ctx context.Context, launch fleet.TaskLaunch) (fleet.Task, error) {
	spec := task.Spec{
		RunnerID: launch.RunnerID, ClientToken: launch.ClientToken, Env: launch.Env,
		Image: launch.TaskDefinition, CPU: launch.CPU, Memory: launch.Memory, DiskGiB: cmp.Or(launch.EphemeralStorage, fargateDisk),
	}
	if p.images != nil {
		definition, ok, err := p.images(ctx, launch.TaskDefinition)
		if err != nil {
			return fleet.Task{}, err
		}
		if !ok {
			return fleet.Task{}, fleet.Errorf(fleet.RunnerDefinitionGone, "task definition %s is not known any more", launch.TaskDefinition)
		}
		spec.Image = definition.Image
	}
	if len(p.List(launch.RunnerID)) == 0 {
		if err := p.disks.check(); err != nil {
			return fleet.Task{}, err
		}
	}
	launched, err := p.Ledger.Launch(ctx, spec)
	if err != nil && fleet.ErrorName(err) == "" {
		err = fleet.Errorf(fleet.RunnerLaunchFailed, "start %s for %s: %w", p.kind, launch.RunnerID, err)
	}
	return launched, err
}

func (p *platform) Describe(_ context.Context, arn string) (fleet.Task, bool, error) {
	task, ok := p.Ledger.Describe(arn)
	return task, ok, nil
}

func (p *platform) Tasks(context.Context) ([]fleet.Task, error) { return p.List(""), nil }

func (p *platform) TasksOf(_ context.Context, runnerID string) ([]fleet.Task, error) {
	return p.List(runnerID), nil
}

// live counts the tasks that have not ended.
func (f *Fleet) live() (n int) {
	for _, task := range f.platform.List("") {
		if task.LastStatus != fleet.TaskStopped {
			n++
		}
	}
	return n
}
