package images

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// cleaner is the part of ECR's API that finding and deleting old revisions needs.
type cleaner interface {
	DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
	BatchDeleteImage(context.Context, *ecr.BatchDeleteImageInput, ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error)
}

// Revisions are the images of the fleet's repository as the sweep looks after them. Errors
// are those of awserr.CallError.
type Revisions struct {
	ECR        cleaner
	Repository string // its name, not its URI
}

// Stored lists all images that have a tag. The time of an image's last pull is exact to
// a day
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html).
func (r Revisions) Stored(ctx context.Context) (stored []fleet.StoredImage, err error) {
	pages := ecr.NewDescribeImagesPaginator(r.ECR, &ecr.DescribeImagesInput{
		RepositoryName: aws.String(r.Repository), Filter: &types.DescribeImagesFilter{TagStatus: types.TagStatusTagged},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.CallError(err, "list the images of repository %s", r.Repository)
		}
		for _, image := range page.ImageDetails {
			stored = append(stored, fleet.StoredImage{
				Digest: aws.ToString(image.ImageDigest), Tags: image.ImageTags, PushedAt: aws.ToTime(image.ImagePushedAt), PulledAt: aws.ToTime(image.LastRecordedPullTime),
			})
		}
	}
	return stored, nil
}

// Delete removes tags from images. ECR deletes an image with its last tag, so an image
// that has got another tag meanwhile stays. Missing tags are no error.
func (r Revisions) Delete(ctx context.Context, tags []string) error {
	for batch := range slices.Chunk(tags, mostDeleted) {
		var ids []types.ImageIdentifier
		for _, tag := range batch {
			ids = append(ids, types.ImageIdentifier{ImageTag: aws.String(tag)})
		}
		out, err := r.ECR.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String(r.Repository), ImageIds: ids})
		if err != nil {
			return awserr.CallError(err, "delete old images of repository %s", r.Repository)
		}
		for _, failure := range out.Failures {
			if failure.FailureCode != types.ImageFailureCodeImageNotFound {
				return awserr.CallError(refusal(failure), "delete old images of repository %s", r.Repository)
			}
		}
	}
	return nil
}
