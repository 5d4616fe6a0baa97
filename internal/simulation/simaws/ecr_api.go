package simaws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// call is one call of the API: it is throttled, or has its effect.
func (r *ECR) call(what, operation string, repository *string, effect func() error) error {
	return r.k.Call(what, func() error {
		if _, strikes := r.k.Strikes(ECRThrottled, what); strikes {
			return refused("ECR", operation, throttled())
		}
		if deref(repository) != r.cfg.Repository {
			return refused("ECR", operation, &types.RepositoryNotFoundException{Message: aws.String("The repository does not exist in the registry.")})
		}
		return refused("ECR", operation, effect())
	})
}

// manifest is the type of every image: what docker build makes.
const manifest = "application/vnd.docker.distribution.manifest.v2+json"

// BatchGetImage finds images by tag or digest. What is not there is a failure in the
// answer and no error, and so is an image of a type that was not asked for
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html).
func (r *ECR) BatchGetImage(_ context.Context, in *ecr.BatchGetImageInput, _ ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error) {
	out := &ecr.BatchGetImageOutput{}
	err := r.call("ecr.batch_get_image", "BatchGetImage", in.RepositoryName, func() error {
		accepted := len(in.AcceptedMediaTypes) == 0 || slices.Contains(in.AcceptedMediaTypes, manifest)
		for _, id := range in.ImageIds {
			im, failure := r.find(id)
			if failure == "" && !accepted {
				failure = types.ImageFailureCodeImageNotFound
			}
			if failure != "" {
				out.Failures = append(out.Failures, types.ImageFailure{ImageId: &id, FailureCode: failure, FailureReason: aws.String("Requested image not found")})
				continue
			}
			out.Images = append(out.Images, types.Image{
				ImageId:                &types.ImageIdentifier{ImageDigest: aws.String(im.digest), ImageTag: id.ImageTag},
				ImageManifestMediaType: aws.String(manifest), RegistryId: aws.String(r.cfg.Account), RepositoryName: aws.String(r.cfg.Repository),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// find is the image of an identifier, or why there is none.
func (r *ECR) find(id types.ImageIdentifier) (*image, types.ImageFailureCode) {
	tag, digest := deref(id.ImageTag), deref(id.ImageDigest)
	var im *image
	switch {
	case tag == "" && digest == "":
		return nil, types.ImageFailureCodeMissingDigestAndTag
	case digest == "":
		im = r.byTag(tag)
	default:
		im = r.byDigest(digest)
	}
	switch {
	case im == nil:
		return nil, types.ImageFailureCodeImageNotFound
	case tag != "" && !slices.Contains(im.tags, tag):
		return nil, types.ImageFailureCodeImageTagDoesNotMatchDigest
	}
	return im, ""
}

// DescribeImages describes images. Unlike BatchGetImage it fails if an image is not
// there
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html).
func (r *ECR) DescribeImages(_ context.Context, in *ecr.DescribeImagesInput, _ ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	out := &ecr.DescribeImagesOutput{}
	err := r.call("ecr.describe_images", "DescribeImages", in.RepositoryName, func() error {
		found := r.images
		if len(in.ImageIds) > 0 {
			found = nil
		}
		for _, id := range in.ImageIds {
			im, failure := r.find(id)
			if failure != "" {
				return &types.ImageNotFoundException{Message: aws.String("The image requested does not exist in the specified repository.")}
			}
			found = append(found, im)
		}
		for _, im := range found {
			out.ImageDetails = append(out.ImageDetails, types.ImageDetail{
				ImageDigest: aws.String(im.digest), ImageTags: slices.Clone(im.tags), ImagePushedAt: instant(im.pushedAt),
				ImageManifestMediaType: aws.String(manifest), RegistryId: aws.String(r.cfg.Account), RepositoryName: aws.String(r.cfg.Repository),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListImages lists each tag of each image, and each digest without a tag
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImages.html).
func (r *ECR) ListImages(_ context.Context, in *ecr.ListImagesInput, _ ...func(*ecr.Options)) (*ecr.ListImagesOutput, error) {
	out := &ecr.ListImagesOutput{}
	err := r.call("ecr.list_images", "ListImages", in.RepositoryName, func() error {
		var status types.TagStatus
		if in.Filter != nil {
			status = in.Filter.TagStatus
		}
		for _, im := range r.images {
			if len(im.tags) == 0 && status != types.TagStatusTagged {
				out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(im.digest)})
			}
			for _, tag := range im.tags {
				if status != types.TagStatusUntagged {
					out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(im.digest), ImageTag: aws.String(tag)})
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// BatchDeleteImage deletes images by their digest, with all their tags, and tags by
// their name; an image goes with its last tag
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html).
func (r *ECR) BatchDeleteImage(_ context.Context, in *ecr.BatchDeleteImageInput, _ ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error) {
	out := &ecr.BatchDeleteImageOutput{}
	err := r.call("ecr.batch_delete_image", "BatchDeleteImage", in.RepositoryName, func() error {
		for _, id := range in.ImageIds {
			im, failure := r.find(id)
			if failure != "" {
				out.Failures = append(out.Failures, types.ImageFailure{ImageId: &id, FailureCode: failure, FailureReason: aws.String("Requested image not found")})
				continue
			}
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(im.digest), ImageTag: id.ImageTag})
			if id.ImageDigest == nil {
				im.untag(*id.ImageTag)
			}
			if id.ImageDigest != nil || len(im.tags) == 0 {
				r.Delete(im.digest)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
