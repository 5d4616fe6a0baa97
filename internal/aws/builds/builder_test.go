package builds

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var _ = buildimage.Step{Builder: Builder{}}

// project keeps its requests.
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
				if env[*v.Name] = *v.Value; v.Type != types.EnvironmentVariableTypePlaintext {
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
		"a full queue":                {&types.AccountLimitExceededException{}, fleet.ImageBuildQueueFull, "tries again"},
		"a throttle":                  {&smithy.GenericAPIError{Code: "ThrottlingException"}, fleet.AWSUnavailable, "ci-images"},
		"a project that there is not": {&types.ResourceNotFoundException{}, "", "ci-images"},
	} {
		err := Builder{CodeBuild: &project{err: test.err}, Project: "ci-images"}.Build(t.Context(), fleet.BuildOrder{Spec: fleet.ImageSpec{Arch: fleet.X64}, Tag: "0a1b", Owner: "ci-7-1"})
		if fleet.ErrorName(err) != test.name || err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %q: %v", sentence, fleet.ErrorName(err), err)
		}
	}
}
