package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// PutSettings stores what the fleet says about itself.
func (s *Store) PutSettings(ctx context.Context, settings report.Settings) error {
	record, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	return s.exec(ctx, "INSERT INTO settings (id, record) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record", string(record))
}

// Settings reads what the fleet said about itself.
func (s *Store) Settings(ctx context.Context) (report.Settings, error) {
	settings, _, err := one[report.Settings](ctx, s, "settings", "SELECT record FROM settings WHERE id = 1")
	return settings, err
}
