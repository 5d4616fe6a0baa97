package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// board is where settings are put; it fails as often as a test demands.
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

func TestSettingsAreWrittenOnce(t *testing.T) {
	b := &board{fails: 1}
	s := settings{records: b, gitHubURL: "https://git.example", gitHubCA: "certificates", now: time.Now}
	policy := fleet.Policy{FleetName: "ci", MaxRunners: 7, Classes: map[string]fleet.Class{"small": {CPU: 512, Memory: 1024}}}
	if err := s.tell(t.Context(), policy); err == nil {
		t.Error("a failed write is not reported")
	}
	for range 2 {
		if err := s.tell(t.Context(), policy); err != nil {
			t.Error(err)
		}
	}
	if len(b.put) != 1 || b.put[0].FleetName != "ci" || b.put[0].ClassSizes["small"].CPU != 512 || b.put[0].Engine != "fargate" || b.put[0].GitHubURL != "https://git.example" || b.put[0].GitHubCA != "certificates" {
		t.Errorf("wrote %+v", b.put)
	}
}
