package simaws

import (
	"encoding/json"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// CodeBuild is the fleet's two projects, and what their buildspec does.
type CodeBuild struct {
	// OnEvent gets each event of the default bus, in EventBridge's envelope and in
	// the order in which CodeBuild makes them.
	OnEvent func(event json.RawMessage)
	// Release says which version of the runner a build finds if it is told none; nil
	// is always the same.
	Release func() string

	k   *kernel.Kernel
	cfg Config
	ecr *ECR
}

// NewCodeBuild returns projects without builds, which push to the registry.
func NewCodeBuild(k *kernel.Kernel, cfg Config, r *ECR) *CodeBuild {
	return &CodeBuild{k: k, cfg: cfg, ecr: r}
}

// BuildView is the truth about a build, for those who check the world.
type BuildView struct {
	ID, Project, Status, Phase string
	Env                        map[string]string // what StartBuild set
	Digest                     string            // of the image that it pushed
	Reason                     string            // why it did not succeed
	StartedAt, EndedAt         time.Time         // EndedAt is zero: it has not
}

// Builds lists all builds that were ever started, in that order.
func (c *CodeBuild) Builds() []BuildView { return nil }
