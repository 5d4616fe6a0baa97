package dynamo

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff waits for a random part of a time, so that writers whose transactions
// overlapped do not collide again.
func Backoff(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(rand.N(most))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
