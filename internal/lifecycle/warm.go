package lifecycle

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostIdleRead is how many idle runners a launch reads, to find one that can take the job,
// or one that gives way.
const mostIdleRead = 10

// findWarm finds a warm runner that idles and can take the run's job, and else those that
// could give way. It is the newest that GitHub has registered, or else one that starts:
// GitHub deletes those that idle for long, and their ends come later. The capacity
// lists them; their records say whether they still idle. They are in the transaction that
// expects one, so if it changes meanwhile the launch is decided again.
func (f Fleet) findWarm(ctx context.Context, facts *fleet.LaunchFacts) error {
	run := facts.Run
	if len(facts.Capacity.Warm) == 0 || !run.Wanted() || run.RunnerID != "" {
		return nil
	}
	var serve, others []string
	for _, id := range slices.Sorted(maps.Keys(facts.Capacity.Warm)) {
		if w := facts.Capacity.Warm[id]; f.servesFrom(w.Place, run) && w.GivesWayTo == "" && fleet.CanRun(w.Labels, run.Job) {
			serve = append(serve, id)
		} else {
			others = append(others, id)
		}
	}
	slices.SortStableFunc(serve, func(a, b string) int { return facts.Capacity.Warm[b].Made.Compare(facts.Capacity.Warm[a].Made) })
	if n := len(serve); n > mostIdleRead { // the newest may all be starting: the oldest are not
		serve = slices.Concat(serve[:mostIdleRead/2], serve[n-mostIdleRead/2:])
	}
	for _, id := range serve {
		runner, known, err := f.Records.Runner(ctx, id)
		if err != nil {
			return err
		}
		if !known || !runner.Idle() || !runner.CanTake() || runner.TaskARN == "" {
			continue
		}
		registered := !runner.At(fleet.StageRegistered).IsZero()
		if facts.Idle == nil || registered {
			facts.Idle = &runner
		}
		if registered {
			return nil
		}
	}
	if facts.Idle != nil || facts.HasRoom() {
		return nil
	}
	slices.SortStableFunc(others, func(a, b string) int { // for its own repository's share, only those count
		own := func(id string) int {
			if f.servesFrom(facts.Capacity.Warm[id].Place, run) {
				return 0
			}
			return 1
		}
		return own(a) - own(b)
	})
	for _, id := range others[:min(len(others), mostIdleRead)] {
		runner, known, err := f.Records.Runner(ctx, id)
		if err != nil {
			return err
		}
		if known && (runner.Idle() || runner.Phase == fleet.Closing) {
			facts.Others = append(facts.Others, runner)
		}
	}
	return nil
}

// servesFrom reports whether a run's job may be given to a runner that is registered in a place.
func (f Fleet) servesFrom(place string, run fleet.Run) bool {
	if fleet.IsShared(place) {
		return strings.EqualFold(place, f.SharedPlace)
	}
	return f.SharedPlace == "" && fleet.SameRepository(place, run.Job.Repository)
}

// giveWay ends an idle runner for a run that waits for room. If that cannot be done now, the
// sweep does it.
func (f Fleet) giveWay(ctx context.Context, runnerID string) {
	if err := f.EndIdle(ctx, runnerID, fleet.GivesWay); err != nil {
		f.Log.WarnContext(ctx, "leaving it to the sweep to end an idle runner for a job that waits for room", "runner_id", runnerID, "error", err.Error())
	}
}

// returnToPool lets a warm runner idle again whose run needs none any more. It reports false
// for every other runner, and for one that can take no job. Runs that wait for room, or for
// the share of its repository or its rule, may go on.
func (f Fleet) returnToPool(ctx context.Context, runnerID string) (returned bool, err error) {
	if _, jobID, ok := fleet.ParseRunnerID(f.Name, runnerID); !ok || jobID != 0 {
		return false, nil
	}
	var was fleet.Runner
	err = f.change(ctx, func() (fleet.Changes, error) {
		returned = false
		runner, run, err := f.readPair(ctx, runnerID)
		was = runner
		if err != nil {
			return fleet.Changes{}, err
		}
		if returned = runner.Idle(); returned || run == nil || run.Wanted() || !runner.CanTake() {
			return fleet.Changes{}, nil
		}
		capacity, err := f.Records.Capacity(ctx)
		if err != nil {
			return fleet.Changes{}, err
		}
		returned = true
		return fleet.Return(*run, runner, capacity, f.Now()), nil
	})
	if err != nil || !returned {
		return false, err
	}
	if err := f.LaunchWaiting(ctx); err != nil {
		return true, err
	}
	if fleet.IsShared(was.RegisteredIn) && was.Repository != "" {
		if err := f.LaunchShare(ctx, was.Repository); err != nil {
			return true, err
		}
	}
	return true, f.launchFreed(ctx, was.Rule)
}

// FillPool gives a pool the runners that it lacks, each in a transaction of its own, up to
// most and as many as there is time for. It returns how many it launched, and why the pool has
// fewer than it wants. The pool is as its repository is named now, and repositoryID is
// GitHub's, 0 if it is not known.
func (f Fleet) FillPool(ctx context.Context, pool fleet.Pool, repositoryID int64, most int, late func() bool) (launched int, why string, err error) {
	for range most {
		if late() {
			break
		}
		var res fleet.FillResult
		err := f.change(ctx, func() (fleet.Changes, error) {
			facts, err := f.poolFacts(ctx, pool, repositoryID)
			if err != nil {
				return fleet.Changes{}, err
			}
			if res = facts.Fill(); res.RunnerID == "" {
				return res.Changes, nil
			}
			_, used, err := f.Records.Runner(ctx, res.RunnerID)
			if err != nil {
				return fleet.Changes{}, err
			}
			if used {
				facts.Capacity = facts.Capacity.BeyondUsedIDs(facts.Now)
				res = facts.Fill()
			}
			return res.Changes, nil
		})
		if err != nil || res.RunnerID == "" {
			return launched, res.Reason, err
		}
		runner, err := f.ReadRunner(ctx, res.RunnerID)
		if err != nil {
			return launched, "", err
		}
		if err := f.StartAgain(ctx, runner); err != nil {
			return launched, "", err
		}
		launched++
	}
	return launched, "", nil
}

func (f Fleet) poolFacts(ctx context.Context, pool fleet.Pool, repositoryID int64) (facts fleet.PoolFacts, err error) {
	facts = fleet.PoolFacts{
		FleetName: f.Name, MaxRunners: f.MaxRunners, MaxPerRepository: f.MaxPerRepository, KeptForOthers: f.KeptForOthers, Repositories: f.Repositories,
		Pool: pool, RepositoryID: repositoryID, Deployment: f.Deployment, Now: f.Now(),
	}
	if facts.Capacity, err = f.Records.Capacity(ctx); err != nil {
		return facts, err
	}
	if facts.Holds, err = f.Records.Holds(ctx, pool.HoldKeys()); err != nil {
		return facts, err
	}
	lists := []string{fleet.RoomList}
	if pool.Repository != "" {
		lists = append(lists, fleet.ShareList(pool.Repository))
	}
	for _, list := range lists {
		waiting, err := f.Records.Waiting(ctx, list, fleet.LaterOrder, 1)
		if err != nil {
			return facts, err
		}
		facts.Waiting = facts.Waiting || len(waiting) > 0
	}
	return facts, nil
}

// EndUnwanted ends the idle runners of a pool that it wants no longer, as many as there is
// time for. The pool and repositoryID are as FillPool has them.
func (f Fleet) EndUnwanted(ctx context.Context, pool fleet.Pool, repositoryID int64, late func() bool) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	return f.endIdle(ctx, fleet.PoolFacts{Pool: pool, RepositoryID: repositoryID, Capacity: capacity, Now: f.Now()}.Ends(), late)
}

// EndStrays ends the idle runners whose pools the configuration no longer has, and those that
// give way, as many as there is time for.
func (f Fleet) EndStrays(ctx context.Context, pools []fleet.Pool, late func() bool) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	return f.endIdle(ctx, append(capacity.Strays(pools), capacity.GivingWay()...), late)
}

// endIdle begins the end of each: one that GitHub refuses to delete must not let others idle
// on. After an outage, or when it is late, the next sweep goes on.
func (f Fleet) endIdle(ctx context.Context, ends []fleet.WarmEnd, late func() bool) error {
	var failed []error
	for _, end := range ends {
		if late() {
			break
		}
		err := f.EndIdle(ctx, end.RunnerID, end.Reason)
		failed = append(failed, err)
		if fleet.IsNamed(err, fleet.GitHubUnavailable, fleet.GitHubRateLimited, fleet.RecordsUnavailable, fleet.AWSUnavailable) || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// EndIdle is End for a warm runner that idles. If a run has come to expect it, or it has a
// job, it stays.
func (f Fleet) EndIdle(ctx context.Context, runnerID, reason string) error {
	_, ending, err := f.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if !r.Idle() {
			return r, false
		}
		return r.BeginEnd(reason, f.Now())
	})
	if err != nil || !ending {
		return err
	}
	_, err = f.End(ctx, runnerID, reason)
	return err
}
