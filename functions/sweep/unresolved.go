package sweep

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostUnresolved is the most runners whose jobs one sweep searches for.
const mostUnresolved = 100

// A search is for all runners that have closed since the last one: most had no job, since
// GitHub deletes runners that idle, and a pool then loses one every few minutes. searchedCursor
// keeps the second in which the last one ended.
const (
	searchAgain         = 10 * time.Minute
	searchAgainInShared = time.Hour // a place whose search asks for up to mostSearched repositories
	searchedCursor      = "resolved"
)

// unresolved searches for the jobs of runners that were registered and ended well, and
// whose jobs are not known: every webhook of the job was lost. Workflow runs that have
// ended are listed only while there are such runners.
func (s *sweep) unresolved(ctx context.Context) error {
	search, again := s.unresolvedInRepositories, searchAgain
	if s.Policy.SharedPlace() != "" {
		search, again = s.unresolvedInOrganization, searchAgainInShared
	}
	runners, err := s.Records.UnresolvedRunners(ctx, mostUnresolved)
	if err != nil {
		return err
	}
	more := len(runners) == mostUnresolved // perhaps: then the next sweep goes on
	runners = slices.DeleteFunc(runners, func(r fleet.Runner) bool { return !s.old(r.At(fleet.StageClosed)) })
	if len(runners) > 0 {
		last, err := s.number(ctx, searchedCursor)
		if err != nil || s.now.Sub(time.Unix(last, 0)) < again {
			return err
		}
	}
	ended, err := search(ctx, runners)
	if ended && !more {
		err = errors.Join(err, s.Records.PutCursor(ctx, searchedCursor, strconv.FormatInt(s.now.Unix(), 10)))
	}
	return err
}

// unresolvedInRepositories reports whether a search has ended. If not, the next sweep goes on.
func (s *sweep) unresolvedInRepositories(ctx context.Context, runners []fleet.Runner) (ended bool, err error) {
	byRepository := map[string][]fleet.Runner{}
	for _, r := range runners {
		byRepository[s.key(r.Repository)] = append(byRepository[s.key(r.Repository)], r)
	}
	ended = len(runners) > 0
	err = each(s.Policy.Repositories, func(repository string) error {
		of := byRepository[s.key(repository)]
		delete(byRepository, s.key(repository))
		if len(of) == 0 {
			return nil
		}
		done, err := s.resolve(ctx, repository, of)
		ended = ended && done
		return err
	})
	if err != nil {
		return ended, err
	}
	// The search for the jobs of repositories that the configuration no longer has
	// would never end.
	return ended, each(runners, func(r fleet.Runner) error {
		if _, left := byRepository[s.key(r.Repository)]; !left {
			return nil
		}
		return s.settle(ctx, r.RunnerID)
	})
}

// queueLimit is how long before its end a workflow run may have begun whose jobs are
// searched: GitHub gives up a queued job after 24 h.
const queueLimit = 36 * time.Hour

// resolvedCursor keeps the workflow run that the look at ended ones has reached, from
// the newest on; 0 if none is under way.
func resolvedCursor(repository string) string { return "resolved/" + fleet.RepositoryKey(repository) }

// resolve compares the jobs that ended since the oldest of the runners was launched, as
// many as fit into one sweep. Whatever that finds, in the end the jobs of those runners
// are not searched for again.
func (s *sweep) resolve(ctx context.Context, repository string, runners []fleet.Runner) (ended bool, err error) {
	since := s.now
	for _, r := range runners {
		if at := r.At(fleet.StageLaunched); at.Before(since) {
			since = at
		}
	}
	from, err := s.number(ctx, resolvedCursor(repository))
	if err != nil {
		return false, err
	}
	reached, err := s.resolveFrom(ctx, repository, since, from)
	if reached != from {
		err = errors.Join(err, s.Records.PutCursor(ctx, resolvedCursor(repository), strconv.FormatInt(reached, 10)))
	}
	if err != nil || reached != 0 {
		return err != nil && !hopeless(err), err
	}
	return true, each(runners, func(r fleet.Runner) error { return s.settle(ctx, r.RunnerID) })
}

// resolveFrom returns the last workflow run that it looked at, 0 if there are no more.
func (s *sweep) resolveFrom(ctx context.Context, repository string, since time.Time, from int64) (int64, error) {
	ended := fleet.AllPages(func(was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
		return s.GitHub.WorkflowRuns(ctx, repository, "completed", was)
	})
	looked, reached := 0, from
	for run, err := range ended {
		switch {
		case err != nil:
			return reached, err
		case run.CreatedAt.Before(since.Add(-queueLimit)) && !run.CreatedAt.IsZero():
			return 0, nil // the newest come first
		case from != 0 && run.ID >= from, run.UpdatedAt.Before(since.Truncate(time.Second)) && !run.UpdatedAt.IsZero(): // GitHub's times have whole seconds
			continue
		case looked == mostWorkflowRuns:
			return reached, nil
		}
		if err := s.endedJobs(ctx, repository, run); err != nil {
			return reached, err
		}
		looked, reached = looked+1, run.ID
	}
	return 0, nil
}

// endedJobs compares the jobs of a workflow run that ran on runners of ours.
func (s *sweep) endedJobs(ctx context.Context, repository string, run fleet.WorkflowRun) error {
	for job, err := range fleet.AllPages(func(was fleet.Page[fleet.Job]) (fleet.Page[fleet.Job], error) {
		return s.GitHub.JobsOf(ctx, repository, run, was)
	}) {
		if fleet.IsNamed(err, fleet.GitHubNotFound) {
			return nil // it was deleted since it was listed
		}
		if err != nil {
			return err
		}
		if _, _, ours := fleet.ParseRunnerID(s.Fleet.Name, job.RunnerName); ours {
			if _, err := s.job(ctx, job); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sweep) settle(ctx context.Context, runnerID string) error {
	_, _, err := s.Fleet.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		was := r.Unresolved
		r.Unresolved = false
		return r, was
	})
	return err
}
