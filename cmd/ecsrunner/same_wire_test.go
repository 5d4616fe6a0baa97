//go:build aws

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// TestTheSameHistoryReadsTheSame writes one history to both stores, and compares what the
// commands print of it.
func TestTheSameHistoryReadsTheSame(t *testing.T) {
	cfg := awstest.Config(t)
	f := fleetOnMoto{t, cfg}
	f.table("same-records")
	classes := map[string]fleet.Class{
		"small": {CPU: 1024, Memory: 2048, Arch: fleet.X64}, "spot": {CPU: 2048, Memory: 4096, Arch: fleet.ARM64, Spot: true, EphemeralStorage: 60},
	}
	sizes, err := json.Marshal(classes)
	f.check(err)
	f.parameter("/same/classes", string(sizes))
	dir := t.TempDir()
	here, err := sqlite.Open(t.Context(), filepath.Join(dir, sqlite.FileName))
	f.check(err)
	t.Cleanup(func() { _ = here.Close() })
	there := dynamo.New(dynamodb.NewFromConfig(cfg), "same-records", dynamo.Options{Now: time.Now, NewID: rand.Text})

	settings := report.Settings{FleetName: "same", Repositories: []string{"octo-org/app"}, MaxRunners: 9, DefaultClass: "small", ClassSizes: classes, Engine: "fargate"}
	history := sameHistory()
	for _, store := range []interface {
		Write(context.Context, fleet.Changes) error
		PutSettings(context.Context, report.Settings) error
	}{here, there} {
		f.check(store.PutSettings(t.Context(), settings))
		for changes := range slices.Chunk(history, 8) {
			var all fleet.Changes
			for _, c := range changes {
				all.Runs, all.Runners = append(all.Runs, c.Runs...), append(all.Runners, c.Runners...)
			}
			f.check(store.Write(t.Context(), all))
		}
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": *cfg.BaseEndpoint, "AWS_REGION": cfg.Region, "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*",
		deployment.EnvRunnerLogs: "", deployment.EnvStateMachine: "", configVar: "/dev/null/none", patVar: "",
		dataDirVar: "", deployment.EnvTable: "", deployment.EnvClassSizes: "",
	} {
		t.Setenv(name, value)
	}

	commands := [][]string{{"runs", "list"}, {"runs", "list", "--wide", "--limit", "1000"}, {"runs", "list", "--limit", "1000", "--json"}}
	for _, by := range []string{"class", "image", "repository", "workflow", "day", "hour"} {
		commands = append(commands, []string{"stats", "--since", "2026-01-01", "--by", by}, []string{"stats", "--since", "2026-01-01", "--by", by, "--json"})
	}
	for _, by := range []string{"run", "repository", "workflow", "class", "day"} {
		commands = append(commands, []string{"cost", "--since", "2026-01-01", "--by", by}, []string{"cost", "--since", "2026-01-01", "--by", by, "--json"})
	}
	for _, changes := range history[:12] { // two of each situation
		for _, run := range changes.Runs {
			commands = append(commands, []string{"why", run.RunID}, []string{"why", run.RunID, "--json"})
		}
	}
	for _, command := range commands {
		var texts [2]string
		for range 3 { // an open run's time may pass a minute between the two
			f.check(os.Setenv(dataDirVar, dir))
			texts[0] = printed(t, command)
			f.check(os.Unsetenv(dataDirVar))
			f.check(os.Setenv(deployment.EnvTable, "same-records"))
			f.check(os.Setenv(deployment.EnvClassSizes, "/same/classes"))
			texts[1] = printed(t, command)
			f.check(os.Unsetenv(deployment.EnvTable))
			f.check(os.Unsetenv(deployment.EnvClassSizes))
			if texts[0] == texts[1] {
				break
			}
		}
		if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
			t.Errorf("%s (-SQLite +DynamoDB):\n%s", strings.Join(command, " "), diff)
		}
	}
}

var (
	passing = regexp.MustCompile(`"(until|answered_at)": "[^"]*"`)
	// A run that has not ended since July has stages of months.
	growing = regexp.MustCompile(`"(\w+_ms)": \d{10,}`)
)

// printed is what a command prints, without what depends on the moment.
func printed(t *testing.T, args []string) string {
	t.Helper()
	var out, talk bytes.Buffer
	if code := run(args, &out, &talk); code != exitOK || out.Len() == 0 {
		t.Fatalf("ecsrunner %s: exit status %d: %s", strings.Join(args, " "), code, talk.String())
	}
	return growing.ReplaceAllString(passing.ReplaceAllString(out.String(), `"$1": "now"`), `"$1": 0`)
}

// sameHistory has runs in all situations, each with its runners.
func sameHistory() (history []fleet.Changes) {
	begin := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for i := range 60 {
		id, queued := int64(1000+i), begin.Add(time.Duration(i)*17*time.Minute)
		after := func(seconds int) time.Time { return queued.Add(time.Duration(seconds) * time.Second) }
		job := fleet.Job{
			JobID: id, Repository: []string{"octo-org/app", "Octo-Org/Web"}[i%2], Name: []string{"build", "テスト 🚀", "lint\x1b[31m\n<script>"}[i%3],
			WorkflowName: []string{"CI", "Nightly"}[i/30], Labels: []string{"self-hosted"}, CreatedAt: &queued,
		}
		r := fleet.NewRun(job, after(1))
		r.ClassName, r.Image = []string{"small", "spot", "gone"}[i%3], []string{"base", "image:docker.io/library/node:22"}[i%2]
		launch := func(n int, took int64, failure string) fleet.Runner {
			r.Launched, r.LastRunner = n, fleet.RunnerID("same", id, n)
			r = r.Mark(fleet.StageLaunched, after(2))
			return fleet.Runner{
				Schema: fleet.Schema, RunnerID: r.LastRunner, RunID: r.RunID, Took: took, Status: fleet.RunnerOffline, Phase: fleet.Closed, Repository: job.Repository,
				ClassName: r.ClassName, Image: r.Image, Rung: n - 1, FailureName: failure, TaskToken: "AQCE-of-the-record", Times: fleet.Times{
					fleet.StageLaunched: after(n * 2), fleet.StageAdmitted: after(n*2 + 1), fleet.StageImageReady: after(n*2 + 2), fleet.StageTaskStarted: after(n*2 + 3),
					fleet.StageContainerUp: after(n*2 + 30), fleet.StageRegistered: after(n*2 + 33), fleet.StageTaskStopped: after(200 + i), fleet.StageClosed: after(201 + i),
				},
			}
		}
		var runners []fleet.Runner
		switch i % 6 {
		case 0, 1: // it ran, the second time after a fruitless runner
			if i%6 == 1 {
				runners = append(runners, launch(1, 0, fleet.RunnerNoCapacity))
			}
			runner := launch(1+i%6, id, "")
			runners = append(runners, runner)
			r.RanOn, r.RunnerID, r.Status, r.Conclusion = runner.RunnerID, runner.RunnerID, fleet.RunCompleted, []string{"success", "failure"}[i/6%2]
			r = r.Mark(fleet.StageJobStarted, after(40)).Mark(fleet.StageJobCompleted, after(190+i)).Mark(fleet.StageClosed, after(192+i))
		case 2: // cancelled before it ran
			runners = append(runners, launch(1, 0, ""))
			r.Status, r.Conclusion, r.Reason = fleet.RunCancelled, fleet.ConclusionCancelled, "cancelled on GitHub before a runner took it"
			r = r.Mark(fleet.StageClosed, after(50))
		case 3: // refused
			r.Status, r.Reason, r.Rule = fleet.RunRefused, `class "nobodys" is not one of this fleet's`, "class.unknown"
			r = r.Mark(fleet.StageClosed, after(3))
		case 4: // waits since
			r.Status, r.WaitsForRoom, r.WaitsSince, r.Reason = fleet.RunQueued, true, after(2), "waits for room: max_runners is 9"
		case 5: // its next runner is tried later
			runners = append(runners, launch(1, 0, fleet.ImageBuildFailed))
			r.Status, r.Reason = fleet.RunQueued, "Image.BuildFailed: exit status 1"
			r.Setback = &fleet.Setback{Kind: fleet.SetbackBuild, Name: fleet.ImageBuildFailed, Cause: "exit status 1", InARow: 1, At: after(210 + i), NextTry: after(300 + i)}
		}
		history = append(history, fleet.Changes{Runs: []fleet.Run{r}, Runners: runners})
	}
	return history
}
