package sweep

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostUnresolved is how many runners one sweep looks for the jobs of.
const mostUnresolved = 100

// unresolved looks for the jobs of runners that were registered and ended well,
// and of which nobody told what they ran: every webhook of the job was lost. Only
// while there are such runners are workflow runs listed that have ended.
func (s *sweep) unresolved(ctx context.Context) error {
	runners, err := s.Records.UnresolvedRunners(ctx, mostUnresolved)
	if err != nil {
		return err
	}
	byRepository := map[string][]fleet.Runner{}
	for _, r := range runners {
		if s.old(r.At(fleet.StageClosed)) {
			byRepository[s.key(r.Repository)] = append(byRepository[s.key(r.Repository)], r)
		}
	}
	err = each(s.Policy.Repositories, func(repository string) error {
		of := byRepository[s.key(repository)]
		delete(byRepository, s.key(repository))
		if len(of) == 0 {
			return nil
		}
		return s.resolve(ctx, repository, of)
	})
	if err != nil {
		return err
	}
	// Those of repositories that were taken out of the configuration would be looked
	// at for ever.
	return each(runners, func(r fleet.Runner) error {
		if _, left := byRepository[s.key(r.Repository)]; !left {
			return nil
		}
		return s.settle(ctx, r.RunnerID)
	})
}

// resolve compares the jobs that ended since the oldest of the runners was
// launched. Whatever that finds, those runners are not looked for again.
func (s *sweep) resolve(ctx context.Context, repository string, runners []fleet.Runner) error {
	since := s.now
	for _, r := range runners {
		if at := r.At(fleet.StageLaunched); at.Before(since) {
			since = at
		}
	}
	workflowRuns := map[int64]bool{}
	for job, err := range s.GitHub.EndedJobs(ctx, repository, since) {
		if err != nil {
			return err
		}
		if workflowRuns[job.WorkflowRunID] = true; len(workflowRuns) > mostWorkflowRuns {
			break
		}
		if _, _, ours := fleet.ParseRunnerID(s.Fleet.Name, job.RunnerName); ours {
			if err := s.job(ctx, job); err != nil {
				return err
			}
		}
	}
	return each(runners, func(r fleet.Runner) error { return s.settle(ctx, r.RunnerID) })
}

func (s *sweep) settle(ctx context.Context, runnerID string) error {
	_, _, err := s.Fleet.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		was := r.Unresolved
		r.Unresolved = false
		return r, was
	})
	return err
}
