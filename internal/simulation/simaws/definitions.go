package simaws

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// RegisterTaskDefinition makes the next revision of a family. Of two at once in one
// family the second is refused
// (jenkinsci/amazon-ecs-plugin#105, PrefectHQ/prefect#16485).
func (e *ECS) RegisterTaskDefinition(_ context.Context, in *ecs.RegisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error) {
	out := &ecs.RegisterTaskDefinitionOutput{}
	var busy *family
	defer func() {
		if busy != nil {
			busy.open--
		}
	}()
	err := e.call("ecs.register_task_definition", "RegisterTaskDefinition", e.limits.definitionModify, func() error {
		if err := checkDefinition(in); err != nil {
			return err
		}
		f := e.families[*in.Family]
		if f == nil {
			f = &family{name: *in.Family}
			e.families[f.name] = f
		}
		if f.open > 0 {
			return clientError("Too many concurrent attempts to create a new revision of the specified family.")
		}
		busy = f
		f.open++
		d := &definition{family: f.name, revision: len(f.revisions) + 1, in: *in, status: types.TaskDefinitionStatusActive, registered: e.k.Now()}
		d.arn = e.cfg.arn("ecs", fmt.Sprintf("task-definition/%s:%d", d.family, d.revision))
		f.revisions = append(f.revisions, d)
		out.TaskDefinition, out.Tags = d.sdk(), in.Tags
		e.k.Log("task definition %s:%d is registered", d.family, d.revision)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DescribeTaskDefinition describes a definition of any status; a bare family is its
// newest active revision
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html).
func (e *ECS) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	out := &ecs.DescribeTaskDefinitionOutput{}
	err := e.call("ecs.describe_task_definition", "DescribeTaskDefinition", e.limits.definitionRead, func() error {
		d := e.lookUp(deref(in.TaskDefinition))
		if d == nil {
			return clientError("Unable to describe task definition.")
		}
		out.TaskDefinition = d.sdk()
		if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
			out.Tags = d.in.Tags
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeregisterTaskDefinition makes a definition inactive. Tasks that run go on, and new
// ones may start for up to ten minutes
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html).
func (e *ECS) DeregisterTaskDefinition(_ context.Context, in *ecs.DeregisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error) {
	out := &ecs.DeregisterTaskDefinitionOutput{}
	err := e.call("ecs.deregister_task_definition", "DeregisterTaskDefinition", e.limits.definitionModify, func() error {
		id := deref(in.TaskDefinition)
		d := e.lookUp(id)
		switch {
		case d == nil || !strings.Contains(id[strings.LastIndex(id, "/")+1:], ":"):
			return clientError("The specified task definition does not exist.")
		case d.status != types.TaskDefinitionStatusActive:
			return clientError("The specified task definition is inactive.")
		}
		d.status, d.deregistered = types.TaskDefinitionStatusInactive, e.k.Now()
		d.runnableUntil = d.deregistered.Add(e.k.Between("ecs.deregister", 0, 10*time.Minute))
		e.k.Log("task definition %s:%d is deregistered", d.family, d.revision)
		out.TaskDefinition = d.sdk()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteTaskDefinitions deletes up to ten deregistered definitions. A definition is
// DELETE_IN_PROGRESS until no task needs it; an active one is a failure in the answer
// and no error
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html).
func (e *ECS) DeleteTaskDefinitions(_ context.Context, in *ecs.DeleteTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.DeleteTaskDefinitionsOutput, error) {
	out := &ecs.DeleteTaskDefinitionsOutput{}
	err := e.call("ecs.delete_task_definitions", "DeleteTaskDefinitions", e.limits.definitionDelete, func() error {
		if len(in.TaskDefinitions) == 0 || len(in.TaskDefinitions) > 10 {
			return invalid("Specify 1 to 10 task definitions.")
		}
		for _, id := range in.TaskDefinitions {
			d := e.lookUp(id)
			if reason := e.delete(d); reason != "" {
				out.Failures = append(out.Failures, types.Failure{Arn: aws.String(id), Reason: aws.String(reason)})
				continue
			}
			out.TaskDefinitions = append(out.TaskDefinitions, *d.sdk())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// delete returns why a definition cannot be deleted, "" if it is being.
func (e *ECS) delete(d *definition) string {
	switch {
	case d == nil:
		return "The specified task definition does not exist. Specify a valid account, family, revision and try again."
	case d.status == types.TaskDefinitionStatusActive:
		return "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
	case d.status == types.TaskDefinitionStatusDeleteInProgress:
		return "The specified task definition is already in DELETE_IN_PROGRESS status."
	}
	takes := e.k.Between("ecs.delete", time.Second, time.Minute)
	d.status, d.deletedAfter = types.TaskDefinitionStatusDeleteInProgress, e.k.Now().Add(takes)
	e.k.Log("task definition %s:%d is being deleted", d.family, d.revision)
	e.k.After(takes, func() { e.unused(d) })
	return ""
}

// ListTaskDefinitionFamilies lists the names of families that begin with a prefix.
func (e *ECS) ListTaskDefinitionFamilies(_ context.Context, in *ecs.ListTaskDefinitionFamiliesInput, _ ...func(*ecs.Options)) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	out := &ecs.ListTaskDefinitionFamiliesOutput{}
	err := e.call("ecs.list_task_definition_families", "ListTaskDefinitionFamilies", e.limits.definitionRead, func() error {
		for _, name := range e.familyNames() {
			if f := e.families[name]; name <= deref(in.NextToken) || !strings.HasPrefix(name, deref(in.FamilyPrefix)) || !f.of(in.Status) {
				continue
			}
			if len(out.Families) == pageSize(in.MaxResults) {
				out.NextToken = aws.String(out.Families[len(out.Families)-1])
				return nil
			}
			out.Families = append(out.Families, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// of reports whether a list of families has it. ACTIVE are those with an active
// revision, INACTIVE those without one; ALL is the default
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitionFamilies.html).
func (f *family) of(status types.TaskDefinitionFamilyStatus) bool {
	active := f.has(types.TaskDefinitionStatusActive)
	switch status {
	case types.TaskDefinitionFamilyStatusActive:
		return active
	case types.TaskDefinitionFamilyStatusInactive:
		return !active && f.has(types.TaskDefinitionStatusInactive)
	}
	return active || f.has(types.TaskDefinitionStatusInactive)
}

// ListTaskDefinitions lists the revisions of a family, or of all, with a status;
// ACTIVE is the default. What is called a prefix is the whole name
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitions.html).
func (e *ECS) ListTaskDefinitions(_ context.Context, in *ecs.ListTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error) {
	out := &ecs.ListTaskDefinitionsOutput{}
	err := e.call("ecs.list_task_definitions", "ListTaskDefinitions", e.limits.definitionRead, func() error {
		status := in.Status
		if status == "" {
			status = types.TaskDefinitionStatusActive
		}
		names := e.familyNames()
		if in.FamilyPrefix != nil {
			names = []string{*in.FamilyPrefix}
		}
		after, revision, _ := strings.Cut(deref(in.NextToken), ":")
		seen, _ := strconv.Atoi(revision)
		var last *definition
		for _, d := range e.revisionsOf(names) {
			if d.status != status || d.family < after || d.family == after && d.revision <= seen {
				continue
			}
			if len(out.TaskDefinitionArns) == pageSize(in.MaxResults) {
				out.NextToken = aws.String(fmt.Sprintf("%s:%d", last.family, last.revision))
				return nil
			}
			out.TaskDefinitionArns, last = append(out.TaskDefinitionArns, d.arn), d
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (e *ECS) revisionsOf(names []string) (all []*definition) {
	for _, name := range names {
		f := e.families[name]
		if f == nil {
			continue
		}
		for _, d := range f.revisions {
			if d != nil {
				all = append(all, d)
			}
		}
	}
	return all
}
