package dynamo

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// PutSettings stores what the fleet says about itself.
func (s *Store) PutSettings(ctx context.Context, settings report.Settings) error {
	return s.replace(ctx, fleetKey("settings"), settings)
}

// Settings reads what the fleet said about itself.
func (s *Store) Settings(ctx context.Context) (report.Settings, error) {
	settings, _, err := one[report.Settings](ctx, s, fleetKey("settings"), eventual)
	return settings, err
}
