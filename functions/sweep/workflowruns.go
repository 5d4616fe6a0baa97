package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// How long after a look at the jobs of a workflow run the next look is due. A run's own
// times do not change with its jobs, so all are looked at again and again.
const (
	lookOpen    = 3 * time.Minute  // a job that may be ours has not ended
	lookBetween = 10 * time.Minute // all of them have ended; more may come
	lookRarely  = 30 * time.Minute // none may be ours, or it waits for an approval
)

// mostWorkflowRuns is how many workflow runs of a repository, or ended ones, a sweep
// looks at for their jobs.
const mostWorkflowRuns = 100

// watched is what the sweep keeps of an active workflow run.
type watched struct {
	Status  string `json:"s"`
	Attempt int    `json:"a,omitempty"`
	Due     int64  `json:"d,omitempty"` // when its jobs are to be looked at, in Unix seconds
	Pages   int    `json:"p,omitempty"` // of its jobs that are kept
}

// watchCursor keeps the active workflow runs of a repository, by their ids.
func watchCursor(repository string) string { return "workflow_runs/" + fleet.RepositoryKey(repository) }

func jobsList(id int64) string { return "jobs/" + strconv.FormatInt(id, 10) }

// jobsOf looks at the jobs of a repository's active workflow runs that are due, the
// longest overdue first.
func (s *sweep) jobsOf(ctx context.Context, repository string) error {
	text, err := s.kept(ctx, watchCursor(repository))
	if err != nil {
		return err
	}
	watch := map[int64]watched{}
	if json.Unmarshal([]byte(text), &watch) != nil {
		watch = map[int64]watched{} // none yet
	}
	active, err := s.openWorkflowRuns(ctx, repository, watch)
	if err != nil {
		return err
	}
	for id, w := range watch {
		if _, still := active[id]; !still {
			if err := s.forget(ctx, jobsList(id), w.Pages); err != nil {
				return err
			}
			delete(watch, id)
		}
	}
	for id, run := range active {
		if w, known := watch[id]; !known || w.Status != run.Status || w.Attempt != run.Attempt {
			w.Status, w.Attempt, w.Due = run.Status, run.Attempt, 0
			if !known && !run.CreatedAt.IsZero() {
				w.Due = run.CreatedAt.Add(s.Grace).Unix() // its webhooks may be on their way
			}
			watch[id] = w
		}
		s.active[id] = true
	}
	s.listed[s.key(repository)] = true
	failed := s.lookAt(ctx, repository, active, watch)
	encoded, err := json.Marshal(watch)
	if err != nil || string(encoded) == text || len(watch) == 0 && text == "" {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, s.Records.PutCursor(ctx, watchCursor(repository), string(encoded)))
}

// openWorkflowRuns is activeRuns, as cheaply as it suits the fleet.
func (s *sweep) openWorkflowRuns(ctx context.Context, repository string, watch map[int64]watched) (map[int64]fleet.WorkflowRun, error) {
	if s.Policy.WholeOrganization() {
		return s.newestRuns(ctx, repository, watch)
	}
	return s.activeRuns(ctx, repository)
}

// activeRuns lists the workflow runs of a repository that have not ended.
func (s *sweep) activeRuns(ctx context.Context, repository string) (map[int64]fleet.WorkflowRun, error) {
	active := map[int64]fleet.WorkflowRun{}
	for _, status := range fleet.ActiveStatuses {
		_, err := pages(ctx, s, "runs/"+s.key(repository)+"/"+status,
			func(was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
				return s.GitHub.WorkflowRuns(ctx, repository, status, was)
			}, all, func(run fleet.WorkflowRun) error {
				active[run.ID] = run
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	return active, nil
}

// lookAt looks at the jobs of workflow runs that are due, and records when they are due
// next.
func (s *sweep) lookAt(ctx context.Context, repository string, active map[int64]fleet.WorkflowRun, watch map[int64]watched) error {
	due := slices.DeleteFunc(slices.Collect(maps.Keys(watch)), func(id int64) bool { return watch[id].Due > s.now.Unix() })
	slices.SortFunc(due, func(a, b int64) int { return cmp.Or(cmp.Compare(watch[a].Due, watch[b].Due), cmp.Compare(a, b)) })
	return each(due[:min(mostWorkflowRuns, len(due))], func(id int64) error {
		seen, n, err := s.jobsIn(ctx, repository, active[id])
		w := watch[id]
		w.Pages = max(w.Pages, n)
		if err == nil {
			s.looked[id] = true
			w.Due = seen.next(active[id], s.now).Unix()
		}
		watch[id] = w
		return err
	})
}

// sighting is what a look at the jobs of a workflow run has shown.
type sighting struct {
	ours      bool // a job that may be ours
	open      bool // one of them has not ended
	unsettled bool // our records disagree about one of them
}

// next is when to look again.
func (s sighting) next(run fleet.WorkflowRun, now time.Time) time.Time {
	switch {
	case s.unsettled:
		return now
	case run.Status == fleet.JobWaiting:
		return now.Add(lookRarely)
	case s.open:
		return now.Add(lookOpen)
	case s.ours:
		return now.Add(lookBetween)
	}
	// A new run may still get jobs of ours.
	return now.Add(min(max(now.Sub(run.CreatedAt)/2, lookOpen), lookRarely))
}

// jobsIn compares the jobs of a workflow run with the records. It returns how many pages
// of them are kept.
func (s *sweep) jobsIn(ctx context.Context, repository string, run fleet.WorkflowRun) (seen sighting, n int, err error) {
	n, err = pages(ctx, s, jobsList(run.ID), func(was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error) {
		return s.GitHub.JobsOf(ctx, repository, run, was)
	}, s.mayBeOurs, func(job fleet.Job) error {
		s.seen[job.JobID] = true
		settled, err := s.job(ctx, job)
		seen.ours = true
		seen.open = seen.open || job.Status != fleet.JobCompleted
		seen.unsettled = seen.unsettled || !settled
		return err
	})
	if fleet.IsNamed(err, fleet.GitHubNotFound) {
		return seen, n, nil // it was deleted since it was listed
	}
	return seen, n, err
}

// mayBeOurs reports whether a job is the fleet's, or runs on a runner of the fleet.
func (s *sweep) mayBeOurs(job fleet.Job) bool {
	_, _, onOurs := fleet.ParseRunnerID(s.Fleet.Name, job.RunnerName)
	return onOurs || s.Policy.Admit(job).Verdict != fleet.Ignored
}
