package images

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var (
	_ = resolveimage.Step{Registry: Registry{}}
	_ = buildimage.Step{Builder: Builder{}}
)

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
		"a registry behind it is busy":  {repository{out: failed(types.ImageFailureCodeUpstreamTooManyRequests)}, "", awserr.Unavailable, "UpstreamTooManyRequests: a reason"},
		"a throttle":                    {repository{err: &smithy.GenericAPIError{Code: "ThrottlingException"}}, "", awserr.Unavailable, "repository ci"},
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

// The fleet's own images carry a revision's tag beside the one that they are published
// under.
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
	if _, err := r.Stored(t.Context()); !fleet.IsNamed(err, awserr.Unavailable) {
		t.Errorf("a throttled list: %v", err)
	}
	if err := r.Delete(t.Context(), tags); !fleet.IsNamed(err, awserr.Unavailable) {
		t.Errorf("a throttled delete: %v", err)
	}
}

// project keeps what it is asked for.
type project struct {
	asked []*codebuild.StartBuildInput
	err   error
}

func (p *project) StartBuild(_ context.Context, in *codebuild.StartBuildInput, _ ...func(*codebuild.Options)) (*codebuild.StartBuildOutput, error) {
	p.asked = append(p.asked, in)
	return &codebuild.StartBuildOutput{}, p.err
}

func TestBuildAsksFor(t *testing.T) {
	tests := map[string]struct {
		spec    fleet.ImageSpec
		project string
		env     map[string]string
	}{
		"the base image": {
			fleet.ImageSpec{Kind: fleet.BaseImage, Name: "v1", Arch: fleet.X64, Source: "0123456789abcdef"}, "ci-images",
			map[string]string{"IMAGE_TAG": "0a1b", "IMAGE_REVISION": "2", "IMAGE_OWNER": "ci-7-1@1", "IMAGE_SOURCE": "0123456789abcdef", "IMAGE_KIND": "base", "IMAGE_ARCH": "x64", "PUBLISH_TAG": "v1", "RUNNER_RELEASE": "2.336.0"},
		},
		"an extra image for arm64": {
			fleet.ImageSpec{Kind: fleet.ExtraImage, Name: "playwright", Arch: fleet.ARM64, Source: "0123456789abcdef"}, "ci-images-arm64",
			map[string]string{"IMAGE_TAG": "0a1b", "IMAGE_REVISION": "2", "IMAGE_OWNER": "ci-7-1@1", "IMAGE_SOURCE": "0123456789abcdef", "IMAGE_KIND": "extra", "IMAGE_ARCH": "arm64", "IMAGE_LABEL": "playwright", "RUNNER_RELEASE": "2.336.0", "RUNNER_SHA256": "0c"},
		},
		"an image on demand": {
			fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64, Source: "0123456789abcdef"}, "ci-images-on-demand",
			map[string]string{"IMAGE_TAG": "0a1b", "IMAGE_REVISION": "2", "IMAGE_OWNER": "ci-7-1@1", "IMAGE_SOURCE": "0123456789abcdef", "IMAGE_KIND": "on_demand", "IMAGE_ARCH": "x64", "BASE_IMAGE": "docker.io/library/node:22", "RUNNER_RELEASE": "2.336.0"},
		},
		"an image on demand for arm64": {
			fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.ARM64, Source: "0123456789abcdef"}, "ci-images-on-demand-arm64",
			map[string]string{"IMAGE_TAG": "0a1b", "IMAGE_REVISION": "2", "IMAGE_OWNER": "ci-7-1@1", "IMAGE_SOURCE": "0123456789abcdef", "IMAGE_KIND": "on_demand", "IMAGE_ARCH": "arm64", "BASE_IMAGE": "docker.io/library/node:22", "RUNNER_RELEASE": "2.336.0", "RUNNER_SHA256": "0c"},
		},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			p := &project{}
			b := Builder{CodeBuild: p, Project: "ci-images"}
			order := fleet.BuildOrder{Spec: test.spec, Tag: "0a1b", Revision: 2, Owner: "ci-7-1@1", Release: fleet.RunnerRelease{Version: "2.336.0", SHA256: map[fleet.Arch]string{fleet.ARM64: "0c"}}}
			later, unknown := order, order
			later.Owner, unknown.Release = "ci-7-1@2", fleet.RunnerRelease{}
			for _, o := range []fleet.BuildOrder{order, order, later, unknown} {
				if err := b.Build(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			first, again := p.asked[0], p.asked[1]
			env := map[string]string{}
			for _, v := range first.EnvironmentVariablesOverride {
				if env[*v.Name] = *v.Value; v.Type != buildtypes.EnvironmentVariableTypePlaintext {
					t.Errorf("%s is of type %s: CodeBuild would look its value up", *v.Name, v.Type)
				}
			}
			if diff := cmp.Diff(test.env, env); diff != "" || *first.ProjectName != test.project {
				t.Errorf("project %s, variables (-want +got):\n%s", *first.ProjectName, diff)
			}
			for _, other := range p.asked[2:] {
				if *first.IdempotencyToken != *again.IdempotencyToken || *first.IdempotencyToken == *other.IdempotencyToken {
					t.Error("the same order must have the same token, and another lock's or release's another")
				}
			}
			for _, v := range p.asked[3].EnvironmentVariablesOverride {
				if strings.HasPrefix(*v.Name, "RUNNER_") {
					t.Errorf("of a release that is not known, the build is told %s", *v.Name)
				}
			}
			only := codebuild.StartBuildInput{ProjectName: first.ProjectName, IdempotencyToken: first.IdempotencyToken, EnvironmentVariablesOverride: first.EnvironmentVariablesOverride}
			if diff := cmp.Diff(only, *first, cmp.AllowUnexported(only), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())); diff != "" {
				t.Errorf("it overrides more than variables:\n%s", diff)
			}
		})
	}
}

func TestABuildThatCannotStart(t *testing.T) {
	for sentence, test := range map[string]struct {
		err  error
		name string
		says string
	}{
		"a full queue":                {&buildtypes.AccountLimitExceededException{}, fleet.ImageBuildQueueFull, "tries again"},
		"a throttle":                  {&smithy.GenericAPIError{Code: "ThrottlingException"}, awserr.Unavailable, "ci-images"},
		"a project that there is not": {&buildtypes.ResourceNotFoundException{}, "", "ci-images"},
	} {
		err := Builder{CodeBuild: &project{err: test.err}, Project: "ci-images"}.Build(t.Context(), fleet.BuildOrder{Spec: fleet.ImageSpec{Arch: fleet.X64}, Tag: "0a1b", Owner: "ci-7-1"})
		if fleet.ErrorName(err) != test.name || err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %q: %v", sentence, fleet.ErrorName(err), err)
		}
	}
}
