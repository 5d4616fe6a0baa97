package simaws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

// facts is a table of published sentences, each shown by what the world does.
type facts map[string]func(t *testing.T)

func (f facts) run(t *testing.T) {
	for sentence, show := range f {
		t.Run(sentence, show)
	}
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
func TestClientTokens(t *testing.T) {
	facts{
		"the same client token and parameters are the same task": func(t *testing.T) {
			w := newWorld(t)
			first := w.launch(w.order("ci-7-1"))
			if again := w.launch(w.order("ci-7-1")); again != first || len(w.ecs.Tasks()) != 1 {
				t.Errorf("%s and %s", first, again)
			}
		},
		"the same client token with other parameters is a ConflictException that names the task": func(t *testing.T) {
			w := newWorld(t)
			first := w.launch(w.order("ci-7-1"))
			for what, change := range map[string]func(*ecs.RunTaskInput){
				"environment": func(in *ecs.RunTaskInput) { in.Overrides.ContainerOverrides[0].Environment = pairs("NEW", "4") },
				"startedBy":   func(in *ecs.RunTaskInput) { in.StartedBy = aws.String("ci-8-1") },
				"definition":  func(in *ecs.RunTaskInput) { in.TaskDefinition = aws.String(family) },
			} {
				in := w.order("ci-7-1")
				change(in)
				_, err := w.ecs.RunTask(t.Context(), in)
				var conflict *types.ConflictException
				if !errors.As(err, &conflict) || len(conflict.ResourceIds) != 1 || conflict.ResourceIds[0] != first {
					t.Errorf("another %s: %v", what, err)
				}
			}
			if len(w.ecs.Tasks()) != 1 {
				t.Error("a second task")
			}
		},
		"a client token is remembered until an hour after the task's end": func(t *testing.T) {
			w := newWorld(t)
			first := w.up(w.order("ci-7-1"))
			w.ecs.Exit(first, 0)
			w.run(time.Minute)
			since := w.k.Now().Sub(w.ended(first).At)
			w.run(time.Hour - since - time.Second)
			if again := w.launch(w.order("ci-7-1")); again != first {
				t.Error("forgotten within the hour")
			}
			w.run(2 * time.Second)
			if again := w.launch(w.order("ci-7-1")); again == first {
				t.Error("remembered after the hour")
			}
		},
		"a client token is remembered for 24 hours at most": func(t *testing.T) {
			w := newWorld(t)
			first := w.launch(w.order("ci-7-1"))
			w.run(24*time.Hour - time.Second)
			if again := w.launch(w.order("ci-7-1")); again != first {
				t.Error("forgotten within the day")
			}
			w.run(2 * time.Second)
			if again := w.launch(w.order("ci-7-1")); again == first {
				t.Error("remembered after a day, though the task goes on")
			}
		},
		"a request that started nothing leaves its client token free": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.NoCapacity, Times: 1})
			if arn, _ := w.try(w.order("ci-7-1")); arn != "" {
				t.Fatal("it was to fail")
			}
			other := w.order("ci-7-1")
			other.StartedBy = aws.String("ci-8-1")
			w.launch(other)
		},
		"a lost answer does not lose the task": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.AnswerLost, Times: 1})
			if _, why := w.try(w.order("ci-7-1")); !strings.Contains(why, "connection reset") {
				t.Fatal(why)
			}
			if len(w.ecs.Tasks()) != 1 {
				t.Fatal("nothing was started")
			}
			if again := w.launch(w.order("ci-7-1")); again != w.ecs.Tasks()[0].ARN {
				t.Error("another task")
			}
		},
		"a server's mistake starts nothing": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.RunTaskError})
			_, err := w.ecs.RunTask(t.Context(), w.order("ci-7-1"))
			var server *types.ServerException
			if !errors.As(err, &server) || len(w.ecs.Tasks()) != 0 {
				t.Error(err)
			}
		},
	}.run(t)
}

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
func TestFailures(t *testing.T) {
	const quota = "You’ve reached the limit on the number of vCPUs you can run concurrently"
	facts{
		"no capacity is a 200 with failures[] and without a task": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.NoCapacity})
			_, reason := w.try(w.order("ci-7-1"))
			if reason != "Capacity is unavailable at this time. Please try again later or in a different availability zone" || len(w.ecs.Tasks()) != 0 {
				t.Error(reason)
			}
		},
		"Spot may have no capacity while there is some on demand, and the other way round": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.NoCapacity, Of: "FARGATE_SPOT"})
			w.launch(w.order("ci-7-1"))
			if arn, _ := w.try(w.onSpot("ci-8-1")); arn != "" {
				t.Error("a task on Spot")
			}
			w = newWorld(t, kernel.Fault{Kind: simaws.NoCapacity, Of: "FARGATE/"})
			w.launch(w.onSpot("ci-7-1"))
			if arn, _ := w.try(w.order("ci-8-1")); arn != "" {
				t.Error("a task on demand")
			}
		},
		"the vCPU quota counts a task until it has stopped": func(t *testing.T) {
			w := newWorldWith(t, 1, simaws.Config{VCPUQuota: 2, SpotVCPUQuota: 1})
			first := w.up(w.order("ci-1-1"))
			w.up(w.order("ci-2-1"))
			if _, reason := w.try(w.order("ci-3-1")); reason != quota {
				t.Errorf("the third: %s", reason)
			}
			w.launch(w.onSpot("ci-4-1"))
			if _, reason := w.try(w.onSpot("ci-5-1")); reason != quota {
				t.Errorf("the second on Spot: %s", reason)
			}
			w.ecs.Exit(first, 0)
			if _, reason := w.try(w.order("ci-3-1")); reason != quota {
				t.Errorf("while the first is being stopped: %s", reason)
			}
			w.run(time.Minute)
			w.launch(w.order("ci-3-1"))
		},
		"the vCPU quota is met, as the fault says": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.Quota})
			if _, reason := w.try(w.order("ci-3-1")); reason != quota {
				t.Error(reason)
			}
		},
	}.run(t)
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
func TestRefusals(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*ecs.RunTaskInput)
		says   string
	}{
		"CPU and memory must be a pair of Fargate's": {func(in *ecs.RunTaskInput) { in.Overrides.Memory = aws.String("1024") }, "No Fargate configuration exists"},
		"20 GiB of storage must not be asked for":    {func(in *ecs.RunTaskInput) { in.Overrides.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: 20} }, "between 21 and 200"},
		"overrides are of containers that there are": {func(in *ecs.RunTaskInput) { in.Overrides.ContainerOverrides[0].Name = aws.String("other") }, "is not a container"},
		"overrides have 8192 characters together": {func(in *ecs.RunTaskInput) {
			in.Overrides.ContainerOverrides[0].Environment = pairs("N", strings.Repeat("x", 8192))
		}, "at most 8192"},
		"a count is at most 10":               {func(in *ecs.RunTaskInput) { in.Count = aws.Int32(11) }, "at most 10"},
		"a client token is at most 64":        {func(in *ecs.RunTaskInput) { in.ClientToken = aws.String(strings.Repeat("x", 65)) }, "clientToken"},
		"startedBy has no dots":               {func(in *ecs.RunTaskInput) { in.StartedBy = aws.String("a.b") }, "startedBy"},
		"a subnet must be there":              {func(in *ecs.RunTaskInput) { in.NetworkConfiguration.AwsvpcConfiguration.Subnets = []string{"subnet-9"} }, "subnet-9"},
		"a network must be given":             {func(in *ecs.RunTaskInput) { in.NetworkConfiguration = nil }, "Network Configuration"},
		"a provider must be there":            {func(in *ecs.RunTaskInput) { in.CapacityProviderStrategy[0].CapacityProvider = aws.String("X") }, "capacity provider"},
		"a launch type excludes the strategy": {func(in *ecs.RunTaskInput) { in.LaunchType = types.LaunchTypeFargate }, "launch type"},
		"the cluster must be there":           {func(in *ecs.RunTaskInput) { in.Cluster = aws.String("other") }, "ClusterNotFoundException"},
		"a definition must be there":          {func(in *ecs.RunTaskInput) { in.TaskDefinition = aws.String(family + ":9") }, "TaskDefinition not found"},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			in := w.order("ci-7-1")
			c.change(in)
			if arn, why := w.try(in); arn != "" || !strings.Contains(why, c.says) {
				t.Errorf("got %q: %s", arn, why)
			}
		})
	}
}

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
func TestFargatesSizes(t *testing.T) {
	w := newWorld(t)
	for size, fits := range map[[2]int]bool{
		{256, 512}: true, {256, 2048}: true, {256, 1536}: false, {256, 3072}: false, {512, 4096}: true, {1024, 2560}: false, {2048, 16384}: true,
		{4096, 30720}: true, {4096, 31744}: false, {8192, 20480}: true, {8192, 18432}: false, {16384, 122880}: true, {32768, 249856}: true, {32768, 65536}: false, {3072, 8192}: false,
	} {
		in := w.order(fmt.Sprintf("ci-%d-%d", size[0], size[1]))
		in.Overrides.Cpu, in.Overrides.Memory = aws.String(fmt.Sprint(size[0])), aws.String(fmt.Sprint(size[1]))
		if arn, why := w.try(in); (arn != "") != fits {
			t.Errorf("%v: %q %s", size, arn, why)
		}
	}
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
func TestThrottles(t *testing.T) {
	for sentence, c := range map[string]struct {
		burst, perSecond int
		call             func(w *world, i int) error
	}{
		"definitions: 20 changes, then one a second": {20 - 1, 1, func(w *world, i int) error { // one is made with the world
			if i%2 == 0 {
				_, err := w.ecs.DeregisterTaskDefinition(w.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(family + ":9")})
				return throttle(err)
			}
			_, err := w.ecs.RegisterTaskDefinition(w.Context(), &ecs.RegisterTaskDefinitionInput{})
			return throttle(err)
		}},
		"deletions: 5, then one a second": {5, 1, func(w *world, _ int) error {
			_, err := w.ecs.DeleteTaskDefinitions(w.Context(), &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{family + ":9"}})
			return throttle(err)
		}},
		"definitions: 50 reads, then 20 a second": {50, 20, func(w *world, i int) (err error) {
			switch i % 3 {
			case 0:
				_, err = w.ecs.DescribeTaskDefinition(w.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(family)})
			case 1:
				_, err = w.ecs.ListTaskDefinitions(w.Context(), &ecs.ListTaskDefinitionsInput{})
			case 2:
				_, err = w.ecs.ListTaskDefinitionFamilies(w.Context(), &ecs.ListTaskDefinitionFamiliesInput{})
			}
			return throttle(err)
		}},
		"tasks: 100 changes, then 40 a second": {100, 40, func(w *world, _ int) error {
			_, err := w.ecs.StopTask(w.Context(), &ecs.StopTaskInput{Cluster: aws.String("ci"), Task: aws.String("x")})
			return throttle(err)
		}},
		"tasks: 100 reads, then 20 a second": {100, 20, func(w *world, i int) (err error) {
			if i%2 == 0 {
				_, err = w.ecs.ListTasks(w.Context(), &ecs.ListTasksInput{Cluster: aws.String("ci")})
			} else {
				_, err = w.ecs.DescribeTasks(w.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("ci"), Tasks: []string{"x"}})
			}
			return throttle(err)
		}},
		"RunTask on Fargate: 20 calls, then 20 a second": {20, 20, func(w *world, i int) error {
			_, err := w.ecs.RunTask(w.Context(), w.order(fmt.Sprintf("ci-%d-%d", w.k.Now().Unix(), i)))
			return throttle(err)
		}},
		"launches: 100 tasks, then 20 a second": {10, 2, func(w *world, i int) error {
			in := w.order(fmt.Sprintf("ci-%d-%d", w.k.Now().Unix(), i))
			in.Count = aws.Int32(10)
			_, err := w.ecs.RunTask(w.Context(), in)
			return throttle(err)
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			count := func() (n int) {
				for i := range 200 {
					if c.call(w, i) == nil {
						n++
					}
				}
				return n
			}
			if n := count(); n != c.burst {
				t.Errorf("%d at once, want %d", n, c.burst)
			}
			w.run(time.Second)
			if n := count(); n != c.perSecond {
				t.Errorf("%d after a second, want %d", n, c.perSecond)
			}
			w.run(time.Hour)
			if n := count(); n < c.burst || n > c.burst+1 {
				t.Errorf("%d after an hour, want %d", n, c.burst)
			}
		})
	}
	t.Run("Spot's launches have a bucket of their own", func(t *testing.T) {
		w := newWorld(t)
		for i := range 10 {
			in := w.order(fmt.Sprint("ci-", i))
			in.Count = aws.Int32(10)
			if _, err := w.ecs.RunTask(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		if arn, _ := w.try(w.order("ci-11-1")); arn != "" {
			t.Error("101 on demand at once")
		}
		w.launch(w.onSpot("ci-12-1"))
	})
	t.Run("any call is throttled, as the fault says", func(t *testing.T) {
		w := newWorld(t, kernel.Fault{Kind: simaws.ECSThrottled, Of: "ecs.list_tasks"})
		if _, err := w.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("ci")}); throttle(err) == nil {
			t.Error(err)
		}
		w.launch(w.order("ci-7-1"))
	})
}

// throttle is err if it is a throttle, else nil.
func throttle(err error) error {
	if err == nil || !strings.Contains(err.Error(), "ThrottlingException") {
		return nil
	}
	return err
}
