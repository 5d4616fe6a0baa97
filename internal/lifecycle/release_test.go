package lifecycle_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// kept is a cursor that the sweep wrote.
type kept string

func (k kept) Cursor(_ context.Context, name string) (string, error) {
	if name != lifecycle.RunnerReleaseCursor {
		return "", errors.New("another cursor")
	}
	return string(k), nil
}

func TestTheReleaseIsTheOneThatTheSweepHeardOf(t *testing.T) {
	for text, want := range map[string]string{"": "", "{": "", `{"version":"2.330.0","asked_at":"2026-01-01T00:00:00Z"}`: "2.330.0"} {
		release, err := lifecycle.KeptRelease(kept(text))(t.Context())
		if err != nil || release.Version != want {
			t.Errorf("of %q: %q %v", text, release.Version, err)
		}
	}
}
