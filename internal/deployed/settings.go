package deployed

import (
	"context"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Settings tells people what a fleet is set to: one record in the table, written
// anew by every process that tells it, which is after every deployment.
type Settings struct {
	Records interface {
		PutSettings(ctx context.Context, settings report.Settings) error
	}
	GitHubURL string
	Now       func() time.Time

	mu   sync.Mutex
	told bool
}

// Tell writes the settings unless this process has done so.
func (s *Settings) Tell(ctx context.Context, p fleet.Policy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told {
		return nil
	}
	err := s.Records.PutSettings(ctx, report.Settings{
		FleetName: p.FleetName, Repositories: p.Repositories, GitHubURL: s.GitHubURL, MaxRunners: p.MaxRunners, DefaultClass: p.DefaultClass,
		ClassSizes: p.Classes, Engine: "fargate", StartedAt: s.Now().UTC(), Policy: &p,
	})
	s.told = err == nil
	return err
}
