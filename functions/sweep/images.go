package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// images is the image records and the locks on builds.
type images interface {
	lifecycle.Images
	Images(ctx context.Context) ([]fleet.ImageRecord, error)
}

// registry finds base images that others than the fleet have published. Without a
// registry there can be none.
type registry interface {
	Published(ctx context.Context, tag string) (digest string, ok bool, err error)
}

// mostBackgroundBuilds is how many builds without a waiting job one sweep starts: jobs
// come first.
const mostBackgroundBuilds = 3

// askRelease is how often GitHub is asked for its latest runner. From its release a
// version has 30 days before GitHub gives jobs only to later ones.
const askRelease = 24 * time.Hour

// images has images built that no job waits for: those that the configuration names and
// that do not exist yet, and the next revision of those whose runner is no longer
// GitHub's latest. A paused fleet builds nothing.
func (s *sweep) images(ctx context.Context) error {
	if s.Builder == nil {
		return nil
	}
	capacity, err := s.Fleet.Records.Capacity(ctx)
	if err != nil || capacity.Paused != "" {
		return err
	}
	release, releaseErr := s.release(ctx)
	records, err := s.Images.Images(ctx)
	if err != nil {
		return errors.Join(releaseErr, err)
	}
	known := map[string]fleet.ImageRecord{}
	for _, r := range records {
		known[r.Tag] = r
	}
	standing := map[string]bool{}
	b := background{sweep: s, release: release, runner: release.Version, full: map[bool]bool{}}
	b.unwanted = fleet.KeptUnwanted(len(records))
	b.unknown = s.followsRelease() && release.Version == ""
	if pinned := s.Policy.RunnerVersion; pinned != fleet.LatestRunner {
		b.runner = pinned
	}
	failed := []error{releaseErr}
	for _, spec := range s.Policy.StandingImages() {
		standing[spec.Tag()] = true
		failed = append(failed, b.missing(ctx, spec, known[spec.Tag()]))
	}
	for _, r := range records {
		if r.Spec.Kind == fleet.OnDemandImage && s.isCurrent(r.Spec) || standing[r.Tag] {
			failed = append(failed, b.outdated(ctx, r))
		}
	}
	return errors.Join(failed...)
}

// isCurrent reports whether an image on demand is still built from the same sources.
func (s *sweep) isCurrent(spec fleet.ImageSpec) bool {
	return spec.Source == s.Policy.ImageSources[fleet.SourceOf(spec.Kind, spec.Name, spec.Arch)]
}

// background starts builds that no job waits for, a few in one sweep.
type background struct {
	*sweep
	release fleet.RunnerRelease
	runner  string // the version that images are to have, "" if it is not known
	unknown bool   // GitHub has not said yet what its latest runner is
	started int
	// unwanted is how long an image may go without a job before it is no longer kept up
	// to date. It is shorter where there are many images, or each release of the runner
	// would have all of them built.
	unwanted time.Duration
	// full is where the builder takes no more just now: among images that jobs name
	// (true), or among the fleet's own images.
	full map[bool]bool
}

// missing has an image built that the configuration names and that no job can use. As
// long as the fleet's token does not work it builds nothing: without the release that
// GitHub reports with the token, each build would ask GitHub for it without one,
// sharing the limit of everyone who builds on AWS.
func (b *background) missing(ctx context.Context, spec fleet.ImageSpec, r fleet.ImageRecord) error {
	if b.unknown || r.Usable() || r.Rests(b.now) {
		return nil
	}
	if spec.Kind == fleet.BaseImage && b.Registry != nil && r.Digest == "" {
		if _, ok, err := b.Registry.Published(ctx, spec.PublishTag()); ok || err != nil {
			return err
		}
	}
	return b.start(ctx, spec, "the configuration names it")
}

// outdated has the next revision of an image built while this one serves. If no job has
// used the image for long, it is only marked as outdated: the next job that wants it
// does not use it, and has the next revision built.
func (b *background) outdated(ctx context.Context, r fleet.ImageRecord) error {
	why := r.WantsRebuild(b.runner, b.now)
	if why == "" {
		return nil
	}
	if r.Spec.Kind == fleet.OnDemandImage && r.UnusedFor(b.unwanted, b.now) && r.Rebuild == "" {
		_, err := lifecycle.ChangeImage(ctx, b.Images, r.Tag, func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
			changed := r.Unwanted(b.unwanted, b.now)
			if changed {
				r.Outdated = why
			}
			return r, changed
		})
		return err
	}
	return b.start(ctx, r.Spec, why)
}

// start begins a build under a lock of its own, unless the image is already being
// built.
func (b *background) start(ctx context.Context, spec fleet.ImageSpec, why string) error {
	tag := spec.Tag()
	onDemand := spec.Kind == fleet.OnDemandImage
	if b.full[onDemand] || b.started == mostBackgroundBuilds {
		return nil
	}
	lock, err := b.Images.BuildLock(ctx, tag)
	if err != nil || lock.Held(b.now) {
		return err
	}
	// Each sweep uses another name: with the same name, the next sweep would count as
	// this lock's owner, and start the build again.
	me := "sweep-" + strconv.FormatInt(b.now.UnixMilli(), 10)
	owner, err := b.Images.JoinBuild(ctx, tag, me, b.now, b.Policy.Limits.BuildLease)
	if err != nil || owner == "" {
		return err
	}
	err = lifecycle.StartBuild(ctx, b.Images, b.Builder, fleet.BuildOrder{Spec: spec, Tag: tag, Owner: owner, Release: b.release})
	switch {
	case err == nil:
		b.started++
		b.Fleet.Log.InfoContext(ctx, "building an image that no job waits for", "image", spec.String(), "arch", spec.Arch, "reason", why)
		return nil
	case fleet.MayPass(err): // the next sweep tries again
		b.full[onDemand] = true
		err = errors.Join(ignore(err, fleet.ImageBuildQueueFull), b.Images.EndBuild(ctx, tag, owner))
		return err
	}
	err = fmt.Errorf("build %s: %w", spec, err)
	return errors.Join(err, b.Fleet.BuildEvent(ctx, b.Images, fleet.Build{Tag: tag, Owner: owner, Status: fleet.BuildFailed, Reason: err.Error()}))
}

func ignore(err error, name string) error {
	if fleet.IsNamed(err, name) {
		return nil
	}
	return err
}

// followsRelease reports whether images have GitHub's latest runner.
func (s *sweep) followsRelease() bool {
	return s.Policy.RunnerVersion == fleet.LatestRunner && s.Policy.FirstPlace() != ""
}

// release is GitHub's latest runner, without a version if images do not follow it, or
// if it is not known. GitHub is asked once a day.
func (s *sweep) release(ctx context.Context) (fleet.RunnerRelease, error) {
	if !s.followsRelease() {
		return fleet.RunnerRelease{}, nil
	}
	text, err := s.Records.Cursor(ctx, lifecycle.RunnerReleaseCursor)
	if err != nil {
		return fleet.RunnerRelease{}, err
	}
	known := lifecycle.ReadRelease(text)
	if s.now.Sub(known.AskedAt) < askRelease {
		return known, nil
	}
	release, err := s.GitHub.LatestRunner(ctx, s.Policy.FirstPlace())
	if err != nil {
		return known, fmt.Errorf("ask for GitHub's latest runner: %w", err)
	}
	release.AskedAt = s.now
	encoded, err := json.Marshal(release)
	if err != nil {
		return known, fmt.Errorf("encode cursor %s: %w", lifecycle.RunnerReleaseCursor, err)
	}
	return release, s.Records.PutCursor(ctx, lifecycle.RunnerReleaseCursor, string(encoded))
}
