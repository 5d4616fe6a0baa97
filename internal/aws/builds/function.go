package builds

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// BuilderOf is the fleet's builder, for a function.
func BuilderOf(f *function.Function) Builder {
	return Builder{CodeBuild: codebuild.NewFromConfig(f.AWS), Project: f.Env(deployment.EnvBuildProject)}
}

// Of are the fleet's builds, for a function that reads logs with lastLines.
func Of(f *function.Function, lastLines func(group, stream string, most int) ([]string, error)) Builds {
	return Builds{CodeBuild: codebuild.NewFromConfig(f.AWS), Project: f.Env(deployment.EnvBuildProject), Now: time.Now, LastLines: lastLines}
}
