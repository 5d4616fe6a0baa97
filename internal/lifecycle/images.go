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
	// PutImage writes a record over the version that was read, and makes one of
	// version 0. It fails with Records.Conflict if somebody else was first.
	PutImage(ctx context.Context, record fleet.ImageRecord) error
	// JoinBuild notes that a runner waits for the image, and makes it the owner of
	// the build if nobody is, or if the owner's lease ran out. owner is its
	// fleet.BuildOwner, "" if another runner owns the build.
	JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error)
	BuildLock(ctx context.Context, tag string) (fleet.BuildLock, error)
	// RenewBuild has an owner's lease begin anew, if it still owns the build. One that
	// began long ago is over.
	RenewBuild(ctx context.Context, tag, owner string, at time.Time) error
	// EndBuild gives an owner's lock up and forgets who joined.
	EndBuild(ctx context.Context, tag, owner string) error
}

// ChangeImage reads an image's record, lets decide change it, and writes it. If
// decide returns false it is left as it is. An image that has no record is one with
// its tag only.
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

// BuildEvent acts on what is heard of a build. A success counts under whichever lock it
// comes: the image is there, and those who wait for it get it. Everything else counts only
// if the build was started under the lock as it is now. It may be repeated from any point.
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
			return record, false // started by hand, for no image of the fleet's
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
	// Who joins from here on finds that in the record, and who joined until now is told.
	if lock, err = images.BuildLock(ctx, b.Tag); err != nil || lock.Owner == "" || !lock.Began(b) && !used {
		return err
	}
	return f.endBuild(ctx, images, b, lock)
}

// LoseBuild gives a lock up whose build ended unheard, or never began. Those who wait for
// it look again.
func (f Fleet) LoseBuild(ctx context.Context, images Images, tag string, lock fleet.BuildLock) error {
	return f.endBuild(ctx, images, fleet.Build{Tag: tag, Status: fleet.BuildStopped, Reason: "nothing is known of the build any more"}, lock)
}

// endBuild tells those who joined, and ends the lock. Those who are told that the build is
// lost ask for the image again at once: the first of them has to begin the next build, so
// the lease is over before anyone is told.
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

// waiting is a runner that waits for an image; ok is false if it does not. Those
// that build in the background are no runners.
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
	output, err := json.Marshal(fleet.Image{Outcome: fleet.ImageReady, Tag: b.Tag, Digest: b.Digest, Identity: b.Identity})
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
// as the sweep heard of it.
const RunnerReleaseCursor = "runner_release"

// ReadRelease reads the release that a cursor keeps, one without a version if it keeps
// none that can be read.
func ReadRelease(cursor string) (release fleet.RunnerRelease) {
	if json.Unmarshal([]byte(cursor), &release) != nil {
		return fleet.RunnerRelease{}
	}
	return release
}

// KeptRelease returns the latest release of GitHub's runner as the sweep heard of it, one
// without a version before that.
func KeptRelease(cursors CursorReader) func(context.Context) (fleet.RunnerRelease, error) {
	return func(ctx context.Context) (fleet.RunnerRelease, error) {
		text, err := cursors.Cursor(ctx, RunnerReleaseCursor)
		return ReadRelease(text), err
	}
}

// Builder starts builds. Starting one for the same tag and owner again is the same
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
