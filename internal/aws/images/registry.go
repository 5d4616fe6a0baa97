// Package images keeps runner images in a repository of ECR.
//
// ECR leaves out images whose media types were not in the request, and reports them as
// missing.
package images

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// reader is the part of ECR's API that the registry needs.
type reader interface {
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
	DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
}

// remover is what an operator needs in addition.
type remover interface {
	ListImages(context.Context, *ecr.ListImagesInput, ...func(*ecr.Options)) (*ecr.ListImagesOutput, error)
	BatchDeleteImage(context.Context, *ecr.BatchDeleteImageInput, ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error)
}

// Registry is the fleet's repository. Errors are those of awserr.CallError.
type Registry struct {
	ECR        reader
	Repository string // its name, not its URI
}

// mediaTypes are all that an image may have; ECR leaves out those that are not
// requested.
var mediaTypes = []string{
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
}

// Published is the image with a tag, if the fleet did not build it: then none of its
// tags is one of ours.
func (r Registry) Published(ctx context.Context, tag string) (digest string, ok bool, err error) {
	digest, ok, err = r.find(ctx, types.ImageIdentifier{ImageTag: aws.String(tag)}, "tag "+tag)
	if err != nil || !ok {
		return "", false, err
	}
	out, err := r.ECR.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RepositoryName: aws.String(r.Repository), ImageIds: []types.ImageIdentifier{{ImageDigest: aws.String(digest)}},
	})
	var gone *types.ImageNotFoundException
	switch {
	case errors.As(err, &gone):
		return "", false, nil
	case err != nil:
		return "", false, awserr.CallError(err, "look at the tags of %s in repository %s", digest, r.Repository)
	}
	for _, image := range out.ImageDetails {
		if slices.ContainsFunc(image.ImageTags, fleet.IsRevisionTag) {
			return "", false, nil
		}
	}
	return digest, true, nil
}

// Shelf is a Registry from which operators remove images.
type Shelf struct {
	ECR        remover
	Repository string
}

// Remove deletes all revisions of an image by its tag. A missing one is no error.
func (s Shelf) Remove(ctx context.Context, tag string) error {
	pages := ecr.NewListImagesPaginator(s.ECR, &ecr.ListImagesInput{
		RepositoryName: aws.String(s.Repository), Filter: &types.ListImagesFilter{TagStatus: types.TagStatusTagged},
	})
	var revisions []types.ImageIdentifier
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.CallError(err, "list the images of repository %s", s.Repository)
		}
		for _, id := range page.ImageIds {
			if t := aws.ToString(id.ImageTag); t == tag || fleet.IsRevisionTag(t) && strings.HasPrefix(t, tag+"-") {
				// Deleting by the digest removes every tag, also the one under which it
				// is published.
				revisions = append(revisions, types.ImageIdentifier{ImageDigest: id.ImageDigest})
			}
		}
	}
	for batch := range slices.Chunk(revisions, mostDeleted) {
		out, err := s.ECR.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String(s.Repository), ImageIds: batch})
		if err != nil {
			return awserr.CallError(err, "delete revisions of image %s in repository %s", tag, s.Repository)
		}
		for _, failure := range out.Failures {
			if failure.FailureCode != types.ImageFailureCodeImageNotFound {
				return awserr.CallError(refusal(failure), "delete revisions of image %s in repository %s", tag, s.Repository)
			}
		}
	}
	return nil
}

// mostDeleted is how many images ECR deletes in one request.
const mostDeleted = 100

// Has reports whether the repository still has an image: a lifecycle rule or a person
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
		return "", false, awserr.CallError(err, "look for %s in repository %s", what, r.Repository)
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
			return "", false, awserr.CallError(refusal(failure), "look for %s in repository %s", what, r.Repository)
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
