package ecsfleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// registry is the part of ECS that keeps task definitions, by ARN and in their order.
type registry struct {
	client
	arns     []string
	status   map[string]types.TaskDefinitionStatus
	pageSize int              // 0 is the requested size
	fails    map[string]error // by operation
	onList   func(family string)
	failures []types.Failure // of DeleteTaskDefinitions
	calls    []string
	deleted  [][]string
}

var (
	registered   = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	deregistered = registered.Add(time.Hour)
)

func newRegistry(families ...string) *registry {
	r := &registry{status: map[string]types.TaskDefinitionStatus{}, fails: map[string]error{}}
	for _, family := range families {
		r.add(family, 1, types.TaskDefinitionStatusActive)
	}
	return r
}

func (r *registry) add(family string, revision int, status types.TaskDefinitionStatus) string {
	arn := fmt.Sprintf("arn:aws:ecs:r:1:task-definition/%s:%d", family, revision)
	r.arns, r.status[arn] = append(r.arns, arn), status
	return arn
}

func (r *registry) call(operation string) error {
	r.calls = append(r.calls, operation)
	return r.fails[operation]
}

// cut is one page of a list, and the token for the next page.
func (r *registry) cut(all []string, token *string, limit *int32) ([]string, *string) {
	size := int(*limit)
	if r.pageSize != 0 {
		size = r.pageSize
	}
	from, _ := strconv.Atoi(aws.ToString(token))
	to := min(len(all), from+size)
	if to < len(all) {
		return all[from:to], aws.String(strconv.Itoa(to))
	}
	return all[from:to], nil
}

func (r *registry) ListTaskDefinitionFamilies(_ context.Context, in *ecs.ListTaskDefinitionFamiliesInput, _ ...func(*ecs.Options)) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	if err := r.call("families"); err != nil {
		return nil, err
	}
	var families []string
	for _, arn := range r.arns {
		family := fleet.DefinitionFamily(arn)
		if strings.HasPrefix(family, *in.FamilyPrefix) && !slices.Contains(families, family) {
			families = append(families, family)
		}
	}
	out := &ecs.ListTaskDefinitionFamiliesOutput{}
	out.Families, out.NextToken = r.cut(families, in.NextToken, in.MaxResults)
	return out, nil
}

func (r *registry) ListTaskDefinitions(_ context.Context, in *ecs.ListTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error) {
	if err := r.call("list"); err != nil {
		return nil, err
	}
	var arns []string
	for _, arn := range r.arns {
		if fleet.DefinitionFamily(arn) == *in.FamilyPrefix && r.status[arn] == in.Status {
			arns = append(arns, arn)
		}
	}
	if r.onList != nil {
		r.onList(*in.FamilyPrefix)
	}
	out := &ecs.ListTaskDefinitionsOutput{}
	out.TaskDefinitionArns, out.NextToken = r.cut(arns, in.NextToken, in.MaxResults)
	return out, nil
}

func (r *registry) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	if err := r.call("describe"); err != nil {
		return nil, err
	}
	arn := *in.TaskDefinition
	status, known := r.status[arn]
	if !known {
		return nil, clientError("Unable to describe task definition.")
	}
	d := &types.TaskDefinition{TaskDefinitionArn: &arn, Family: aws.String(fleet.DefinitionFamily(arn)), Status: status, RegisteredAt: &registered}
	if status != types.TaskDefinitionStatusActive {
		d.DeregisteredAt = &deregistered
	}
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: d}, nil
}

func (r *registry) DeregisterTaskDefinition(_ context.Context, in *ecs.DeregisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error) {
	if err := r.call("deregister"); err != nil {
		return nil, err
	}
	r.status[*in.TaskDefinition] = types.TaskDefinitionStatusInactive
	return &ecs.DeregisterTaskDefinitionOutput{}, nil
}

func (r *registry) DeleteTaskDefinitions(_ context.Context, in *ecs.DeleteTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.DeleteTaskDefinitionsOutput, error) {
	if err := r.call("delete"); err != nil {
		return nil, err
	}
	r.deleted = append(r.deleted, in.TaskDefinitions)
	return &ecs.DeleteTaskDefinitionsOutput{Failures: r.failures}, nil
}

func (r *registry) platform() Platform { return Platform{ECS: r, FleetName: "ci"} }

// family is the n-th family of a fleet.
func family(fleetName string, n int) string { return fmt.Sprintf("%s-%032x", fleetName, n) }

func definitions(t *testing.T, r *registry) (arns []string, last error) {
	t.Helper()
	for d, err := range r.platform().Definitions(t.Context()) {
		if last != nil {
			t.Error("it goes on after an error")
		}
		if err != nil {
			last = err
			continue
		}
		arns = append(arns, d.ARN)
	}
	return arns, last
}

func TestDefinitions(t *testing.T) {
	tests := map[string]struct {
		prepare func(*registry)
		want    []string // revisions as <n>:<revision>
	}{
		"none": {func(*registry) {}, nil},
		"some": {func(r *registry) { r.add(family("ci", 2), 1, "ACTIVE"); r.add(family("ci", 1), 1, "ACTIVE") }, []string{"1:1", "2:1"}},
		"those of fleets named alike": {func(r *registry) {
			r.add(family("ci-2", 1), 1, "ACTIVE")
			r.add(family("c", 1), 1, "ACTIVE")
			r.add("ci-web", 1, "ACTIVE")
		}, nil},
		"active ones come first": {func(r *registry) {
			r.add(family("ci", 1), 1, "INACTIVE")
			r.add(family("ci", 1), 2, "ACTIVE")
			r.add(family("ci", 1), 3, "INACTIVE")
		}, []string{"1:2", "1:1", "1:3"}},
		"a family without active ones": {func(r *registry) { r.add(family("ci", 1), 1, "INACTIVE") }, []string{"1:1"}},
		"those that are being deleted": {func(r *registry) { r.add(family("ci", 1), 1, "DELETE_IN_PROGRESS") }, nil},
		"one that is deleted meanwhile": {func(r *registry) {
			arn := r.add(family("ci", 1), 1, "INACTIVE")
			r.onList = func(string) { delete(r.status, arn) }
		}, nil},
		"one that begins to be deleted": {func(r *registry) {
			arn := r.add(family("ci", 1), 1, "ACTIVE")
			r.onList = func(string) { r.status[arn] = "DELETE_IN_PROGRESS" }
		}, nil},
		"many pages": {func(r *registry) {
			r.pageSize = 2
			for n := range 3 {
				for revision := range 3 {
					r.add(family("ci", n), revision+1, "ACTIVE")
				}
				r.add(family("ci-2", n), 1, "ACTIVE")
			}
		}, []string{"0:1", "0:2", "0:3", "1:1", "1:2", "1:3", "2:1", "2:2", "2:3"}},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			r := newRegistry()
			test.prepare(r)
			arns, err := definitions(t, r)
			var want []string
			for _, w := range test.want {
				n, revision, _ := strings.Cut(w, ":")
				i, _ := strconv.Atoi(n)
				want = append(want, "arn:aws:ecs:r:1:task-definition/"+family("ci", i)+":"+revision)
			}
			if diff := cmp.Diff(want, arns); err != nil || diff != "" {
				t.Errorf("%v, %s", err, diff)
			}
		})
	}
}

func TestADefinitionIsRead(t *testing.T) {
	r := newRegistry()
	active, inactive := r.add(family("ci", 1), 1, "ACTIVE"), r.add(family("ci", 1), 2, "INACTIVE")
	want := []fleet.RegisteredDefinition{
		{ARN: active, Family: family("ci", 1), Active: true, RegisteredAt: registered},
		{ARN: inactive, Family: family("ci", 1), RegisteredAt: registered, DeregisteredAt: deregistered},
	}
	var got []fleet.RegisteredDefinition
	for d, err := range r.platform().DefinitionsOf(t.Context(), family("ci", 1)) {
		got = append(got, must(d, err)(t))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A caller that has enough makes no more requests.
func TestDefinitionsAreAskedForWhenNeeded(t *testing.T) {
	r := newRegistry(family("ci", 1), family("ci", 2), family("ci", 3))
	for range r.platform().Definitions(t.Context()) {
		break
	}
	if want := []string{"families", "list", "describe"}; !slices.Equal(r.calls, want) {
		t.Errorf("asked for %q, want %q", r.calls, want)
	}
}

func TestDefinitionsThatCannotBeListed(t *testing.T) {
	throttled := code(400, "ThrottlingException", "Rate exceeded")
	for _, operation := range []string{"families", "list", "describe"} {
		for sentence, test := range map[string]struct {
			err  error
			want string
		}{
			"a throttle":               {throttled, fleet.AWSUnavailable},
			"a mistake of ECS":         {answered(500, &types.ServerException{}), fleet.AWSUnavailable},
			"a lost answer":            {errNoConnection, fleet.AWSUnavailable},
			"a permission that lacks":  {answered(400, &types.AccessDeniedException{}), plain},
			"a mistake in the request": {invalid("Invalid identifier"), plain},
		} {
			t.Run(operation+": "+sentence, func(t *testing.T) {
				r := newRegistry(family("ci", 1))
				r.fails[operation] = test.err
				arns, err := definitions(t, r)
				if len(arns) != 0 || nameOf(err) != test.want || !errors.Is(err, test.err) {
					t.Errorf("got %q, %v", arns, err)
				}
			})
		}
	}
}

func TestDeregister(t *testing.T) {
	ours := "arn:aws:ecs:r:1:task-definition/" + family("ci", 1) + ":1"
	tests := map[string]struct {
		arn   string
		err   error
		want  string
		calls int
	}{
		"it goes":                 {ours, nil, "", 1},
		"it went":                 {ours, clientError("The specified task definition is inactive."), "", 1},
		"it is being deleted":     {ours, clientError("The task definition is in DELETE_IN_PROGRESS status."), "", 1},
		"it is not known":         {ours, clientError("The specified task definition does not exist."), "", 1},
		"a throttle":              {ours, code(400, "ThrottlingException", "Rate exceeded"), fleet.AWSUnavailable, 1},
		"a permission that lacks": {ours, answered(400, &types.AccessDeniedException{}), plain, 1},
		"another fleet's":         {"arn:aws:ecs:r:1:task-definition/" + family("ci-2", 1) + ":1", nil, plain, 0},
		"somebody's own":          {"arn:aws:ecs:r:1:task-definition/ci-web:1", nil, plain, 0},
		"none":                    {"", nil, plain, 0},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			r := newRegistry()
			r.fails["deregister"] = test.err
			err := r.platform().Deregister(t.Context(), test.arn)
			if nameOf(err) != test.want || len(r.calls) != test.calls {
				t.Errorf("got %v after %q", err, r.calls)
			}
		})
	}
}

func TestDeleteDefinitions(t *testing.T) {
	ours := []string{"arn:aws:ecs:r:1:task-definition/" + family("ci", 1) + ":1", "arn:aws:ecs:r:1:task-definition/" + family("ci", 2) + ":1"}
	var many []string
	for revision := range 21 {
		many = append(many, fmt.Sprintf("arn:aws:ecs:r:1:task-definition/%s:%d", family("ci", 1), revision+1))
	}
	failure := func(reason string) []types.Failure {
		return []types.Failure{{Arn: &ours[1], Reason: &reason}}
	}
	tests := map[string]struct {
		arns     []string
		err      error
		failures []types.Failure
		want     string
		calls    int
	}{
		"they go":                     {ours, nil, nil, "", 1},
		"there are none":              {nil, nil, nil, "", 0},
		"one is gone":                 {ours, nil, failure("The specified task definition does not exist. Specify a valid account, family, revision and try again."), "", 1},
		"one is being deleted":        {ours, nil, failure("The specified task definition is in DELETE_IN_PROGRESS status."), "", 1},
		"one is still active":         {ours, nil, failure("The specified task definition is still in ACTIVE status. Please deregister the target and try again."), plain, 1},
		"a throttle":                  {ours, code(400, "ThrottlingException", "Rate exceeded"), nil, fleet.AWSUnavailable, 1},
		"a permission that lacks":     {ours, answered(400, &types.AccessDeniedException{}), nil, plain, 1},
		"ten for each request":        {many, nil, nil, "", 3},
		"a throttle, of many":         {many, code(400, "ThrottlingException", "Rate exceeded"), nil, fleet.AWSUnavailable, 1},
		"one that is another fleet's": {[]string{ours[0], "arn:aws:ecs:r:1:task-definition/" + family("ci-2", 1) + ":1"}, nil, nil, plain, 0},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			r := newRegistry()
			r.fails["delete"], r.failures = test.err, test.failures
			err := r.platform().DeleteDefinitions(t.Context(), test.arns)
			if nameOf(err) != test.want || len(r.calls) != test.calls {
				t.Errorf("got %v after %q", err, r.calls)
			}
			if test.want == "" && !slices.Equal(slices.Concat(r.deleted...), test.arns) {
				t.Errorf("deleted %q", r.deleted)
			}
			for _, some := range r.deleted {
				if len(some) > 10 {
					t.Errorf("a request has %d", len(some))
				}
			}
		})
	}
}
