package builds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// describer is the part of CodeBuild's API that shows projects.
type describer interface {
	BatchGetProjects(context.Context, *codebuild.BatchGetProjectsInput, ...func(*codebuild.Options)) (*codebuild.BatchGetProjectsOutput, error)
}

// AtOnce is how many builds that jobs ask for run at once, by architecture, as the projects
// for them are set. A fleet without such projects has none.
func AtOnce(ctx context.Context, api describer, project string) (map[fleet.Arch]int, error) {
	names := map[string]fleet.Arch{}
	in := &codebuild.BatchGetProjectsInput{}
	for _, arch := range []fleet.Arch{fleet.X64, fleet.ARM64} {
		name := deployment.ProjectOf(project, fleet.ImageSpec{Kind: fleet.OnDemandImage, Arch: arch})
		names[name], in.Names = arch, append(in.Names, name)
	}
	out, err := api.BatchGetProjects(ctx, in)
	if err != nil {
		return nil, awserr.CallError(err, "look at the build projects of %s", project)
	}
	limits := map[fleet.Arch]int{}
	for _, p := range out.Projects {
		if arch, ours := names[aws.ToString(p.Name)]; ours && p.ConcurrentBuildLimit != nil {
			limits[arch] = int(*p.ConcurrentBuildLimit)
		}
	}
	return limits, nil
}
