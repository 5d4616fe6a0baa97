package deployed

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Registry is the repository of the runner images.
func (f *Function) Registry() images.Registry {
	return images.Registry{ECR: ecr.NewFromConfig(f.aws), Repository: f.repository()}
}

// Revisions is the same repository, for who deletes old images.
func (f *Function) Revisions() images.Revisions {
	return images.Revisions{ECR: ecr.NewFromConfig(f.aws), Repository: f.repository()}
}

// repository is the repository's name.
func (f *Function) repository() string {
	_, name, _ := strings.Cut(f.env(deployment.EnvRepository), "/")
	return name
}

// Builder builds runner images.
func (f *Function) Builder() builds.Builder {
	return builds.Builder{CodeBuild: codebuild.NewFromConfig(f.aws), Project: f.env(deployment.EnvBuildProject)}
}

// Builds reads how builds stand.
func (f *Function) Builds() builds.Builds {
	return builds.Builds{
		CodeBuild: codebuild.NewFromConfig(f.aws), Project: f.env(deployment.EnvBuildProject), Now: time.Now, LastLines: f.Listener().LastLines,
	}
}

// Release is GitHub's latest runner as the sweep heard of it, without a version before.
func Release(cursors interface {
	Cursor(ctx context.Context, name string) (string, error)
}) func(context.Context) (fleet.RunnerRelease, error) {
	return func(ctx context.Context) (fleet.RunnerRelease, error) {
		text, err := cursors.Cursor(ctx, lifecycle.RunnerReleaseCursor)
		return lifecycle.ReadRelease(text), err
	}
}
