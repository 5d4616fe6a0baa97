package images

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var _ = resolveimage.Step{Registry: Registry{}}

// repository answers as ECR does.
type repository struct {
	out  *ecr.BatchGetImageOutput
	err  error
	tags []string // of the image
}

func (r repository) DescribeImages(_ context.Context, in *ecr.DescribeImagesInput, _ ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	if aws.ToString(in.RepositoryName) != "ci" || aws.ToString(in.ImageIds[0].ImageDigest) != "sha256:1" {
		return nil, errors.New("asked for something else")
	}
	return &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{{ImageTags: r.tags}}}, r.err
}

func (r repository) BatchGetImage(_ context.Context, in *ecr.BatchGetImageInput, _ ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error) {
	if id := in.ImageIds[0]; aws.ToString(in.RepositoryName) != "ci" || len(in.AcceptedMediaTypes) != 4 || strings.Contains(aws.ToString(id.ImageDigest), "@") {
		return nil, errors.New("asked for something else")
	}
	return r.out, r.err
}

func failed(code types.ImageFailureCode) *ecr.BatchGetImageOutput {
	return &ecr.BatchGetImageOutput{Failures: []types.ImageFailure{{FailureCode: code, FailureReason: aws.String("a reason")}}}
}

func TestRegistry(t *testing.T) {
	found := &ecr.BatchGetImageOutput{Images: []types.Image{{ImageId: &types.ImageIdentifier{ImageDigest: aws.String("sha256:1")}}}}
	tests := map[string]struct {
		repository
		digest string
		name   string // of the error
		says   string
	}{
		"an image":                      {repository{out: found}, "sha256:1", "", ""},
		"none":                          {repository{out: failed(types.ImageFailureCodeImageNotFound)}, "", "", ""},
		"neither an image nor a reason": {repository{out: &ecr.BatchGetImageOutput{}}, "", "", ""},
		"another reason":                {repository{out: failed(types.ImageFailureCodeKmsError)}, "", "", "KmsError: a reason"},
		"a registry behind it is busy":  {repository{out: failed(types.ImageFailureCodeUpstreamTooManyRequests)}, "", fleet.AWSUnavailable, "UpstreamTooManyRequests: a reason"},
		"a throttle":                    {repository{err: &smithy.GenericAPIError{Code: "ThrottlingException"}}, "", fleet.AWSUnavailable, "repository ci"},
		"a repository that there is not": {
			repository{err: &types.RepositoryNotFoundException{}}, "", "", "RepositoryNotFoundException",
		},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			r := Registry{ECR: test.repository, Repository: "ci"}
			digest, ok, err := r.Published(t.Context(), "base")
			has, err2 := r.Has(t.Context(), "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ci@sha256:1")
			if digest != test.digest || ok != (test.digest != "") || has != ok || (err != nil) != (test.says != "") || (err2 != nil) != (err != nil) {
				t.Fatalf("got %q %v %v, %v %v", digest, ok, err, has, err2)
			}
			if err != nil && (fleet.ErrorName(err) != test.name || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %q: %v", fleet.ErrorName(err), err)
			}
		})
	}
}

// The fleet's own images carry a revision's tag beside the tag under which they are
// published.
func TestPublished(t *testing.T) {
	tag := strings.Repeat("0a", 16)
	found := &ecr.BatchGetImageOutput{Images: []types.Image{{ImageId: &types.ImageIdentifier{ImageDigest: aws.String("sha256:1")}}}}
	for tags, want := range map[string]bool{
		"base": true, "base 2026-11": true, "base " + tag + "-1": false, tag + "-12 base": false, "base " + tag: false, "base x" + tag + "-1": true, "base " + tag + "-x": true,
	} {
		r := Registry{ECR: repository{out: found, tags: strings.Fields(tags)}, Repository: "ci"}
		if digest, ok, err := r.Published(t.Context(), "base"); ok != want || err != nil || (digest == "sha256:1") != want {
			t.Errorf("with the tags %s: %q %t %v", tags, digest, ok, err)
		}
	}
}

// shelf has images by tag, two to a page.
type shelf struct {
	tags    []string
	deleted []string
	failure types.ImageFailureCode
}

func (s *shelf) ListImages(_ context.Context, in *ecr.ListImagesInput, _ ...func(*ecr.Options)) (*ecr.ListImagesOutput, error) {
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	out := &ecr.ListImagesOutput{}
	for _, tag := range s.tags[from:min(from+2, len(s.tags))] {
		out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageTag: aws.String(tag), ImageDigest: aws.String("sha256:" + tag)})
	}
	if from+2 < len(s.tags) {
		out.NextToken = aws.String(strconv.Itoa(from + 2))
	}
	return out, nil
}

func (s *shelf) BatchDeleteImage(_ context.Context, in *ecr.BatchDeleteImageInput, _ ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error) {
	out := &ecr.BatchDeleteImageOutput{}
	for _, id := range in.ImageIds {
		s.deleted = append(s.deleted, strings.TrimPrefix(aws.ToString(id.ImageDigest), "sha256:"))
		if s.failure != "" {
			out.Failures = append(out.Failures, types.ImageFailure{FailureCode: s.failure})
		}
	}
	return out, nil
}

func TestRemove(t *testing.T) {
	tag, other := strings.Repeat("0a", 16), strings.Repeat("0b", 16)
	for failure, fails := range map[types.ImageFailureCode]bool{"": false, types.ImageFailureCodeImageNotFound: false, types.ImageFailureCodeKmsError: true} {
		s := &shelf{tags: []string{"base", tag + "-1", other + "-1", tag, tag + "-mine", tag + "-12", other}, failure: failure}
		err := Shelf{ECR: s, Repository: "ci"}.Remove(t.Context(), tag)
		if diff := cmp.Diff([]string{tag + "-1", tag, tag + "-12"}, s.deleted); diff != "" || (err != nil) != fails {
			t.Errorf("%s: %v, deleted (-want +got):\n%s", failure, err, diff)
		}
	}
	s := &shelf{tags: []string{"base"}}
	if err := (Shelf{ECR: s, Repository: "ci"}).Remove(t.Context(), tag); err != nil || s.deleted != nil {
		t.Errorf("where there are none: %v, deleted %q", err, s.deleted)
	}
}

// pages is a repository of ECR's that lists one image a page, and deletes tags.
type pages struct {
	images  []types.ImageDetail
	failure types.ImageFailureCode
	err     error
	deleted []string
}

func (p *pages) DescribeImages(_ context.Context, in *ecr.DescribeImagesInput, _ ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	if aws.ToString(in.RepositoryName) != "ci" || in.Filter.TagStatus != types.TagStatusTagged {
		return nil, errors.New("asked for something else")
	}
	n, _ := strconv.Atoi(aws.ToString(in.NextToken))
	out := &ecr.DescribeImagesOutput{ImageDetails: p.images[n : n+1]}
	if n+1 < len(p.images) {
		out.NextToken = aws.String(strconv.Itoa(n + 1))
	}
	return out, p.err
}

func (p *pages) BatchDeleteImage(_ context.Context, in *ecr.BatchDeleteImageInput, _ ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error) {
	out := &ecr.BatchDeleteImageOutput{}
	for _, id := range in.ImageIds {
		if id.ImageDigest != nil || len(in.ImageIds) > 100 {
			return nil, errors.New("an image goes with tags that nobody has looked at, or more than ECR deletes at once")
		}
		p.deleted = append(p.deleted, aws.ToString(id.ImageTag))
		if p.failure != "" {
			out.Failures = append(out.Failures, types.ImageFailure{FailureCode: p.failure})
		}
	}
	return out, p.err
}

func TestRevisions(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	p := &pages{images: []types.ImageDetail{
		{ImageDigest: aws.String("sha256:1"), ImageTags: []string{"a", "b"}, ImagePushedAt: &at, LastRecordedPullTime: aws.Time(at.Add(time.Hour))},
		{ImageDigest: aws.String("sha256:2"), ImageTags: []string{"c"}, ImagePushedAt: &at},
	}}
	r := Revisions{ECR: p, Repository: "ci"}
	got, err := r.Stored(t.Context())
	want := []fleet.StoredImage{{Digest: "sha256:1", Tags: []string{"a", "b"}, PushedAt: at, PulledAt: at.Add(time.Hour)}, {Digest: "sha256:2", Tags: []string{"c"}, PushedAt: at}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var tags []string
	for n := range 150 {
		tags = append(tags, strconv.Itoa(n))
	}
	if err := r.Delete(t.Context(), tags); err != nil || !cmp.Equal(p.deleted, tags) {
		t.Errorf("deleted %q: %v", p.deleted, err)
	}
	for failure, fails := range map[types.ImageFailureCode]bool{types.ImageFailureCodeImageNotFound: false, types.ImageFailureCodeImageReferencedByManifestList: true} {
		p.failure = failure
		if err := r.Delete(t.Context(), tags[:1]); (err != nil) != fails {
			t.Errorf("%s: %v", failure, err)
		}
	}
	p.err = &smithy.GenericAPIError{Code: "ThrottlingException"}
	if _, err := r.Stored(t.Context()); !fleet.IsNamed(err, fleet.AWSUnavailable) {
		t.Errorf("a throttled list: %v", err)
	}
	if err := r.Delete(t.Context(), tags); !fleet.IsNamed(err, fleet.AWSUnavailable) {
		t.Errorf("a throttled delete: %v", err)
	}
}
