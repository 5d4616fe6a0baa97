package simaws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// DescribeTaskDefinition is ecs's API.
func (*ECS) DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	panic("later")
}

// RegisterTaskDefinition is ecs's API.
func (*ECS) RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error) {
	panic("later")
}

// RunTask is ecs's API.
func (*ECS) RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error) {
	panic("later")
}

// StopTask is ecs's API.
func (*ECS) StopTask(context.Context, *ecs.StopTaskInput, ...func(*ecs.Options)) (*ecs.StopTaskOutput, error) {
	panic("later")
}

// DescribeTasks is ecs's API.
func (*ECS) DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	panic("later")
}

// ListTasks is ecs's API.
func (*ECS) ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	panic("later")
}

// ListTaskDefinitionFamilies is ecs's API.
func (*ECS) ListTaskDefinitionFamilies(context.Context, *ecs.ListTaskDefinitionFamiliesInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	panic("later")
}

// ListTaskDefinitions is ecs's API.
func (*ECS) ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error) {
	panic("later")
}

// DeregisterTaskDefinition is ecs's API.
func (*ECS) DeregisterTaskDefinition(context.Context, *ecs.DeregisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error) {
	panic("later")
}

// DeleteTaskDefinitions is ecs's API.
func (*ECS) DeleteTaskDefinitions(context.Context, *ecs.DeleteTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.DeleteTaskDefinitionsOutput, error) {
	panic("later")
}

// StartBuild is codebuild's API.
func (*CodeBuild) StartBuild(context.Context, *codebuild.StartBuildInput, ...func(*codebuild.Options)) (*codebuild.StartBuildOutput, error) {
	panic("later")
}

// BatchGetBuilds is codebuild's API.
func (*CodeBuild) BatchGetBuilds(context.Context, *codebuild.BatchGetBuildsInput, ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error) {
	panic("later")
}

// ListBuildsForProject is codebuild's API.
func (*CodeBuild) ListBuildsForProject(context.Context, *codebuild.ListBuildsForProjectInput, ...func(*codebuild.Options)) (*codebuild.ListBuildsForProjectOutput, error) {
	panic("later")
}

// StopBuild is codebuild's API.
func (*CodeBuild) StopBuild(context.Context, *codebuild.StopBuildInput, ...func(*codebuild.Options)) (*codebuild.StopBuildOutput, error) {
	panic("later")
}

// BatchGetImage is ecr's API.
func (*ECR) BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error) {
	panic("later")
}

// DescribeImages is ecr's API.
func (*ECR) DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	panic("later")
}

// ListImages is ecr's API.
func (*ECR) ListImages(context.Context, *ecr.ListImagesInput, ...func(*ecr.Options)) (*ecr.ListImagesOutput, error) {
	panic("later")
}

// BatchDeleteImage is ecr's API.
func (*ECR) BatchDeleteImage(context.Context, *ecr.BatchDeleteImageInput, ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error) {
	panic("later")
}
