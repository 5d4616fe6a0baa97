// Package consoletest fills a database with the records of a busy fleet, for tests of the
// console: runs and runners in every state, some hours of history, and the names that
// hostile strangers give to jobs.
//
// The records are the same each time but for the moment that they end at.
package consoletest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Store is the part of a database that records are written to.
type Store interface {
	Write(ctx context.Context, changes fleet.Changes) error
	PutImage(ctx context.Context, image fleet.ImageRecord) error
	PutSettings(ctx context.Context, settings report.Settings) error
	PutCursor(ctx context.Context, name, value string) error
	JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error)
}

// Hostile is a job's name that would do harm wherever it was shown as it is.
const Hostile = "<script>alert('job')</script><img src=x onerror=alert(1)> \x1b[31mred\x1b[0m \u202egnp.exe"

// Runs with a known id, for tests.
const (
	Running   = 20000000900
	Swapped   = 20000000901
	Failing   = 20000000902 // its runner has failed twice, and it is tried again later
	Refused   = 20000000903
	HasScript = 20000000904 // its names are hostile
	OnWarm    = 20000000905 // it runs on WarmRunner
)

// Warm runners with a known id: the first idles, and the second has a job.
const (
	IdleRunner = "fleet-w1-1"
	WarmRunner = "fleet-w2-2"
)

// Policy is what the fleet decides by.
func Policy() fleet.Policy {
	return fleet.Policy{
		FleetName: "fleet", Repositories: []string{"octo-org/app", "octo-org/web", "octo-org/ml-training", "octo-org/design-system"},
		MaxRunners: 40, MaxPerRepository: 20, DefaultClass: "small", BaseImage: "ubuntu-24.04", EnforcePolicy: true,
		Classes: map[string]fleet.Class{
			"small": {CPU: 1024, Memory: 2048, Arch: fleet.X64, Spot: true},
			"medium": {CPU: 2048, Memory: 4096, Arch: fleet.X64, Spot: true, Warm: &fleet.Warm{
				Count: 3, Schedule: "daily 00:00-24:00 Europe/Berlin", Repositories: []string{"octo-org/app", "octo-org/web"}, IdleHoursPerDay: 48,
			}},
			"large": {CPU: 4096, Memory: 8192, Arch: fleet.X64},
			"arm":   {CPU: 2048, Memory: 4096, Arch: fleet.ARM64},
			"huge":  {CPU: 16384, Memory: 65536, Arch: fleet.X64, EphemeralStorage: 100},
		},
		ExtraImages: map[string]string{"browser": "images/browser/Dockerfile"},
		Registries:  fleet.DefaultRegistries, Limits: fleet.DefaultLimits(),
		Rules: []fleet.Rule{
			{Name: "no-forks", Fork: new(true), Refuse: "Jobs of forks run on GitHub's own runners."},
			{Name: "training", Repository: fleet.Patterns{"octo-org/ml-training"}, Allow: true, MaxRunners: 4},
			{Name: "rest", Allow: true},
		},
	}
}

// Fill writes the records of a fleet, as they are now.
func Fill(ctx context.Context, store Store, now time.Time) error {
	f := filling{now: now.UTC().Truncate(time.Second), random: rand.New(rand.NewPCG(15, 5))}
	f.past(420)
	f.present()
	policy := Policy()
	settings := report.Settings{
		FleetName: policy.FleetName, Repositories: policy.Repositories, MaxRunners: policy.MaxRunners, DefaultClass: policy.DefaultClass, ClassSizes: policy.Classes,
		Engine: "fargate", StartedAt: f.now.Add(-76 * time.Hour), Version: "v0.9.0", Policy: &policy,
	}
	if err := store.PutSettings(ctx, settings); err != nil {
		return err
	}
	usage, err := json.Marshal(fleet.GitHubUsage{
		Since: f.now.Truncate(time.Hour), At: f.now.Add(-20 * time.Second),
		Budgets: []fleet.Budget{{Credential: "app-12345-678", Name: "App 12345, installed for octo-org", Resource: "core", Limit: 12500, Remaining: 9120, Reset: f.now.Add(23 * time.Minute)}},
		Asked:   map[string]int{"jobs": 610, "runners": 240}, Unchanged: 3120,
	})
	if err != nil {
		return err
	}
	if err := store.PutCursor(ctx, fleet.GitHubUsageCursor, string(usage)); err != nil {
		return err
	}
	if err := f.write(ctx, store); err != nil {
		return err
	}
	for _, image := range f.images() {
		if err := store.PutImage(ctx, image); err != nil {
			return err
		}
	}
	_, err = store.JoinBuild(ctx, imageSpec("node:24-bookworm").Tag(), "fleet-20000000911-1", f.now, time.Hour)
	return err
}

// FillLive adds n runs whose jobs run, for measurements.
func FillLive(ctx context.Context, store Store, n int, now time.Time) error {
	f := filling{now: now.UTC().Truncate(time.Second), random: rand.New(rand.NewPCG(500, 5))}
	for i := range n {
		f.add(f.ran(f.job(int64(30000000000+i), i, f.now.Add(-f.seconds(120, 800))), fleet.StageJobStarted))
	}
	return f.write(ctx, store)
}

// FillPast adds n runs that have ended, for measurements.
func FillPast(ctx context.Context, store Store, n int, now time.Time) error {
	f := filling{now: now.UTC().Truncate(time.Second), random: rand.New(rand.NewPCG(100, 5))}
	for i := range n {
		f.add(f.ran(f.job(int64(40000000000+i), i, f.now.Add(-8*time.Hour-time.Duration(n-i)*10*time.Second)), fleet.StageClosed))
		last := &f.changes.Runs[len(f.changes.Runs)-1]
		last.Status, last.Conclusion = fleet.RunCompleted, "success"
		if len(f.changes.Runs) == 2000 {
			if err := f.write(ctx, store); err != nil {
				return err
			}
		}
	}
	return f.write(ctx, store)
}

// FillExecutions writes the executions of the runners that have a known id.
func FillExecutions(ctx context.Context, store engine.Store, now time.Time) error {
	for _, id := range []string{"fleet-20000000900-1", "fleet-20000000901-1", "fleet-20000000910-1", "fleet-20000000902-1"} {
		record, events := execution(id, now.UTC().Truncate(time.Second), id != "fleet-20000000900-1")
		if err := store.Create(ctx, record, events); err != nil {
			return err
		}
	}
	return nil
}

// write writes the records bit by bit.
func (f *filling) write(ctx context.Context, store Store) error {
	for len(f.changes.Runs) > 0 || len(f.changes.Runners) > 0 { // not all in one transaction
		part := fleet.Changes{Runs: first(&f.changes.Runs), Runners: first(&f.changes.Runners), Capacity: f.changes.Capacity, Holds: f.changes.Holds, Actions: f.changes.Actions}
		f.changes.Capacity, f.changes.Holds, f.changes.Actions = nil, nil, nil
		if err := store.Write(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func first[T any](all *[]T) []T {
	n := min(200, len(*all))
	part := (*all)[:n]
	*all = (*all)[n:]
	return part
}

// filling makes records.
type filling struct {
	now     time.Time
	random  *rand.Rand
	changes fleet.Changes
	open    int
}

var jobs = []struct{ repository, workflow, name, class, image string }{
	{"octo-org/app", "CI", "build", "medium", ""},
	{"octo-org/app", "CI", "test / unit (1/3)", "small", ""},
	{"octo-org/app", "CI", "test / unit (2/3)", "small", ""},
	{"octo-org/app", "CI", "test / unit (3/3)", "small", ""},
	{"octo-org/app", "Release", "publish", "large", ""},
	{"octo-org/web", "e2e", "chrome / shard 1 of 4", "medium", "browser"},
	{"octo-org/web", "e2e", "chrome / shard 2 of 4", "medium", "browser"},
	{"octo-org/web", "Lint", "eslint", "small", "image:node:24-bookworm"},
	{"octo-org/ml-training", "nightly", "train résumé-parser 日本語", "huge", "image:python:3.13-bookworm"},
	{"octo-org/design-system", "CI", "storybook", "arm", ""},
}

func imageSpec(name string) fleet.ImageSpec {
	return fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/" + name, Arch: fleet.X64}
}

func (f *filling) job(id int64, kind int, queued time.Time) fleet.Job {
	k := jobs[kind%len(jobs)]
	labels := []string{"self-hosted", "class:" + k.class}
	if k.image != "" {
		labels = append(labels, k.image)
	}
	workflowRun := 7000 + id/4%1000
	return fleet.Job{
		JobID: id, WorkflowRunID: workflowRun, RunAttempt: 1, Repository: k.repository, RepositoryID: int64(9 + len(k.repository)), Private: true, Visibility: fleet.VisibilityPrivate,
		Name: k.name, WorkflowName: k.workflow, HeadBranch: "main", Labels: labels, Status: fleet.JobQueued, CreatedAt: &queued,
		HTMLURL: fmt.Sprintf("https://github.com/%s/actions/runs/%d/job/%d", k.repository, workflowRun, id),
	}
}

func (f *filling) seconds(low, high int) time.Duration {
	return time.Duration(low+f.random.IntN(high-low+1)) * time.Second
}

// ran is a run that came to a stage, and its runner.
func (f *filling) ran(job fleet.Job, until fleet.Stage) (fleet.Run, fleet.Runner) {
	run := fleet.NewRun(job, job.CreatedAt.Add(time.Second))
	run = run.Want(Policy().Wants(job))
	runner := fleet.Runner{
		Schema: fleet.Schema, RunnerID: fmt.Sprintf("fleet-%d-1", job.JobID), RunID: run.RunID, For: run.RunID, Status: fleet.RunnerStarting, Phase: fleet.Open,
		Repository: job.Repository, Labels: job.Labels, ClassName: run.ClassName, Image: run.Image, Times: fleet.Times{}, Rule: run.AdmittedBy,
	}
	run.RunnerID, run.LastRunner, run.Launched = runner.RunnerID, runner.RunnerID, 1
	run.Status = fleet.RunStarting
	at := job.CreatedAt.Add(2 * time.Second)
	run = run.Mark(fleet.StageLaunched, at)
	runner = runner.Mark(fleet.StageLaunched, at)
	for _, s := range []struct {
		stage fleet.Stage
		takes time.Duration
	}{
		{fleet.StageAdmitted, f.seconds(1, 2)}, {fleet.StageImageReady, f.seconds(1, 3)}, {fleet.StageTaskStarted, f.seconds(1, 3)},
		{fleet.StageContainerUp, f.seconds(14, 48)}, {fleet.StageClaimed, f.seconds(1, 2)}, {fleet.StageRegistered, f.seconds(1, 3)},
		{fleet.StageJobStarted, f.seconds(1, 4)}, {fleet.StageJobCompleted, f.seconds(40, 900)}, {fleet.StageTaskStopped, f.seconds(2, 9)}, {fleet.StageClosed, f.seconds(1, 2)},
	} {
		at = at.Add(s.takes)
		switch s.stage {
		case fleet.StageTaskStarted:
			runner.TaskARN, runner.TaskStatus, runner.WaitingFor = fmt.Sprintf("arn:aws:ecs:eu-central-1:111122223333:task/fleet/%032x", job.JobID), fleet.TaskPending, fleet.WaitForJob
		case fleet.StageContainerUp:
			runner.TaskStatus = fleet.TaskRunning
		case fleet.StageClaimed:
			runner.Claims = 1
		case fleet.StageRegistered:
			runner.Status, run.Status, runner.RegistrationID = fleet.RunnerWaitingForJob, fleet.RunWaitingForJob, job.JobID%100000
		case fleet.StageJobStarted:
			runner.Status, run.Status, runner.Took, run.RanOn, runner.WaitingFor = fleet.RunnerRunning, fleet.RunRunning, job.JobID, runner.RunnerID, fleet.WaitForStopped
			run = run.Mark(s.stage, at)
			started := at
			run.Job.StartedAt = &started
		case fleet.StageJobCompleted:
			run = run.Mark(s.stage, at)
		case fleet.StageTaskStopped:
			runner.TaskStatus, runner.ExitCode, runner.WaitingFor = fleet.TaskStopped, new(0), ""
		case fleet.StageClosed:
			runner.Status, runner.Phase = fleet.RunnerOffline, fleet.Closed
			run = run.Mark(s.stage, at)
		}
		runner = runner.Mark(s.stage, at)
		if s.stage == until {
			break
		}
	}
	return run, runner
}

// past makes runs that have ended, over seven hours.
func (f *filling) past(n int) {
	for i := range n {
		back := 7 * time.Hour * time.Duration(n-i) / time.Duration(n)
		back += time.Duration(f.random.IntN(300)) * time.Second
		id := int64(20000000000 + i)
		run, runner := f.ran(f.job(id, f.random.IntN(len(jobs)), f.now.Add(-back-20*time.Minute)), fleet.StageClosed)
		run.Status, run.Conclusion = fleet.RunCompleted, "success"
		switch {
		case i%11 == 0:
			run.Conclusion = "failure"
		case i%37 == 0:
			run.Status, run.Conclusion, run.Reason = fleet.RunCancelled, "cancelled", "cancelled on GitHub while "+runner.RunnerID+" ran it"
		case i%53 == 0:
			run.Status, run.Conclusion, run.RanOn, run.RunnerID = fleet.RunGone, "", "", ""
			run.Reason = "GitHub has not known the job for 24h"
			runner.Status, runner.FailureName, runner.Failure = fleet.RunnerFailed, fleet.GitHubNotFound, "GitHub does not know the job"
		}
		if i%29 == 3 {
			failed := runner
			failed.RunnerID, failed.Status, failed.Took = fmt.Sprintf("fleet-%d-9", id), fleet.RunnerFailed, 0
			failed.FailureName, failed.Failure = fleet.RunnerStartTimeout, "the container did not ask for its credential within 10m0s"
			if i%2 == 0 {
				failed.FailureName, failed.Failure, failed.StopCode = fleet.RunnerSpotInterrupted, "Fargate Spot took the task back", "SpotInterruption"
			}
			f.changes.Runners = append(f.changes.Runners, failed)
		}
		f.add(run, runner)
	}
}

func (f *filling) add(run fleet.Run, runners ...fleet.Runner) {
	f.changes.Runs = append(f.changes.Runs, run)
	for _, r := range runners {
		if r.Phase != fleet.Closed {
			f.open++
		}
		f.changes.Runners = append(f.changes.Runners, r)
	}
}

// present makes what is under way.
func (f *filling) present() {
	ago := func(d time.Duration) time.Time { return f.now.Add(-d) }
	f.add(f.ran(f.job(Running, 0, ago(6*time.Minute)), fleet.StageJobStarted))
	f.swap(ago)

	run, runner := f.ran(f.job(Failing, 6, ago(19*time.Minute)), fleet.StageContainerUp)
	runner.Status, runner.Phase, runner.FailureName, runner.Failure = fleet.RunnerFailed, fleet.Closed, fleet.RunnerCannotPullContainer, "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref"
	runner.Reason = runner.Failure
	runner = runner.Mark(fleet.StageClosed, ago(9*time.Minute))
	hold := fleet.Hold{
		Key: "start/" + run.ImageTag + "/" + run.ClassName + "/octo-org/web", Kind: fleet.SetbackStart, Name: fleet.RunnerCannotPullContainer, Cause: runner.Failure,
		Since: ago(9 * time.Minute), InARow: 2, NextTry: f.now.Add(4*time.Minute + 20*time.Second), Width: 1, Met: map[string]time.Time{run.RunID: ago(9 * time.Minute)}, Needs: 1,
	}
	run.Status, run.RunnerID, run.Fruitless = fleet.RunQueued, "", 2
	run.Setback = &fleet.Setback{Kind: fleet.SetbackStart, Name: hold.Name, Cause: hold.Cause, InARow: 2, At: ago(9 * time.Minute), Hold: hold.Key}
	run.Reason = hold.Name + ": " + hold.Cause
	f.add(run, runner)
	f.changes.Holds = append(f.changes.Holds, hold)

	refused := fleet.NewRun(f.job(Refused, 4, ago(14*time.Minute)), ago(14*time.Minute))
	refused.Job.Labels = []string{"self-hosted", "class:gigantic"}
	refused.Status, refused.Rule, refused.Reason = fleet.RunRefused, "class.unknown", `there is no class "gigantic": use arm, huge, large, medium or small`
	f.add(refused.Mark(fleet.StageClosed, ago(14*time.Minute)))

	hostile, its := f.ran(f.job(HasScript, 1, ago(70*time.Second)), fleet.StageRegistered)
	hostile.Job.Name, hostile.Job.WorkflowName = Hostile, `"><svg onload=alert(2)>`
	hostile.Job.Labels = []string{"self-hosted", "class:small", "<b>bold</b>", "日本語", "\xff\xfe", strings.Repeat("x", 300)}
	hostile.Job.HTMLURL = "javascript:alert(3)"
	f.add(hostile, its)

	id := int64(20000000910)
	for i, until := range []fleet.Stage{
		fleet.StageJobStarted, fleet.StageAdmitted, fleet.StageImageReady, fleet.StageTaskStarted, fleet.StageTaskStarted, fleet.StageContainerUp, fleet.StageRegistered,
		fleet.StageJobStarted, fleet.StageJobStarted, fleet.StageJobStarted, fleet.StageJobStarted, fleet.StageJobStarted, fleet.StageJobStarted, fleet.StageLaunched,
	} {
		run, runner := f.ran(f.job(id+int64(i)+1, i, ago(f.seconds(20, 700))), until)
		if i == 1 || i == 2 {
			run.Status, runner.Status, runner.WaitingFor = fleet.RunImageCreating, fleet.RunnerImageCreating, fleet.WaitForImage
		}
		f.add(run, runner)
	}
	for i := range 5 { // wait for room
		run := fleet.NewRun(f.job(id+40+int64(i), 8, ago(f.seconds(60, 900))), ago(50*time.Second))
		run = run.Want(Policy().Wants(run.Job))
		run.WaitsForRoom, run.WaitsForRule, run.AdmittedBy, run.RuleKnown = true, true, "training", true
		run.Reason, run.WaitsSince = "the runners of rule training are all in use", ago(40*time.Second)
		f.add(run)
	}
	waiting := fleet.NewRun(f.job(id+60, 4, ago(33*time.Minute)), ago(33*time.Minute)).Wait()
	f.add(waiting)
	f.add(fleet.NewRun(f.job(id+61, 2, ago(2*time.Second)), ago(time.Second)))
	f.changes.Actions = []fleet.Action{
		{ID: "1", At: ago(26 * time.Hour), Command: fleet.CommandPause, By: "arn:aws:sts::111122223333:assumed-role/Operators/mona", Reason: "moving to other subnets"},
		{ID: "2", At: ago(25 * time.Hour), Command: fleet.CommandResume, By: "arn:aws:sts::111122223333:assumed-role/Operators/mona"},
		{ID: "3", At: ago(50 * time.Minute), Command: fleet.CommandTerminate, By: "uid 1000 (<b>hubot</b>)", Reason: Hostile, RunnerID: "fleet-20000000409-9", RunID: "job-20000000409"},
	}
	f.changes.Capacity = &fleet.Capacity{Open: f.open, OpenOf: map[string]int{"octo-org/app": 6, "octo-org/web": 5, "octo-org/ml-training": 4}, OpenOfRule: map[string]int{"training": 4, "rest": f.open - 4}}
	f.warm(ago)
}

// warm makes a pool that loses its runners to GitHub, and a full one.
func (f *filling) warm(ago func(time.Duration) time.Time) {
	app, web := "medium@octo-org/app", "medium@octo-org/web"
	capacity := f.changes.Capacity
	capacity.WarmMade, capacity.Warm = 6, map[string]fleet.WarmRunner{}
	capacity.Pools = map[string]fleet.PoolState{
		app: {
			Day: f.now.Format(time.DateOnly), Launched: 14, Taken: 8, Lost: 3, IdleSeconds: 4 * 3600,
			LostAt: ago(50 * time.Second), LaunchedAt: ago(80 * time.Second), NextTry: f.now.Add(70 * time.Second),
		},
		web: {Day: f.now.Format(time.DateOnly), Launched: 3, IdleSeconds: 600},
	}
	for i, in := range []struct {
		id, pool string
		until    fleet.Stage
	}{
		{IdleRunner, app, fleet.StageRegistered}, {WarmRunner, app, fleet.StageJobStarted}, {"fleet-w3-3", app, fleet.StageTaskStarted},
		{"fleet-w4-4", web, fleet.StageRegistered}, {"fleet-w5-5", web, fleet.StageRegistered}, {"fleet-w6-6", web, fleet.StageRegistered},
	} {
		run, r := f.ran(f.job(OnWarm, 5*(i/3), ago(8*time.Minute)), in.until)
		_, place, _ := strings.Cut(in.pool, "@")
		r.RunnerID, r.RunID, r.For, r.Rule, r.Pool, r.RegisteredIn = in.id, "", "", "", in.pool, place
		for stage, at := range r.Times {
			if stage != fleet.StageJobStarted {
				r.Times[stage] = at.Add(-30 * time.Minute)
			}
		}
		if in.until == fleet.StageJobStarted {
			run.RunnerID, run.LastRunner, run.RanOn, run.Launched = r.RunnerID, r.RunnerID, r.RunnerID, 0
			run.Times[fleet.StageJobStarted], r.Times[fleet.StageJobStarted] = ago(8*time.Minute-4*time.Second), ago(8*time.Minute-4*time.Second)
			r.RunID, r.For, r.ExpectedAt = run.RunID, run.RunID, ago(8*time.Minute)
			f.changes.Runs = append(f.changes.Runs, run)
		} else {
			r.Took = 0
			capacity.Warm[r.RunnerID] = fleet.WarmRunner{Pool: in.pool, Place: place, Labels: r.Labels, Since: r.At(fleet.StageLaunched), Made: r.At(fleet.StageLaunched)}
		}
		capacity.Open++
		f.changes.Runners = append(f.changes.Runners, r)
	}
}

// swap makes two runs whose runners GitHub exchanged.
func (f *filling) swap(ago func(time.Duration) time.Time) {
	a, forA := f.ran(f.job(Swapped, 5, ago(11*time.Minute)), fleet.StageClosed)
	b, forB := f.ran(f.job(20000000910, 6, ago(10*time.Minute)), fleet.StageClosed)
	a.RanOn, a.RunnerID, forB.Took, forB.For = forB.RunnerID, forB.RunnerID, a.Job.JobID, a.RunID
	b.RanOn, b.RunnerID, forA.Took, forA.For = forA.RunnerID, forA.RunnerID, b.Job.JobID, b.RunID
	a.Status, a.Conclusion, b.Status, b.Conclusion = fleet.RunCompleted, "success", fleet.RunCompleted, "failure"
	a.Times, b.Times = exchange(a.Times, forB.Times), exchange(b.Times, forA.Times)
	f.add(a, forA)
	f.add(b, forB)
}

// exchange gives a run the times at which a runner had its job.
func exchange(run, runner fleet.Times) fleet.Times {
	for _, s := range []fleet.Stage{fleet.StageJobStarted, fleet.StageJobCompleted, fleet.StageClosed} {
		run[s] = runner[s]
	}
	return run
}

// images are in every state.
func (f *filling) images() []fleet.ImageRecord {
	base := fleet.ImageSpec{Kind: fleet.BaseImage, Name: "ubuntu-24.04", Arch: fleet.X64}
	extra := fleet.ImageSpec{Kind: fleet.ExtraImage, Name: "browser", Arch: fleet.X64}
	building, failed := imageSpec("node:24-bookworm"), imageSpec("alpine:3.22")
	ready := func(spec fleet.ImageSpec, ago time.Duration) fleet.ImageRecord {
		return fleet.ImageRecord{Tag: spec.Tag(), Spec: spec, Revision: 3, Digest: "sha256:" + strings.Repeat("5e0c", 16), RunnerVersion: "2.331.0", Identity: true, BuiltAt: f.now.Add(-ago), UsedAt: f.now.Truncate(24 * time.Hour)}
	}
	old := ready(imageSpec("golang:1.26"), 40*24*time.Hour)
	old.Outdated = "GitHub gives no jobs to runner version 2.329.0 any more"
	return []fleet.ImageRecord{
		ready(base, 9*time.Hour), ready(extra, 31*time.Hour), {Tag: building.Tag(), Spec: building}, old,
		{Tag: failed.Tag(), Spec: failed, Failure: &fleet.BuildFailure{At: f.now.Add(-2 * time.Hour), Reason: "the image has musl libc, and GitHub's runner needs glibc"}},
	}
}

// execution is a runner's execution, which is over, or waits for the end of its task.
func execution(id string, now time.Time, over bool) (engine.Record, []engine.Event) {
	begin := now.Add(-6 * time.Minute)
	var events []engine.Event
	add := func(after time.Duration, kind, state string, in, out string) {
		e := engine.Event{ID: int64(len(events) + 1), PreviousEventID: int64(len(events)), Timestamp: begin.Add(after), Type: kind, State: state}
		if in != "" {
			e.Input = json.RawMessage(in)
		}
		if out != "" {
			e.Output = json.RawMessage(out)
		}
		events = append(events, e)
	}
	input := `{"run_id":"job-20000000900","job":{"job_id":20000000900,"job_name":"<script>alert(4)</script>"}}`
	add(0, "ExecutionStarted", "", input, "")
	add(0, "TaskStateEntered", "Validate", input, "")
	add(900*time.Millisecond, "TaskSucceeded", "", "", `{"decision":"admitted","class_name":"medium","image":"ubuntu-24.04"}`)
	add(950*time.Millisecond, "TaskStateExited", "Validate", "", `{"plan":{"decision":"admitted","class_name":"medium"}}`)
	add(950*time.Millisecond, "ChoiceStateEntered", "IsAdmitted", `{"plan":{"decision":"admitted"}}`, "")
	add(960*time.Millisecond, "ChoiceStateExited", "IsAdmitted", "", `{}`)
	add(960*time.Millisecond, "TaskStateEntered", "ResolveImage", `{}`, "")
	add(1700*time.Millisecond, "TaskSucceeded", "", "", `{"outcome":"ready","digest":"sha256:5e0c5e0c"}`)
	add(1710*time.Millisecond, "TaskStateExited", "ResolveImage", "", `{"image":{"outcome":"ready"}}`)
	add(1710*time.Millisecond, "ChoiceStateEntered", "IsImageReady", `{}`, "")
	add(1720*time.Millisecond, "ChoiceStateExited", "IsImageReady", "", `{}`)
	add(1720*time.Millisecond, "TaskStateEntered", "RegisterTaskDefinition", `{}`, "")
	add(2600*time.Millisecond, "TaskSucceeded", "", "", `{"arn":"arn:aws:ecs:eu-central-1:111122223333:task-definition/fleet-5e0c:3"}`)
	add(2610*time.Millisecond, "TaskStateExited", "RegisterTaskDefinition", "", `{}`)
	add(2610*time.Millisecond, "TaskStateEntered", "RunTask", `{"plan":{"start_seconds":900,"idle_seconds":300}}`, "")
	events = append(events, engine.Event{ID: int64(len(events) + 1), PreviousEventID: int64(len(events)), Timestamp: begin.Add(4 * time.Second), Type: "TaskFailed", Error: "Runner.NoCapacity", Cause: `{"errorMessage":"Capacity is unavailable at this time \u001b[31m","errorType":"Runner.NoCapacity"}`})
	add(20*time.Second, "TaskScheduled", "", "", "")
	add(64*time.Second, "TaskSucceeded", "", "", `{"outcome":"busy"}`)
	add(64*time.Second, "TaskStateExited", "RunTask", "", `{"wait":{"seconds":3600}}`)
	add(64*time.Second, "TaskStateEntered", "AwaitCompletion", `{"wait":{"seconds":3600}}`, "")
	if over {
		add(5*time.Minute, "TaskSucceeded", "", "", `{"outcome":"stopped"}`)
		add(5*time.Minute, "TaskStateExited", "AwaitCompletion", "", `{"wait":{"outcome":"stopped"}}`)
		add(5*time.Minute, "TaskStateEntered", "RecordStatus", `{"wait":{"outcome":"stopped"}}`, "")
		add(5*time.Minute+time.Second, "TaskSucceeded", "", "", `{"runner_status":"OFFLINE"}`)
		add(5*time.Minute+time.Second, "TaskStateExited", "RecordStatus", "", `{}`)
		add(5*time.Minute+time.Second, "ExecutionSucceeded", "", "", `{}`)
	}
	r := engine.Record{Revision: 1, LastEventID: int64(len(events))}
	r.Name, r.Status, r.Input, r.StartedAt, r.State, r.StateEnteredAt = id, engine.Running, json.RawMessage(input), begin, "AwaitCompletion", begin.Add(64*time.Second)
	if over {
		r.Status, r.State, r.StateEnteredAt, r.StoppedAt = engine.Succeeded, "RecordStatus", begin.Add(5*time.Minute), begin.Add(5*time.Minute+time.Second)
	}
	return r, events
}
