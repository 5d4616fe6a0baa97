package sweep

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// fewRuns is the age that the oldest of a repository's 100 newest workflow runs has at
// least if it has few: then those that have not ended are among them, but for those that
// an earlier look has shown.
const fewRuns = 24 * time.Hour

// newestRuns is activeRuns at the cost of one request in place of four, for repositories
// with few workflow runs: it looks at the newest ones, whatever their status.
func (s *sweep) newestRuns(ctx context.Context, repository string, watch map[int64]watched) (map[int64]fleet.WorkflowRun, error) {
	cursor := pageCursor("newest/"+s.key(repository), 0)
	text, err := s.kept(ctx, cursor)
	if err != nil {
		return nil, err
	}
	var known keptPage[fleet.WorkflowRun]
	if json.Unmarshal([]byte(text), &known) != nil {
		known = keptPage[fleet.WorkflowRun]{} // none yet
	}
	page, err := s.GitHub.WorkflowRuns(ctx, repository, "", known.Page)
	if err != nil {
		return nil, err
	}
	if !page.Unchanged {
		last := len(page.Items) - 1
		kept := slices.DeleteFunc(slices.Clone(page.Items), func(run fleet.WorkflowRun) bool {
			return run.Status == fleet.JobCompleted && run.ID != page.Items[last].ID
		})
		if page.Items = kept; page.ETag != "" {
			if err := s.keep(ctx, cursor, keptPage[fleet.WorkflowRun]{Page: page, Policy: s.policy}); err != nil {
				return nil, err
			}
		}
	}
	active := map[int64]fleet.WorkflowRun{}
	for _, run := range page.Items {
		if run.Status != fleet.JobCompleted {
			active[run.ID] = run
		}
	}
	if s.mayHaveMore(page, watch) {
		return s.activeRuns(ctx, repository)
	}
	return active, nil
}

// mayHaveMore reports whether a workflow run that has not ended may be older than the
// newest ones.
func (s *sweep) mayHaveMore(page fleet.Page[fleet.WorkflowRun], watch map[int64]watched) bool {
	if page.Next == "" || len(page.Items) == 0 {
		return false
	}
	oldest := page.Items[len(page.Items)-1]
	if s.now.Sub(oldest.CreatedAt) < fewRuns {
		return true
	}
	for id := range maps.Keys(watch) {
		if id < oldest.ID {
			return true
		}
	}
	return false
}
