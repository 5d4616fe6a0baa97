package main

import (
	"os"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

// TestMain closes the Node process that the CDK talks to.
func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// An alarm reaches the topic, and destroying the stack leaves no log behind.
func TestStack(t *testing.T) {
	config, err := runnerfleet.Load("fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// It compiles nothing.
	app := awscdk.NewApp(&awscdk.AppProps{Context: &map[string]any{"aws:cdk:bundling-stacks": []string{}}})
	template := assertions.Template_FromStack(newStack(app, config), nil)
	template.HasResourceProperties(jsii.String("AWS::SNS::TopicPolicy"), map[string]any{
		"PolicyDocument": map[string]any{"Statement": assertions.Match_ArrayWith(&[]any{assertions.Match_ObjectLike(&map[string]any{
			"Effect": "Allow", "Action": "sns:Publish", "Principal": map[string]any{"Service": "cloudwatch.amazonaws.com"},
			"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": map[string]any{"Ref": "AWS::AccountId"}}},
			"Resource":  map[string]any{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^Alarms"))},
		})})},
	})
	template.AllResources(jsii.String("AWS::Logs::LogGroup"), map[string]any{
		"DeletionPolicy": "Delete", "Properties": assertions.Match_ObjectLike(&map[string]any{"RetentionInDays": assertions.Match_AnyValue()}),
	})
}
