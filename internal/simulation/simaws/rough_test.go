package simaws_test

import (
	"fmt"
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

// roughPlan has every kind of fault, now and then, for six hours.
var roughPlan = func() (plan []kernel.Fault) {
	for _, kind := range simaws.Kinds {
		f := kernel.Fault{Kind: kind.Name, Rate: 0.1, From: lasting(time.Second), Until: lasting(6 * time.Hour), For: lasting(2 * time.Minute)}
		if kind.Name == simaws.BuildTakes {
			f.From, f.Until, f.For = lasting(10*time.Minute), lasting(30*time.Minute), lasting(70*time.Minute)
		}
		plan = append(plan, f)
	}
	return plan
}()

// rough lets many runners and some builds come and go for some hours.
func rough(w *world) {
	w.ecs.OnStart = func(s simaws.TaskStart) {
		w.starts = append(w.starts, s)
		w.k.After(w.k.Between("program", time.Second, 20*time.Minute), func() { w.ecs.Exit(s.ARN, w.k.Int("exit", 3)) })
	}
	// Few processes for many runners: the race detector never gives back what it keeps
	// for one.
	for n := range 6 {
		w.k.Go(&kernel.Process{Name: fmt.Sprint("launcher ", n)}, func() {
			for i := range 10 {
				w.comeAndGo(6*i + n)
			}
		}, nil)
	}
	w.k.Go(&kernel.Process{Name: "builder"}, func() {
		for i := range 16 {
			w.k.Pause(w.k.Between("build", 0, 30*time.Minute))
			_, _ = w.builds.StartBuild(w.Context(), build(fmt.Sprint(i)))
		}
	}, nil)
	w.run(6 * time.Hour)
	for _, task := range w.ecs.Running() {
		_, _ = w.ecs.StopTask(w.Context(), &ecs.StopTaskInput{Cluster: aws.String("ci"), Task: aws.String(task.ARN)})
	}
	w.run(time.Hour)
}

// comeAndGo launches a runner, looks at it, and stops every other one.
func (w *world) comeAndGo(i int) {
	w.k.Pause(w.k.Between("launch", 0, 10*time.Minute))
	in := w.order(fmt.Sprintf("ci-%d-1", i))
	if i%4 == 0 {
		in = w.onSpot(fmt.Sprintf("ci-%d-1", i))
	}
	arn := ""
	for try := 0; try < 5 && arn == ""; try++ {
		if out, err := w.ecs.RunTask(w.Context(), in); err == nil && len(out.Tasks) > 0 {
			arn = *out.Tasks[0].TaskArn
		}
		w.k.Pause(10 * time.Second)
	}
	w.k.Pause(w.k.Between("look", 0, 20*time.Minute))
	_, _ = w.ecs.DescribeTasks(w.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("ci"), Tasks: []string{arn}})
	if i%2 == 0 {
		_, _ = w.ecs.StopTask(w.Context(), &ecs.StopTaskInput{Cluster: aws.String("ci"), Task: aws.String(arn)})
	}
}

func TestOneSeedIsOneHistory(t *testing.T) {
	history := func(seed uint64) string {
		w := newWorldWith(t, seed, simaws.Config{ConcurrentBuilds: 2}, roughPlan...)
		rough(w)
		var raw []string
		for _, r := range w.raw {
			raw = append(raw, string(r))
		}
		return strings.Join(slices.Concat(w.lines, raw), "\n")
	}
	seen := map[string]bool{}
	for seed := range uint64(3) {
		first := history(seed)
		if history(seed) != first {
			t.Errorf("seed %d gave two histories", seed)
		}
		seen[first] = true
	}
	if len(seen) != 3 {
		t.Errorf("3 seeds gave %d histories", len(seen))
	}
}

// Whatever goes wrong, a task ends once it is stopped, its quota is given back, and
// what it said agrees with the truth.
func TestWhateverHappensEveryTaskEnds(t *testing.T) {
	struck := map[string]bool{}
	for seed := range uint64(8) {
		w := newWorldWith(t, seed, simaws.Config{ConcurrentBuilds: 2, VCPUQuota: 12, SpotVCPUQuota: 6}, roughPlan...)
		rough(w)
		for _, task := range w.ecs.Tasks() {
			if task.Status != "STOPPED" || task.StopCode == "" || task.StoppedReason == "" || task.Up {
				t.Errorf("seed %d: %+v", seed, task)
			}
		}
		for _, b := range w.builds.Builds() {
			if b.EndedAt.IsZero() || (b.Status == "SUCCEEDED") != (b.Reason == "") {
				t.Errorf("seed %d: %+v", seed, b)
			}
		}
		starts, ends := map[string]int{}, map[string]int{}
		for _, s := range w.starts {
			starts[s.ARN]++
		}
		for _, e := range w.events {
			if e.Detail.LastStatus == "STOPPED" {
				ends[e.Detail.TaskARN]++
			}
		}
		for arn, n := range starts {
			if n != 1 || ends[arn] != 1 {
				t.Errorf("seed %d: %s started %d times and stopped %d times", seed, arn, n, ends[arn])
			}
		}
		for i := range 12 {
			w.launchSomehow(w.order(fmt.Sprintf("last-%d", i)))
		}
		for kind := range w.k.Counts() {
			struck[kind] = true
		}
	}
	for _, kind := range simaws.Kinds {
		if kind.Name != simaws.BuildTakes && !struck[kind.Name] && !strings.HasPrefix(kind.Name, "ecr.throttled") {
			t.Errorf("%s never struck", kind.Name)
		}
		if kind.Does == "" || kind.Source == "" {
			t.Errorf("%s has no text", kind.Name)
		}
	}
}

// launchSomehow starts a task in spite of faults.
func (w *world) launchSomehow(in *ecs.RunTaskInput) {
	w.Helper()
	for range 50 {
		if arn, _ := w.try(in); arn != "" {
			return
		}
		w.run(time.Second)
	}
	w.Errorf("no task can start any more")
}

func BenchmarkATasksLife(b *testing.B) {
	k := kernel.New(1, nil)
	cfg := simaws.Config{Cluster: "ci", Account: "123456789012", Region: "eu-west-1", Subnets: []string{"subnet-1"}, Project: "ci-images", Repository: "ci"}
	e := simaws.NewECS(k, cfg)
	events := 0
	e.OnEvent = func(simaws.Event) { events++ }
	e.OnStart = func(s simaws.TaskStart) { k.After(time.Minute, func() { e.Exit(s.ARN, 0) }) }
	if _, err := e.RegisterTaskDefinition(b.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family), NetworkMode: types.NetworkModeAwsvpc,
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("runner"), Image: aws.String("x")}},
	}); err != nil {
		b.Fatal(err)
	}
	in := ecs.RunTaskInput{
		Cluster: aws.String("ci"), TaskDefinition: aws.String(family), StartedBy: aws.String("ci-7-1"),
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE"), Weight: 1}},
		NetworkConfiguration:     &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: cfg.Subnets}},
		Overrides:                &types.TaskOverride{Cpu: aws.String("1024"), Memory: aws.String("2048"), ContainerOverrides: []types.ContainerOverride{{Name: aws.String("runner"), Environment: pairs("A", "1")}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		out, err := e.RunTask(b.Context(), &in)
		if err != nil {
			b.Fatal(err)
		}
		for until := k.Now().Add(4 * time.Minute); k.Step(until); {
		}
		if t, _ := e.Task(*out.Tasks[0].TaskArn); t.Status != "STOPPED" {
			b.Fatal(t.Status)
		}
	}
	b.ReportMetric(float64(events)/float64(b.N), "events/op")
}

func BenchmarkDescribeTask(b *testing.B) {
	k := kernel.New(1, nil)
	e := simaws.NewECS(k, simaws.Config{Cluster: "ci"})
	in := &ecs.DescribeTasksInput{Cluster: aws.String("ci"), Tasks: []string{"x"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.DescribeTasks(b.Context(), in); err != nil {
			b.Fatal(err)
		}
		k.Step(k.Now().Add(time.Second))
	}
}
