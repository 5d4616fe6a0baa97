package simaws

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// request is a RunTask with what follows from it.
type request struct {
	in          *ecs.RunTaskInput
	provider    string
	count       int
	definition  *definition
	cpu, memory int
	subnets     []string
}

// provider is the capacity provider that a request asks for. Weights divide tasks
// between providers, and no provider stands in for another
// (aws/containers-roadmap#852): one of them is drawn.
func (e *ECS) provider(in *ecs.RunTaskInput) string {
	total := 0
	for _, item := range in.CapacityProviderStrategy {
		total += int(item.Weight)
	}
	if total == 0 {
		return onDemand
	}
	n := 0
	if len(in.CapacityProviderStrategy) > 1 {
		n = e.k.Int("ecs.provider", total)
	}
	for _, item := range in.CapacityProviderStrategy {
		if n -= int(item.Weight); n < 0 {
			return deref(item.CapacityProvider)
		}
	}
	return onDemand
}

var (
	validToken     = regexp.MustCompile(`^[!-~]{0,64}$`)
	validStartedBy = regexp.MustCompile(`^[A-Za-z0-9/_-]{0,128}$`)
)

// check refuses what ECS refuses, and fills in the request
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
func (e *ECS) check(r *request) (err error) {
	in := r.in
	switch {
	case r.count > 10:
		return invalid("Task count must be at most 10.")
	case !validToken.MatchString(deref(in.ClientToken)):
		return invalid("clientToken can only have ASCII characters 33 to 126, and at most 64.")
	case !validStartedBy.MatchString(deref(in.StartedBy)):
		return invalid("startedBy can only have letters, numbers, -, / and _, and at most 128.")
	case len(in.Tags) > 50:
		return invalid("A task can have 50 tags.")
	case r.provider != onDemand && r.provider != spot:
		return invalid("The specified capacity provider '" + r.provider + "' was not found.")
	case len(in.CapacityProviderStrategy) > 0 && in.LaunchType != "":
		return invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	}
	if r.definition, err = e.runnable(deref(in.TaskDefinition)); err != nil {
		return err
	}
	if r.subnets, err = e.network(in.NetworkConfiguration); err != nil {
		return err
	}
	return r.size()
}

// network checks the network of a task; Fargate knows awsvpc only.
func (e *ECS) network(n *types.NetworkConfiguration) ([]string, error) {
	if n == nil || n.AwsvpcConfiguration == nil || len(n.AwsvpcConfiguration.Subnets) == 0 {
		return nil, invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	}
	vpc := n.AwsvpcConfiguration
	if len(vpc.Subnets) > 16 || len(vpc.SecurityGroups) > 5 {
		return nil, invalid("There can be at most 16 subnets and 5 security groups.")
	}
	for _, subnet := range vpc.Subnets {
		if !slices.Contains(e.cfg.Subnets, subnet) {
			return nil, invalid(fmt.Sprintf("Error retrieving subnet information for [%s]: The subnet ID '%s' does not exist (ErrorCode: InvalidSubnetID.NotFound)", subnet, subnet))
		}
	}
	return vpc.Subnets, nil
}

// overridesLength is how many characters all overrides together may have.
const overridesLength = 8192

// size checks the overrides and says how large the task is.
func (r *request) size() error {
	cpu, memory := deref(r.definition.in.Cpu), deref(r.definition.in.Memory)
	if o := r.in.Overrides; o != nil {
		if o.Cpu != nil {
			cpu = *o.Cpu
		}
		if o.Memory != nil {
			memory = *o.Memory
		}
		if s := o.EphemeralStorage; s != nil && (s.SizeInGiB < 21 || s.SizeInGiB > 200) {
			return invalid("Ephemeral storage must be between 21 and 200 GiB.")
		}
		if err := r.definition.takes(o.ContainerOverrides); err != nil {
			return err
		}
	}
	var errCPU, errMemory error
	r.cpu, errCPU = strconv.Atoi(cpu)
	r.memory, errMemory = strconv.Atoi(memory)
	if errCPU != nil || errMemory != nil || !fits(r.cpu, r.memory) {
		return clientError("No Fargate configuration exists for given values.")
	}
	return nil
}

// takes checks overrides against the containers that there are.
func (d *definition) takes(overrides []types.ContainerOverride) error {
	length := 0
	for _, o := range overrides {
		name := deref(o.Name)
		if _, ok := d.container(name); !ok {
			return invalid("Override for container named " + name + " is not a container in the TaskDefinition.")
		}
		for _, word := range o.Command {
			length += len(word)
		}
		for _, pair := range o.Environment {
			length += len(deref(pair.Name)) + len(deref(pair.Value))
		}
	}
	if length > overridesLength {
		return invalid(fmt.Sprintf("Container Overrides length must be at most %d", overridesLength))
	}
	return nil
}
