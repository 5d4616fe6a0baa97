package simaws_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
func TestTheRepository(t *testing.T) {
	one, two := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	by := func(tag, digest string) types.ImageIdentifier {
		var id types.ImageIdentifier
		if tag != "" {
			id.ImageTag = aws.String(tag)
		}
		if digest != "" {
			id.ImageDigest = aws.String(digest)
		}
		return id
	}
	get := func(w *world, id types.ImageIdentifier, accepts ...string) string {
		w.Helper()
		out, err := w.ecr.BatchGetImage(w.Context(), &ecr.BatchGetImageInput{RepositoryName: aws.String("ci"), ImageIds: []types.ImageIdentifier{id}, AcceptedMediaTypes: accepts})
		if err != nil {
			w.Fatal(err)
		}
		if len(out.Failures) > 0 {
			return string(out.Failures[0].FailureCode)
		}
		return *out.Images[0].ImageId.ImageDigest
	}
	facts{
		"an image that is not there is a failure of BatchGetImage and no error": func(t *testing.T) {
			w := newWorld(t)
			w.ecr.Push(one, "a")
			w.ecr.Push(two, "b")
			for what, c := range map[string]struct {
				id   types.ImageIdentifier
				want string
			}{
				"by tag": {by("a", ""), one}, "by digest": {by("", two), two}, "by both": {by("b", two), two},
				"no such tag": {by("c", ""), "ImageNotFound"}, "no such digest": {by("", "sha256:x"), "ImageNotFound"},
				"the tag of another": {by("a", two), "ImageTagDoesNotMatchDigest"}, "neither": {by("", ""), "MissingDigestAndTag"},
			} {
				if got := get(w, c.id); got != c.want {
					t.Errorf("%s: %s", what, got)
				}
			}
			if got := get(w, by("a", ""), "application/vnd.oci.image.index.v1+json"); got != "ImageNotFound" {
				t.Errorf("of another type: %s", got)
			}
		},
		"DescribeImages has an error for an image that is not there": func(t *testing.T) {
			w := newWorld(t)
			w.ecr.Push(one, "a")
			out, err := w.ecr.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("ci"), ImageIds: []types.ImageIdentifier{by("", one)}})
			if err != nil || !slices.Equal(out.ImageDetails[0].ImageTags, []string{"a"}) {
				t.Error(out, err)
			}
			_, err = w.ecr.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("ci"), ImageIds: []types.ImageIdentifier{by("", two)}})
			var gone *types.ImageNotFoundException
			if !errors.As(err, &gone) {
				t.Error(err)
			}
		},
		"a tag that is pushed again moves": func(t *testing.T) {
			w := newWorld(t)
			w.ecr.Push(one, "a")
			w.ecr.Push(two, "a")
			if get(w, by("a", "")) != two || get(w, by("", one)) != one {
				t.Errorf("%+v", w.ecr.Images())
			}
			out, err := w.ecr.ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: aws.String("ci"), Filter: &types.ListImagesFilter{TagStatus: types.TagStatusUntagged}})
			if err != nil || len(out.ImageIds) != 1 || *out.ImageIds[0].ImageDigest != one {
				t.Error(out, err)
			}
		},
		"an image goes by its digest, or with its last tag": func(t *testing.T) {
			w := newWorld(t)
			w.ecr.Push(one, "a")
			w.ecr.Push(one, "b")
			w.ecr.Push(two, "c")
			remove := func(ids ...types.ImageIdentifier) int {
				out, err := w.ecr.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("ci"), ImageIds: ids})
				if err != nil {
					t.Fatal(err)
				}
				return len(out.Failures)
			}
			if remove(by("a", "")) != 0 || get(w, by("b", "")) != one {
				t.Error("by one of two tags")
			}
			if remove(by("b", "")) != 0 || get(w, by("", one)) != "ImageNotFound" {
				t.Error("by the last tag")
			}
			if remove(by("", two), by("", one)) != 1 || len(w.ecr.Images()) != 0 {
				t.Error("by the digest")
			}
		},
		"the repository must be there": func(t *testing.T) {
			w := newWorld(t)
			_, err := w.ecr.ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: aws.String("other")})
			var unknown *types.RepositoryNotFoundException
			if !errors.As(err, &unknown) {
				t.Error(err)
			}
		},
		"ECR throttles": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.ECRThrottled, Of: "ecr.list_images"})
			if _, err := w.ecr.ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: aws.String("ci")}); throttle(err) == nil {
				t.Error(err)
			}
		},
		"an image is deleted after its build, as the fault says": func(t *testing.T) {
			w := newWorld(t, kernel.Fault{Kind: simaws.ImageDeleted, Of: "base/latest", For: lasting(time.Hour)})
			w.start(build("a"))
			w.run(time.Hour)
			if len(w.ecr.Images()) != 1 {
				t.Error("gone within the hour")
			}
			w.run(10 * time.Minute)
			if len(w.ecr.Images()) != 0 {
				t.Error("there after the hour")
			}
		},
		"two builds of one revision make two images, and the later has the tag": func(t *testing.T) {
			w := newWorldWith(t, 1, simaws.Config{ConcurrentBuilds: 2})
			w.start(build("a"))
			w.run(time.Minute)
			w.start(build("b"))
			w.run(10 * time.Minute)
			images := w.ecr.Images()
			if len(images) != 2 || len(images[0].Tags) != 0 || len(images[1].Tags) != 2 {
				t.Errorf("%+v", images)
			}
		},
	}.run(t)
}
