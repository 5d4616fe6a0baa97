package fleet

import (
	"time"
)

const (
	// FailedBuildPause is how long the failure of an image's build is the answer to
	// requests for the image: runners that were launched before the hold began cost no
	// build. It ends before the hold's first try.
	FailedBuildPause = 4 * time.Minute

	// PassingFailurePause is the same for a failure that may pass by itself.
	PassingFailurePause = 40 * time.Second

	// BackgroundPause is how long the fleet waits before it tries again to build an
	// image that no job waits for.
	BackgroundPause = 6 * time.Hour

	// PassingBackgroundPause is the same after a failure that may pass by itself.
	PassingBackgroundPause = 10 * time.Minute

	// UnusedImage is how long after its last use an image is kept up to date.
	UnusedImage = 30 * 24 * time.Hour
)

// ImageRecord is what the fleet knows of an image: its revision in use, and how the last
// failed build failed. The record is made when the first build begins.
type ImageRecord struct {
	Tag  string    `json:"tag"` // the spec's
	Spec ImageSpec `json:"spec"`

	Revision      int       `json:"revision,omitempty"` // of Digest, 0 before the first build
	Digest        string    `json:"digest,omitempty"`
	RunnerVersion string    `json:"runner_version,omitempty"` // of GitHub's runner in it
	Identity      bool      `json:"identity,omitempty"`       // its entrypoint can show which task it is in
	Size          int64     `json:"size,omitempty"`           // bytes that are pulled of Digest; records of the release before have none
	BuiltAt       time.Time `json:"built_at,omitzero"`
	UsedAt        time.Time `json:"used_at,omitzero"` // to a day

	// Outdated is why the revision must not be used any more, "" if it may be used.
	Outdated string `json:"outdated,omitempty"`
	// Rebuild is why the next revision is wanted while this one serves, "" if it is not.
	Rebuild string `json:"rebuild,omitempty"`

	Failure *BuildFailure `json:"failure,omitempty"`  // since the revision in use was built
	BuildID string        `json:"build_id,omitempty"` // of the last build whose event came

	Version int64 `json:"version"`
}

// BuildFailure is how a build failed.
type BuildFailure struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	// MayPass: the image did not cause it, and another build may succeed: a registry
	// limits pulls, or GitHub does not answer.
	MayPass bool `json:"may_pass,omitempty"`
}

// Name is the failure's name at a border.
func (f BuildFailure) Name() string {
	if f.MayPass {
		return ImageSourceUnavailable
	}
	return ImageBuildFailed
}

// Err is the failure as an error with its name.
func (f BuildFailure) Err() error { return Errorf(f.Name(), "%s", f.Reason) }

// answers is how long the failure is the answer to runs that ask for the image.
func (f BuildFailure) answers() time.Duration {
	if f.MayPass {
		return PassingFailurePause
	}
	return FailedBuildPause
}

// rests is how long nothing is built in the background after the failure.
func (f BuildFailure) rests() time.Duration {
	if f.MayPass {
		return PassingBackgroundPause
	}
	return BackgroundPause
}

// Usable reports whether jobs may run in the present revision.
func (r ImageRecord) Usable() bool { return r.Digest != "" && r.Outdated == "" }

// Broken is the error why the image is not available just now, nil if it is or if it may
// be built.
func (r ImageRecord) Broken(now time.Time) error {
	if r.Usable() || r.Failure == nil || !now.Before(r.Failure.At.Add(r.Failure.answers())) {
		return nil
	}
	return r.Failure.Err()
}

// Rests reports whether a recent failed build keeps the background from building the
// image.
func (r ImageRecord) Rests(now time.Time) bool {
	return r.Failure != nil && now.Before(r.Failure.At.Add(r.Failure.rests()))
}

// Built is the record after a build has succeeded. A build of the present revision, or
// of an earlier one, changes nothing.
func (r ImageRecord) Built(b Build, now time.Time) ImageRecord {
	revision := max(b.Revision, 1) // builds of the release before had no number
	if r.Digest != "" && revision <= r.Revision {
		return r
	}
	r.Revision, r.Digest, r.RunnerVersion, r.Identity, r.Size, r.BuiltAt = revision, b.Digest, b.RunnerVersion, b.Identity, b.Size, now
	r.Outdated, r.Rebuild, r.Failure = "", "", nil
	if r.UsedAt.IsZero() {
		r.UsedAt = now
	}
	return r
}

// Failed is the record after a build has failed.
func (r ImageRecord) Failed(f BuildFailure) ImageRecord {
	r.Failure = &f
	return r
}

// WantsRebuild says why the next revision is to be built in the background, "" if it is
// not, or not yet again. runner is the version of GitHub's runner that images are to
// have, "" if it is not known.
func (r ImageRecord) WantsRebuild(runner string, now time.Time) string {
	switch {
	case r.Rests(now):
		return ""
	case r.Rebuild != "":
		return r.Rebuild
	case !r.Usable():
		return ""
	case runner != "" && r.RunnerVersion != runner:
		return "it is to have runner " + runner
	}
	return ""
}

// Unused reports whether no job has wanted the image for a long time.
func (r ImageRecord) Unused(now time.Time) bool { return r.UnusedFor(UnusedImage, now) }

// UnusedFor reports whether no job has wanted the image for the time d.
func (r ImageRecord) UnusedFor(d time.Duration, now time.Time) bool { return now.Sub(r.UsedAt) > d }
