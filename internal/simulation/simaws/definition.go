package simaws

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// family is the revisions of one name. Numbers are never given again.
type family struct {
	name      string
	revisions []*definition // by number, from 1; nil for those that were deleted
	open      int           // registrations whose answer is under way
}

// definition is one revision of a family.
type definition struct {
	arn, family              string
	revision                 int
	in                       ecs.RegisterTaskDefinitionInput
	status                   types.TaskDefinitionStatus
	registered, deregistered time.Time
	runnableUntil            time.Time // of an inactive definition
	tasks                    int       // that have not stopped
	deletedAfter             time.Time // if it is to be deleted: not before
}

func (d *definition) container(name string) (types.ContainerDefinition, bool) {
	for _, c := range d.in.ContainerDefinitions {
		if deref(c.Name) == name {
			return c, true
		}
	}
	return types.ContainerDefinition{}, false
}

// sdk is the definition as the API shows it. What is not given has its default.
func (d *definition) sdk() *types.TaskDefinition {
	in := d.in
	containers := slices.Clone(in.ContainerDefinitions)
	for i := range containers {
		if containers[i].Essential == nil {
			containers[i].Essential = aws.Bool(true)
		}
	}
	return &types.TaskDefinition{
		TaskDefinitionArn: aws.String(d.arn), Family: aws.String(d.family), Revision: int32(d.revision), Status: d.status,
		RegisteredAt: instant(d.registered), DeregisteredAt: instant(d.deregistered),
		ContainerDefinitions: containers, Cpu: in.Cpu, Memory: in.Memory, NetworkMode: in.NetworkMode,
		ExecutionRoleArn: in.ExecutionRoleArn, TaskRoleArn: in.TaskRoleArn, RuntimePlatform: in.RuntimePlatform,
		RequiresCompatibilities: in.RequiresCompatibilities, Compatibilities: []types.Compatibility{types.CompatibilityEc2, types.CompatibilityFargate},
	}
}

// active is the family's newest active revision.
func (f *family) active() *definition {
	for _, d := range slices.Backward(f.revisions) {
		if d != nil && d.status == types.TaskDefinitionStatusActive {
			return d
		}
	}
	return nil
}

// has reports whether a family has a revision of a status.
func (f *family) has(status types.TaskDefinitionStatus) bool {
	return slices.ContainsFunc(f.revisions, func(d *definition) bool { return d != nil && d.status == status })
}

// lookUp is the definition that a name, a name with a revision, or an ARN stands for;
// a bare name is the newest active revision.
func (e *ECS) lookUp(id string) *definition {
	name := id[strings.LastIndex(id, "/")+1:]
	name, revision, numbered := strings.Cut(name, ":")
	f := e.families[name]
	if f == nil {
		return nil
	}
	if !numbered {
		return f.active()
	}
	n, err := strconv.Atoi(revision)
	if err != nil || n < 1 || n > len(f.revisions) {
		return nil
	}
	return f.revisions[n-1]
}

// runnable is the definition of a task that is to start. A deregistered one may start
// tasks for ten minutes more
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html).
func (e *ECS) runnable(id string) (*definition, error) {
	d := e.lookUp(id)
	switch {
	case d == nil:
		return nil, clientError("TaskDefinition not found.")
	case d.status == types.TaskDefinitionStatusDeleteInProgress,
		d.status == types.TaskDefinitionStatusInactive && !e.k.Now().Before(d.runnableUntil):
		return nil, clientError("TaskDefinition is inactive")
	}
	return d, nil
}

var familyName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// checkDefinition refuses what ECS refuses
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html).
func checkDefinition(in *ecs.RegisterTaskDefinitionInput) error {
	switch {
	case !familyName.MatchString(deref(in.Family)):
		return clientError("Family should match the pattern " + familyName.String())
	case len(in.ContainerDefinitions) == 0 || len(in.ContainerDefinitions) > 10:
		return clientError("A task definition has 1 to 10 containers.")
	case in.NetworkMode != types.NetworkModeAwsvpc:
		return clientError("Fargate only supports network mode ‘awsvpc’.")
	}
	for _, c := range in.ContainerDefinitions {
		switch image, _, _ := strings.Cut(deref(c.Image), "@"); {
		case len(image) == 0 || len(image) > 255:
			return clientError("An image has 1 to 255 characters.")
		case c.Privileged != nil && *c.Privileged:
			return clientError("Tasks using the Fargate launch type do not support Privileged containers.")
		case c.StopTimeout != nil && (*c.StopTimeout < 2 || *c.StopTimeout > 120):
			return clientError("StopTimeout must be between 2 and 120 seconds.")
		}
	}
	return nil
}

// unused deletes a definition that is to be deleted once no task needs it.
func (e *ECS) unused(d *definition) {
	if d.status == types.TaskDefinitionStatusDeleteInProgress && d.tasks == 0 && !e.k.Now().Before(d.deletedAfter) {
		e.families[d.family].revisions[d.revision-1] = nil
	}
}

// familyNames are all of them, sorted.
func (e *ECS) familyNames() []string { return slices.Sorted(maps.Keys(e.families)) }
