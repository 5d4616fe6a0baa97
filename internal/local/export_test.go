package local

import (
	"context"
	"io"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

// TestEngine is a container engine that only builds, for fleets whose runners are
// processes all the same.
type TestEngine struct {
	Builds func(ctx context.Context, request container.BuildRequest) (imageID string, err error)
	// Pulls returns an image of a registry; nil returns one whose id is its name.
	Pulls   func(ref string) (imageID string, err error)
	OnBuilt []string // the instructions of every image that is pulled
}

// BuildsOn makes a fleet build its images on a test's engine.
func (c *Config) BuildsOn(e TestEngine) {
	c.buildsOn, c.pullPauses = e, []time.Duration{0, 0}
}

func (e TestEngine) Pull(_ context.Context, ref string, _ fleet.Arch, _ io.Writer) (string, error) {
	if e.Pulls == nil {
		return ref, nil
	}
	return e.Pulls(ref)
}

func (e TestEngine) OnBuild(context.Context, string) ([]string, error) { return e.OnBuilt, nil }

func (e TestEngine) Build(ctx context.Context, request container.BuildRequest) (string, error) {
	return e.Builds(ctx, request)
}

func (TestEngine) ImageLabels(context.Context, string) (map[string]string, error) { return nil, nil }
func (TestEngine) HasImage(context.Context, string) (bool, error)                 { return true, nil }
func (TestEngine) RemoveImage(context.Context, string) error                      { return nil }
func (TestEngine) ImagesTagged(context.Context, string) ([]string, error)         { return nil, nil }

// LoseRecords makes all reads and writes of records fail from now on, and tries a
// write.
func (f *Fleet) LoseRecords(ctx context.Context) error {
	if err := f.store.Close(); err != nil {
		return nil
	}
	return f.store.Write(ctx, fleet.Changes{Capacity: &fleet.Capacity{Version: 1}})
}
