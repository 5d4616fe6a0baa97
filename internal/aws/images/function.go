package images

import (
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// RegistryOf is the fleet's repository, for a function.
func RegistryOf(f *function.Function) Registry {
	return Registry{ECR: ecr.NewFromConfig(f.AWS), Repository: f.Repository()}
}

// RevisionsOf is the same repository, for a function that deletes old images.
func RevisionsOf(f *function.Function) Revisions {
	return Revisions{ECR: ecr.NewFromConfig(f.AWS), Repository: f.Repository()}
}
