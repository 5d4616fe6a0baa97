package fleet

import (
	"strconv"
	"strings"
	"time"
)

// BuildOrder is the order for a builder. For one tag and owner there is one build, and
// the order is the same each time.
type BuildOrder struct {
	Spec     ImageSpec
	Tag      string // the spec's
	Revision int
	Owner    string // of the lock that it is built under: its events name it
	// Release is the runner's release to build with, without a version if the builder
	// has to look it up.
	Release RunnerRelease
}

// Build is the state of one image build.
type Build struct {
	BuildID string `json:"build_id"`
	Tag     string `json:"tag"`
	Owner   string `json:"owner,omitempty"` // of the lock that it was started under; builds of the previous release have none
	Status  string `json:"status"`          // IN_PROGRESS, SUCCEEDED, FAILED, STOPPED: CodeBuild's words
	Digest  string `json:"digest,omitempty"`
	Reason  string `json:"reason,omitempty"`
	MayPass bool   `json:"may_pass,omitempty"` // of a failure: see BuildFailure

	Revision      int    `json:"revision,omitempty"`       // of the image
	RunnerVersion string `json:"runner_version,omitempty"` // of the runner in it
	Size          int64  `json:"size,omitempty"`           // bytes that are pulled of it, 0 if that is not known
	Identity      bool   `json:"identity,omitempty"`       // its entrypoint can show which task it is in
}

const (
	BuildInProgress = "IN_PROGRESS"
	BuildSucceeded  = "SUCCEEDED"
	BuildFailed     = "FAILED"
	BuildStopped    = "STOPPED" // by a person, for example: it says nothing about the image
)

// BuildLock lets one build of an image run at a time. If another build than the one that
// was started under it ends, only a success counts: then the image is there.
type BuildLock struct {
	Owner   string    // a BuildOwner
	Waiters []string  // the runners that joined, with the owner's; none if there is no lock
	Until   time.Time // when the owner's lease ends
}

// Held reports whether the build has an owner that has not been silent for too long.
func (l BuildLock) Held(now time.Time) bool { return l.Owner != "" && !l.Until.Before(now) }

// Began reports whether a build was started under the lock. A build that names no owner
// counts as well: the previous release started it.
func (l BuildLock) Began(b Build) bool {
	return l.Owner != "" && (b.Owner == l.Owner || b.Owner == "")
}

// BuildOwner names a runner as the owner of a build's lock since a time. A runner whose
// lease ran out may own the next lock too, under another name.
func BuildOwner(runnerID string, since time.Time) string {
	return BuildOwnerPrefix(runnerID) + strconv.FormatInt(since.UnixMilli(), 10)
}

// BuildOwnerPrefix begins every name of a runner as the owner of a lock, and no name of
// another runner.
func BuildOwnerPrefix(runnerID string) string { return runnerID + "@" }

// ParseBuildOwner splits a BuildOwner. ok is false for an owner of the release before,
// which has no time.
func ParseBuildOwner(owner string) (runnerID string, since time.Time, ok bool) {
	runnerID, at, ok := strings.Cut(owner, "@")
	ms, err := strconv.ParseInt(at, 10, 64)
	return runnerID, time.UnixMilli(ms), ok && err == nil
}

// OwnsBuild reports whether a BuildOwner is the runner.
func OwnsBuild(owner, runnerID string) bool {
	return strings.HasPrefix(owner, BuildOwnerPrefix(runnerID))
}
