package fleet

import (
	"strconv"
	"strings"
	"time"
)

// StoredImage is an image in the repository, with all its tags.
type StoredImage struct {
	Digest   string
	Tags     []string
	PushedAt time.Time
	PulledAt time.Time // zero if it was never pulled, as far as the repository knows
}

// KeptRevision is how long an image stays in the repository after it was pushed, after it
// was pulled, and after a later revision took its place: longer than a job can wait on
// GitHub and run.
const KeptRevision = 7 * 24 * time.Hour

// manyImages is how many images are kept for as long as one may be wanted again: $30 a
// month with 600 MB each.
const manyImages = 500

// KeptUnwanted is how long an image is kept that no job wants, if so many are stored.
func KeptUnwanted(stored int) time.Duration {
	if stored > manyImages {
		return KeptRevision
	}
	return UnusedImage
}

// Disposable reports whether nothing needs the image any more: each of its tags is of a
// revision that has a successor, or that no job has wanted for so long. An image of which
// anything is not known, or that has a tag which the fleet did not give it, is not.
func (i StoredImage) Disposable(records map[string]ImageRecord, unwanted time.Duration, now time.Time) bool {
	fresh := func(at time.Time) bool { return now.Sub(at) < KeptRevision }
	if len(i.Tags) == 0 || fresh(i.PushedAt) || fresh(i.PulledAt) {
		return false
	}
	for _, tag := range i.Tags {
		image, revision, ours := parseRevisionTag(tag)
		record, known := records[image]
		replaced := revision < record.Revision && !fresh(record.BuiltAt)
		forgotten := revision <= record.Revision && record.Forgotten(unwanted, now)
		if !ours || !known || !replaced && !forgotten {
			return false
		}
	}
	for _, record := range records {
		if strings.HasSuffix(record.Digest, i.Digest) && !record.Forgotten(unwanted, now) {
			return false
		}
	}
	return true
}

// Forgotten reports whether no job can run in the revision of the record, and none has
// wanted the image for so long.
func (r ImageRecord) Forgotten(unwanted time.Duration, now time.Time) bool {
	return r.Digest != "" && !r.Usable() && r.UnusedFor(unwanted, now)
}

// Unwanted reports whether jobs could run in the image, and none has wanted it for so long.
func (r ImageRecord) Unwanted(unwanted time.Duration, now time.Time) bool {
	return r.Usable() && r.UnusedFor(unwanted, now)
}

// parseRevisionTag takes a RevisionTag apart. Those of the release before are first ones.
func parseRevisionTag(text string) (tag string, revision int, ok bool) {
	if !IsRevisionTag(text) {
		return "", 0, false
	}
	tag, number, given := strings.Cut(text, "-")
	if !given {
		return tag, 1, true
	}
	revision, err := strconv.Atoi(number)
	return tag, revision, err == nil
}
