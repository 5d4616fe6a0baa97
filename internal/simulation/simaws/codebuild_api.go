package simaws

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// ordered is what an idempotency token stands for.
type ordered struct {
	in    codebuild.StartBuildInput
	build *build
}

// tokenLasts is how long an idempotency token is remembered
// (https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html).
const tokenLasts = 5 * time.Minute

// StartBuild puts a build into its project's queue. The same token within five
// minutes is the same build, and with other parameters a mismatch.
func (c *CodeBuild) StartBuild(_ context.Context, in *codebuild.StartBuildInput, _ ...func(*codebuild.Options)) (*codebuild.StartBuildOutput, error) {
	out := &codebuild.StartBuildOutput{}
	err := c.call("codebuild.start_build", "StartBuild", func() error {
		b, isNew, err := c.startBuild(in)
		if err != nil {
			return err
		}
		if isNew {
			c.submit(b)
			if _, strikes := c.k.Strikes(BuildAnswerLost, b.subject()); strikes {
				c.k.Log("codebuild starts build %s, and the answer is lost", b.id)
				return lostAnswer()
			}
		}
		shown := b.sdk()
		out.Build = &shown
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (c *CodeBuild) startBuild(in *codebuild.StartBuildInput) (b *build, isNew bool, err error) {
	p := c.projects[deref(in.ProjectName)]
	if p == nil {
		return nil, false, notFound("project")
	}
	key := p.name + " " + deref(in.IdempotencyToken)
	if first, ok := c.tokens[key]; ok && c.k.Now().Sub(first.build.started) < tokenLasts {
		if !reflect.DeepEqual(first.in, *in) {
			return nil, false, &types.InvalidInputException{Message: aws.String("The idempotency token was used with other parameters: parameter mismatch.")}
		}
		return first.build, false, nil
	}
	// The queue has five times as many as may run.
	if p.active+len(p.queue) >= c.limit()+5*c.limit() {
		return nil, false, &types.AccountLimitExceededException{Message: aws.String(fmt.Sprintf("Cannot have more than %d builds in queue for the account", 5*c.limit()))}
	}
	b = c.newBuild(p, in.EnvironmentVariablesOverride)
	if in.IdempotencyToken != nil {
		c.tokens[key] = ordered{*in, b}
	}
	return b, true, nil
}

func (c *CodeBuild) newBuild(p *project, variables []types.EnvironmentVariable) *build {
	id := p.name + ":" + c.buildIDs.uuid()
	b := &build{
		id: id, arn: c.cfg.arn("codebuild", "build/"+id), project: p, number: int64(len(p.builds) + 1),
		variables: variables, env: map[string]string{}, status: types.StatusTypeInProgress, started: c.k.Now(),
	}
	for _, v := range variables {
		b.env[deref(v.Name)] = deref(v.Value)
	}
	p.builds, c.all, c.builds[id] = append(p.builds, b), append(c.all, b), b
	return b
}

// find is a build by its id or ARN.
func (c *CodeBuild) find(id string) *build {
	return c.builds[id[strings.LastIndex(id, "/")+1:]]
}

// BatchGetBuilds describes up to 100 builds, queued ones too
// (https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetBuilds.html).
func (c *CodeBuild) BatchGetBuilds(_ context.Context, in *codebuild.BatchGetBuildsInput, _ ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error) {
	out := &codebuild.BatchGetBuildsOutput{}
	err := c.call("codebuild.batch_get_builds", "BatchGetBuilds", func() error {
		if len(in.Ids) == 0 || len(in.Ids) > page {
			return &types.InvalidInputException{Message: aws.String("Ids must have 1 to 100 entries.")}
		}
		for _, id := range in.Ids {
			if b := c.find(id); b != nil {
				out.Builds = append(out.Builds, b.sdk())
			} else {
				out.BuildsNotFound = append(out.BuildsNotFound, id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListBuildsForProject lists all builds that a project ever had, 100 a page, the
// newest first unless asked otherwise
// (https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ListBuildsForProject.html).
func (c *CodeBuild) ListBuildsForProject(_ context.Context, in *codebuild.ListBuildsForProjectInput, _ ...func(*codebuild.Options)) (*codebuild.ListBuildsForProjectOutput, error) {
	out := &codebuild.ListBuildsForProjectOutput{}
	err := c.call("codebuild.list_builds_for_project", "ListBuildsForProject", func() error {
		p := c.projects[deref(in.ProjectName)]
		if p == nil {
			return notFound("project")
		}
		builds := slices.Clone(p.builds)
		if in.SortOrder != types.SortOrderTypeAscending {
			slices.Reverse(builds)
		}
		if in.NextToken != nil { // the number of the last one
			last, err := strconv.ParseInt(*in.NextToken, 10, 64)
			at := slices.IndexFunc(builds, func(b *build) bool { return b.number == last })
			if err != nil || at < 0 {
				return &types.InvalidInputException{Message: aws.String("Invalid token.")}
			}
			builds = builds[at+1:]
		}
		for _, b := range builds[:min(page, len(builds))] {
			out.Ids = append(out.Ids, b.id)
		}
		if len(builds) > page {
			out.NextToken = aws.String(strconv.FormatInt(builds[page-1].number, 10))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// StopBuild stops a build, also one in the queue. It returns a build that has ended
// as it is
// (https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StopBuild.html).
func (c *CodeBuild) StopBuild(_ context.Context, in *codebuild.StopBuildInput, _ ...func(*codebuild.Options)) (*codebuild.StopBuildOutput, error) {
	out := &codebuild.StopBuildOutput{}
	err := c.call("codebuild.stop_build", "StopBuild", func() error {
		b := c.find(deref(in.Id))
		if b == nil {
			return notFound("build")
		}
		c.stop(b)
		shown := b.sdk()
		out.Build = &shown
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
