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

// KeptRevision is how long an image stays in the repository after it was pushed, after
// it was pulled, and after a later revision replaced it: longer than a job can wait on
// GitHub and run.
const KeptRevision = 7 * 24 * time.Hour

// manyImages is up to how many images are kept for as long as one may be wanted again:
// $30 a month with 600 MB each.
const manyImages = 500

// KeptUnwanted is how long an image that no job wants is kept if so many are stored.
func KeptUnwanted(stored int) time.Duration {
	if stored > manyImages {
		return KeptRevision
	}
	return UnusedImage
}

// Disposable reports whether nothing needs the image any more: each of its tags is of a
// revision that has a successor, or that no job has wanted for the time unwanted. It is
// false for an image of which anything is not known, or that has a tag which the fleet
// did not give it.
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

// Forgotten reports whether no job can run in the record's revision, and none has wanted
// the image for the time unwanted.
func (r ImageRecord) Forgotten(unwanted time.Duration, now time.Time) bool {
	return r.Digest != "" && !r.Usable() && r.UnusedFor(unwanted, now)
}

// Unwanted reports whether jobs could run in the image, but none has wanted it for that
// time.
func (r ImageRecord) Unwanted(unwanted time.Duration, now time.Time) bool {
	return r.Usable() && r.UnusedFor(unwanted, now)
}

// parseRevisionTag splits a RevisionTag. Tags of the release before are first revisions.
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
