package builds

import (
	"context"
	"encoding/json"
	"fmt"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Newest reads the states of the newest builds of each project, at most 100 of each: as
// many as CodeBuild lists and reads at once. It leaves out builds that were started by
// hand. A build that waits in CodeBuild's queue is IN_PROGRESS.
//
// CodeBuild reports a phase only when it is over, so this is the only way to know that
// a long build goes on
// (https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetBuilds.html).
func (b Builds) Newest(ctx context.Context) ([]fleet.Build, error) {
	var all []fleet.Build
	for _, project := range deployment.Projects(b.Project) {
		listed, err := b.CodeBuild.ListBuildsForProject(ctx, &codebuild.ListBuildsForProjectInput{
			ProjectName: aws.String(project), SortOrder: types.SortOrderTypeDescending,
		})
		if isUnknown(err) || err == nil && len(listed.Ids) == 0 {
			continue
		}
		if err != nil {
			return nil, awserr.CallError(err, "list the builds of project %s", project)
		}
		got, err := b.CodeBuild.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: listed.Ids})
		if err != nil {
			return nil, awserr.CallError(err, "read %d builds of project %s", len(listed.Ids), project)
		}
		for _, build := range got.Builds {
			read, ours, err := b.read(project, build)
			if err != nil {
				return nil, err
			}
			if ours {
				all = append(all, read)
			}
		}
	}
	return all, nil
}

// read turns a build into the event that CodeBuild sends about it, so that both have
// one reader.
func (b Builds) read(project string, build types.Build) (fleet.Build, bool, error) {
	detail, err := json.Marshal(map[string]any{
		"build-id": aws.ToString(build.Arn), "project-name": project, "build-status": build.BuildStatus,
		"additional-information": map[string]any{
			"environment":                    map[string]any{"environment-variables": variables(build.Environment)},
			"exported-environment-variables": exported(build.ExportedEnvironmentVariables),
			"logs":                           logsOf(build.Logs),
			"phases":                         phases(build.Phases),
		},
	})
	if err != nil {
		return fleet.Build{}, false, fmt.Errorf("read build %s: %w", aws.ToString(build.Id), err)
	}
	listener := events.Listener{BuildProject: b.Project, LastLines: b.LastLines}
	event, ours, err := listener.Hear(lambdaevents.EventBridgeEvent{Source: "aws.codebuild", DetailType: fleet.BuildEvent, Detail: detail})
	if err != nil || !ours {
		return fleet.Build{}, false, err
	}
	var read fleet.Build
	return read, true, json.Unmarshal(event.Detail, &read)
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func variables(environment *types.ProjectEnvironment) (list []variable) {
	if environment == nil {
		return nil
	}
	for _, v := range environment.EnvironmentVariables {
		list = append(list, variable{aws.ToString(v.Name), aws.ToString(v.Value)})
	}
	return list
}

func exported(from []types.ExportedEnvironmentVariable) (list []variable) {
	for _, v := range from {
		list = append(list, variable{aws.ToString(v.Name), aws.ToString(v.Value)})
	}
	return list
}

func logsOf(logs *types.LogsLocation) map[string]string {
	if logs == nil {
		return nil
	}
	return map[string]string{"group-name": aws.ToString(logs.GroupName), "stream-name": aws.ToString(logs.StreamName)}
}

func phases(from []types.BuildPhase) (list []map[string]any) {
	for _, p := range from {
		var context []string
		for _, c := range p.Contexts {
			context = append(context, aws.ToString(c.StatusCode)+": "+aws.ToString(c.Message))
		}
		list = append(list, map[string]any{"phase-type": p.PhaseType, "phase-status": p.PhaseStatus, "phase-context": context})
	}
	return list
}
