// Package ecsfleet runs the fleet's tasks on ECS Fargate.
//
// ECS refuses in three ways: with an exception, with a 200 that has failures and no
// task, and with an exception that stands for another one. Only their texts distinguish
// them, so classify.go is tables of sentences.
package ecsfleet

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// client is the part of ECS's API that the platform needs.
type client interface {
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error)
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
	StopTask(context.Context, *ecs.StopTaskInput, ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	ListTaskDefinitionFamilies(context.Context, *ecs.ListTaskDefinitionFamiliesInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionFamiliesOutput, error)
	ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error)
	DeregisterTaskDefinition(context.Context, *ecs.DeregisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error)
	DeleteTaskDefinitions(context.Context, *ecs.DeleteTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.DeleteTaskDefinitionsOutput, error)
}

// Platform is one cluster, as one fleet uses it. Each function sets the fields that its
// calls need: all need ECS and Cluster.
type Platform struct {
	ECS     client
	Cluster string // name or ARN

	FleetName  string     // of Register, Launch, Tasks and all about definitions
	Definition Definition // of Register
	Network    Network    // of Launch
}

// Definition is what all task definitions of a fleet have in common.
type Definition struct {
	Repository    string // URI of the runner images, put in front of a bare digest
	ExecutionRole string // ARN: pulls the image and writes the log
	TaskRole      string // ARN of a role without permissions: job code has it
	LogGroup      string
	Region        string // of the log group
}

// Network is where tasks run.
type Network struct {
	Subnets        []string // at most 16
	SecurityGroups []string // at most 5
	AssignPublicIP bool     // in a public subnet the only way to the registry and to GitHub
}

// LogPrefix begins the name of the log stream of a runner's container, which is
// LogPrefix/fleet.RunnerContainer/<last part of the task's ARN>.
const LogPrefix = "runner"

// page is the most that ListTasks returns and DescribeTasks accepts.
const page = 100
