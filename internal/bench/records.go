package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// atOnce is how many runs a transaction writes.
const atOnce = 10_000

// fill writes runs that ended, one every 20 seconds until an hour ago, with their runners.
func fill(ctx context.Context, dir string, n int, now time.Time) error {
	if err := datadir.Make(dir); err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(dir, sqlite.FileName))
	if err != nil {
		return err
	}
	defer store.Close()
	for from := 0; from < n; from += atOnce {
		var changes fleet.Changes
		for i := from; i < min(n, from+atOnce); i++ {
			run, runner := past(i, now.Add(-time.Hour-time.Duration(n-i)*20*time.Second))
			changes.Runs, changes.Runners = append(changes.Runs, run), append(changes.Runners, runner)
		}
		if err := store.Write(ctx, changes); err != nil {
			return fmt.Errorf("write ended runs: %w", err)
		}
	}
	return nil
}

// past is a run that ended and its runner.
func past(i int, received time.Time) (fleet.Run, fleet.Runner) {
	id, workflowRun := int64(10_000_000_000+i), int64(5_000_000_000+i/4)
	job := fleet.Job{
		JobID: id, WorkflowRunID: workflowRun, Repository: repository, Private: true, Name: fmt.Sprintf("test (%d)", i%4), WorkflowName: "CI",
		CreatedAt: &received, Labels: []string{"self-hosted", "class:small"},
		HTMLURL: fmt.Sprintf("https://github.com/%s/actions/runs/%d/job/%d", repository, workflowRun, id),
	}
	run := fleet.NewRun(job, received)
	run.Status, run.Conclusion, run.ClassName, run.Image, run.Launched = fleet.RunCompleted, "success", "small", "base", 1
	run.LastRunner = fleet.RunnerID(fleetName, id, 1)
	run.RanOn = run.LastRunner
	runner := fleet.Runner{
		Schema: fleet.Schema, RunnerID: run.LastRunner, RunID: run.RunID, Took: id, Status: fleet.RunnerOffline, Phase: fleet.Closed,
		Repository: repository, RegisteredIn: repository, Labels: job.Labels, ClassName: run.ClassName, Image: run.Image,
		TaskARN: fmt.Sprintf("local:task/%s/%016x", run.LastRunner, i), Times: fleet.Times{},
	}
	after := func(seconds int) time.Time { return received.Add(time.Duration(seconds) * time.Second) }
	run = run.Mark(fleet.StageLaunched, after(1)).Mark(fleet.StageJobStarted, after(40)).Mark(fleet.StageJobCompleted, after(190)).Mark(fleet.StageClosed, after(191))
	for stage, seconds := range map[fleet.Stage]int{
		fleet.StageLaunched: 1, fleet.StageAdmitted: 2, fleet.StageImageReady: 3, fleet.StageTaskStarted: 5, fleet.StageContainerUp: 30,
		fleet.StageClaimed: 31, fleet.StageRegistered: 32, fleet.StageTaskStopped: 195, fleet.StageClosed: 196,
	} {
		runner = runner.Mark(stage, after(seconds))
	}
	return run, runner
}
