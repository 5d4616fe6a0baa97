package simaws_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
func TestATasksLife(t *testing.T) {
	facts{
		"a task goes through eight statuses, and each change has the next version": func(t *testing.T) {
			w := newWorld(t)
			w.ecs.Exit(w.up(w.order("ci-7-1")), 0)
			w.run(time.Minute)
			var statuses []string
			for i, e := range w.events {
				statuses = append(statuses, e.Detail.LastStatus+" "+e.Detail.DesiredStatus)
				if e.Detail.Version != i+1 {
					t.Errorf("change %d has version %d", i+1, e.Detail.Version)
				}
			}
			want := []string{
				"PROVISIONING RUNNING", "PENDING RUNNING", "ACTIVATING RUNNING", "RUNNING RUNNING", "RUNNING STOPPED",
				"DEACTIVATING STOPPED", "STOPPING STOPPED", "DEPROVISIONING STOPPED", "STOPPED STOPPED",
			}
			if !slices.Equal(statuses, want) {
				t.Errorf("got %q", statuses)
			}
		},
		"a launch takes about 20 to 50 s": func(t *testing.T) {
			w := newWorld(t)
			for i := range 20 {
				w.launch(w.order("ci-7-" + string(rune('a'+i))))
			}
			w.run(time.Minute)
			seen := map[time.Duration]bool{}
			for _, task := range w.ecs.Tasks() {
				d := task.StartedAt.Sub(task.CreatedAt)
				seen[d] = true
				if d < 20*time.Second || d > 50*time.Second {
					t.Error(d)
				}
			}
			if len(seen) < 15 {
				t.Errorf("20 tasks took %d different times", len(seen))
			}
		},
		"a launch can be slow": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.SlowLaunch, For: lasting(10 * time.Minute)})
			arn := w.launch(w.order("ci-7-1"))
			w.run(10 * time.Minute)
			if task := w.describe(arn); *task.LastStatus != "PENDING" {
				t.Error(*task.LastStatus)
			}
			w.run(time.Minute)
			if len(w.starts) != 1 {
				t.Error("it never started")
			}
		},
		"the program gets the definition's environment and the overrides, which win": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-7-1"))
			s := w.starts[0]
			if s.ARN != arn || s.StartedBy != "ci-7-1" || s.Env["KEPT"] != "1" || s.Env["CHANGED"] != "2" || s.Env["NEW"] != "3" || !strings.HasPrefix(s.Image, w.cfg.RepositoryURI()) {
				t.Errorf("%+v", s)
			}
		},
		"a task ends with its essential container": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-7-1"))
			w.ecs.Exit(arn, 7)
			w.run(time.Minute)
			e := w.ended(arn)
			if e.Detail.StopCode != "EssentialContainerExited" || e.Detail.StoppedReason != "Essential container in task exited" || exitCode(e) != 7 {
				t.Errorf("%+v", e.Detail)
			}
			if len(w.signals)+len(w.kills) != 0 {
				t.Error("a program that had ended got a signal")
			}
		},
		"a container may exit before its program did anything": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.ContainerCrashes, With: "127"})
			arn := w.launch(w.order("ci-7-1"))
			w.run(2 * time.Minute)
			if e := w.ended(arn); exitCode(e) != 127 || e.Detail.StopCode != "EssentialContainerExited" || len(w.starts) != 0 {
				t.Errorf("%+v, %d programs", e.Detail, len(w.starts))
			}
		},
		"a task that is stopped while its container crashes still ends": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.ContainerCrashes})
			arn := w.launch(w.order("ci-7-1"))
			for range 600 {
				if task := w.describe(arn); task != nil && *task.LastStatus == "RUNNING" {
					break
				}
				w.run(100 * time.Millisecond)
			}
			w.stop(arn)
			w.run(time.Minute)
			if e := w.ended(arn); exitCode(e) != 1 || e.Detail.StopCode != "UserInitiated" {
				t.Errorf("%+v", e.Detail)
			}
		},
		"a container that runs out of memory is killed with 137 and says so": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.OutOfMemory, For: lasting(time.Minute)})
			arn := w.up(w.order("ci-7-1"))
			w.run(2 * time.Minute)
			e := w.ended(arn)
			if exitCode(e) != 137 || e.Detail.StopCode != "EssentialContainerExited" || !strings.HasPrefix(e.Detail.Containers[0].Reason, "OutOfMemoryError") {
				t.Errorf("%+v", e.Detail)
			}
			if len(w.kills) != 1 || len(w.signals) != 0 {
				t.Errorf("%d kills, %d signals", len(w.kills), len(w.signals))
			}
		},
		"a task whose machine is lost has no exit code": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.AgentLost, For: lasting(30 * time.Second)})
			arn := w.up(w.order("ci-7-1"))
			w.run(time.Minute)
			if task := w.describe(arn); *task.LastStatus != "RUNNING" || task.Connectivity != types.ConnectivityDisconnected || len(w.kills) != 1 {
				t.Errorf("%+v, %d kills", task, len(w.kills))
			}
			w.run(5 * time.Minute)
			if e := w.ended(arn); exitCode(e) != -1 || e.Detail.StopCode != "InfrastructureHealth" {
				t.Errorf("%+v", e.Detail)
			}
		},
		"a lost task that is stopped stops once ECS has noticed": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.AgentLost})
			arn := w.up(w.order("ci-7-1"))
			w.stop(arn)
			w.run(6 * time.Minute)
			if e := w.ended(arn); e.Detail.StopCode == "" || len(w.signals) != 0 {
				t.Errorf("%+v, %d signals", e.Detail, len(w.signals))
			}
		},
		"a container may go on after its program has ended, until it is stopped": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.Hangs})
			arn := w.up(w.order("ci-7-1"))
			w.ecs.Exit(arn, 0)
			w.run(6 * time.Hour)
			if task := w.describe(arn); task == nil || *task.LastStatus != "RUNNING" {
				t.Fatalf("%+v", task)
			}
			w.stop(arn)
			w.run(2 * time.Minute)
			if e := w.ended(arn); exitCode(e) != 137 {
				t.Errorf("%+v", e.Detail)
			}
		},
	}.run(t)
}

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
func TestTasksThatFailToStart(t *testing.T) {
	for sentence, c := range map[string]struct {
		fault kernel.Fault
		says  string
	}{
		"an image cannot be pulled":           {kernel.Fault{Kind: simaws.PullFails}, "CannotPullContainerError: pull image manifest has been retried 5 time(s)"},
		"an image cannot be pulled, with why": {kernel.Fault{Kind: simaws.PullFails, With: "toomanyrequests"}, "CannotPullContainerError: toomanyrequests"},
		"images of one registry cannot be":    {kernel.Fault{Kind: simaws.PullFails, Of: "123456789012.dkr.ecr."}, "CannotPullContainerError"},
		"only some images cannot be pulled":   {kernel.Fault{Kind: simaws.PullFails, Of: "docker.io/"}, ""},
		"a network interface times out":       {kernel.Fault{Kind: simaws.NetworkFails, With: "Timeout waiting for network interface provisioning to complete."}, "Timeout waiting for network interface provisioning"},
		"both subnets are full":               {kernel.Fault{Kind: simaws.NoAddresses}, "InsufficientFreeAddressesInSubnet"},
		"another subnet is full":              {kernel.Fault{Kind: simaws.NoAddresses, Of: "subnet-3"}, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t, c.fault)
			arn := w.launch(w.order("ci-7-1"))
			w.run(2 * time.Minute)
			if c.says == "" {
				if len(w.starts) != 1 {
					t.Error("it did not start")
				}
				return
			}
			e := w.ended(arn)
			if e.Detail.StopCode != "TaskFailedToStart" || !strings.Contains(e.Detail.StoppedReason, c.says) || exitCode(e) != -1 || len(w.starts) != 0 {
				t.Errorf("%+v", e.Detail)
			}
			if task := w.describe(arn); task.StartedAt != nil || task.StoppedAt == nil {
				t.Errorf("started %v, stopped %v", task.StartedAt, task.StoppedAt)
			}
		})
	}
	facts{
		"a network fails in one of two ways": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.NetworkFails})
			seen := map[string]bool{}
			for i := range 20 {
				arn := w.launch(w.order("ci-7-" + string(rune('a'+i))))
				w.run(time.Minute)
				first, _, _ := strings.Cut(w.ended(arn).Detail.StoppedReason, " ")
				seen[first] = true
			}
			if len(seen) != 2 || !seen["Timeout"] || !seen["ResourceInitializationError:"] {
				t.Errorf("%v", seen)
			}
		},
		"a full subnet takes only the tasks that were put there": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.NoAddresses, Of: "subnet-1"})
			for i := range 20 {
				w.launch(w.order("ci-7-" + string(rune('a'+i))))
			}
			w.run(time.Minute)
			if n := len(w.starts); n == 0 || n == 20 {
				t.Errorf("%d of 20 started", n)
			}
			for _, task := range w.ecs.Tasks() {
				if up := !task.StartedAt.IsZero(); up != (task.Subnet == "subnet-2") {
					t.Errorf("%s in %s: %t", task.StartedBy, task.Subnet, up)
				}
			}
		},
		"an image that was deleted cannot be pulled": func(t *testing.T) {
			w := newWorld(t)
			w.ecs.Images = w.ecr
			arn := w.launch(w.order("ci-7-1"))
			w.run(2 * time.Minute)
			if e := w.ended(arn); !strings.HasSuffix(e.Detail.StoppedReason, ": not found") {
				t.Errorf("%+v", e.Detail)
			}
			w.ecr.Push("sha256:"+strings.Repeat("ab", 32), "x")
			w.up(w.order("ci-8-1"))
		},
	}.run(t)
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
func TestStoppingATask(t *testing.T) {
	within := func(seconds int32) func(*ecs.RegisterTaskDefinitionInput) {
		return func(in *ecs.RegisterTaskDefinitionInput) { in.ContainerDefinitions[0].StopTimeout = aws.Int32(seconds) }
	}
	facts{
		"SIGTERM, and SIGKILL 30 s later unless the definition says otherwise": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-7-1"))
			w.stop(arn)
			w.run(30 * time.Second)
			if len(w.signals) != 1 || len(w.kills) != 0 {
				t.Fatalf("%d signals, %d kills after 30 s", len(w.signals), len(w.kills))
			}
			w.run(2 * time.Second)
			if len(w.kills) != 1 {
				t.Error("no SIGKILL")
			}
			w.run(time.Minute)
			if e := w.ended(arn); exitCode(e) != 137 || e.Detail.StopCode != "UserInitiated" || e.Detail.StoppedReason != "enough" {
				t.Errorf("%+v", e.Detail)
			}
			w.ecs.Exit(arn, 0)
			if *w.ecs.Tasks()[0].ExitCode != 137 {
				t.Error("it exited after it was killed")
			}
		},
		"the definition's stopTimeout counts": func(t *testing.T) {
			w := newWorld(t)
			w.definition = w.register(within(120))
			w.stop(w.up(w.order("ci-7-1")))
			w.run(2 * time.Minute)
			if len(w.kills) != 0 {
				t.Error("killed before two minutes")
			}
			w.run(2 * time.Second)
			if len(w.kills) != 1 {
				t.Error("no SIGKILL")
			}
		},
		"a program that exits in time keeps its exit code": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-7-1"))
			w.ecs.OnSignal = func(arn string) { w.ecs.Exit(arn, 3) }
			w.stop(arn)
			w.run(time.Minute)
			if e := w.ended(arn); exitCode(e) != 3 || e.Detail.StopCode != "UserInitiated" || len(w.kills) != 0 {
				t.Errorf("%+v, %d kills", e.Detail, len(w.kills))
			}
		},
		"a program that exits between the request and the signal gets none": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-7-1"))
			w.stop(arn)
			w.ecs.Exit(arn, 0)
			w.run(time.Minute)
			if e := w.ended(arn); exitCode(e) != 0 || e.Detail.StopCode != "UserInitiated" || len(w.signals) != 0 {
				t.Errorf("%+v, %d signals", e.Detail, len(w.signals))
			}
		},
		"a task that is stopped before its containers start never starts": func(t *testing.T) {
			for _, d := range []time.Duration{2 * time.Second, 12 * time.Second, 18 * time.Second} {
				w := newWorld(t)
				arn := w.launch(w.order("ci-7-1"))
				w.run(d)
				w.stop(arn)
				w.run(5 * time.Minute)
				if e := w.ended(arn); e.Detail.StopCode != "UserInitiated" || exitCode(e) != -1 || len(w.starts) != 0 {
					t.Errorf("after %s: %+v", d, e.Detail)
				}
			}
		},
		"the first reason counts": func(t *testing.T) {
			w := newWorld(t)
			arn := w.up(w.order("ci-7-1"))
			w.ecs.Exit(arn, 0)
			w.stop(arn)
			w.run(time.Minute)
			w.stop(arn)
			if e := w.ended(arn); e.Detail.StopCode != "EssentialContainerExited" || exitCode(e) != 0 {
				t.Errorf("%+v", e.Detail)
			}
		},
		"a task that is not known cannot be stopped": func(t *testing.T) {
			w := newWorld(t)
			_, err := w.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("ci"), Task: aws.String("x")})
			if err == nil || !strings.Contains(err.Error(), "InvalidParameterException: The referenced task was not found.") {
				t.Error(err)
			}
		},
	}.run(t)
}

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
func TestSpot(t *testing.T) {
	fault := kernel.Fault{Kind: simaws.SpotInterrupted, For: lasting(10 * time.Minute)}
	facts{
		"Spot's notice is an event about a running task and SIGTERM": func(t *testing.T) {
			w := newWorld(t, fault)
			w.definition = w.register(func(in *ecs.RegisterTaskDefinitionInput) { in.ContainerDefinitions[0].StopTimeout = aws.Int32(120) })
			arn := w.up(w.onSpot("ci-7-1"))
			w.run(10 * time.Minute)
			i := slices.IndexFunc(w.events, func(e event) bool { return e.Detail.StopCode == "SpotInterruption" })
			if i < 0 || w.events[i].Detail.LastStatus != "RUNNING" || w.events[i].Detail.DesiredStatus != "STOPPED" || len(w.signals) != 1 {
				t.Fatalf("event %d, %d signals", i, len(w.signals))
			}
			w.run(2 * time.Minute)
			if len(w.kills) != 1 {
				t.Error("no SIGKILL after two minutes")
			}
			w.run(time.Minute)
			if e := w.ended(arn); exitCode(e) != 137 || e.Detail.StopCode != "SpotInterruption" {
				t.Errorf("%+v", e.Detail)
			}
		},
		"only tasks on Spot are interrupted": func(t *testing.T) {
			w := newWorld(t, fault)
			arn := w.up(w.order("ci-7-1"))
			w.run(time.Hour)
			if task := w.describe(arn); *task.LastStatus != "RUNNING" || *task.CapacityProviderName != "FARGATE" {
				t.Errorf("%+v", task)
			}
		},
		"a task that ended before the notice is not interrupted": func(t *testing.T) {
			w := newWorld(t, fault)
			arn := w.up(w.onSpot("ci-7-1"))
			w.ecs.Exit(arn, 0)
			w.run(20 * time.Minute)
			if e := w.ended(arn); e.Detail.StopCode != "EssentialContainerExited" || len(w.signals) != 0 {
				t.Errorf("%+v", e.Detail)
			}
		},
	}.run(t)
}

// GuardDuty's container beside the runner's: in any place of the list, with an exit
// code of its own (silinternational/ecs-deploy#222).
func TestTheRunnersExitCodeIsThatOfTheContainerNamedRunner(t *testing.T) {
	for kind, place := range map[string]int{simaws.SidecarFirst: 0, simaws.SidecarLast: 1} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: kind, With: "137"})
			arn := w.up(w.order("ci-7-1"))
			w.ecs.Exit(arn, 7)
			w.run(time.Minute)
			e := w.ended(arn)
			if exitCode(e) != 7 || len(e.Detail.Containers) != 2 {
				t.Fatalf("%+v", e.Detail)
			}
			side := e.Detail.Containers[place]
			if !strings.HasPrefix(side.Name, "aws-guardduty-agent-") || side.ExitCode == nil || *side.ExitCode != 137 {
				t.Errorf("%+v", side)
			}
			if described := w.describe(arn).Containers[place]; *described.Name != side.Name || *described.ExitCode != 137 {
				t.Errorf("%+v", described)
			}
		})
	}
}
