package main

import (
	"context"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// settings shows people the settings of a fleet: one record in the table, which every
// process writes once, and so every deployment.
type settings struct {
	records interface {
		PutSettings(ctx context.Context, settings report.Settings) error
	}
	gitHubURL string
	gitHubCA  string // in PEM
	now       func() time.Time

	mu   sync.Mutex
	told bool
}

// tell writes the settings unless this process has already written them.
func (s *settings) tell(ctx context.Context, p fleet.Policy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told {
		return nil
	}
	err := s.records.PutSettings(ctx, report.Settings{
		FleetName: p.FleetName, Repositories: p.Repositories, Organization: p.Organization, GitHubURL: s.gitHubURL, GitHubCA: s.gitHubCA, MaxRunners: p.MaxRunners, DefaultClass: p.DefaultClass,
		ClassSizes: p.Classes, Engine: "fargate", StartedAt: s.now().UTC(), Policy: &p,
	})
	s.told = err == nil
	return err
}
