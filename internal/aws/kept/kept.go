// Package kept keeps a value that was read from AWS for five minutes.
//
// An environment of Lambda lives for hours, and a read costs time and money. A failed
// read is not kept, and an old value is not used in its place: it may have been
// withdrawn.
package kept

import (
	"context"
	"sync"
	"time"
)

// For is how long a value is used before it is read again.
const For = 5 * time.Minute

// Value is one value; the zero Value has none yet. All calls of one Value read it with
// the same function.
type Value[T any] struct {
	mu    sync.Mutex
	value T
	read  time.Time // of value; zero if there is none
	asked time.Time // the last read, also one that failed
}

// Get returns the value, at most five minutes old. Calls that come together read once.
func (v *Value[T]) Get(ctx context.Context, now time.Time, read func(context.Context) (T, error)) (T, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.read.IsZero() && now.Sub(v.read) < For {
		return v.value, nil
	}
	return v.again(ctx, now, read)
}

// Again reads the value even if it is known, and also returns the previous one. If the
// last read, even one that failed, is less than every ago, it does not read, and looked
// is false.
func (v *Value[T]) Again(ctx context.Context, now time.Time, every time.Duration, read func(context.Context) (T, error)) (was, is T, looked bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.asked.IsZero() && now.Sub(v.asked) < every {
		return was, is, false, nil
	}
	was = v.value
	is, err = v.again(ctx, now, read)
	return was, is, true, err
}

// again reads the value. The lock is held.
func (v *Value[T]) again(ctx context.Context, now time.Time, read func(context.Context) (T, error)) (T, error) {
	v.asked = now
	value, err := read(ctx)
	if err != nil {
		var none T
		return none, err
	}
	v.value, v.read = value, now
	return value, nil
}
