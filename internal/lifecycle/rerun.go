package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Reruns is how jobs that Spot interrupted are run again. The zero value runs none.
type Reruns struct {
	GitHub  Rerunner
	Cursors SwapCursors
}

// Rerunner is the part of GitHub's API that runs jobs again.
type Rerunner interface {
	WorkflowRun(ctx context.Context, repository string, id int64) (fleet.WorkflowRun, error)
	// JobsOf lists the jobs of a workflow run's latest attempt.
	JobsOf(ctx context.Context, repository string, run fleet.WorkflowRun, was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error)
	// RerunFailedJobs runs the jobs of a workflow run again that failed or were cancelled.
	// It fails with GitHub.NoAccess while the workflow run goes on, and, as with
	// GitHub.NotFound, if the credential may not.
	RerunFailedJobs(ctx context.Context, repository string, workflowRun int64) error
}

// Rerun has GitHub run the failed jobs of a workflow run again if that has ended and Spot
// interrupted every one of them. runs are those of one attempt that wait for it. Rerun may be
// repeated, also if it died in between: GitHub is asked again only once it has said that the
// workflow run is as it was. rerun reports whether the jobs run again by now, and that no
// call reported it before. An error says that other workflow runs may meet it as well.
func (f Fleet) Rerun(ctx context.Context, r Reruns, runs []fleet.Run) (rerun bool, err error) {
	run := runs[0]
	settle := func(one fleet.Rerun) error { return f.reran(ctx, runs, one) }
	later := func(why string, failed error) error {
		if err := settle(run.RerunLater(why, fleet.RetryAfter(failed), f.Now())); err != nil {
			return err
		}
		return failed
	}
	switch {
	case f.SpotRetry == 0 || r.GitHub == nil:
		return false, settle(fleet.Rerun{Why: "spot_retry is 0"})
	case fleet.EndedWell(run.Conclusion) && len(runs) == 1:
		return false, settle(fleet.Rerun{})
	}
	w, err := r.GitHub.WorkflowRun(ctx, run.Job.Repository, run.Job.WorkflowRunID)
	switch {
	case fleet.IsNamed(err, fleet.GitHubNotFound):
		return false, settle(fleet.Rerun{Why: "GitHub does not show its workflow run any more"})
	case err != nil:
		return false, later(failure(err), err)
	case w.Attempt <= run.Attempt() && w.Status != fleet.JobCompleted:
		one := run.RerunLater("its workflow run goes on", 0, f.Now())
		one.Ongoing = !one.NextTry.IsZero()
		return false, settle(one)
	}
	if w.Attempt <= run.Attempt() {
		verdict, err := f.judge(ctx, r, run.Job.Repository, w)
		switch {
		case err != nil:
			return false, later(failure(err), err)
		case verdict.No != "":
			return false, settle(fleet.Rerun{Why: verdict.No})
		case verdict.Wait != "":
			return false, later(verdict.Wait, nil)
		}
	}
	asked, one, rerun, err := f.beginRerun(ctx, r, run, w.Attempt)
	if err != nil || asked == nil {
		if err == nil {
			err = settle(one)
		}
		return rerun, err
	}
	failed := f.askForRerun(ctx, r, run, *asked)
	err = f.changeCursor(ctx, r.Cursors, fleet.RerunsCursor(run.Job.Repository), func(was string) any {
		var next fleet.Reruns
		before := fleet.ReadReruns(was)
		next, one = before.End(*asked, failed, f.Now())
		rerun = !one.At.IsZero() && before.Unsettled(asked.WorkflowRunID)
		return next
	})
	if err != nil {
		return false, err
	}
	if rerun {
		f.Log.InfoContext(ctx, "GitHub runs the jobs again that Spot interrupted", "repository", run.Job.Repository, "workflow_run_id", run.Job.WorkflowRunID, "run_id", run.RunID)
	}
	if err := settle(one); err != nil || one.NextTry.IsZero() {
		return rerun, err
	}
	return false, failed
}

// beginRerun notes that GitHub is about to be asked. asked is nil if it is not to be: one is
// then the rerun of the run, and rerun reports that GitHub turns out to have done it.
func (f Fleet) beginRerun(ctx context.Context, r Reruns, run fleet.Run, latest int) (asked *fleet.AskedRerun, one fleet.Rerun, rerun bool, err error) {
	err = f.changeCursor(ctx, r.Cursors, fleet.RerunsCursor(run.Job.Repository), func(was string) any {
		var next fleet.Reruns
		before := fleet.ReadReruns(was)
		next, asked, one = before.Begin(run, latest, f.Now())
		rerun = !one.At.IsZero() && before.Unsettled(run.Job.WorkflowRunID)
		return next
	})
	return asked, one, rerun, err
}

// askForRerun asks GitHub, if nobody has since it was last looked at. After an answer that
// nobody heard, it asks for the workflow run first.
func (f Fleet) askForRerun(ctx context.Context, r Reruns, run fleet.Run, asked fleet.AskedRerun) error {
	if asked.Tries > 1 {
		if w, err := r.GitHub.WorkflowRun(ctx, run.Job.Repository, run.Job.WorkflowRunID); err != nil || w.Attempt > asked.Attempt {
			return err
		}
	}
	err := r.GitHub.RerunFailedJobs(ctx, run.Job.Repository, run.Job.WorkflowRunID)
	if !fleet.IsNamed(err, fleet.GitHubNoAccess) {
		return err
	}
	// GitHub says the same of a workflow run that a person has run again just now.
	w, unheard := r.GitHub.WorkflowRun(ctx, run.Job.Repository, run.Job.WorkflowRunID)
	switch {
	case unheard != nil:
		return unheard
	case w.Attempt > asked.Attempt || w.Status != fleet.JobCompleted:
		return fleet.Errorf(fleet.GitHubConflict, "its workflow run was run again already")
	}
	return err
}

// judge reads what the fleet knows of the jobs that did not end well.
func (f Fleet) judge(ctx context.Context, r Reruns, repository string, w fleet.WorkflowRun) (fleet.RerunVerdict, error) {
	var failed []fleet.EndedJob
	for job, err := range fleet.AllPages(func(was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error) {
		return r.GitHub.JobsOf(ctx, repository, w, was)
	}) {
		if err != nil {
			return fleet.RerunVerdict{}, err
		}
		if fleet.EndedWell(job.Conclusion) {
			continue
		}
		one := fleet.EndedJob{Job: job}
		run, known, err := f.Records.Run(ctx, fleet.RunID(job.JobID))
		if err != nil {
			return fleet.RerunVerdict{}, err
		}
		if known {
			one.Run = &run
			if one.Runner, _, err = f.had(ctx, run); err != nil {
				return fleet.RerunVerdict{}, err
			}
		}
		failed = append(failed, one)
	}
	return fleet.JudgeRerun(failed), nil
}

// reran notes on runs what becomes of them.
func (f Fleet) reran(ctx context.Context, runs []fleet.Run, one fleet.Rerun) error {
	for _, run := range runs {
		_, _, err := f.changeRun(ctx, run.RunID, func(run fleet.Run, known bool) (fleet.Run, bool) {
			if !known {
				return run, false
			}
			return run.Reran(one)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// failure is an error as records keep it.
func failure(err error) string { return fleet.Clip(fleet.ErrorName(err)+": "+err.Error(), 300) }
