//go:build aws

package builds

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

// going is moto's CodeBuild, whose builds go on until they are stopped: moto itself
// ends a build as soon as its status is read.
type going struct {
	*codebuild.Client
	stopped map[string]bool
}

func (g going) BatchGetBuilds(ctx context.Context, in *codebuild.BatchGetBuildsInput, options ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error) {
	out, err := g.Client.BatchGetBuilds(ctx, in, options...)
	if err != nil {
		return nil, err
	}
	for i := range out.Builds {
		if !g.stopped[*out.Builds[i].Id] {
			out.Builds[i].BuildStatus = types.StatusTypeInProgress
		}
	}
	return out, nil
}

func (g going) StopBuild(ctx context.Context, in *codebuild.StopBuildInput, options ...func(*codebuild.Options)) (*codebuild.StopBuildOutput, error) {
	out, err := g.Client.StopBuild(ctx, in, options...)
	if err == nil {
		g.stopped[*in.Id] = true
	}
	return out, err
}

func TestMotoBuilds(t *testing.T) {
	client := codebuild.NewFromConfig(awstest.Config(t))
	_, err := client.CreateProject(t.Context(), &codebuild.CreateProjectInput{
		Name: aws.String("operated"), ServiceRole: aws.String("arn:aws:iam::123456789012:role/operated"),
		Source:    &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String("assets/source.zip")},
		Artifacts: &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts},
		Environment: &types.ProjectEnvironment{
			Type: types.EnvironmentTypeLinuxContainer, Image: aws.String("aws/codebuild/standard:7.0"), ComputeType: types.ComputeTypeBuildGeneral1Small,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := Builds{CodeBuild: going{client, map[string]bool{}}, Project: "operated", Now: time.Now}
	if got, err := b.Running(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("builds of a new project: %v, %v", got, err)
	}
	started, err := client.StartBuild(t.Context(), &codebuild.StartBuildInput{ProjectName: aws.String("operated")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Running(t.Context())
	if err != nil || len(got) != 1 || got[0] != *started.Build.Id {
		t.Fatalf("got %v, %v", got, err)
	}
	for range 2 {
		if err := b.Stop(t.Context(), got[0]); err != nil {
			t.Error(err)
		}
	}
	if got, err := b.Running(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("stopped: %v, %v", got, err)
	}
}
