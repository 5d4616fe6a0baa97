package function

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestWarmingUpNeitherFailsNorWaits(t *testing.T) {
	f := New(func(string) string { return "" }, aws.Config{}, slog.New(slog.DiscardHandler))
	var deadline time.Time
	f.Warm(func(context.Context) error { return errors.New("no such table") })
	f.Warm(func(ctx context.Context) error { deadline, _ = ctx.Deadline(); return ctx.Err() })
	f.WarmUp()
	if deadline.IsZero() {
		t.Error("a call ahead of the first invocation has no end: Lambda stops a function after ten seconds")
	}
}
