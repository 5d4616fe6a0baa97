package local

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

// TestEngine is a container engine that only builds, for fleets whose runners are
// processes all the same.
type TestEngine struct {
	Builds func(ctx context.Context, request container.BuildRequest) (imageID string, err error)
}

// BuildsOn has a fleet build its images on a test's engine.
func (c *Config) BuildsOn(e TestEngine) { c.buildsOn = e }

func (e TestEngine) Build(ctx context.Context, request container.BuildRequest) (string, error) {
	return e.Builds(ctx, request)
}

func (TestEngine) ImageLabels(context.Context, string) (map[string]string, error) { return nil, nil }
func (TestEngine) HasImage(context.Context, string) (bool, error)                 { return true, nil }
func (TestEngine) RemoveImage(context.Context, string) error                      { return nil }
func (TestEngine) ImagesTagged(context.Context, string) ([]string, error)         { return nil, nil }
