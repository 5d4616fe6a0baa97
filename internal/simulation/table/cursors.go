package table

import (
	"context"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Cursor reads a cursor, "" if there is none.
func (s *Store) Cursor(_ context.Context, name string) (string, error) {
	value, _, err := read(s, s.cursors, name)
	return value, err
}

// PutCursor keeps a cursor; "" forgets it.
func (s *Store) PutCursor(_ context.Context, name, value string) error {
	return s.Call(Write, func() error {
		if len(value) > mostBytes {
			return fmt.Errorf("cursor %s has %d bytes: an item holds %d", name, len(value), mostBytes)
		}
		s.cursors[name] = value
		if value == "" {
			delete(s.cursors, name)
		}
		return nil
	})
}

// SwapCursor keeps a value if the cursor is still what was read.
func (s *Store) SwapCursor(_ context.Context, name, was, value string) error {
	return s.Call(Write, func() error {
		if s.cursors[name] != was {
			return fleet.Errorf(fleet.RecordsConflict, "cursor %s has changed", name)
		}
		s.cursors[name] = value
		return nil
	})
}

// mostBytes is the size of an item, less its keys.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const mostBytes = 400<<10 - 2<<10

// Cursors is how many cursors are kept.
func (s *Store) Cursors() int { return len(s.cursors) }

// LargestCursor is the size of the largest one that is kept now, in bytes.
func (s *Store) LargestCursor() (size int) {
	for name, value := range s.cursors {
		size = max(size, len(name)+len(value))
	}
	return size
}

// lease is who has a lease, and until when.
type lease struct {
	owner string
	ends  time.Time
}

// TakeLease takes a lease, keeps it, or gives it up with a time that has come.
func (s *Store) TakeLease(_ context.Context, name, owner string, now, until time.Time) (taken bool, err error) {
	err = s.Call(Write, func() error {
		was := s.leases[name]
		if taken = was.owner == "" || was.owner == owner || !was.ends.After(now); taken {
			s.leases[name] = lease{owner, until}
		}
		return nil
	})
	return taken && err == nil, err
}
