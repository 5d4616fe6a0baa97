// Package builds starts, lists, reads and stops the image builds of a fleet on CodeBuild.
//
// A build gets what it needs as environment variables and nothing else. A caller who
// could give it a buildspec could run anything with its role.
//
// CodeBuild lists all builds that a project ever had, and cannot list those that run
// alone. Since no build lasts longer than its limits allow, the newest ones are read
// until all of a page are older than that.
package builds

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// client is the part of CodeBuild's API that operators need.
type client interface {
	ListBuildsForProject(context.Context, *codebuild.ListBuildsForProjectInput, ...func(*codebuild.Options)) (*codebuild.ListBuildsForProjectOutput, error)
	BatchGetBuilds(context.Context, *codebuild.BatchGetBuildsInput, ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error)
	StopBuild(context.Context, *codebuild.StopBuildInput, ...func(*codebuild.Options)) (*codebuild.StopBuildOutput, error)
}

// Builds are those of a fleet's projects. All but the first project may be missing.
type Builds struct {
	CodeBuild client
	Project   string
	Now       func() time.Time
	// LastLines reads the end of a build's log, for Newest; nil leaves the reason to
	// the phase that failed.
	LastLines func(group, stream string, most int) ([]string, error)
}

// longest is how long a build can be under way: 8 hours in the queue and 36 hours at
// work (https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html), rounded up.
const longest = 48 * time.Hour

// Running lists the ids of all builds that have not ended, even if the fleet did not
// start them: the projects are the fleet's own.
func (b Builds) Running(ctx context.Context) ([]string, error) {
	var running []string
	for _, project := range deployment.Projects(b.Project) {
		found, err := b.runningOf(ctx, project)
		if err != nil {
			return nil, err
		}
		running = append(running, found...)
	}
	return running, nil
}

func (b Builds) runningOf(ctx context.Context, project string) (running []string, err error) {
	pages := codebuild.NewListBuildsForProjectPaginator(b.CodeBuild, &codebuild.ListBuildsForProjectInput{
		ProjectName: aws.String(project), SortOrder: types.SortOrderTypeDescending,
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if isUnknown(err) {
			return nil, nil
		}
		if err != nil {
			return nil, awserr.CallError(err, "list the builds of project %s", project)
		}
		if len(out.Ids) == 0 {
			continue
		}
		// A page has 100 ids at most, as many as can be asked for at once.
		got, err := b.CodeBuild.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: out.Ids})
		if err != nil {
			return nil, awserr.CallError(err, "read %d builds of project %s", len(out.Ids), project)
		}
		young := false
		for _, build := range got.Builds {
			if build.BuildStatus == types.StatusTypeInProgress {
				running = append(running, aws.ToString(build.Id))
			}
			young = young || build.StartTime == nil || b.Now().Sub(*build.StartTime) < longest
		}
		if !young {
			return running, nil
		}
	}
	return running, nil
}

// Stop stops a build. A build that has ended, or is not known, is no error.
func (b Builds) Stop(ctx context.Context, buildID string) error {
	_, err := b.CodeBuild.StopBuild(ctx, &codebuild.StopBuildInput{Id: aws.String(buildID)})
	if isUnknown(err) {
		return nil
	}
	return awserr.CallError(err, "stop build %s", buildID)
}

func isUnknown(err error) bool {
	var unknown *types.ResourceNotFoundException
	return errors.As(err, &unknown)
}
