package builds

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// limited are CodeBuild's, with how many builds they run at once; 0 is no limit.
type limited map[string]int32

func (p limited) BatchGetProjects(_ context.Context, in *codebuild.BatchGetProjectsInput, _ ...func(*codebuild.Options)) (*codebuild.BatchGetProjectsOutput, error) {
	if p == nil {
		return nil, errors.New("AccessDeniedException")
	}
	if !slices.Equal(in.Names, []string{"ci-on-demand", "ci-on-demand-arm64"}) {
		return nil, errors.New("that is not what CodeBuild was to be asked")
	}
	out := &codebuild.BatchGetProjectsOutput{}
	for name, limit := range p {
		project := types.Project{Name: aws.String(name)}
		if limit > 0 {
			project.ConcurrentBuildLimit = aws.Int32(limit)
		}
		out.Projects = append(out.Projects, project)
	}
	return out, nil
}

func TestAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		there limited
		want  map[fleet.Arch]int
	}{
		"both":            {limited{"ci-on-demand": 2, "ci-on-demand-arm64": 3}, map[fleet.Arch]int{fleet.X64: 2, fleet.ARM64: 3}},
		"without a limit": {limited{"ci-on-demand": 0}, map[fleet.Arch]int{}},
		"none":            {limited{}, map[fleet.Arch]int{}},
	} {
		if got, err := AtOnce(t.Context(), c.there, "ci"); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := AtOnce(t.Context(), limited(nil), "ci"); err == nil {
		t.Error("a refusal is no error")
	}
}
