package ecsfleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// deletedAtOnce is the most task definitions that one request deletes. ECS allows one such
// request a second in an account, and five in a burst.
const deletedAtOnce = 10

// Families lists the families of this fleet's task definitions, sorted, also those that
// have no active one. ECS finds families by prefix, so families of another fleet whose
// name begins alike are left out here.
func (p Platform) Families(ctx context.Context) ([]string, error) {
	var ours []string
	prefix := p.FleetName + "-"
	pages := ecs.NewListTaskDefinitionFamiliesPaginator(p.ECS, &ecs.ListTaskDefinitionFamiliesInput{
		FamilyPrefix: aws.String(prefix), Status: types.TaskDefinitionFamilyStatusAll, MaxResults: aws.Int32(page),
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.CallError(err, "list the families of task definitions that begin with %s", prefix)
		}
		for _, family := range out.Families {
			if fleet.OwnsFamily(p.FleetName, family) {
				ours = append(ours, family)
			}
		}
	}
	slices.Sort(ours)
	return slices.Compact(ours), nil
}

// Definitions yields this fleet's task definitions, active and deregistered ones, one
// family after the other. It asks ECS for a family when it gets there. If it yields an
// error, that is the last thing it yields.
func (p Platform) Definitions(ctx context.Context) iter.Seq2[fleet.RegisteredDefinition, error] {
	return func(yield func(fleet.RegisteredDefinition, error) bool) {
		families, err := p.Families(ctx)
		if err != nil {
			yield(fleet.RegisteredDefinition{}, err)
			return
		}
		for _, family := range families {
			for d, err := range p.DefinitionsOf(ctx, family) {
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
	}
}

// DefinitionsOf yields the task definitions of one family, the active ones first and
// the oldest revision of each kind first. Each costs a request, because ECS does not
// report a definition's age otherwise. If it yields an error, that is the last thing it
// yields.
func (p Platform) DefinitionsOf(ctx context.Context, family string) iter.Seq2[fleet.RegisteredDefinition, error] {
	return func(yield func(fleet.RegisteredDefinition, error) bool) {
		for _, status := range []types.TaskDefinitionStatus{types.TaskDefinitionStatusActive, types.TaskDefinitionStatusInactive} {
			pages := ecs.NewListTaskDefinitionsPaginator(p.ECS, &ecs.ListTaskDefinitionsInput{
				FamilyPrefix: aws.String(family), Status: status, MaxResults: aws.Int32(page),
			})
			for pages.HasMorePages() {
				out, err := pages.NextPage(ctx)
				if err != nil {
					yield(fleet.RegisteredDefinition{}, awserr.CallError(err, "list the %s task definitions of family %s", status, family))
					return
				}
				for _, arn := range out.TaskDefinitionArns {
					d, known, err := p.describeDefinition(ctx, arn)
					if err == nil && !known {
						continue
					}
					if !yield(d, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// describeDefinition returns a task definition. known is false for one that was deleted
// meanwhile.
func (p Platform) describeDefinition(ctx context.Context, arn string) (d fleet.RegisteredDefinition, known bool, err error) {
	out, err := p.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(arn)})
	if isUnknownDefinition(err) {
		return fleet.RegisteredDefinition{}, false, nil
	}
	if err != nil {
		return fleet.RegisteredDefinition{}, false, awserr.CallError(err, "describe task definition %s", arn)
	}
	found := out.TaskDefinition
	if found.Status == types.TaskDefinitionStatusDeleteInProgress {
		return fleet.RegisteredDefinition{}, false, nil
	}
	return fleet.RegisteredDefinition{
		ARN: arn, Family: text(found.Family), Active: found.Status == types.TaskDefinitionStatusActive,
		RegisteredAt: aws.ToTime(found.RegisteredAt), DeregisteredAt: aws.ToTime(found.DeregisteredAt),
	}, true, nil
}

// Deregister makes a task definition of this fleet inactive: running tasks go on, and
// new ones are refused, though ECS may need ten minutes for that. A definition that is
// inactive or not known is no error. ECS allows one call a second, which registrations
// share, and twenty in a burst.
func (p Platform) Deregister(ctx context.Context, arn string) error {
	if err := p.own(arn); err != nil {
		return fmt.Errorf("deregister task definition %s: %w", arn, err)
	}
	_, err := p.ECS.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(arn)})
	if isUnknownDefinition(err) {
		return nil
	}
	return awserr.CallError(err, "deregister task definition %s", arn)
}

// DeleteDefinitions deletes deregistered task definitions of this fleet, with a request
// for ten of them. A missing definition is no error. After a request that fails it
// makes no other one.
func (p Platform) DeleteDefinitions(ctx context.Context, arns []string) error {
	for _, arn := range arns {
		if err := p.own(arn); err != nil {
			return fmt.Errorf("delete task definition %s: %w", arn, err)
		}
	}
	var failed []error
	for some := range slices.Chunk(arns, deletedAtOnce) {
		out, err := p.ECS.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: some})
		if err != nil {
			return errors.Join(append(failed, awserr.CallError(err, "delete %d task definitions from %s on", len(some), some[0]))...)
		}
		for _, f := range out.Failures {
			if !saysUnknown(text(f.Reason) + " " + text(f.Detail)) {
				failed = append(failed, fmt.Errorf("delete task definition %s: %s %s", text(f.Arn), text(f.Reason), text(f.Detail)))
			}
		}
	}
	return errors.Join(failed...)
}

var errNotOurs = errors.New("it is not of this fleet")

// own protects task definitions of others from a caller's mistake.
func (p Platform) own(arn string) error {
	if !fleet.OwnsFamily(p.FleetName, fleet.DefinitionFamily(arn)) {
		return errNotOurs
	}
	return nil
}

// isUnknownDefinition recognizes ECS's answers for a task definition that was
// deregistered or deleted.
func isUnknownDefinition(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && saysUnknown(api.ErrorMessage())
}

// unknownDefinition are parts of those answers, in lower case and without spaces: ECS
// writes both "TaskDefinition" and "task definition".
var unknownDefinition = []string{
	"unabletodescribetaskdefinition",
	"taskdefinitionisinactive",
	"taskdefinitiondoesnotexist",
	"taskdefinitionwasnotfound",
	"taskdefinitionnotfound",
	"delete_in_progress",
}

func saysUnknown(words string) bool {
	words = strings.ToLower(strings.Join(strings.Fields(words), ""))
	return slices.ContainsFunc(unknownDefinition, func(part string) bool { return strings.Contains(words, part) })
}
