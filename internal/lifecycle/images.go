package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Images are the image records and the locks on builds.
type Images interface {
	Image(ctx context.Context, tag string) (fleet.ImageRecord, bool, error)
	// PutImage writes a record over the version that was read, and creates a record of
	// version 0. It fails with Records.Conflict if the record has changed since.
	PutImage(ctx context.Context, record fleet.ImageRecord) error
	// JoinBuild records that a runner waits for the image, and makes it the owner of the
	// build if there is no owner, or if the owner's lease ran out. owner is its
	// fleet.BuildOwner, or "" if another runner owns the build.
	JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error)
	BuildLock(ctx context.Context, tag string) (fleet.BuildLock, error)
	// RenewBuild restarts an owner's lease, if it still owns the build. With a time long
	// ago the lease is over.
	RenewBuild(ctx context.Context, tag, owner string, at time.Time) error
	// EndBuild gives up an owner's lock and forgets which runners joined.
	EndBuild(ctx context.Context, tag, owner string) error
}

// ChangeImage reads an image's record, calls decide to change it, and writes it. If
// decide returns false the record stays as it is. For an image without a record decide
// gets one that has only the tag.
func ChangeImage(ctx context.Context, images Images, tag string, decide func(fleet.ImageRecord) (fleet.ImageRecord, bool)) (fleet.ImageRecord, error) {
	var err error
	for range conflicts {
		record, _, readErr := images.Image(ctx, tag)
		if readErr != nil {
			return record, readErr
		}
		record.Tag = tag
		next, changed := decide(record)
		if !changed {
			return record, nil
		}
		if err = images.PutImage(ctx, next); err == nil || !fleet.IsNamed(err, fleet.RecordsConflict) || ctx.Err() != nil {
			next.Version++
			return next, err
		}
	}
	return fleet.ImageRecord{}, err
}

// BuildEvent acts on what an event reports about a build. A success counts under any
// lock: the image is there, and every runner that waits for it gets it. All other events
// count only if the build was started under the present lock. It may be repeated from
// any point.
func (f Fleet) BuildEvent(ctx context.Context, images Images, b fleet.Build) error {
	lock, err := images.BuildLock(ctx, b.Tag)
	if err != nil || !lock.Began(b) && b.Status != fleet.BuildSucceeded {
		return err
	}
	if b.Status == fleet.BuildInProgress {
		return f.buildGoesOn(ctx, images, b, lock)
	}
	used := false
	_, err = ChangeImage(ctx, images, b.Tag, func(record fleet.ImageRecord) (fleet.ImageRecord, bool) {
		if record.Version == 0 && !lock.Began(b) {
			return record, false // started by hand, for an image that is not the fleet's
		}
		switch b.Status {
		case fleet.BuildSucceeded:
			built := record.Built(b, f.Now())
			used = built.Digest == b.Digest && built.Revision == max(b.Revision, 1)
			return built, built.Revision != record.Revision
		case fleet.BuildStopped:
			return record, false
		}
		return record.Failed(fleet.BuildFailure{At: f.Now(), Reason: b.Reason, MayPass: b.MayPass}), true
	})
	if err != nil {
		return err
	}
	if used {
		if err := f.Over(ctx, fleet.BuildHolds(b.Tag)); err != nil {
			return err
		}
	}
	// Runners that join from here on find that in the record; those that joined until
	// now are signalled.
	if lock, err = images.BuildLock(ctx, b.Tag); err != nil || lock.Owner == "" || !lock.Began(b) && !used {
		return err
	}
	return f.endBuild(ctx, images, b, lock)
}

// LoseBuild gives up a lock whose build ended without an event, or never began. The
// runners that wait for it look again.
func (f Fleet) LoseBuild(ctx context.Context, images Images, tag string, lock fleet.BuildLock) error {
	return f.endBuild(ctx, images, fleet.Build{Tag: tag, Status: fleet.BuildStopped, Reason: "nothing is known of the build any more"}, lock)
}

// endBuild signals the runners that joined, and ends the lock. If the build is lost,
// they ask for the image again at once, and the first of them has to begin the next
// build: so the lease ends before any of them is signalled.
func (f Fleet) endBuild(ctx context.Context, images Images, b fleet.Build, lock fleet.BuildLock) error {
	if b.Status == fleet.BuildStopped {
		if err := images.RenewBuild(ctx, b.Tag, lock.Owner, time.Unix(0, 0)); err != nil {
			return err
		}
	}
	for _, runnerID := range lock.Waiters {
		if err := f.tellBuilt(ctx, runnerID, b); err != nil {
			return err
		}
	}
	return images.EndBuild(ctx, b.Tag, lock.Owner)
}

// waiting returns a runner that waits for an image; ok is false if it does not wait.
// Builds in the background have no runner.
func (f Fleet) waiting(ctx context.Context, runnerID string) (runner fleet.Runner, ok bool, err error) {
	runner, ok, err = f.Records.Runner(ctx, runnerID)
	return runner, ok && runner.WaitingFor == fleet.WaitForImage && runner.TaskToken != "", err
}

func (f Fleet) tellBuilt(ctx context.Context, runnerID string, b fleet.Build) error {
	runner, ok, err := f.waiting(ctx, runnerID)
	if err != nil || !ok {
		return err
	}
	switch b.Status {
	case fleet.BuildSucceeded:
	case fleet.BuildStopped:
		return f.Executions.Fail(ctx, runner.TaskToken, fleet.ImageBuildLost, b.Reason)
	default:
		return f.Executions.Fail(ctx, runner.TaskToken, fleet.BuildFailure{MayPass: b.MayPass}.Name(), b.Reason)
	}
	output, err := json.Marshal(fleet.Image{Outcome: fleet.ImageReady, Tag: b.Tag, Digest: b.Digest, Identity: b.Identity, Size: b.Size})
	if err != nil {
		return fmt.Errorf("encode image %s: %w", b.Tag, err)
	}
	return f.Executions.Succeed(ctx, runner.TaskToken, output)
}

func (f Fleet) buildGoesOn(ctx context.Context, images Images, b fleet.Build, lock fleet.BuildLock) error {
	_, err := ChangeImage(ctx, images, b.Tag, func(record fleet.ImageRecord) (fleet.ImageRecord, bool) {
		changed := record.BuildID != b.BuildID
		record.BuildID = b.BuildID
		return record, changed
	})
	if err != nil {
		return err
	}
	if err := images.RenewBuild(ctx, b.Tag, lock.Owner, f.Now()); err != nil {
		return err
	}
	for _, runnerID := range lock.Waiters {
		runner, ok, err := f.waiting(ctx, runnerID)
		if err != nil {
			return err
		}
		if ok {
			if err := f.Executions.Heartbeat(ctx, runner.TaskToken); err != nil {
				return err
			}
		}
	}
	return nil
}

// RunnerReleaseCursor is the cursor that keeps the latest release of GitHub's runner
// that the sweep knows.
const RunnerReleaseCursor = "runner_release"

// ReadRelease reads the release that a cursor keeps. The release has no version if the
// cursor keeps none that can be read.
func ReadRelease(cursor string) (release fleet.RunnerRelease) {
	if json.Unmarshal([]byte(cursor), &release) != nil {
		return fleet.RunnerRelease{}
	}
	return release
}

// KeptRelease returns the latest release of GitHub's runner that the sweep knows,
// without a version before the sweep has asked.
func KeptRelease(cursors CursorReader) func(context.Context) (fleet.RunnerRelease, error) {
	return func(ctx context.Context) (fleet.RunnerRelease, error) {
		text, err := cursors.Cursor(ctx, RunnerReleaseCursor)
		return ReadRelease(text), err
	}
}

// Builder starts builds. Starting one again for the same tag and owner starts no second
// build. The build's events name the owner. An error with a name may pass.
type Builder interface {
	Build(ctx context.Context, order fleet.BuildOrder) error
}

// StartBuild makes sure that the image has a record, and starts the build of its next
// revision.
func StartBuild(ctx context.Context, images Images, builder Builder, order fleet.BuildOrder) error {
	record, err := ChangeImage(ctx, images, order.Tag, func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
		known := r.Spec == order.Spec
		r.Spec = order.Spec
		return r, !known
	})
	if err != nil {
		return err
	}
	order.Revision = record.Revision + 1
	return builder.Build(ctx, order)
}
