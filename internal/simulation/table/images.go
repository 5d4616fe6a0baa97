package table

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

type lock struct {
	owner   string
	until   time.Time
	lease   time.Duration
	waiters []string
}

// Image reads an image's record.
func (s *Store) Image(_ context.Context, tag string) (fleet.ImageRecord, bool, error) {
	return read(s, s.images, tag)
}

// PutImage writes a record over the version that was read.
func (s *Store) PutImage(_ context.Context, record fleet.ImageRecord) error {
	return s.Call(Write, func() error {
		if s.images[record.Tag].Version != record.Version {
			return conflict()
		}
		record.Version++
		s.images[record.Tag] = record
		return nil
	})
}

// Images lists the images, the last built first.
func (s *Store) Images(context.Context) (images []fleet.ImageRecord, err error) {
	err = s.Call(List, func() error {
		images = sorted(slices.Collect(maps.Values(s.images)), func(a, b fleet.ImageRecord) int {
			return cmp.Or(b.BuiltAt.Compare(a.BuiltAt), cmp.Compare(a.Tag, b.Tag))
		})
		return nil
	})
	return images, err
}

// DeleteImage forgets an image.
func (s *Store) DeleteImage(_ context.Context, tag string) error {
	return s.Call(Write, func() error {
		delete(s.images, tag)
		return nil
	})
}

// JoinBuild notes a waiter, and makes it the owner if there is none.
func (s *Store) JoinBuild(_ context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error) {
	err = s.Call(Write, func() error {
		l := s.locks[tag]
		if i, found := slices.BinarySearch(l.waiters, runnerID); !found {
			l.waiters = slices.Insert(slices.Clone(l.waiters), i, runnerID)
		}
		switch {
		case l.owner == "" || l.until.Before(now):
			owner = fleet.BuildOwner(runnerID, now)
		case fleet.OwnsBuild(l.owner, runnerID):
			owner = l.owner
		}
		if owner != "" {
			l.owner, l.until, l.lease = owner, now.Add(lease), lease
		}
		s.locks[tag] = l
		return nil
	})
	return owner, err
}

// RenewBuild extends an owner's lease.
func (s *Store) RenewBuild(_ context.Context, tag, owner string, at time.Time) error {
	return s.Call(Write, func() error {
		if l, held := s.locks[tag]; held && l.owner == owner {
			l.until = at.Add(l.lease)
			s.locks[tag] = l
		}
		return nil
	})
}

// BuildLock is the lock as it is now.
func (s *Store) BuildLock(_ context.Context, tag string) (fleet.BuildLock, error) {
	l, _, err := read(s, s.locks, tag)
	return fleet.BuildLock{Owner: l.owner, Waiters: l.waiters, Until: l.until}, err
}

// EndBuild gives an owner's lock up.
func (s *Store) EndBuild(_ context.Context, tag, owner string) error {
	return s.Call(Write, func() error {
		if s.locks[tag].owner == owner {
			delete(s.locks, tag)
		}
		return nil
	})
}
