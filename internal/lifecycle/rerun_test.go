package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// interrupted is a world in which Spot has taken the runners of the jobs 1 and 2 back, and
// their workflow run, with job 3 that ended well, is over.
func interrupted(t *testing.T) *lifecycletest.World {
	w := lifecycletest.New(t)
	w.SpotRetry = 1
	ranInto(t, w, 1, fleet.StopSpotInterruption, "cancelled")
	ranInto(t, w, 2, fleet.StopSpotInterruption, "failure")
	ranInto(t, w, 3, fleet.StopEssentialContainerExited, "success")
	w.GitHub.End(1, "failure")
	return w
}

// ranInto has a job run until its task stops, and GitHub report how it ended.
func ranInto(t *testing.T, w *lifecycletest.World, id int64, stopCode, conclusion string) {
	t.Helper()
	runner := w.Busy(w.Job(id, "self-hosted", "class:large"))
	w.GitHub.Remove(fleet.RunnerName(runner, 1))
	w.Tasks.Ends(runner, 143)
	w.EditRunner(runner, func(r *fleet.Runner) {
		r.TaskStatus, r.StopCode, r.StoppingAt = fleet.TaskStopped, stopCode, w.Now()
	})
	if _, _, err := w.Fleet().Finish(t.Context(), runner, nil, "", ""); err != nil {
		t.Fatal(err)
	}
	at := w.Now().Add(time.Second)
	job := lifecycletest.Completed(w.GitHub.Has(id), conclusion)
	job.CompletedAt = &at
	w.GitHub.Set(job)
	if err := w.Fleet().Completed(t.Context(), job); err != nil {
		t.Fatal(err)
	}
}

// rerun does what the sweep does with those that are due.
func rerun(w *lifecycletest.World, t *testing.T) (reruns int, failed error) {
	t.Helper()
	ids, err := w.Records.Waiting(t.Context(), fleet.RerunList, fleet.TimeOrder(w.Now()), 100)
	if err != nil {
		return 0, err
	}
	of := map[int][]fleet.Run{}
	for _, id := range ids {
		run := w.Run(id)
		of[run.Attempt()] = append(of[run.Attempt()], run)
	}
	for _, runs := range of {
		done, err := w.Fleet().Rerun(t.Context(), w.Reruns(), runs)
		if done {
			reruns++
		}
		if err != nil {
			failed = err
		}
	}
	return reruns, failed
}

func rerunUntilSettled(w *lifecycletest.World, t *testing.T) {
	t.Helper()
	for range 24 * 60 {
		waiting, err := w.Records.Waiting(t.Context(), fleet.RerunList, fleet.LaterOrder, 100)
		if err != nil || len(waiting) == 0 {
			return
		}
		_, _ = rerun(w, t)
		w.Pass(time.Minute)
	}
	t.Error("there is no end to it")
}

const runsAgain = "Fargate Spot took its runner back, so the fleet had GitHub run the failed jobs again, on demand"

func says(t *testing.T, w *lifecycletest.World, want string, ids ...int) {
	t.Helper()
	for _, id := range ids {
		if got := w.Run(fmt.Sprint("job-", id)).Rerun.String(); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("job-%d: %q, want %q", id, got, want)
		}
	}
}

func TestJobsThatSpotInterruptedRunAgain(t *testing.T) {
	w := interrupted(t)
	if n, err := rerun(w, t); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	says(t, w, runsAgain, 1, 2)
	says(t, w, "", 3)
	if !slices.Equal(w.GitHub.Reruns, []int64{1}) {
		t.Errorf("GitHub has run %d again", w.GitHub.Reruns)
	}
	rerunUntilSettled(w, t)
	if asked := strings.Count(fmt.Sprint(w.GitHub.Calls), "RerunFailedJobs"); asked != 1 {
		t.Errorf("it asks %d times", asked)
	}
	if !strings.Contains(w.Log.String(), "GitHub runs the jobs again that Spot interrupted") {
		t.Errorf("the log has %s", w.Log)
	}
}

// The re-run is interrupted as well, which on-demand capacity is not; or a person has a Spot
// class without retry run again.
func TestAWorkflowRunIsRunAgainOnce(t *testing.T) {
	w := interrupted(t)
	rerunUntilSettled(w, t)
	for _, attempt := range []int{2, 3} {
		id := int64(attempt-1) * 1000
		for _, one := range []int64{id + 1, id + 2} {
			job := w.GitHub.Has(one)
			runner := w.Busy(job)
			if got := w.Policy().Classes["large"].CapacityProvider(w.Runner(runner).Rung); got != fleet.Fargate {
				t.Errorf("attempt %d runs on %s", attempt, got)
			}
			w.Tasks.Ends(runner, 143)
			w.EditRunner(runner, func(r *fleet.Runner) { r.TaskStatus, r.StopCode = fleet.TaskStopped, fleet.StopSpotInterruption })
			if _, _, err := w.Fleet().Finish(t.Context(), runner, nil, "", ""); err != nil {
				t.Fatal(err)
			}
			w.GitHub.Set(lifecycletest.Completed(job, "failure"))
			if err := w.Fleet().Completed(t.Context(), w.GitHub.Has(one)); err != nil {
				t.Fatal(err)
			}
		}
		w.GitHub.End(1, "failure")
		rerunUntilSettled(w, t)
		says(t, w, "run again once already", int(id)+1, int(id)+2)
		w.GitHub.Rerun(1)
	}
	if len(w.GitHub.Reruns) != 1 {
		t.Errorf("GitHub has run %d again", w.GitHub.Reruns)
	}
}

func TestJobsThatDoNotRunAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *lifecycletest.World)
		says   string
	}{
		"another job of the fleet failed": {func(w *lifecycletest.World) {
			w.GitHub.Set(lifecycletest.Completed(w.GitHub.Has(3), "failure"))
		}, `job "build" of its workflow run ended as failure too, and not by Spot`},
		"another job timed out": {func(w *lifecycletest.World) {
			w.GitHub.Set(lifecycletest.Completed(w.GitHub.Has(3), "timed_out"))
		}, "ended as timed_out too"},
		"a job of GitHub's own runners failed": {func(w *lifecycletest.World) {
			w.GitHub.Set(lifecycletest.Completed(w.Job(4, "ubuntu-latest"), "failure"))
			w.GitHub.End(1, "failure")
		}, "ended as failure too"},
		"a person cancelled the workflow run": {func(w *lifecycletest.World) {
			w.GitHub.Set(lifecycletest.Completed(w.Job(4), "cancelled"))
			w.GitHub.End(1, "cancelled")
		}, "ended as cancelled too"},
		"a person ran it again":       {func(w *lifecycletest.World) { w.GitHub.Rerun(1) }, "its workflow run was run again already"},
		"spot_retry was switched off": {func(w *lifecycletest.World) { w.SpotRetry = 0 }, "spot_retry is 0"},
		"the workflow run was deleted": {func(w *lifecycletest.World) {
			w.GitHub.Fails["WorkflowRun"] = fleet.Errorf(fleet.GitHubNotFound, "404")
		}, "GitHub does not show its workflow run any more"},
		"the credential may not": {func(w *lifecycletest.World) {
			w.GitHub.Fails["RerunFailedJobs"] = fleet.Errorf(fleet.GitHubNoAccess, "403; it needs the permission")
		}, "GitHub.NoAccess: 403; it needs the permission"},
		"the credential does not see it": {func(w *lifecycletest.World) {
			w.GitHub.Fails["RerunFailedJobs"] = fleet.Errorf(fleet.GitHubNotFound, "404")
		}, "GitHub.NotFound: 404"},
		"a person runs it again at the same time": {func(w *lifecycletest.World) {
			w.After("GitHub.JobsOf", func() { w.GitHub.Rerun(1) })
		}, "its workflow run was run again already"},
	} {
		t.Run(name, func(t *testing.T) {
			w := interrupted(t)
			c.change(w)
			rerunUntilSettled(w, t)
			says(t, w, c.says, 1, 2)
			if len(w.GitHub.Reruns) > 0 {
				t.Errorf("GitHub has run %d again", w.GitHub.Reruns)
			}
			if asked := strings.Count(fmt.Sprint(w.GitHub.Calls), "RerunFailedJobs"); asked > 1 {
				t.Errorf("it asks %d times", asked)
			}
		})
	}
}

// GitHub refuses before the end of a workflow run, so it is not asked.
func TestAWorkflowRunThatGoesOnIsWaitedFor(t *testing.T) {
	w := interrupted(t)
	delete(w.GitHub.Over, 1)
	for range 4 * 60 {
		if n, err := rerun(w, t); n > 0 || err != nil {
			t.Fatal(n, err)
		}
		w.Pass(time.Minute)
	}
	if got := len(w.GitHub.Calls); strings.Contains(fmt.Sprint(w.GitHub.Calls), "Rerun") || got > 60 {
		t.Errorf("it asks %d times: %q", got, w.GitHub.Calls)
	}
	says(t, w, "not yet: its workflow run goes on", 1, 2)
	w.GitHub.Over[1] = "failure"
	w.Pass(30 * time.Minute)
	rerunUntilSettled(w, t)
	says(t, w, runsAgain, 1, 2)
}

func TestGitHubDoesNotAnswerAboutARerun(t *testing.T) {
	for _, call := range []string{"WorkflowRun", "JobsOf", "RerunFailedJobs"} {
		for _, failure := range []error{fleet.Errorf(fleet.GitHubUnavailable, "502"), lifecycletest.Limited(time.Minute), fleet.Errorf(fleet.GitHubUnauthorized, "401")} {
			t.Run(call+" "+fleet.ErrorName(failure), func(t *testing.T) {
				w := interrupted(t)
				w.GitHub.Fails[call] = failure
				for range 10 {
					_, _ = rerun(w, t)
					w.Pass(time.Minute)
				}
				says(t, w, "not yet: "+fleet.ErrorName(failure), 1, 2)
				delete(w.GitHub.Fails, call)
				rerunUntilSettled(w, t)
				says(t, w, runsAgain, 1, 2)
			})
		}
	}
}

// Nobody hears GitHub's answer: its attempt says that it did what it was asked for.
func TestARerunWhoseAnswerIsLost(t *testing.T) {
	w := interrupted(t)
	w.GitHub.Loses["RerunFailedJobs"] = fleet.Errorf(fleet.GitHubUnavailable, "reset")
	if n, err := rerun(w, t); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	rerunUntilSettled(w, t)
	says(t, w, runsAgain, 1, 2)
	if len(w.GitHub.Reruns) != 1 {
		t.Errorf("GitHub has run %d again", w.GitHub.Reruns)
	}
}

func TestTwoLookAtOnce(t *testing.T) {
	for n := 1; n < 40; n++ {
		w := interrupted(t)
		w.AfterPoint(n, func() { _, _ = rerun(w, t) })
		_, _ = w.Suffer(lifecycletest.Fault{}, func() error { _, err := rerun(w, t); return err })
		rerunUntilSettled(w, t)
		if len(w.GitHub.Reruns) != 1 {
			t.Errorf("after call %d: GitHub has run %d again", n, w.GitHub.Reruns)
		}
		says(t, w, runsAgain, 1, 2)
	}
}

func TestARerunMayBeKilledAnywhere(t *testing.T) {
	lifecycletest.KillEverywhere(t, interrupted,
		func(w *lifecycletest.World) error { _, err := rerun(w, t); return err },
		func(w *lifecycletest.World) { rerunUntilSettled(w, t) })
}

// One function has looked at the workflow run, and is slow. Another one has it run again
// meanwhile, and dies before it notes that.
func TestASlowOneLooksOnceMore(t *testing.T) {
	w := interrupted(t)
	w.After("GitHub.JobsOf", func() {
		began, _, _ := fleet.Reruns{}.Begin(w.Run("job-1"), 1, w.Now())
		text, err := json.Marshal(began)
		if err != nil {
			t.Fatal(err)
		}
		_ = w.Records.PutCursor(t.Context(), fleet.RerunsCursor(lifecycletest.Repository), string(text))
		_ = w.GitHub.RerunFailedJobs(t.Context(), lifecycletest.Repository, 1)
		w.GitHub.Over[1] = "failure" // the second attempt has ended as well
		w.Pass(6 * time.Minute)
	})
	if n, err := rerun(w, t); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if len(w.GitHub.Reruns) != 1 {
		t.Errorf("GitHub has run %d again", w.GitHub.Reruns)
	}
	says(t, w, runsAgain, 1, 2)
}
