package local

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/process"
)

// tasks is the process launcher as the steps see a container platform.
type tasks struct{ launcher *process.Launcher }

func (t tasks) Launch(ctx context.Context, launch fleet.TaskLaunch) (fleet.Task, error) {
	task, err := t.launcher.Launch(ctx, process.Spec{
		RunnerID: launch.RunnerID, ClientToken: launch.ClientToken, Env: launch.Env,
		Image: launch.TaskDefinition, CPU: strconv.Itoa(launch.CPU), Memory: strconv.Itoa(launch.Memory),
	})
	if err != nil && fleet.ErrorName(err) == "" {
		err = fleet.Errorf(fleet.RunnerLaunchFailed, "start a process for %s: %w", launch.RunnerID, err)
	}
	return task, err
}

func (t tasks) Stop(ctx context.Context, arn, reason string) error {
	return t.launcher.Stop(ctx, arn, reason)
}

func (t tasks) Describe(ctx context.Context, arn string) (fleet.Task, bool, error) {
	task, ok := t.launcher.Describe(ctx, arn)
	return task, ok, nil
}

// live counts the processes that have not ended.
func (t tasks) live(ctx context.Context) (n int) {
	for _, task := range t.launcher.List(ctx, "") {
		if task.LastStatus != fleet.TaskStopped {
			n++
		}
	}
	return n
}

// byName stands in for image builds while runners are plain processes: an image
// is known by its name only and nothing is built. Its build "succeeds" through
// the same event as a real one.
type byName struct {
	put   func(context.Context, fleet.Event) error
	now   func() time.Time
	newID func() string
}

func (b byName) Build(ctx context.Context, spec fleet.ImageSpec, tag, owner string) error {
	detail, err := json.Marshal(fleet.Build{BuildID: "by-name/" + tag, Tag: tag, Owner: owner, Status: fleet.BuildSucceeded, Digest: "by-name:" + spec.Name})
	if err != nil {
		return fmt.Errorf("encode the build of %s for %s: %w", tag, owner, err)
	}
	return b.put(ctx, fleet.Event{ID: b.newID(), Source: fleet.LocalSource, DetailType: fleet.BuildEvent, Time: b.now(), Detail: detail})
}
