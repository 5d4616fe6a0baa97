package simaws_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

const family = "ci-0123456789abcdef0123456789abcdef"

// world is an account with one task definition, and all that it said.
type world struct {
	*testing.T
	k      *kernel.Kernel
	ecs    *simaws.ECS
	builds *simaws.CodeBuild
	ecr    *simaws.ECR

	cfg        simaws.Config
	definition string
	events     []event
	raw        []json.RawMessage
	starts     []simaws.TaskStart
	signals    []string
	kills      []string
	lines      []string
}

// event is what the tests look at in an event.
type event struct {
	At         time.Time       `json:"-"`
	DetailType string          `json:"detail-type"`
	Raw        json.RawMessage `json:"detail"`
	Detail     struct {
		TaskARN       string `json:"taskArn"`
		LastStatus    string `json:"lastStatus"`
		DesiredStatus string `json:"desiredStatus"`
		StopCode      string `json:"stopCode"`
		StoppedReason string `json:"stoppedReason"`
		Version       int    `json:"version"`
		Containers    []struct {
			Name     string `json:"name"`
			ExitCode *int   `json:"exitCode"`
			Reason   string `json:"reason"`
		} `json:"containers"`
	} `json:"-"`
	Build struct {
		ID        string  `json:"build-id"`
		Status    *string `json:"build-status"`
		Completed string  `json:"completed-phase"`
		More      struct {
			Exported []pair `json:"exported-environment-variables"`
			Phases   []struct {
				Type    string   `json:"phase-type"`
				Status  string   `json:"phase-status"`
				Context []string `json:"phase-context"`
			} `json:"phases"`
		} `json:"additional-information"`
	} `json:"-"`
}

type pair struct{ Name, Value string }

func newWorld(t *testing.T, plan ...kernel.Fault) *world {
	return newWorldWith(t, 1, simaws.Config{}, plan...)
}

func newWorldWith(t *testing.T, seed uint64, cfg simaws.Config, plan ...kernel.Fault) *world {
	t.Helper()
	cfg.Cluster, cfg.Account, cfg.Region, cfg.Subnets = "ci", "123456789012", "eu-west-1", []string{"subnet-1", "subnet-2"}
	cfg.Project, cfg.Repository = "ci-images", "ci"
	if err := kernel.CheckPlan(plan, slices.Concat(simaws.Kinds, kernel.Kinds)); err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, k: kernel.New(seed, plan), cfg: cfg}
	w.k.Trace = func(at time.Time, line string) {
		w.lines = append(w.lines, fmt.Sprintf("%s %s", at.Sub(kernel.Epoch), line))
	}
	w.ecs, w.ecr = simaws.NewECS(w.k, cfg), simaws.NewECR(w.k, cfg)
	w.builds = simaws.NewCodeBuild(w.k, cfg, w.ecr)
	w.ecs.OnEvent, w.builds.OnEvent = w.hear, w.hear
	w.ecs.OnStart = func(s simaws.TaskStart) { w.starts = append(w.starts, s) }
	w.ecs.OnSignal = func(arn string) { w.signals = append(w.signals, arn) }
	w.ecs.OnKill = func(arn string) { w.kills = append(w.kills, arn) }
	w.definition = w.register(nil)
	return w
}

func (w *world) hear(told simaws.Event) {
	e := event{At: w.k.Now()}
	raw, err := json.Marshal(told)
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	if err == nil && e.DetailType == "ECS Task State Change" {
		err = json.Unmarshal(e.Raw, &e.Detail)
	} else if err == nil {
		err = json.Unmarshal(e.Raw, &e.Build)
	}
	if err != nil {
		w.Errorf("event %s: %v", raw, err)
	}
	if told.LastStatus != e.Detail.LastStatus {
		w.Errorf("event %s: its status is told as %q", raw, told.LastStatus)
	}
	w.events, w.raw = append(w.events, e), append(w.raw, raw)
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	for until := w.k.Now().Add(d); w.k.Step(until); {
	}
}

func (w *world) register(change func(*ecs.RegisterTaskDefinitionInput)) string {
	w.Helper()
	in := &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("runner"), Image: aws.String(w.cfg.RepositoryURI() + "@sha256:" + strings.Repeat("ab", 32)),
			Environment: pairs("KEPT", "1", "CHANGED", "1"),
		}},
	}
	if change != nil {
		change(in)
	}
	out, err := w.ecs.RegisterTaskDefinition(w.Context(), in)
	if err != nil {
		w.Fatal(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

func pairs(values ...string) (all []types.KeyValuePair) {
	for i := 0; i < len(values); i += 2 {
		all = append(all, types.KeyValuePair{Name: aws.String(values[i]), Value: aws.String(values[i+1])})
	}
	return all
}

// order is a RunTask for a runner with 1 vCPU.
func (w *world) order(runnerID string) *ecs.RunTaskInput {
	return &ecs.RunTaskInput{
		Cluster: aws.String("ci"), TaskDefinition: aws.String(w.definition), StartedBy: aws.String(runnerID), ClientToken: aws.String(runnerID + ".0"),
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE"), Weight: 1}},
		NetworkConfiguration:     &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: w.cfg.Subnets}},
		Overrides: &types.TaskOverride{Cpu: aws.String("1024"), Memory: aws.String("2048"), ContainerOverrides: []types.ContainerOverride{{
			Name: aws.String("runner"), Environment: pairs("CHANGED", "2", "NEW", "3"),
		}}},
		Tags: []types.Tag{{Key: aws.String("fleet"), Value: aws.String("ci")}},
	}
}

func (w *world) onSpot(runnerID string) *ecs.RunTaskInput {
	in := w.order(runnerID)
	in.CapacityProviderStrategy[0].CapacityProvider = aws.String("FARGATE_SPOT")
	return in
}

// try is the task that RunTask starts, or the reason why not.
func (w *world) try(in *ecs.RunTaskInput) (arn, reason string) {
	w.Helper()
	out, err := w.ecs.RunTask(w.Context(), in)
	switch {
	case err != nil:
		return "", err.Error()
	case len(out.Tasks) == 1 && len(out.Failures) == 0:
		return *out.Tasks[0].TaskArn, ""
	case len(out.Tasks) == 0 && len(out.Failures) == 1:
		return "", *out.Failures[0].Reason
	}
	w.Fatalf("%d tasks and %d failures", len(out.Tasks), len(out.Failures))
	return "", ""
}

func (w *world) launch(in *ecs.RunTaskInput) string {
	w.Helper()
	arn, reason := w.try(in)
	if arn == "" {
		w.Fatal(reason)
	}
	return arn
}

// up launches a task whose program runs.
func (w *world) up(in *ecs.RunTaskInput) string {
	w.Helper()
	arn := w.launch(in)
	w.run(time.Minute)
	if n := len(w.starts); n == 0 || w.starts[n-1].ARN != arn {
		w.Fatalf("the program of %s has not begun", arn)
	}
	return arn
}

// describe is what DescribeTasks says of a task, nil if it is MISSING.
func (w *world) describe(arn string) *types.Task {
	w.Helper()
	out, err := w.ecs.DescribeTasks(w.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("ci"), Tasks: []string{arn}})
	switch {
	case err != nil:
		w.Fatal(err)
	case len(out.Tasks) == 1:
		return &out.Tasks[0]
	case len(out.Failures) != 1 || *out.Failures[0].Reason != "MISSING" || *out.Failures[0].Arn != arn:
		w.Fatalf("failures %+v", out.Failures)
	}
	return nil
}

func (w *world) list(desired types.DesiredStatus, startedBy string) []string {
	w.Helper()
	in := &ecs.ListTasksInput{Cluster: aws.String("ci"), DesiredStatus: desired}
	if startedBy != "" {
		in.StartedBy = aws.String(startedBy)
	}
	var arns []string
	for pages := ecs.NewListTasksPaginator(w.ecs, in); pages.HasMorePages(); {
		out, err := pages.NextPage(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		arns = append(arns, out.TaskArns...)
	}
	return arns
}

func (w *world) stop(arn string) {
	w.Helper()
	if _, err := w.ecs.StopTask(w.Context(), &ecs.StopTaskInput{Cluster: aws.String("ci"), Task: aws.String(arn), Reason: aws.String("enough")}); err != nil {
		w.Fatal(err)
	}
}

// ended is the event of a task that has stopped.
func (w *world) ended(arn string) event {
	w.Helper()
	for _, e := range w.events {
		if e.Detail.TaskARN == arn && e.Detail.LastStatus == "STOPPED" {
			return e
		}
	}
	w.Fatalf("task %s has not stopped:\n%s", arn, strings.Join(w.lines, "\n"))
	return event{}
}

// exitCode is that of the container named runner, in an event.
func exitCode(e event) int {
	for _, c := range e.Detail.Containers {
		if c.Name == "runner" && c.ExitCode != nil {
			return *c.ExitCode
		}
	}
	return -1
}

const tag = "0123456789abcdef0123456789abcdef"

// build is a StartBuild as the fleet makes them.
func build(token string) *codebuild.StartBuildInput {
	in := &codebuild.StartBuildInput{ProjectName: aws.String("ci-images"), IdempotencyToken: aws.String(token)}
	for _, p := range []pair{{"IMAGE_TAG", tag}, {"IMAGE_REVISION", "3"}, {"IMAGE_KIND", "base"}, {"PUBLISH_TAG", "latest"}, {"RUNNER_RELEASE", "2.335.1"}} {
		in.EnvironmentVariablesOverride = append(in.EnvironmentVariablesOverride, cbtypes.EnvironmentVariable{Name: aws.String(p.Name), Value: aws.String(p.Value), Type: cbtypes.EnvironmentVariableTypePlaintext})
	}
	return in
}

func (w *world) start(in *codebuild.StartBuildInput) string {
	w.Helper()
	out, err := w.builds.StartBuild(w.Context(), in)
	if err != nil {
		w.Fatal(err)
	}
	return *out.Build.Id
}

func (w *world) look(id string) cbtypes.Build {
	w.Helper()
	out, err := w.builds.BatchGetBuilds(w.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil || len(out.Builds) != 1 {
		w.Fatalf("%+v %v", out, err)
	}
	return out.Builds[0]
}

// says are a build's events about itself, by status.
func (w *world) says(id string) (statuses []string) {
	for _, e := range w.events {
		if strings.HasSuffix(e.Build.ID, id) && e.DetailType == "CodeBuild Build State Change" {
			statuses = append(statuses, *e.Build.Status)
		}
	}
	return statuses
}

// phases are those in a build's events.
func (w *world) phases(id string) (phases []string) {
	for _, e := range w.events {
		if strings.HasSuffix(e.Build.ID, id) && e.DetailType == "CodeBuild Build Phase Change" {
			phases = append(phases, e.Build.Completed)
		}
	}
	return phases
}

func lasting(d time.Duration) kernel.Duration { return kernel.Duration{Duration: d} }
