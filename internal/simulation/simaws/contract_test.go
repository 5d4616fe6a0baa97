package simaws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

func (w *world) platform() ecsfleet.Platform {
	return ecsfleet.Platform{
		ECS: w.ecs, Cluster: w.cfg.ClusterARN(), FleetName: "ci",
		Definition: ecsfleet.Definition{Repository: w.cfg.RepositoryURI(), ExecutionRole: "e", TaskRole: "t", LogGroup: "/ecsrunner/ci", Region: w.cfg.Region},
		Network:    ecsfleet.Network{Subnets: w.cfg.Subnets, SecurityGroups: []string{"sg-1"}, AssignPublicIP: true},
	}
}

var content = fleet.TaskDefinition{FleetName: "ci", Image: "sha256:" + strings.Repeat("cd", 32), Arch: fleet.X64}

func (w *world) launchOf(definition string) fleet.TaskLaunch {
	return fleet.TaskLaunch{
		CapacityProvider: "FARGATE",
		RunnerID:         "ci-7-1", ClientToken: "ci-7-1.0", TaskDefinition: definition, CPU: 1024, Memory: 2048, Env: map[string]string{"A": "1", "B": "2"},
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// The fleet's own adapter to ECS, for a task's life.
func TestThePlatformRunsTasksHere(t *testing.T) {
	w := newWorld(t)
	p := w.platform()
	definition := must(p.Register(t.Context(), content))(t)
	if again := must(p.Register(t.Context(), content))(t); again != definition {
		t.Errorf("registered %s and %s", definition, again)
	}
	launch := w.launchOf(definition)
	task := must(p.Launch(t.Context(), launch))(t)
	launch.Env = map[string]string{"A": "another credential"}
	if again := must(p.Launch(t.Context(), launch))(t); again.ARN != task.ARN {
		t.Errorf("the same token started %s and %s", task.ARN, again.ARN)
	}
	if task.LastStatus != "PROVISIONING" || task.StartedBy != "ci-7-1" || task.ClusterARN != p.Cluster || task.Version != 1 || len(task.Containers) != 1 {
		t.Errorf("launched %+v", task)
	}
	w.run(time.Minute)
	if len(w.starts) != 1 || w.starts[0].Env["B"] != "2" {
		t.Fatalf("programs: %+v", w.starts)
	}
	foreign := w.order("other-7-1")
	w.launch(foreign)
	w.run(time.Minute)
	sees := func(status string) fleet.Task {
		t.Helper()
		found := must(p.Tasks(t.Context()))(t)
		one, known, err := p.Describe(t.Context(), task.ARN)
		if len(found) != 1 || found[0].ARN != task.ARN || !known || err != nil || one.LastStatus != status {
			t.Errorf("listed %+v, described %+v %t %v", found, one, known, err)
		}
		return one
	}
	sees(fleet.TaskRunning)
	if err := p.Stop(t.Context(), task.ARN, "the test is over"); err != nil {
		t.Fatal(err)
	}
	w.ecs.Exit(task.ARN, 5)
	w.run(time.Minute)
	if one := sees(fleet.TaskStopped); one.StoppedReason != "the test is over" || one.ExitCode() == nil || *one.ExitCode() != 5 {
		t.Errorf("stopped %+v", one)
	}
	w.run(time.Hour)
	if _, known, err := p.Describe(t.Context(), task.ARN); known || err != nil {
		t.Errorf("an hour later: %t %v", known, err)
	}
	if err := p.Stop(t.Context(), task.ARN, "again"); err != nil {
		t.Error(err)
	}
}

// The fleet's own adapter to ECS, for the care of definitions.
func TestThePlatformTidiesDefinitionsHere(t *testing.T) {
	w := newWorld(t)
	p := w.platform()
	arn := must(p.Register(t.Context(), content))(t)
	changed := p
	changed.Definition.LogGroup = "/ecsrunner/new"
	must(changed.Register(t.Context(), content))(t)
	if families := must(p.Families(t.Context()))(t); !slices.Equal(families, []string{family, content.Family()}) && !slices.Equal(families, []string{content.Family(), family}) {
		t.Errorf("families %q", families)
	}
	count := func() (active, inactive int) {
		for d, err := range p.Definitions(t.Context()) {
			switch {
			case err != nil:
				t.Fatal(err)
			case d.Active:
				active++
			default:
				inactive++
			}
		}
		return active, inactive
	}
	for range 2 {
		if err := p.Deregister(t.Context(), arn); err != nil {
			t.Fatal(err)
		}
	}
	if active, inactive := count(); active != 2 || inactive != 1 {
		t.Errorf("%d active, %d inactive", active, inactive)
	}
	for range 2 {
		if err := p.DeleteDefinitions(t.Context(), []string{arn}); err != nil && !strings.Contains(err.Error(), "DELETE_IN_PROGRESS") {
			t.Fatal(err)
		}
		w.run(2 * time.Minute)
	}
	if active, inactive := count(); active != 2 || inactive != 0 {
		t.Errorf("%d active, %d inactive", active, inactive)
	}
}

// What the fleet's own adapter makes of each fault of RunTask.
func TestThePlatformNamesFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault kernel.Fault
		want  string
	}{
		"no fault":        {kernel.Fault{Kind: simaws.NoCapacity, Of: "FARGATE_SPOT"}, ""},
		"no capacity":     {kernel.Fault{Kind: simaws.NoCapacity}, fleet.RunnerNoCapacity},
		"quota":           {kernel.Fault{Kind: simaws.Quota}, fleet.RunnerQuotaExceeded},
		"a throttle":      {kernel.Fault{Kind: simaws.ECSThrottled, Of: "ecs.run_task"}, fleet.RunnerLaunchUnclear},
		"a lost answer":   {kernel.Fault{Kind: simaws.AnswerLost}, fleet.RunnerLaunchUnclear},
		"ECS's own error": {kernel.Fault{Kind: simaws.RunTaskError}, fleet.RunnerLaunchUnclear},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.fault)
			p := w.platform()
			_, err := p.Launch(t.Context(), w.launchOf(must(p.Register(t.Context(), content))(t)))
			if fleet.ErrorName(err) != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("a definition that is gone", func(t *testing.T) {
		w := newWorld(t)
		p := w.platform()
		arn := must(p.Register(t.Context(), content))(t)
		if err := p.Deregister(t.Context(), arn); err != nil {
			t.Fatal(err)
		}
		w.run(10*time.Minute + time.Second)
		if _, err := p.Launch(t.Context(), w.launchOf(arn)); fleet.ErrorName(err) != fleet.RunnerDefinitionGone {
			t.Error(err)
		}
	})
	t.Run("a class that Fargate does not have", func(t *testing.T) {
		w := newWorld(t)
		p := w.platform()
		launch := w.launchOf(must(p.Register(t.Context(), content))(t))
		launch.Memory = 1024
		if _, err := p.Launch(t.Context(), launch); fleet.ErrorName(err) != fleet.RunnerLaunchFailed {
			t.Error(err)
		}
	})
}

// The fleet's own adapters to CodeBuild and ECR.
func TestImagesAreBuiltHere(t *testing.T) {
	w := newWorld(t)
	builder := builds.Builder{CodeBuild: w.builds, Project: "ci-images"}
	registry := images.Registry{ECR: w.ecr, Repository: "ci"}
	running := builds.Builds{CodeBuild: w.builds, Project: "ci-images", Now: w.k.Now}
	order := fleet.BuildOrder{
		Spec: fleet.ImageSpec{Kind: fleet.BaseImage, Name: "latest", Arch: fleet.X64}, Tag: tag, Revision: 1, Owner: "ci-7-1@1",
		Release: fleet.RunnerRelease{Version: "2.335.1"},
	}
	for range 2 {
		if err := builder.Build(t.Context(), order); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(running.Running(t.Context()))(t); len(got) != 1 || len(w.builds.Builds()) != 1 {
		t.Errorf("running %q", got)
	}
	w.run(10 * time.Minute)
	digest := w.builds.Builds()[0].Digest
	if has := must(registry.Has(t.Context(), digest))(t); !has {
		t.Errorf("the repository has no %s", digest)
	}
	if _, published, err := registry.Published(t.Context(), "latest"); published || err != nil {
		t.Errorf("its own image counts as another's: %v", err)
	}
	w.ecr.Push("sha256:"+strings.Repeat("9", 64), "by-hand")
	if got, published, err := registry.Published(t.Context(), "by-hand"); !published || err != nil || got == "" {
		t.Errorf("%s %t %v", got, published, err)
	}
	if err := (images.Shelf{ECR: w.ecr, Repository: "ci"}).Remove(t.Context(), tag); err != nil {
		t.Error(err)
	}
	if has := must(registry.Has(t.Context(), digest))(t); has {
		t.Error("it was not removed")
	}
	order.Spec.Arch = fleet.ARM64
	if err := builder.Build(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	for _, id := range must(running.Running(t.Context()))(t) {
		if err := running.Stop(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if got := must(running.Running(t.Context()))(t); len(got) != 0 {
		t.Errorf("running %q", got)
	}
	if err := running.Stop(t.Context(), "ci-images:x"); err != nil {
		t.Error(err)
	}
	for i := range 6 {
		order.Owner = fmt.Sprint(i)
		if err := builder.Build(t.Context(), order); err != nil {
			t.Fatal(err)
		}
	}
	order.Owner = "one more"
	if err := builder.Build(t.Context(), order); fleet.ErrorName(err) != fleet.ImageBuildQueueFull {
		t.Error(err)
	}
}

// The fleet gets every event that is sent here, and reads it as it was meant.
func TestEveryEventIsHeard(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorldWith(t, seed, simaws.Config{ConcurrentBuilds: 2}, roughPlan...)
		rough(w)
		listener := events.Listener{ClusterARN: w.cfg.ClusterARN(), BuildProject: "ci-images", LastLines: w.builds.LastLines}
		ended, built := map[string]fleet.Task{}, map[string]fleet.Build{}
		for i, raw := range w.raw {
			var e lambdaevents.EventBridgeEvent
			if err := json.Unmarshal(raw, &e); err != nil {
				t.Fatal(err)
			}
			heard, ok, err := listener.Hear(e)
			if err != nil || !ok && w.events[i].Build.Completed == "" {
				t.Fatalf("%s: %t %v", raw, ok, err)
			}
			if !ok {
				continue
			}
			switch heard.DetailType {
			case fleet.TaskEvent:
				var task fleet.Task
				if err := json.Unmarshal(heard.Detail, &task); err != nil {
					t.Fatal(err)
				}
				if before := ended[task.ARN]; task.Version != before.Version+1 {
					t.Errorf("version %d follows %d", task.Version, before.Version)
				}
				ended[task.ARN] = task
			case fleet.BuildEvent:
				var b fleet.Build
				if err := json.Unmarshal(heard.Detail, &b); err != nil {
					t.Fatal(err)
				}
				built[b.BuildID[strings.LastIndex(b.BuildID, "/")+1:]] = b
			}
		}
		for _, task := range w.ecs.Tasks() {
			got := ended[task.ARN]
			if got.LastStatus != task.Status || got.StopCode != task.StopCode || got.StoppedReason != task.StoppedReason || got.StartedBy != task.StartedBy {
				t.Errorf("heard %+v of %+v", got, task)
			}
		}
		for _, b := range w.builds.Builds() {
			if got := built[b.ID]; got.Tag != tag || got.Revision != 3 || got.Status == fleet.BuildSucceeded && got.Digest != b.Digest || got.Status != b.Status && b.Status != "TIMED_OUT" {
				t.Errorf("heard %+v of %+v", got, b)
			}
		}
	}
}

// Each method is one call into the world, under the name that faults know it by.
func TestEachMethodIsOneCall(t *testing.T) {
	w := newWorld(t, kernel.Fault{Kind: kernel.Slow})
	for name, call := range map[string]func(ctx context.Context) error{
		"ecs.run_task": func(ctx context.Context) error { _, err := w.ecs.RunTask(ctx, w.order("ci-7-1")); return err },
		"ecs.stop_task": func(ctx context.Context) error {
			_, err := w.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: aws.String("ci"), Task: aws.String("x")})
			return err
		},
		"ecs.describe_tasks": func(ctx context.Context) error {
			_, err := w.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{})
			return err
		},
		"ecs.list_tasks": func(ctx context.Context) error { _, err := w.ecs.ListTasks(ctx, &ecs.ListTasksInput{}); return err },
		"ecs.register_task_definition": func(ctx context.Context) error {
			_, err := w.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{})
			return err
		},
		"ecs.describe_task_definition": func(ctx context.Context) error {
			_, err := w.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{})
			return err
		},
		"ecs.deregister_task_definition": func(ctx context.Context) error {
			_, err := w.ecs.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{})
			return err
		},
		"ecs.delete_task_definitions": func(ctx context.Context) error {
			_, err := w.ecs.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{})
			return err
		},
		"ecs.list_task_definitions": func(ctx context.Context) error {
			_, err := w.ecs.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{})
			return err
		},
		"ecs.list_task_definition_families": func(ctx context.Context) error {
			_, err := w.ecs.ListTaskDefinitionFamilies(ctx, &ecs.ListTaskDefinitionFamiliesInput{})
			return err
		},
		"codebuild.start_build": func(ctx context.Context) error { _, err := w.builds.StartBuild(ctx, build("a")); return err },
		"codebuild.stop_build": func(ctx context.Context) error {
			_, err := w.builds.StopBuild(ctx, &codebuild.StopBuildInput{})
			return err
		},
		"codebuild.batch_get_builds": func(ctx context.Context) error {
			_, err := w.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{})
			return err
		},
		"codebuild.list_builds_for_project": func(ctx context.Context) error {
			_, err := w.builds.ListBuildsForProject(ctx, &codebuild.ListBuildsForProjectInput{})
			return err
		},
		"logs.get_log_events": func(context.Context) error { _, err := w.builds.LastLines("", "", 1); return err },
		"ecr.batch_get_image": func(ctx context.Context) error {
			_, err := w.ecr.BatchGetImage(ctx, &ecr.BatchGetImageInput{})
			return err
		},
		"ecr.describe_images": func(ctx context.Context) error {
			_, err := w.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{})
			return err
		},
		"ecr.list_images": func(ctx context.Context) error { _, err := w.ecr.ListImages(ctx, &ecr.ListImagesInput{}); return err },
		"ecr.batch_delete_image": func(ctx context.Context) error {
			_, err := w.ecr.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{})
			return err
		},
	} {
		before := len(w.lines)
		p := w.k.Go(&kernel.Process{}, func() { _ = call(t.Context()) }, nil)
		w.run(time.Minute)
		if p.Calls != 1 || !slices.ContainsFunc(w.lines[before:], func(line string) bool { return strings.HasSuffix(line, "call.slow strikes "+name) }) {
			t.Errorf("%s: %d calls: %q", name, p.Calls, w.lines[before:])
		}
	}
}
