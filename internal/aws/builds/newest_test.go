package builds

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// of is a build of an image that the fleet started.
func of(id, tag string, status types.StatusType) types.Build {
	b := build(id, time.Hour, status)
	b.Arn = aws.String("arn:aws:codebuild:eu-west-1:123456789012:build/" + id)
	b.Environment = &types.ProjectEnvironment{EnvironmentVariables: []types.EnvironmentVariable{
		{Name: aws.String("IMAGE_TAG"), Value: aws.String(tag)}, {Name: aws.String("IMAGE_OWNER"), Value: aws.String("ci-7-1@1")}, {Name: aws.String("IMAGE_REVISION"), Value: aws.String("2")},
	}}
	return b
}

func TestNewest(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	succeeded := of("ci-images:2", "b", types.StatusTypeSucceeded)
	succeeded.ExportedEnvironmentVariables = []types.ExportedEnvironmentVariable{{Name: aws.String("IMAGE_DIGEST"), Value: aws.String("repo@" + digest)}, {Name: aws.String("RUNNER_RELEASE"), Value: aws.String("2.336.0")}}
	failed := of("ci-images-arm64:1", "c", types.StatusTypeFailed)
	failed.Phases = []types.BuildPhase{{PhaseType: types.BuildPhaseTypeBuild, PhaseStatus: types.StatusTypeFailed, Contexts: []types.PhaseContext{{StatusCode: aws.String("COMMAND_EXECUTION_ERROR"), Message: aws.String("exit status 1")}}}}
	failed.Logs = &types.LogsLocation{GroupName: aws.String("builds"), StreamName: aws.String("1")}
	p := &projects{builds: map[string][]types.Build{
		"ci-images":       {of("ci-images:3", "a", types.StatusTypeInProgress), succeeded},
		"ci-images-arm64": {failed, build("ci-images-arm64:by-hand", time.Hour, types.StatusTypeInProgress)},
	}}
	b := Builds{CodeBuild: p, Project: "ci-images", LastLines: func(group, stream string, _ int) ([]string, error) {
		return []string{"ecsrunner: no such base image in " + group + " " + stream}, nil
	}}
	got, err := b.Newest(t.Context())
	arn := "arn:aws:codebuild:eu-west-1:123456789012:build/"
	want := []fleet.Build{
		{BuildID: arn + "ci-images:3", Tag: "a", Owner: "ci-7-1@1", Revision: 2, Status: fleet.BuildInProgress},
		{BuildID: arn + "ci-images:2", Tag: "b", Owner: "ci-7-1@1", Revision: 2, Status: fleet.BuildSucceeded, Digest: "repo@" + digest, RunnerVersion: "2.336.0"},
		{BuildID: arn + "ci-images-arm64:1", Tag: "c", Owner: "ci-7-1@1", Revision: 2, Status: fleet.BuildFailed, Reason: "no such base image in builds 1; read stream 1 of log group builds"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	delete(p.builds, "ci-images-arm64")
	if got, err := b.Newest(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("without a project for arm64: %v, %v", got, err)
	}
	p.err = &smithy.GenericAPIError{Code: "ThrottlingException"}
	if _, err := b.Newest(t.Context()); !fleet.IsNamed(err, fleet.AWSUnavailable) {
		t.Errorf("a throttle: %v", err)
	}
}
