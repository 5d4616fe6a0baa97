package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestRemember(t *testing.T) {
	now, calls, answer := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), 0, errors.New("denied")
	read := remember(time.Hour, func() time.Time { return now }, func(ctx context.Context) (int, error) {
		calls++
		return calls, errors.Join(answer, ctx.Err())
	})
	expect := func(what string, ctx context.Context, want int, failed bool) {
		t.Helper()
		if got, err := read(ctx); got != want || (err != nil) != failed {
			t.Errorf("%s: %d, %v; want %d", what, got, err, want)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	expect("a call that is given up", gone, 1, true)
	expect("the call after it", t.Context(), 2, true)
	expect("a failure within the hour", t.Context(), 2, true)
	answer, now = nil, now.Add(time.Hour)
	expect("after an hour", t.Context(), 3, false)
	now = now.Add(59 * time.Minute)
	expect("within the next", t.Context(), 3, false)
}
