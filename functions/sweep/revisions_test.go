package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// repository keeps images by their tags, all of them pushed at noon of the first day.
type repository struct {
	images []fleet.StoredImage
	looks  int
	fails  error
}

func (r *repository) Stored(context.Context) ([]fleet.StoredImage, error) {
	r.looks++
	return slices.Clone(r.images), r.fails
}

func (r *repository) Delete(_ context.Context, tags []string) error {
	for i := range r.images {
		r.images[i].Tags = slices.DeleteFunc(slices.Clone(r.images[i].Tags), func(tag string) bool { return slices.Contains(tags, tag) })
	}
	r.images = slices.DeleteFunc(r.images, func(i fleet.StoredImage) bool { return len(i.Tags) == 0 })
	return r.fails
}

func (r *repository) push(at time.Time, digest string, tags ...string) {
	r.images = append(r.images, fleet.StoredImage{Digest: digest, Tags: tags, PushedAt: at})
}

func (r *repository) tags() (all []string) {
	for _, i := range r.images {
		all = append(all, strings.Join(i.Tags, " "))
	}
	return all
}

// revisionSweep is a sweep that only looks after its repository. That has one image on
// demand with two revisions, and one image that was published by hand.
func revisionSweep(t *testing.T) (*world, sweep.Handler, *repository) {
	w := lifecycletest.New(t)
	h, r := imageSweep(w), &repository{}
	h.Builder, h.Revisions = nil, r
	w.Images.Have(node, "sha256:2")
	w.Images.Edit(node.Tag(), func(i *fleet.ImageRecord) { i.Revision = 2 })
	r.push(w.Now(), "sha256:1", node.Tag()+"-1")
	r.push(w.Now(), "sha256:2", node.Tag()+"-2")
	r.push(w.Now(), "sha256:9", "mine")
	return w, h, r
}

func sweeps(t *testing.T, h sweep.Handler) {
	t.Helper()
	if _, err := h.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestOldRevisionsAreDeleted(t *testing.T) {
	w, h, r := revisionSweep(t)
	sweeps(t, h)
	if diff := cmp.Diff([]string{node.Tag() + "-1", node.Tag() + "-2", "mine"}, r.tags()); diff != "" {
		t.Errorf("on the first day (-want +got):\n%s", diff)
	}
	w.Pass(fleet.KeptRevision)
	sweeps(t, h)
	if diff := cmp.Diff([]string{node.Tag() + "-2", "mine"}, r.tags()); diff != "" {
		t.Errorf("a week later (-want +got):\n%s", diff)
	}
}

// An image that no job wants is first no longer used, and deleted by a later look: a
// job that was given it just before has pulled it by then.
func TestAForgottenImageIsPutAwayBeforeItIsDeleted(t *testing.T) {
	w, h, r := revisionSweep(t)
	w.Pass(fleet.UnusedImage + time.Second)
	sweeps(t, h)
	record, _, _ := w.Images.Image(t.Context(), node.Tag())
	if !slices.Contains(r.tags(), node.Tag()+"-2") || record.Usable() {
		t.Errorf("after the first look there are %q, and the record is %+v", r.tags(), record)
	}
	w.Pass(6 * time.Hour)
	sweeps(t, h)
	if diff := cmp.Diff([]string{"mine"}, r.tags()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// With more than 500 images stored, the sweep deletes unused ones after a week. It keeps
// images that were published by hand, however old.
func TestManyImagesGoSooner(t *testing.T) {
	for stored, gone := range map[int]bool{501: false, 502: true} {
		w, h, r := revisionSweep(t) // the first of its revisions goes at the first look
		for len(r.images) < stored {
			r.push(w.Now(), fmt.Sprint("sha256:by-hand-", len(r.images)), fmt.Sprint("by-hand-", len(r.images)))
		}
		w.Pass(fleet.KeptRevision + time.Second)
		sweeps(t, h)
		w.Pass(6 * time.Hour)
		sweeps(t, h)
		if got := !slices.Contains(r.tags(), node.Tag()+"-2"); got != gone {
			t.Errorf("with %d images it is gone after a week: %t", stored, got)
		}
		if !slices.Contains(r.tags(), "by-hand-499") || !slices.Contains(r.tags(), "mine") {
			t.Errorf("with %d images there are %d", stored, len(r.images))
		}
	}
}

func TestAnImageOfTheConfigurationStaysHoweverLongNoJobWantsIt(t *testing.T) {
	w, h, r := revisionSweep(t)
	w.Images.Have(standing(h), "sha256:5")
	r.push(w.Now(), "sha256:5", standing(h).Tag()+"-1", "v1")
	for range 3 {
		w.Pass(fleet.UnusedImage + time.Second)
		sweeps(t, h)
	}
	record, _, _ := w.Images.Image(t.Context(), standing(h).Tag())
	if !record.Usable() || !slices.Contains(r.tags(), standing(h).Tag()+"-1 v1") {
		t.Errorf("there are %q, and the record is %+v", r.tags(), record)
	}
}

// The repository is looked at four times a day; if more is to go than ECR deletes at
// once, several sweeps do it.
func TestHowOftenTheRepositoryIsLookedAt(t *testing.T) {
	w, h, r := revisionSweep(t)
	for range 3 {
		sweeps(t, h)
		w.Pass(time.Hour)
	}
	if r.looks != 1 {
		t.Errorf("%d looks in three hours", r.looks)
	}
	w.Images.Edit(node.Tag(), func(i *fleet.ImageRecord) { i.Revision, i.Digest = 250, "sha256:x250" })
	for n := 3; n < 250; n++ {
		r.push(w.Now(), fmt.Sprintf("sha256:x%d", n), fmt.Sprintf("%s-%d", node.Tag(), n))
	}
	w.Pass(fleet.KeptRevision)
	for want := 250 - 100; want > 2; want -= 100 {
		sweeps(t, h)
		if n := len(r.images); n != want {
			t.Errorf("%d images are left, want %d", n, want)
		}
	}
	sweeps(t, h)
	if r.looks != 4 || len(r.images) != 1 {
		t.Errorf("%d looks, and %q are left", r.looks, r.tags())
	}
}

// If something fails, the next sweep does it.
func TestARepositoryThatDoesNotAnswer(t *testing.T) {
	w, h, r := revisionSweep(t)
	w.Pass(fleet.KeptRevision)
	r.fails = errors.New("throttled")
	if _, err := h.Run(t.Context()); !errors.Is(err, r.fails) {
		t.Errorf("got %v", err)
	}
	r.fails = nil
	sweeps(t, h)
	if r.looks != 2 || slices.Contains(r.tags(), node.Tag()+"-1") {
		t.Errorf("%d looks, and %q are left", r.looks, r.tags())
	}
}
