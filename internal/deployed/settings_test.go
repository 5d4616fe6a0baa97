package deployed

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// board is where settings are put; it fails as often as it is told to.
type board struct {
	fails int
	put   []report.Settings
}

func (b *board) PutSettings(_ context.Context, settings report.Settings) error {
	if b.fails--; b.fails >= 0 {
		return errors.New("no answer")
	}
	b.put = append(b.put, settings)
	return nil
}

func TestSettingsAreToldOnce(t *testing.T) {
	b := &board{fails: 1}
	s := Settings{Records: b, Now: time.Now}
	policy := fleet.Policy{FleetName: "ci", MaxRunners: 7, Classes: map[string]fleet.Class{"small": {CPU: 512, Memory: 1024}}}
	if err := s.Tell(t.Context(), policy); err == nil {
		t.Error("a failed write is not told")
	}
	for range 2 {
		if err := s.Tell(t.Context(), policy); err != nil {
			t.Error(err)
		}
	}
	if len(b.put) != 1 || b.put[0].FleetName != "ci" || b.put[0].ClassSizes["small"].CPU != 512 || b.put[0].Engine != "fargate" {
		t.Errorf("told %+v", b.put)
	}
}

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
		release, err := Release(kept(text))(t.Context())
		if err != nil || release.Version != want {
			t.Errorf("of %q: %q %v", text, release.Version, err)
		}
	}
}
