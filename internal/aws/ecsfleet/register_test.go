package ecsfleet

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

var errNoFamily = clientError("Unable to describe task definition.")

func content() fleet.TaskDefinition {
	return fleet.TaskDefinition{FleetName: "ci", Image: "1.dkr.ecr.r.amazonaws.com/ci@" + digest, Arch: fleet.ARM64}
}

func TestRegister(t *testing.T) {
	tests := map[string]struct {
		change func(*types.TaskDefinition) // of ECS's definition; nil if it has none
		times  int
	}{
		"there is none":                 {nil, 1},
		"there is one":                  {func(*types.TaskDefinition) {}, 0},
		"the one there is is inactive":  {func(d *types.TaskDefinition) { d.Status = types.TaskDefinitionStatusInactive }, 1},
		"it was made for another role":  {func(d *types.TaskDefinition) { d.ExecutionRoleArn = aws.String("old") }, 1},
		"it gives the job another role": {func(d *types.TaskDefinition) { d.TaskRoleArn = aws.String("mighty") }, 1},
		"it logs to another group":      {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].LogConfiguration = &types.LogConfiguration{} }, 1},
		"it is of another architecture": {func(d *types.TaskDefinition) { d.RuntimePlatform = nil }, 1},
		"it has another image":          {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].Image = aws.String("evil") }, 1},
		"somebody added a container to it": {func(d *types.TaskDefinition) {
			d.ContainerDefinitions = append(d.ContainerDefinitions, types.ContainerDefinition{})
		}, 1},
		"another process than the entrypoint is its first": {func(d *types.TaskDefinition) {
			d.ContainerDefinitions[0].LinuxParameters = &types.LinuxParameters{InitProcessEnabled: aws.Bool(true)}
		}, 1},
		"it stops its container too quickly": {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].StopTimeout = nil }, 1},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			c := &cluster{lookErr: errNoFamily}
			p := newPlatform(c)
			if test.change != nil {
				c.lookErr, c.definition = nil, as(must(p.definition(content()))(t))
				test.change(c.definition)
			}
			if _, ok, err := p.Find(t.Context(), content()); err != nil || ok != (test.times == 0) || len(c.registered) > 0 {
				t.Errorf("found it: %t, %v, registered %d times", ok, err, len(c.registered))
			}
			arn, err := p.Register(t.Context(), content())
			if err != nil || !strings.HasSuffix(arn, content().Family()+":1") || len(c.registered) != test.times {
				t.Errorf("got %q, %v, registered %d times", arn, err, len(c.registered))
			}
			c.lookErr = nil
			if again, err := p.Register(t.Context(), content()); err != nil || again != arn || len(c.registered) != test.times {
				t.Errorf("again: got %q, %v, registered %d times", again, err, len(c.registered))
			}
		})
	}
}

func TestRegisterAsksFor(t *testing.T) {
	c := &cluster{lookErr: errNoFamily}
	bare := content()
	bare.Image, bare.Arch = digest, fleet.X64
	for _, d := range []fleet.TaskDefinition{content(), bare} {
		must(newPlatform(c).Register(t.Context(), d))(t)
	}
	in := c.registered[0]
	container := in.ContainerDefinitions[0]
	checks := map[string]bool{
		"the family of the content":     *in.Family == content().Family(),
		"Fargate":                       len(in.RequiresCompatibilities) == 1 && in.RequiresCompatibilities[0] == "FARGATE" && in.NetworkMode == "awsvpc",
		"a size that Fargate has":       fleet.Class{CPU: 256, Memory: 512}.Check() == nil && *in.Cpu == "256" && *in.Memory == "512",
		"the roles":                     *in.ExecutionRoleArn == "arn:aws:iam::1:role/execution" && *in.TaskRoleArn == "arn:aws:iam::1:role/empty",
		"ARM":                           in.RuntimePlatform.CpuArchitecture == "ARM64" && in.RuntimePlatform.OperatingSystemFamily == "LINUX",
		"x64":                           c.registered[1].RuntimePlatform.CpuArchitecture == "X86_64",
		"one container":                 len(in.ContainerDefinitions) == 1 && *container.Name == "runner" && *container.Essential,
		"the image by digest":           *container.Image == "1.dkr.ecr.r.amazonaws.com/ci@"+digest,
		"a bare digest's repository":    *c.registered[1].ContainerDefinitions[0].Image == "1.dkr.ecr.r.amazonaws.com/ci@"+digest,
		"no init before the entrypoint": !hasInit(container),
		"two minutes to stop":           *container.StopTimeout == 120,
		"a log":                         container.LogConfiguration.LogDriver == "awslogs" && container.LogConfiguration.Options["awslogs-group"] == "/ecsrunner/ci",
		"nothing to read for strangers": len(container.Environment)+len(container.Secrets) == 0,
		"the fleet's tag":               *in.Tags[0].Key == deployment.FleetTag && *in.Tags[0].Value == "ci",
	}
	for sentence, ok := range checks {
		if !ok {
			t.Errorf("it does not ask for %s: %+v", sentence, in)
		}
	}
}

func TestRegisterRefused(t *testing.T) {
	tests := map[string]struct {
		look, register error
		want           string
	}{
		"many at once in one family": {errNoFamily, clientError("Too many concurrent attempts to create a new revision of the specified family."), fleet.AWSUnavailable},
		"a throttle":                 {errNoFamily, code(400, "ThrottlingException", "Rate exceeded"), fleet.AWSUnavailable},
		"a throttle when looking":    {code(400, "ThrottlingException", "Rate exceeded"), nil, fleet.AWSUnavailable},
		"a mistake of ECS":           {errNoFamily, answered(500, &types.ServerException{}), fleet.AWSUnavailable},
		"a lost answer":              {errNoConnection, nil, fleet.AWSUnavailable},
		"no time left":               {context.DeadlineExceeded, nil, fleet.AWSUnavailable},
		"a role that there is not":   {errNoFamily, clientError("Role is not valid"), fleet.RunnerLaunchFailed},
		"a permission that lacks":    {errNoFamily, answered(400, &types.AccessDeniedException{Message: aws.String("not authorized")}), fleet.RunnerLaunchFailed},
		"no permission to look":      {answered(400, &types.AccessDeniedException{}), nil, fleet.RunnerLaunchFailed},
		"another mistake in looking": {invalid("Family contains invalid characters"), nil, fleet.RunnerLaunchFailed},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			_, err := newPlatform(&cluster{lookErr: test.look, registerErr: test.register}).Register(t.Context(), content())
			if fleet.ErrorName(err) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if test.want == fleet.RunnerLaunchFailed && (len([]rune(err.Error())) > most || !strings.Contains(err.Error(), "deploy again")) {
				t.Errorf("it says %s", err)
			}
		})
	}
	t.Run("an image without a digest", func(t *testing.T) {
		d := content()
		d.Image = "node:22"
		if _, err := newPlatform(&cluster{}).Register(t.Context(), d); fleet.ErrorName(err) != fleet.RunnerLaunchFailed {
			t.Errorf("got %v", err)
		}
	})
}
