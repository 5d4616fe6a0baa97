// Package params reads the sizes of a fleet's classes from a parameter of Systems Manager,
// where people change them without a deployment.
package params

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/kept"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// parameters is the part of Systems Manager's API that class sizes need.
type parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
}

// Classes are the class sizes in a parameter: the JSON of runner_class_sizes.
type Classes struct {
	SSM  parameters
	Name string
	Now  func() time.Time

	kept kept.Value[map[string]fleet.Class]
}

// Get returns the classes by name, at most five minutes old. The map is the caller's.
// It fails if the parameter holds anything but classes that Fargate has, and says which
// and why.
func (c *Classes) Get(ctx context.Context) (map[string]fleet.Class, error) {
	classes, err := c.kept.Get(ctx, c.Now(), c.read)
	return maps.Clone(classes), err
}

func (c *Classes) read(ctx context.Context) (map[string]fleet.Class, error) {
	out, err := c.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(c.Name)})
	if err != nil {
		return nil, awserr.CallError(err, "read parameter %s", c.Name)
	}
	if out.Parameter == nil {
		return nil, fleet.Errorf(fleet.AWSUnavailable, "read parameter %s: the answer has none", c.Name)
	}
	classes, err := parseClasses([]byte(aws.ToString(out.Parameter.Value)))
	if err != nil {
		return nil, fmt.Errorf("parameter %s: %w; write runner_class_sizes as JSON, like {\"small\":{\"cpu\":1024,\"memory\":2048}}", c.Name, err)
	}
	return classes, nil
}

// parseClasses reads what passed the configuration's check, and checks it again: people
// edit parameters. Whether the fleet may have the idle runners that it asks for is left to
// fleet.Policy.Pools, so that a mistake there keeps no job from running.
func parseClasses(text []byte) (map[string]fleet.Class, error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return nil, err
	}
	if len(given) == 0 {
		return nil, errors.New("it names no class")
	}
	classes := map[string]fleet.Class{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		var class fleet.Class
		d := json.NewDecoder(bytes.NewReader(given[name]))
		d.DisallowUnknownFields()
		err := d.Decode(&class)
		if err == nil {
			err = class.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("class %s: %w", name, err)
		}
		if class.Arch == "" {
			class.Arch = fleet.X64
		}
		classes[name] = class
	}
	return classes, nil
}
