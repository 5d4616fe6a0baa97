package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // schedules name time zones, and a function's machine has no database of them

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// poolsCursor keeps the pool at which the time of the last sweep was used up.
const poolsCursor = "pools"

// errLater leaves the other pools to the next sweep.
var errLater = fmt.Errorf("keep warm runners: %w", errPutOff)

// mostFilled is how many warm runners one sweep launches for one pool.
const mostFilled = 10

// warm ends the idle runners that their pools want no longer, and launches those that the
// pools lack: after the runs that wait for room. Only the sweep does either, and there is one
// at a time. Idle runners of a pool that the fleet must not have, as the class sizes are now,
// end like those of one that is no more. When the time is used up, the next sweep goes on with
// the next pool: one that always lacks runners keeps no other waiting.
func (s *sweep) warm(ctx context.Context) error {
	pools, failed := s.pools(ctx)
	if len(pools) == 0 && !s.idle {
		return failed
	}
	if err := s.Fleet.EndStrays(ctx, pools, s.late); err != nil {
		failed = errors.Join(failed, err) // the pools go on
	}
	after, err := s.Records.Cursor(ctx, poolsCursor)
	if err != nil {
		return errors.Join(failed, err)
	}
	next := max(0, slices.IndexFunc(pools, func(p fleet.Pool) bool { return p.Key > after }))
	reached := after
	failed = errors.Join(failed, each(slices.Concat(pools[next:], pools[:next]), func(pool fleet.Pool) error {
		if s.late() {
			return errLater
		}
		reached = pool.Key
		return s.tend(ctx, pool)
	}))
	if !s.late() {
		reached = ""
	}
	if reached != after {
		failed = errors.Join(failed, s.Records.PutCursor(ctx, poolsCursor, reached))
	}
	return failed
}

// pools are the pools that the fleet may have; the error says why none may be, or what is not
// known. That a class may have none is no failure of this part, which is shown with the others' pools.
func (s *sweep) pools(ctx context.Context) ([]fleet.Pool, error) {
	pools, refused := s.configured.Pools()
	if refused != nil {
		s.left = append(s.left, fmt.Errorf("keep warm runners: %w; correct runner_class_sizes, on AWS its parameter", refused))
	}
	if len(pools) == 0 || !fleet.IsShared(pools[0].Place) {
		return pools, nil
	}
	err := s.canIdle(ctx, pools[0].Place)
	if err == nil {
		return pools, nil
	}
	// GitHub moves the runners of a group that is deleted to the default group.
	if fleet.IsNamed(err, fleet.RunnerLaunchFailed, fleet.GitHubNoRunnerGroup) {
		pools = nil
	}
	return pools, fmt.Errorf("keep warm runners: %w", err)
}

// A runner group may come to allow public repositories at any time. groupCursor keeps the
// second in which GitHub last said that it does not.
const (
	groupLook   = 10 * time.Minute
	groupCursor = "runner_group"
)

// canIdle asks GitHub at times whether runners of a shared place may idle.
func (s *sweep) canIdle(ctx context.Context, place string) error {
	last, err := s.number(ctx, groupCursor)
	if err != nil || s.now.Sub(time.Unix(last, 0)) < groupLook {
		return err
	}
	if err := s.GitHub.CanIdle(ctx, place); err != nil {
		return err
	}
	return s.Records.PutCursor(ctx, groupCursor, strconv.FormatInt(s.now.Unix(), 10))
}

// tend ends what the pool wants no longer, and launches what it lacks.
func (s *sweep) tend(ctx context.Context, pool fleet.Pool) error {
	wanted := pool.Wanted(s.Fleet.Now()) > 0
	var known fleet.Repository
	if wanted && pool.Repository != "" {
		var err error
		if known, err = lifecycle.KnownRepository(ctx, s.Records, pool.Repository); err != nil {
			return err
		}
		pool = pool.NamedNow(known.NameNow(s.configured, pool.Repository))
	}
	if err := s.Fleet.EndUnwanted(ctx, pool, known.ID, s.late); err != nil || !wanted {
		return err
	}
	return s.fill(ctx, pool, known.ID)
}

// fill launches what a pool lacks, named as its repository is now.
func (s *sweep) fill(ctx context.Context, pool fleet.Pool, repositoryID int64) error {
	budget, err := s.GitHub.Budget(ctx, pool.Place, s.Fleet.Now())
	if err == nil {
		spare, err := s.Fleet.Spare(ctx, budget)
		if err != nil {
			return err
		}
		if !spare {
			return errLater
		}
	}
	_, _, err = s.Fleet.FillPool(ctx, pool, repositoryID, mostFilled, s.late)
	return err
}
