// Package buildimage starts the build of an image, once, however many jobs wait for it.
//
// The step only joins the build and returns. Its state ends when dispatch receives the
// build's end and signals every runner that joined.
package buildimage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Step serves the state BuildImage.
type Step struct {
	Fleet   lifecycle.Fleet
	Images  lifecycle.Images
	Builder lifecycle.Builder
	// Counts are how many images the jobs of a repository have had built today; nil
	// where builds are not counted. OnDemandBuilds is how many a repository may have in
	// a day; 0 means no limit.
	Counts         counts
	OnDemandBuilds int
	BuildsOfRules  map[string]int // of the policy's rules that say it, by their names
	// Release returns the release of GitHub's runner that images are built with,
	// without a version if it is not known yet. With nil it is never known.
	Release func(context.Context) (fleet.RunnerRelease, error)
}

// counts is the part of the records that counts builds.
type counts interface {
	Cursor(ctx context.Context, name string) (string, error)
	SwapCursor(ctx context.Context, name, was, value string) error
}

// Run joins the build, and starts it if this runner is the first. It fails with
// Image.BuildFailed if the build cannot start or has just failed, with
// Image.SourceUnavailable if that failure may pass, with Image.BuildsSpent if the job's
// repository has used up its builds of today, and with Image.BuildQueueFull if the
// build cannot start just now. It may be repeated.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Image, error) {
	spec, tag := *call.Document.Plan.ImageSpec, call.Document.Image.Tag
	runner, err := s.Fleet.StoreToken(ctx, call.RunnerID, call.TaskToken, fleet.WaitForImage, fleet.RunnerImageCreating)
	if err != nil || runner.Phase != fleet.Open {
		return fleet.Image{}, err
	}
	// The sweep finds locks by their images' records.
	if err := s.known(ctx, spec, tag); err != nil {
		return fleet.Image{}, err
	}
	lease := time.Duration(call.Document.Plan.BuildLeaseSeconds) * time.Second
	owner, err := s.Images.JoinBuild(ctx, tag, call.RunnerID, s.Fleet.Now(), lease)
	if err != nil {
		return fleet.Image{}, err
	}
	// The build may have finished between ResolveImage's look and our joining. If
	// ResolveImage found that the record's image was deleted, the record says nothing.
	record, _, err := s.Images.Image(ctx, tag)
	if err != nil {
		return fleet.Image{}, err
	}
	if record.Usable() && record.Digest != call.Document.Image.Digest {
		image := fleet.Image{Outcome: fleet.ImageReady, Tag: tag, Digest: record.Digest, Identity: record.Identity, Size: record.Size}
		return image, s.finished(ctx, call.TaskToken, owner, image)
	}
	if why := record.Broken(s.Fleet.Now()); why != nil {
		return fleet.Image{}, s.failed(ctx, tag, owner, why)
	}
	if owner == "" {
		return fleet.Image{Outcome: fleet.ImageMissing, Tag: tag}, nil
	}
	if err := s.count(ctx, call.Document.Job.Repository, call.Document.Plan.RuleName(), spec, owner); err != nil {
		if fleet.IsNamed(err, fleet.ImageBuildsSpent) {
			return fleet.Image{}, s.leave(ctx, call.RunnerID, tag, owner, err)
		}
		return fleet.Image{}, err
	}
	err = s.build(ctx, spec, tag, owner)
	switch {
	case fleet.MayPass(err): // this runner still owns the build when it tries again
		return fleet.Image{}, s.mayPass(ctx, call.RunnerID, fmt.Errorf("build %s: %w", spec, err))
	case err != nil:
		err := fleet.Errorf(fleet.ImageBuildFailed, "build %s: %w", spec, err)
		ended := fleet.Build{Tag: tag, Owner: owner, Status: fleet.BuildFailed, Reason: err.Error()}
		if told := s.Fleet.BuildEvent(ctx, s.Images, ended); told != nil {
			return fleet.Image{}, told
		}
		return fleet.Image{}, err
	}
	return fleet.Image{Outcome: fleet.ImageMissing, Tag: tag}, nil
}

// known makes sure that the image has a record.
func (s Step) known(ctx context.Context, spec fleet.ImageSpec, tag string) error {
	_, err := lifecycle.ChangeImage(ctx, s.Images, tag, func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
		made := r.Version != 0
		r.Spec = spec
		return r, !made
	})
	return err
}

// build starts the build of the image's next revision.
func (s Step) build(ctx context.Context, spec fleet.ImageSpec, tag, owner string) error {
	var release fleet.RunnerRelease
	if s.Release != nil {
		var err error
		if release, err = s.Release(ctx); err != nil {
			return err
		}
	}
	return lifecycle.StartBuild(ctx, s.Images, s.Builder, fleet.BuildOrder{Spec: spec, Tag: tag, Owner: owner, Release: release})
}

// changes is how often a count is read again because another build changed it
// meanwhile.
const changes = 20

// account is a count of builds, and how many of a day there may be; 0 is no limit.
type account struct {
	cursor, key string // in the configuration
	of          string // whose jobs
	most        int
}

// count counts a build, for the repository of the job that names the image and for the
// rule that admits the job. If one of them has used up its builds, it is counted for none.
func (s Step) count(ctx context.Context, repository, rule string, spec fleet.ImageSpec, owner string) error {
	if s.Counts == nil || spec.Kind != fleet.OnDemandImage {
		return nil
	}
	accounts := slices.DeleteFunc([]account{
		{cursor: fleet.BuildsOfDayCursor(repository), key: "on_demand_builds_per_day", of: "jobs of " + repository, most: s.OnDemandBuilds},
		{cursor: fleet.BuildsOfRuleCursor(rule), key: "its on_demand_builds_per_day", of: "jobs that rule " + rule + " admits", most: s.BuildsOfRules[rule]},
	}, func(a account) bool { return a.most == 0 })
	for _, a := range accounts {
		was, err := s.Counts.Cursor(ctx, a.cursor)
		if err != nil {
			return err
		}
		if _, err := a.add(was, owner, s.Fleet.Now()); err != nil {
			return err
		}
	}
	for _, a := range accounts {
		if err := s.countFor(ctx, a, owner); err != nil {
			return err
		}
	}
	return nil
}

func (s Step) countFor(ctx context.Context, a account, owner string) error {
	for range changes {
		was, err := s.Counts.Cursor(ctx, a.cursor)
		if err != nil {
			return err
		}
		value, err := a.add(was, owner, s.Fleet.Now())
		if err != nil || value == was {
			return err
		}
		if err = s.Counts.SwapCursor(ctx, a.cursor, was, value); !fleet.IsNamed(err, fleet.RecordsConflict) {
			return err
		}
	}
	return fleet.Errorf(fleet.RecordsConflict, "the builds of %s change all the time", a.of)
}

// add is the cursor with one build more. It fails with Image.BuildsSpent if there may be
// none today.
func (a account) add(was, owner string, now time.Time) (cursor string, err error) {
	next, ok := fleet.ReadBuildsOfDay(was).Start(owner, a.most, now)
	if !ok {
		return "", fleet.Errorf(fleet.ImageBuildsSpent,
			"%s have had %d images built today, as many as %s lets them: use an image that is built, or wait for the next day, which begins at 00:00 UTC", a.of, a.most, a.key)
	}
	value, err := json.Marshal(next)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", a.cursor, err)
	}
	return string(value), nil
}

// leave gives up a lock that this runner may not build under, and has the other waiting
// runners look again: their jobs may be of other repositories.
func (s Step) leave(ctx context.Context, runnerID, tag, owner string, cause error) error {
	lock, err := s.Images.BuildLock(ctx, tag)
	if err != nil {
		return err
	}
	if lock.Owner == owner {
		lock.Waiters = slices.DeleteFunc(slices.Clone(lock.Waiters), func(id string) bool { return id == runnerID })
		if err := s.Fleet.LoseBuild(ctx, s.Images, tag, lock); err != nil {
			return err
		}
	}
	return cause
}

// mayPass shows on the run what its job waits for.
func (s Step) mayPass(ctx context.Context, runnerID string, cause error) error {
	_, _, err := s.Fleet.ChangeBoth(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		reason := fleet.ErrorName(cause) + ": " + cause.Error()
		changed := r.Phase == fleet.Open && r.Reason != reason
		r.Reason = reason
		return r, changed
	})
	if err != nil {
		return err
	}
	return cause
}

// finished ends the state with an image that needs no build, and gives up the lock on
// its build if this runner just took it.
func (s Step) finished(ctx context.Context, token, owner string, image fleet.Image) error {
	if owner != "" {
		if err := s.Images.EndBuild(ctx, image.Tag, owner); err != nil {
			return err
		}
	}
	output, err := json.Marshal(image)
	if err != nil {
		return fmt.Errorf("encode image %s: %w", image.Tag, err)
	}
	return s.Fleet.Executions.Succeed(ctx, token, output)
}

// failed gives up the lock if this runner just took it, and returns the cause.
func (s Step) failed(ctx context.Context, tag, owner string, cause error) error {
	if owner != "" {
		if err := s.Images.EndBuild(ctx, tag, owner); err != nil {
			return err
		}
	}
	return cause
}
