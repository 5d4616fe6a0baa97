package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestWhichImagesAreDisposable(t *testing.T) {
	const day = 24 * time.Hour
	now := noon.Add(100 * day)
	ago := func(days int) time.Time { return now.Add(-time.Duration(days) * day) }
	tag, other := strings.Repeat("0a", 16), strings.Repeat("0b", 16)
	old := func(tags ...string) fleet.StoredImage {
		return fleet.StoredImage{Digest: "sha256:1", Tags: tags, PushedAt: ago(40), PulledAt: ago(20)}
	}
	// The third revision has served for eight days.
	third := fleet.ImageRecord{Tag: tag, Revision: 3, Digest: "repository@sha256:3", BuiltAt: ago(8), UsedAt: ago(1)}
	forgotten := third
	forgotten.Outdated, forgotten.UsedAt = "no job has wanted it", ago(31)
	with := func(r fleet.ImageRecord, change func(*fleet.ImageRecord)) fleet.ImageRecord {
		change(&r)
		return r
	}
	changed := func(i fleet.StoredImage, change func(*fleet.StoredImage)) fleet.StoredImage {
		change(&i)
		return i
	}
	for name, c := range map[string]struct {
		image  fleet.StoredImage
		record fleet.ImageRecord
		want   bool
	}{
		"the revision before":                   {old(tag + "-2"), third, true},
		"one of the release before":             {old(tag), third, true},
		"two tags of one image, both replaced":  {old(tag+"-1", tag+"-2"), third, true},
		"never pulled":                          {changed(old(tag+"-2"), func(i *fleet.StoredImage) { i.PulledAt = time.Time{} }), third, true},
		"the one in use":                        {old(tag + "-3"), third, false},
		"the one in use has the same content":   {old(tag+"-2", tag+"-3"), third, false},
		"the one in use, by its digest":         {changed(old(tag+"-2"), func(i *fleet.StoredImage) { i.Digest = "sha256:3" }), third, false},
		"an unknown build":                      {old(tag + "-4"), third, false},
		"its successor has served for six days": {old(tag + "-2"), with(third, func(r *fleet.ImageRecord) { r.BuiltAt = ago(6) }), false},
		"pushed lately":                         {changed(old(tag+"-2"), func(i *fleet.StoredImage) { i.PushedAt = ago(6) }), third, false},
		"pulled lately":                         {changed(old(tag+"-2"), func(i *fleet.StoredImage) { i.PulledAt = ago(6) }), third, false},
		"it has a foreign tag too":              {old(tag+"-2", "good"), third, false},
		"a foreign image":                       {old("base"), third, false},
		"a foreign image, with digits":          {old(other), third, false},
		"of an image without a record":          {old(other + "-1"), third, false},
		"a number that no revision has":         {old(tag + "-99999999999999999999"), third, false},
		"without a tag":                         {old(), third, false},
		"the last one of a forgotten image":     {old(tag + "-3"), forgotten, true},
		"an earlier one of a forgotten image":   {old(tag + "-1"), forgotten, true},
		"a later one of a forgotten image":      {old(tag + "-4"), forgotten, false},
		"the last one of an image that may run": {old(tag + "-3"), with(forgotten, func(r *fleet.ImageRecord) { r.Outdated = "" }), false},
		"the last one of one wanted a week ago": {old(tag + "-3"), with(forgotten, func(r *fleet.ImageRecord) { r.UsedAt = ago(29) }), false},
		"published as the base, and forgotten":  {old(tag+"-3", "base"), forgotten, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.image.Disposable(map[string]fleet.ImageRecord{tag: c.record}, fleet.UnusedImage, now); got != c.want {
				t.Errorf("%+v is disposable: %t", c.image, got)
			}
		})
	}
}

// When a revision is deleted, no job that was given it can still have to pull it.
func TestRevisionsAreKeptForLongerThanAJobLasts(t *testing.T) {
	const longestJob = 5 * 24 * time.Hour // GitHub's, and the most that limits.max_runtime may be
	if longest := fleet.DefaultLimits().Queue + longestJob; fleet.KeptRevision <= longest {
		t.Errorf("revisions are kept for %s, and a job may last %s", fleet.KeptRevision, longest)
	}
}
