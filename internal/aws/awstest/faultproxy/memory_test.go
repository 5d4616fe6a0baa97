package faultproxy

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
)

func TestRunTaskRemembersClientTokens(t *testing.T) {
	p, e, config := newProxy(t)
	p.Use(TaskTokens())
	arn := func(token, startedBy string) string {
		t.Helper()
		out, err := run(t, config, token, startedBy)
		if err != nil || len(out.Tasks) != 1 {
			t.Fatalf("got %+v, %v", out, err)
		}
		return *out.Tasks[0].TaskArn
	}
	first := arn("ci-7-1.0", "ci-7-1")
	if again := arn("ci-7-1.0", "ci-7-1"); again != first {
		t.Errorf("the same request got %s and %s", first, again)
	}
	if other := arn("ci-7-1.1", "ci-7-1"); other == first {
		t.Error("another token got the same task")
	}
	if v := p.Violations(); len(v) > 0 {
		t.Errorf("violations: %v", v)
	}

	_, err := run(t, config, "ci-7-1.0", "ci-7-2")
	var conflict *ecstypes.ConflictException
	if !errors.As(err, &conflict) || !cmp.Equal(conflict.ResourceIds, []string{first}) {
		t.Errorf("other parameters: %v", err)
	}
	if v := p.Violations(); len(v) != 1 || !strings.Contains(v[0], "ecs:RunTask ci-7-1.0") {
		t.Errorf("violations: %q", v)
	}
	if e.started() != 2 {
		t.Errorf("%d tasks", e.started())
	}
}

func TestALostAnswerStartsOneTask(t *testing.T) {
	p, e, config := newProxy(t)
	p.Use(TaskTokens())
	p.Use(LostAnswers(Match{Operation: "RunTask"}, 2, nil))
	if out, err := run(t, config, "ci-7-1.0", "ci-7-1"); err != nil || len(out.Tasks) != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
	if e.started() != 1 || len(p.Calls()) != 3 {
		t.Errorf("%d tasks after %d calls", e.started(), len(p.Calls()))
	}
}

func TestTwoRequestsAtOnceStartOneTask(t *testing.T) {
	p, e, config := newProxy(t)
	p.Use(TaskTokens())
	var both sync.WaitGroup
	for range 8 {
		both.Go(func() {
			if _, err := run(t, config, "ci-7-1.0", "ci-7-1"); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if e.started() != 1 {
		t.Errorf("%d tasks", e.started())
	}
}

func TestATokenOfATaskThatWasNotStartedIsFree(t *testing.T) {
	p, e, config := newProxy(t)
	p.Use(TaskFailures("", 1, "Capacity is unavailable at this time.", "us-east-1a"))
	p.Use(TaskTokens()) // outside, to see whether it keeps what failed
	out, err := run(t, config, "ci-7-1.0", "ci-7-1")
	if err != nil || len(out.Tasks) != 0 || len(out.Failures) != 1 || *out.Failures[0].Reason != "Capacity is unavailable at this time." || *out.Failures[0].Detail != "us-east-1a" {
		t.Errorf("got %+v, %v", out, err)
	}
	if out, err := run(t, config, "ci-7-1.0", "ci-7-1"); err != nil || len(out.Tasks) != 1 || e.started() != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestStartBuildRemembersIdempotencyTokens(t *testing.T) {
	p, e, config := newProxy(t)
	p.Use(BuildTokens())
	build := func(token, version string) (string, error) {
		out, err := codebuild.NewFromConfig(config).StartBuild(t.Context(), &codebuild.StartBuildInput{
			ProjectName: aws.String("ci"), IdempotencyToken: aws.String(token), SourceVersion: aws.String(version),
		})
		if err != nil {
			return "", err
		}
		return *out.Build.Id, nil
	}
	first, err := build("a", "1")
	again, err2 := build("a", "1")
	if err != nil || err2 != nil || first != "ci:1" || again != first {
		t.Errorf("got %s, %v and %s, %v", first, err, again, err2)
	}
	if other, err := build("b", "1"); err != nil || other == first {
		t.Errorf("another token: %s, %v", other, err)
	}
	if _, err := build("a", "2"); code(err) != "InvalidInputException" {
		t.Errorf("other parameters: %v", err)
	}
	if e.builds != 2 || len(p.Violations()) != 1 {
		t.Errorf("%d builds, violations %q", e.builds, p.Violations())
	}
}

// TestRetriesOfTheSDKAreTheSame holds also for a token that the SDK makes up.
func TestRetriesOfTheSDKAreTheSame(t *testing.T) {
	p, _, config := newProxy(t)
	p.Use(LostAnswers(Match{}, 2, nil))
	item := types.TransactWriteItem{Put: &types.Put{TableName: aws.String("ci"), Item: map[string]types.AttributeValue{}}}
	if _, err := dynamodb.NewFromConfig(config).TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{item}}); err != nil {
		t.Fatal(err)
	}
	calls := p.Calls()
	if len(calls) != 3 || calls[0].BodyHash != calls[1].BodyHash || calls[0].BodyHash != calls[2].BodyHash || len(p.Violations()) > 0 {
		t.Errorf("calls: %+v, violations: %q", calls, p.Violations())
	}
}

func TestTaskChangesAreToldOnce(t *testing.T) {
	p, _, config := newProxy(t)
	p.Use(TaskTokens())
	var got []Task
	p.Use(TaskChanges(func(task Task) {
		if len(task.JSON) == 0 {
			t.Error("a task without its JSON")
		}
		task.JSON = nil
		got = append(got, task)
	}))
	p.Use(LostAnswers(Match{Operation: "RunTask"}, 1, nil)) // the task is there nevertheless
	out, err := run(t, config, "ci-7-1.0", "ci-7-1")
	if err != nil {
		t.Fatal(err)
	}
	arn := *out.Tasks[0].TaskArn
	for range 2 {
		if _, err := ecs.NewFromConfig(config).StopTask(t.Context(), &ecs.StopTaskInput{Task: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ecs.NewFromConfig(config).DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Tasks: []string{arn}}); err != nil {
		t.Fatal(err)
	}
	want := []Task{{ARN: arn, ClusterARN: "ci", StartedBy: "ci-7-1"}, {ARN: arn, ClusterARN: "ci", StartedBy: "ci-7-1", Stopped: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownTasks(t *testing.T) {
	p, _, config := newProxy(t)
	p.Use(UnknownTasks())
	client := ecs.NewFromConfig(config)
	if _, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Task: aws.String("unknown")}); code(err) != "InvalidParameterException" {
		t.Errorf("stop: %v", err)
	}
	known, unknown := "arn:aws:ecs:us-east-1:123456789012:task/ci/1", "arn:aws:ecs:us-east-1:123456789012:task/ci/9"
	out, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Tasks: []string{known, unknown}})
	if err != nil || len(out.Tasks) != 1 || len(out.Failures) != 1 || *out.Failures[0].Arn != unknown || *out.Failures[0].Reason != "MISSING" {
		t.Errorf("describe: %+v, %v", out, err)
	}
}

func TestBuildStatuses(t *testing.T) {
	p, _, config := newProxy(t)
	p.Use(BuildStatuses(func(id string) string {
		return map[string]string{"ci:1": "IN_PROGRESS", "ci:2": "FAILED"}[id]
	}))
	out, err := codebuild.NewFromConfig(config).BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{"ci:1", "ci:2"}})
	if err != nil || len(out.Builds) != 2 {
		t.Fatalf("got %+v, %v", out, err)
	}
	if b := out.Builds[0]; b.BuildStatus != "IN_PROGRESS" || b.EndTime != nil || b.BuildComplete {
		t.Errorf("the build that runs: %+v", b)
	}
	if b := out.Builds[1]; b.BuildStatus != "FAILED" || b.EndTime == nil || !b.BuildComplete {
		t.Errorf("the one that failed: %+v", b)
	}
}
