package builds

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// projects are CodeBuild: the builds of each project, the newest first, two a page.
type projects struct {
	builds map[string][]types.Build
	err    error
	read   int // pages
}

func (p *projects) ListBuildsForProject(_ context.Context, in *codebuild.ListBuildsForProjectInput, _ ...func(*codebuild.Options)) (*codebuild.ListBuildsForProjectOutput, error) {
	builds, known := p.builds[*in.ProjectName]
	switch {
	case p.err != nil:
		return nil, p.err
	case in.SortOrder != types.SortOrderTypeDescending:
		return nil, errors.New("asked for the oldest first")
	case !known:
		return nil, &types.ResourceNotFoundException{}
	}
	from := len(aws.ToString(in.NextToken)) * 2
	to := min(len(builds), from+2)
	out := &codebuild.ListBuildsForProjectOutput{}
	for _, b := range builds[from:to] {
		out.Ids = append(out.Ids, *b.Id)
	}
	if to < len(builds) {
		out.NextToken = aws.String(aws.ToString(in.NextToken) + "n")
	}
	return out, nil
}

func (p *projects) BatchGetBuilds(_ context.Context, in *codebuild.BatchGetBuildsInput, _ ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error) {
	p.read++
	out := &codebuild.BatchGetBuildsOutput{}
	for _, id := range in.Ids {
		for _, builds := range p.builds {
			for _, b := range builds {
				if *b.Id == id {
					out.Builds = append(out.Builds, b)
				}
			}
		}
	}
	return out, nil
}

func (p *projects) StopBuild(_ context.Context, in *codebuild.StopBuildInput, _ ...func(*codebuild.Options)) (*codebuild.StopBuildOutput, error) {
	if aws.ToString(in.Id) != "ci-images:1" {
		return nil, errors.New("asked for another")
	}
	return &codebuild.StopBuildOutput{}, p.err
}

func build(id string, age time.Duration, status types.StatusType) types.Build {
	return types.Build{Id: aws.String(id), BuildStatus: status, StartTime: aws.Time(now.Add(-age))}
}

func TestRunning(t *testing.T) {
	old := []types.Build{
		build("ci-images:3", time.Minute, types.StatusTypeInProgress),
		build("ci-images:2", time.Hour, types.StatusTypeSucceeded),
		build("ci-images:1", 40*time.Hour, types.StatusTypeInProgress),
	}
	for i := range 10 {
		old = append(old, build(fmt.Sprintf("ci-images:old-%d", i), 50*time.Hour, types.StatusTypeFailed))
	}
	p := &projects{builds: map[string][]types.Build{
		"ci-images":       old,
		"ci-images-arm64": {build("ci-images-arm64:1", time.Hour, types.StatusTypeInProgress)},
	}}
	b := Builds{CodeBuild: p, Project: "ci-images", Now: func() time.Time { return now }}
	got, err := b.Running(t.Context())
	want := []string{"ci-images:3", "ci-images:1", "ci-images-arm64:1"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if p.read != 4 {
		t.Errorf("%d pages were read: those of old builds need not be", p.read)
	}
	delete(p.builds, "ci-images-arm64")
	if got, err := b.Running(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("without a project for arm64: %v, %v", got, err)
	}
	p.err = &smithy.GenericAPIError{Code: "ThrottlingException"}
	if _, err := b.Running(t.Context()); !fleet.IsNamed(err, fleet.AWSUnavailable) {
		t.Errorf("a throttle: %v", err)
	}
}

func TestStop(t *testing.T) {
	for sentence, test := range map[string]struct {
		err  error
		name string
		ok   bool
	}{
		"one that runs":         {nil, "", true},
		"one that is not known": {&types.ResourceNotFoundException{}, "", true},
		"a throttle":            {&smithy.GenericAPIError{Code: "ThrottlingException"}, fleet.AWSUnavailable, false},
		"another error":         {errors.New("no"), "", false},
	} {
		err := Builds{CodeBuild: &projects{err: test.err}}.Stop(t.Context(), "ci-images:1")
		if (err == nil) != test.ok || fleet.ErrorName(err) != test.name {
			t.Errorf("%s: %v", sentence, err)
		}
	}
}
