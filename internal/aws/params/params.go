// Package params reads what a fleet on AWS is told from outside its code: class
// sizes from a parameter of Systems Manager, secrets from Secrets Manager.
//
// Values are kept for five minutes, because an environment of Lambda lives for
// hours and a read costs time and money. A secret can be looked at earlier, when a
// signature fits none or GitHub refuses the token, but not more often than once a
// minute: otherwise anybody who sends bad signatures would make the fleet call
// Secrets Manager.
package params

import (
	"context"
	"sync"
	"time"
)

// kept is how long a value is used before it is read again.
const kept = 5 * time.Minute

// cache keeps one value. A failed read is not kept, and an old value is not used in
// its place: it may have been withdrawn.
type cache[T any] struct {
	mu    sync.Mutex
	value T
	read  time.Time // of value; zero if there is none
	asked time.Time // the last read, also one that failed
}

// get returns the value, at most five minutes old. Calls that come together read once.
func (c *cache[T]) get(ctx context.Context, now time.Time, read func(context.Context) (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.read.IsZero() && now.Sub(c.read) < kept {
		return c.value, nil
	}
	return c.again(ctx, now, read)
}

// again reads the value. The lock is held.
func (c *cache[T]) again(ctx context.Context, now time.Time, read func(context.Context) (T, error)) (T, error) {
	c.asked = now
	value, err := read(ctx)
	if err != nil {
		var none T
		return none, err
	}
	c.value, c.read = value, now
	return value, nil
}
