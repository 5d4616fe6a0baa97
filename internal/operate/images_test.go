package operate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

var node = fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}

// shelf is a registry that records what is removed from it.
type shelf struct {
	removed []string
	err     error
}

func (s *shelf) Remove(_ context.Context, tag string) error {
	s.removed = append(s.removed, tag)
	return s.err
}

func (w *world) imageOperator(s *shelf) operate.Operator {
	o := w.operator()
	o.Images, o.Registry, o.Cursors = w.Images, s, w.Records
	return o
}

func TestBuildImage(t *testing.T) {
	w := newWorld(t)
	o := w.imageOperator(&shelf{})
	for range 2 { // the second has nothing more to do
		record, err := o.BuildImage(t.Context(), node, ada)
		if err != nil || record.Rebuild == "" || record.Spec != node || record.WantsRebuild("", w.Now()) == "" {
			t.Fatalf("%+v, %v", record, err)
		}
	}
	// The failure is deleted from the record, and the built revision serves.
	w.Images.Have(node, "sha256:1")
	w.Images.Edit(node.Tag(), func(r *fleet.ImageRecord) { *r = r.Failed(fleet.BuildFailure{At: w.Now(), Reason: "musl"}) })
	record, err := o.BuildImage(t.Context(), node, ada)
	if err != nil || record.Failure != nil || !record.Usable() || record.WantsRebuild("", w.Now()) == "" {
		t.Errorf("%+v, %v", record, err)
	}
	if _, err := w.Fleet().Pause(t.Context(), fleet.Operator{Reason: "maintenance"}.Act(fleet.CommandPause, "p", w.Now())); err != nil {
		t.Fatal(err)
	}
	if _, err := o.BuildImage(t.Context(), node, ada); err == nil || !strings.Contains(err.Error(), "is paused (maintenance) and builds nothing") {
		t.Errorf("while paused: %v", err)
	}
}

func TestRemoveImage(t *testing.T) {
	w, s := newWorld(t), &shelf{}
	o := w.imageOperator(s)
	if _, err := o.RemoveImage(t.Context(), node.Tag(), ada); !errors.As(err, new(operate.ErrNoImage)) {
		t.Errorf("what is not there: %v", err)
	}
	w.Images.Have(node, "sha256:1")
	owner, _ := w.Images.JoinBuild(t.Context(), node.Tag(), "fleet-1-1", w.Now(), time.Hour)
	if _, err := o.RemoveImage(t.Context(), node.Tag(), ada); err == nil || !strings.Contains(err.Error(), "is being built") || len(s.removed) != 0 {
		t.Errorf("while it is built: %v, removed %q", err, s.removed)
	}
	_ = w.Images.EndBuild(t.Context(), node.Tag(), owner)
	s.err = errors.New("no answer")
	if _, err := o.RemoveImage(t.Context(), node.Tag(), ada); !errors.Is(err, s.err) {
		t.Errorf("a registry that does not answer: %v", err)
	}
	if _, ok, _ := w.Images.Image(t.Context(), node.Tag()); ok || !slices.Equal(s.removed, []string{node.Tag()}) {
		t.Errorf("there %t, removed %q", ok, s.removed)
	}
}

func TestRefreshImages(t *testing.T) {
	w := newWorld(t)
	o := w.imageOperator(&shelf{})
	old := node
	old.Name = "docker.io/library/node:12"
	w.Images.Have(old, "sha256:0")
	w.Pass(fleet.UnusedImage + time.Second)
	w.Images.Have(node, "sha256:1")
	_ = w.Records.PutCursor(t.Context(), lifecycle.RunnerReleaseCursor, `{"version":"2.335.0"}`)

	result, err := o.RefreshImages(t.Context(), false, ada)
	if cursor, _ := w.Records.Cursor(t.Context(), lifecycle.RunnerReleaseCursor); err != nil || len(result.Images) != 0 || cursor != "" {
		t.Errorf("%+v, %v, the cursor is %q", result, err, cursor)
	}
	if r, _, _ := w.Images.Image(t.Context(), node.Tag()); r.Rebuild != "" {
		t.Errorf("an image is to be built although its runner may be the latest: %+v", r)
	}
	result, err = o.RefreshImages(t.Context(), true, ada)
	if err != nil || !slices.Equal(result.Images, []string{node.Tag()}) {
		t.Errorf("all: %+v, %v", result, err)
	}
	for spec, want := range map[fleet.ImageSpec]bool{node: true, old: false} {
		if r, _, _ := w.Images.Image(t.Context(), spec.Tag()); (r.Rebuild != "") != want {
			t.Errorf("%s: %+v", spec, r)
		}
	}
}
