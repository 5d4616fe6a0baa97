package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// revisions is the repository in which the revisions of images are kept.
type revisions interface {
	// Stored lists the images that have a tag.
	Stored(ctx context.Context) ([]fleet.StoredImage, error)
	// Delete removes tags. An image goes with its last tag; a tag that is gone is no
	// error.
	Delete(ctx context.Context, tags []string) error
}

const (
	// revisionsCursor keeps when the next look at the repository is due.
	revisionsCursor = "image_revisions"
	// lookAtRevisions is how often the repository is looked at.
	lookAtRevisions = 6 * time.Hour
	// mostRevisions is how many images one look deletes: as many as ECR does at once.
	mostRevisions = 100
)

// notWanted is the reason in the record of an image that is no longer used and is about
// to be deleted.
const notWanted = "no job has wanted it for long"

// oldRevisions deletes images that nothing needs any more. A look first deletes, and
// then marks as unused what no job has wanted for long. So a job that has just been
// given such an image has until the next look to pull it.
func (s *sweep) oldRevisions(ctx context.Context) error {
	if s.Revisions == nil {
		return nil
	}
	at, _, err := s.dueLook(ctx, revisionsCursor)
	if err != nil || s.now.Before(at.Next) {
		return err
	}
	records, err := s.Images.Images(ctx)
	if err != nil {
		return err
	}
	known := map[string]fleet.ImageRecord{}
	for _, r := range records {
		known[r.Tag] = r
	}
	stored, err := s.Revisions.Stored(ctx)
	if err != nil {
		return err
	}
	unwanted := fleet.KeptUnwanted(len(stored))
	all, err := s.deleteRevisions(ctx, stored, known, unwanted)
	if err != nil {
		return err
	}
	if err := s.putAway(ctx, records, unwanted); err != nil || !all {
		return err
	}
	encoded, err := json.Marshal(look{Next: s.now.Add(lookAtRevisions)})
	if err != nil {
		return fmt.Errorf("encode cursor %s: %w", revisionsCursor, err)
	}
	return s.Records.PutCursor(ctx, revisionsCursor, string(encoded))
}

// deleteRevisions deletes some of what is disposable, and reports whether that was all.
func (s *sweep) deleteRevisions(ctx context.Context, stored []fleet.StoredImage, known map[string]fleet.ImageRecord, unwanted time.Duration) (all bool, err error) {
	var tags []string
	images, all := 0, true
	for _, image := range stored {
		if !image.Disposable(known, unwanted, s.now) {
			continue
		}
		if len(tags) > 0 && len(tags)+len(image.Tags) > mostRevisions {
			all = false
			break
		}
		images++
		tags = append(tags, image.Tags...)
	}
	if len(tags) == 0 {
		return all, nil
	}
	if err := s.Revisions.Delete(ctx, tags); err != nil {
		return false, err
	}
	s.Fleet.Log.InfoContext(ctx, "deleted images that nothing needs any more", "images", images)
	return all, nil
}

// putAway marks images that no job has wanted for long, so that no job runs in them any
// more: the next job that wants one has it built. Images that the configuration names
// stay.
func (s *sweep) putAway(ctx context.Context, records []fleet.ImageRecord, unwanted time.Duration) error {
	standing := map[string]bool{}
	for _, spec := range s.Policy.StandingImages() {
		standing[spec.Tag()] = true
	}
	var failed []error
	for _, r := range records {
		if standing[r.Tag] || !r.Unwanted(unwanted, s.now) {
			continue
		}
		_, err := lifecycle.ChangeImage(ctx, s.Images, r.Tag, func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
			changed := r.Unwanted(unwanted, s.now)
			if changed {
				r.Outdated = notWanted
			}
			return r, changed
		})
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}
