package local

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/process"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// platform runs the fleet's tasks on this machine.
type platform interface {
	Launch(ctx context.Context, launch fleet.TaskLaunch) (fleet.Task, error)
	Stop(ctx context.Context, arn, reason string) error
	Describe(ctx context.Context, arn string) (fleet.Task, bool, error)
	// Tasks are all that are known, stopped ones too; a list that may lack one is an
	// error.
	Tasks(ctx context.Context) ([]fleet.Task, error)
	TasksOf(ctx context.Context, runnerID string) ([]fleet.Task, error)
	// Resume takes over what an earlier process left, and tells of it.
	Resume(ctx context.Context) error
	Close(ctx context.Context) error
}

// processes runs tasks as plain processes.
type processes struct{ launcher *process.Launcher }

func (p processes) Launch(ctx context.Context, launch fleet.TaskLaunch) (fleet.Task, error) {
	task, err := p.launcher.Launch(ctx, process.Spec{
		RunnerID: launch.RunnerID, ClientToken: launch.ClientToken, Env: launch.Env,
		Image: launch.TaskDefinition, CPU: strconv.Itoa(launch.CPU), Memory: strconv.Itoa(launch.Memory),
	})
	return task, launchFailed(err, "a process", launch.RunnerID)
}

func (p processes) Stop(ctx context.Context, arn, reason string) error {
	return p.launcher.Stop(ctx, arn, reason)
}

func (p processes) Describe(ctx context.Context, arn string) (fleet.Task, bool, error) {
	task, ok := p.launcher.Describe(ctx, arn)
	return task, ok, nil
}

func (p processes) Tasks(ctx context.Context) ([]fleet.Task, error) {
	return p.launcher.List(ctx, ""), nil
}

func (p processes) TasksOf(ctx context.Context, runnerID string) ([]fleet.Task, error) {
	return p.launcher.List(ctx, runnerID), nil
}

func (p processes) Resume(context.Context) error { return p.launcher.Resume() }

func (p processes) Close(ctx context.Context) error { return p.launcher.Close(ctx) }

// containers runs tasks as containers of the images that their definitions name.
type containers struct {
	*container.Launcher
	definitions *sqlite.Store
}

func (c containers) Launch(ctx context.Context, launch fleet.TaskLaunch) (fleet.Task, error) {
	definition, ok, err := c.definitions.Definition(ctx, launch.TaskDefinition)
	if err != nil {
		return fleet.Task{}, err
	}
	if !ok {
		return fleet.Task{}, fleet.Errorf(fleet.RunnerDefinitionGone, "task definition %s is not known any more", launch.TaskDefinition)
	}
	task, err := c.Launcher.Launch(ctx, container.Spec{
		RunnerID: launch.RunnerID, ClientToken: launch.ClientToken, Env: launch.Env,
		Image: definition.Image, CPU: launch.CPU, Memory: launch.Memory,
	})
	return task, launchFailed(err, "a container", launch.RunnerID)
}

func (c containers) Tasks(ctx context.Context) ([]fleet.Task, error) { return c.List(ctx, "") }

func (c containers) TasksOf(ctx context.Context, runnerID string) ([]fleet.Task, error) {
	return c.List(ctx, runnerID)
}

// launchFailed names an error that has no name.
func launchFailed(err error, what, runnerID string) error {
	if err == nil || fleet.ErrorName(err) != "" {
		return err
	}
	return fleet.Errorf(fleet.RunnerLaunchFailed, "start %s for %s: %w", what, runnerID, err)
}

// live counts the tasks that have not ended.
func (f *Fleet) live(ctx context.Context) (n int, err error) {
	tasks, err := f.platform.Tasks(ctx)
	if err != nil {
		return 0, fmt.Errorf("count the tasks that run: %w", err)
	}
	for _, task := range tasks {
		if task.LastStatus != fleet.TaskStopped {
			n++
		}
	}
	return n, nil
}
