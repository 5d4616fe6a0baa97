package storetest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/cost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stats"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/why"
)

// Past is the i-th of n jobs of a busy fleet, the oldest first: its run and the runner that
// ran it. Of a thousand runs two were refused, the newest 40 have not ended, and a repository
// has a twentieth of all.
func Past(i, n int) (fleet.Run, fleet.Runner) {
	received := now.Add(time.Duration(i) * 20 * time.Second)
	queued := received.Add(-time.Second)
	job := fleet.Job{
		JobID: int64(40_000_000_000 + i), WorkflowRunID: int64(20_000_000_000 + i/8), Repository: fmt.Sprintf("octo-org/app-%d", i%20), Private: true,
		Name: fmt.Sprintf("test (shard %d, node 22)", i%8), WorkflowName: []string{"CI", "Release", "Nightly"}[i%97%3], CreatedAt: &queued,
		Labels: []string{"self-hosted", "class:small"}, HTMLURL: fmt.Sprintf("https://github.com/octo-org/app-%d/actions/runs/%d/job/%d", i%20, 20_000_000_000+i/8, 40_000_000_000+i),
	}
	run := fleet.NewRun(job, received)
	run.ClassName, run.Image, run.Launched = []string{"small", "medium", "large"}[i%3], "base", 1
	runner := fleet.Runner{
		Schema: fleet.Schema, RunnerID: fmt.Sprintf("ci-%d-1", job.JobID), RunID: run.RunID, Took: job.JobID, Status: fleet.RunnerOffline, Phase: fleet.Closed,
		Repository: job.Repository, Labels: job.Labels, ClassName: run.ClassName, Image: run.Image, TaskARN: "arn:aws:ecs:eu-central-1:111122223333:task/ci/" + strings.Repeat("0", 32),
		Times: fleet.Times{},
	}
	run.LastRunner, run.RanOn = runner.RunnerID, runner.RunnerID
	run = run.Mark(fleet.StageLaunched, received.Add(time.Second)).Mark(fleet.StageJobStarted, received.Add(45*time.Second))
	for stage, after := range map[fleet.Stage]int{fleet.StageLaunched: 1, fleet.StageAdmitted: 2, fleet.StageImageReady: 3, fleet.StageTaskStarted: 5, fleet.StageContainerUp: 40, fleet.StageRegistered: 43, fleet.StageClosed: 200} {
		runner = runner.Mark(stage, received.Add(time.Duration(after)*time.Second))
	}
	switch {
	case i >= n-40:
		run.Status, runner.Status, runner.Phase = fleet.RunRunning, fleet.RunnerRunning, fleet.Open
	case i%500 == 7:
		run.Status, run.Reason = fleet.RunRefused, "class:huge is none of this fleet's classes"
		run = run.Mark(fleet.StageClosed, received.Add(time.Second))
	default:
		run.Status, run.Conclusion = fleet.RunCompleted, "success"
		run = run.Mark(fleet.StageJobCompleted, received.Add(190*time.Second)).Mark(fleet.StageClosed, received.Add(191*time.Second))
	}
	return run, runner
}

// Settings are of the fleet that had the jobs of Past.
func Settings() report.Settings {
	classes := map[string]fleet.Class{"small": {CPU: 1024, Memory: 2048}, "medium": {CPU: 2048, Memory: 4096}, "large": {CPU: 4096, Memory: 8192}}
	policy := fleet.Policy{FleetName: "ci", MaxRunners: 50, DefaultClass: "small", Classes: classes, Limits: fleet.DefaultLimits()}
	for i := range 20 {
		policy.Repositories = append(policy.Repositories, fmt.Sprintf("octo-org/app-%d", i))
	}
	return report.Settings{
		FleetName: policy.FleetName, Repositories: policy.Repositories, MaxRunners: policy.MaxRunners, DefaultClass: policy.DefaultClass, ClassSizes: classes,
		Engine: "fargate", Policy: &policy,
	}
}

// BenchmarkQuestions asks a store that has n jobs of Past, and Settings, what people ask a
// fleet. requests, which may be nil, counts what the store has been asked for, in its own
// units. The number of runs that a history has is shown beside.
func BenchmarkQuestions(b *testing.B, src report.Source, n int, requests func() int64) {
	at := now.Add(time.Duration(n) * 20 * time.Second)
	middle, _ := Past(n/2, n)
	find := func(q report.RunQuery) func(context.Context) (int, error) {
		q.Limit = 30
		return func(ctx context.Context) (int, error) {
			page, err := report.FindRuns(ctx, src, q, at)
			return len(page.Runs), err
		}
	}
	// The place in the middle is the cursor of the page that ends there.
	found, err := report.FindRuns(b.Context(), src, report.RunQuery{Before: middle.At(fleet.StageReceived), Limit: 30}, at)
	if err != nil {
		b.Fatal(err)
	}
	// A page is opened so late after the one before that nothing of that is used again.
	opened := at
	pages := console.New(console.Options{Records: src, Now: func() time.Time { return opened }, Zone: time.UTC})
	page := func(address string) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			opened = opened.Add(time.Hour)
			answer := httptest.NewRecorder()
			pages.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, address, nil))
			if answer.Code != http.StatusOK {
				return 0, fmt.Errorf("%s: %d %s", address, answer.Code, answer.Body)
			}
			return answer.Body.Len(), nil
		}
	}
	statsOf := func(last time.Duration) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			counter := stats.NewCounter(stats.ByClass, at, time.UTC)
			return history(ctx, src, at, last, counter.Add)
		}
	}
	costOf := func(last time.Duration) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			counter := cost.NewCounter(cost.ByRepository, price.In(price.Home), Settings().ClassSizes, at, time.UTC)
			return history(ctx, src, at, last, counter.Add)
		}
	}
	for _, question := range []struct {
		name string
		ask  func(context.Context) (int, error)
	}{
		{"newest", find(report.RunQuery{})},
		{"from_the_middle", find(report.RunQuery{After: found.Next})},
		{"since_and_before", find(report.RunQuery{Since: middle.At(fleet.StageReceived), Before: middle.At(fleet.StageReceived).Add(time.Hour)})},
		{"open", find(report.RunQuery{Statuses: []fleet.RunStatus{fleet.RunRunning}})},
		{"refused", find(report.RunQuery{Statuses: []fleet.RunStatus{fleet.RunRefused}})},
		{"completed_or_refused", find(report.RunQuery{Statuses: []fleet.RunStatus{fleet.RunCompleted, fleet.RunRefused}})},
		{"of_a_repository", find(report.RunQuery{Repository: "octo-org/app-7"})},
		{"of_a_class", find(report.RunQuery{Class: "large"})},
		{"of_a_workflow", find(report.RunQuery{Workflow: "Nightly"})},
		{"of_a_repository_and_a_workflow", find(report.RunQuery{Repository: "octo-org/app-7", Workflow: "Release"})},
		{"of_a_runner", func(ctx context.Context) (int, error) {
			runs, _, err := report.RunsOfRunner(ctx, src, middle.RanOn, at)
			return len(runs), err
		}},
		{"show", func(ctx context.Context) (int, error) {
			details, err := report.ShowRun(ctx, src, middle.RunID, at)
			return len(details.Runners), err
		}},
		{"why", func(ctx context.Context) (int, error) {
			facts, err := why.Read(ctx, src, why.Subject{Text: middle.RunID, JobID: middle.Job.JobID}, at)
			if err != nil || facts.Run == nil {
				return 0, err
			}
			return len(why.Of(facts).Stages), nil
		}},
		{"newest_runners", func(ctx context.Context) (int, error) {
			runners, err := src.Runners(ctx, 30)
			return len(runners), err
		}},
		{"history/stats_since_1h", statsOf(time.Hour)},
		{"history/stats_since_24h", statsOf(24 * time.Hour)},
		{"history/cost_since_1h", costOf(time.Hour)},
		{"history/cost_since_24h", costOf(24 * time.Hour)},
		{"console/fleet", page("/")},
		{"console/runs", page("/runs")},
		{"console/runs_from_the_middle", page("/runs?after=" + url.QueryEscape(found.Next))},
		{"console/runs_that_failed", page("/runs?status=failure")},
		{"console/runs_of_a_repository", page("/runs?repository=octo-org%2Fapp-7")},
		{"console/run", page("/runs/" + middle.RunID)},
		{"console/runners", page("/runners")},
		{"console/open_runners", page("/runners?phase=open")},
		{"console/failed_runners", page("/runners?phase=failed")},
		{"console/runner", page("/runners/" + middle.RanOn)},
		{"console/images", page("/images")},
		{"console/classes", page("/classes")},
		{"console/repositories", page("/repositories")},
		{"console/events", page("/events")},
		{"console/try", page("/try?labels=self-hosted%2C+class%3Asmall")},
	} {
		b.Run(question.name, func(b *testing.B) {
			answers := 0
			before, asked := int64(0), int64(0)
			if requests != nil {
				before = requests()
			}
			for b.Loop() {
				asked++
				var err error
				answers, err = question.ask(b.Context())
				if err != nil || answers == 0 {
					b.Fatalf("found %d, %v", answers, err)
				}
			}
			if strings.HasPrefix(question.name, "history/") {
				b.ReportMetric(float64(answers), "runs/op")
			}
			if requests != nil {
				b.ReportMetric(float64(requests()-before)/float64(asked), "requests/op")
			}
		})
	}
}

// history counts the runs of the last hours, and returns how many there are.
func history(ctx context.Context, src report.Source, at time.Time, last time.Duration, count func(report.Lived)) (int, error) {
	read, err := report.History(ctx, src, report.RunQuery{Since: at.Add(-last)}, report.MostRead, func(page []report.Lived) error {
		for _, lived := range page {
			count(lived)
		}
		return nil
	})
	return read.Looked, err
}
