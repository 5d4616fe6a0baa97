package sweep

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// builds returns the state of the newest builds. It is nil on one machine, where builds
// report it themselves.
type builds interface {
	Newest(ctx context.Context) ([]fleet.Build, error)
}

// When a lock needs attention.
const (
	// renewBefore is how long before the end of its lease a lock is renewed while its
	// build goes on: a few sweeps may fail until then.
	renewBefore = 10 * time.Minute

	// unseen is how long after its lock was taken a build may be missing from the list.
	// StartBuild may be repeated for five minutes.
	unseen = 6 * time.Minute
)

// locks checks the locks on builds: it renews a lock whose build goes on, acts on an
// end whose event was lost, and gives up a lock without a build and without an owner.
func (s *sweep) locks(ctx context.Context) error {
	if s.Builds == nil {
		return nil
	}
	records, err := s.Images.Images(ctx)
	if err != nil {
		return err
	}
	held := map[string]fleet.BuildLock{}
	var tags []string
	for _, r := range records {
		lock, err := s.Images.BuildLock(ctx, r.Tag)
		if err != nil {
			return err
		}
		if lock.Owner != "" {
			held[r.Tag] = lock
			tags = append(tags, r.Tag)
		}
	}
	if len(tags) == 0 {
		return nil
	}
	newest, err := s.Builds.Newest(ctx)
	if err != nil {
		return err
	}
	return each(tags, func(tag string) error { return s.lock(ctx, tag, held[tag], newest) })
}

func (s *sweep) lock(ctx context.Context, tag string, lock fleet.BuildLock, newest []fleet.Build) error {
	// An earlier build of the image may have succeeded, with its event lost: the
	// waiting runners get its image.
	var failed []error
	for _, b := range newest {
		if b.Tag == tag && b.Owner != lock.Owner && b.Status == fleet.BuildSucceeded {
			failed = append(failed, s.Fleet.BuildEvent(ctx, s.Images, b))
		}
	}
	i := slices.IndexFunc(newest, func(b fleet.Build) bool { return b.Tag == tag && b.Owner == lock.Owner })
	switch {
	case i >= 0 && newest[i].Status == fleet.BuildInProgress:
		if lock.Until.Sub(s.now) < renewBefore {
			failed = append(failed, s.Fleet.BuildEvent(ctx, s.Images, newest[i]))
		}
	case i >= 0:
		failed = append(failed, s.counted(BuildEventLost, s.Fleet.BuildEvent(ctx, s.Images, newest[i])))
	default:
		failed = append(failed, s.unbuilt(ctx, tag, lock))
	}
	return errors.Join(failed...)
}

// unbuilt gives up a lock without a listed build, if its owner is gone. If the owner
// waits for CodeBuild's queue, the lock is left to it until the lease ends.
func (s *sweep) unbuilt(ctx context.Context, tag string, lock fleet.BuildLock) error {
	runnerID, since, ok := fleet.ParseBuildOwner(lock.Owner)
	if !ok || s.now.Sub(since) < s.Grace {
		return nil
	}
	owner, known, err := s.Fleet.Records.Runner(ctx, runnerID)
	if err != nil {
		return err
	}
	gone := !known && s.now.Sub(since) >= unseen || known && owner.Phase == fleet.Closed || !lock.Held(s.now)
	if !gone {
		return nil
	}
	return s.counted(BuildOwnerGone, s.Fleet.LoseBuild(ctx, s.Images, tag, lock))
}
