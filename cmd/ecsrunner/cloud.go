package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/history"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/logs"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/params"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stack"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// cloud is a fleet on AWS.
type cloud struct {
	config aws.Config
	stack  *stack.Stack // nil without one: the environment names the parts
}

// part is something of a fleet on AWS: an output of the stack, or without a stack an
// environment variable.
type part struct{ output, variable string }

var (
	recordsTable    = part{deployment.OutputTable, deployment.EnvTable}
	classSizesParam = part{deployment.OutputClassSizes, deployment.EnvClassSizes}
	stateMachine    = part{deployment.OutputStateMachine, deployment.EnvStateMachine}
	runnerLogs      = part{deployment.OutputRunnerLogs, deployment.EnvRunnerLogs}
	ecsCluster      = part{deployment.OutputCluster, deployment.EnvCluster}
)

// connect finds a fleet by its stack, or if stackName is "" by the environment.
func connect(ctx context.Context, stackName, region string) (*cloud, error) {
	config, err := loadAWS(ctx, region)
	if err != nil {
		return nil, err
	}
	c := &cloud{config: config}
	if stackName == "" {
		return c, nil
	}
	found, err := stack.Find(ctx, cloudformation.NewFromConfig(config), stackName)
	switch {
	case errors.As(err, new(stack.NotFound)):
		return nil, usagef("%w in region %s: compare its name with `npx cdk ls`, and --region", err, config.Region)
	case errors.As(err, new(stack.NotDeployed)):
		return nil, usagef("%w: deploy it with `npx cdk deploy`", err)
	case errors.As(err, new(stack.NotAFleet)):
		return nil, usagef("%w: name the stack that `npx cdk ls` lists", err)
	case err != nil:
		return nil, c.explain(err)
	}
	c.stack = &found
	return c, nil
}

// has is the value of a part, "" if it is not known.
func (c *cloud) has(p part) string {
	if c.stack != nil {
		return c.stack.Output(p.output)
	}
	return os.Getenv(p.variable)
}

// value is the value of a part; if it is missing the error says how to name it.
func (c *cloud) value(p part) (string, error) {
	v := c.has(p)
	switch {
	case v != "":
		return v, nil
	case c.stack != nil:
		return "", usagef("stack %s has no output %s: deploy it again with this release", c.stack.Name, p.output)
	}
	return "", usagef("%s is not set: set it, or name the fleet by --stack", p.variable)
}

// store is the fleet's table, to read and to write.
func (c *cloud) store() *dynamo.Store {
	return dynamo.New(dynamodb.NewFromConfig(c.config), c.has(recordsTable), dynamo.Options{Retention: deployment.Retention, Now: time.Now, NewID: rand.Text})
}

// logs is the log stream of a runner's task.
func (c *cloud) logs(group, taskARN string) *logs.Stream {
	return &logs.Stream{Logs: cloudwatchlogs.NewFromConfig(c.config), Group: group, Name: logs.StreamOf(taskARN)}
}

// place is where the fleet is, for people and programs.
func (c *cloud) place() report.OnAWS {
	at := report.OnAWS{Region: c.config.Region, ECSCluster: c.has(ecsCluster)}
	if c.stack != nil {
		at.Stack, at.WebhookURL = c.stack.Name, c.stack.Output(deployment.OutputWebhookURL)
	}
	return at
}

// source reads the records from the table, class sizes from their parameter and
// executions from Step Functions. Where a part is not known, it has nothing.
func (c *cloud) source() cloudSource {
	src := cloudSource{Store: c.store()}
	if c.stack != nil {
		src.fleetName = c.stack.Output(deployment.OutputFleetName)
	}
	if name := c.has(classSizesParam); name != "" {
		src.classes = &params.Classes{SSM: ssm.NewFromConfig(c.config), Name: name, Now: time.Now}
	}
	if arn := c.has(stateMachine); arn != "" {
		src.executions = &history.Executions{SFN: sfn.NewFromConfig(c.config), StateMachineARN: arn}
	}
	return src
}

// cloudSource is the report.Source of a fleet on AWS.
type cloudSource struct {
	*dynamo.Store
	fleetName  string
	classes    *params.Classes
	executions *history.Executions
}

// Settings are those that the fleet stored last, with the current class sizes. A fleet
// that was just deployed has stored none.
func (s cloudSource) Settings(ctx context.Context) (report.Settings, error) {
	settings, err := s.Store.Settings(ctx)
	if err != nil {
		return settings, err
	}
	if settings.FleetName == "" {
		settings = report.Settings{FleetName: s.fleetName, Engine: "fargate", Repositories: []string{}, ClassSizes: map[string]fleet.Class{}}
	}
	if s.classes != nil {
		settings.ClassSizes, err = s.classes.Get(ctx)
	}
	return settings, err
}

func (s cloudSource) Execution(ctx context.Context, name string) (engine.Execution, bool, error) {
	if s.executions == nil {
		return engine.Execution{}, false, nil
	}
	return s.executions.Execution(ctx, name)
}

func (s cloudSource) ExecutionList(ctx context.Context, limit int) ([]engine.Execution, error) {
	if s.executions == nil {
		return nil, nil
	}
	return s.executions.ExecutionList(ctx, limit)
}

func (s cloudSource) History(ctx context.Context, name string) ([]engine.Event, error) {
	if s.executions == nil {
		return nil, nil
	}
	return s.executions.History(ctx, name)
}

func (s cloudSource) ConsoleURL(name string) string {
	if s.executions == nil {
		return ""
	}
	return s.executions.ConsoleURL(name)
}
