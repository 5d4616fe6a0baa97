// Package images is where runner images are kept and built on AWS: one repository
// of ECR, and CodeBuild.
//
// A build gets what it needs as environment variables and nothing else. Whoever
// could hand it a buildspec could run anything with its role.
package images

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
)

// keeper is the part of ECR's API that the registry needs.
type keeper interface {
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
}

// Registry is the fleet's repository. Errors are those of stepfn.CallError.
type Registry struct {
	ECR        keeper
	Repository string // its name, not its URI
}

// mediaTypes are all that an image may be; ECR leaves out what is not asked for.
var mediaTypes = []string{
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
}

// Digest is that of the image with a tag; ok is false if there is none.
func (r Registry) Digest(ctx context.Context, tag string) (digest string, ok bool, err error) {
	return r.find(ctx, types.ImageIdentifier{ImageTag: aws.String(tag)}, "tag "+tag)
}

// Has tells whether the repository still has an image: a lifecycle rule or a person
// may have deleted it. The digest may have a repository and @ before it.
func (r Registry) Has(ctx context.Context, digest string) (bool, error) {
	digest = digest[strings.LastIndex(digest, "@")+1:]
	_, ok, err := r.find(ctx, types.ImageIdentifier{ImageDigest: aws.String(digest)}, "digest "+digest)
	return ok, err
}

func (r Registry) find(ctx context.Context, id types.ImageIdentifier, what string) (digest string, ok bool, err error) {
	out, err := r.ECR.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName: aws.String(r.Repository), ImageIds: []types.ImageIdentifier{id}, AcceptedMediaTypes: mediaTypes,
	})
	if err != nil {
		return "", false, stepfn.CallError(err, "look for %s in repository %s", what, r.Repository)
	}
	for _, image := range out.Images {
		if image.ImageId != nil && aws.ToString(image.ImageId.ImageDigest) != "" {
			return aws.ToString(image.ImageId.ImageDigest), true, nil
		}
	}
	// ECR reports what it did not find in its answer, not as an error
	// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html).
	for _, failure := range out.Failures {
		if failure.FailureCode != types.ImageFailureCodeImageNotFound {
			return "", false, stepfn.CallError(refusal(failure), "look for %s in repository %s", what, r.Repository)
		}
	}
	return "", false, nil
}

// refusal is a failure in ECR's answer as the error that it would be of a call of its
// own. A registry that ECR passes on may answer when it is asked again.
func refusal(failure types.ImageFailure) error {
	err := &smithy.GenericAPIError{Code: string(failure.FailureCode), Message: aws.ToString(failure.FailureReason)}
	switch failure.FailureCode {
	case types.ImageFailureCodeUpstreamTooManyRequests, types.ImageFailureCodeUpstreamUnavailable:
		err.Fault = smithy.FaultServer
	}
	return err
}
