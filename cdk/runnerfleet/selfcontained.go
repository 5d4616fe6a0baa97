package runnerfleet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// Parameters of a template that is deployed without the CDK.
const (
	ParameterBucket       = "AssetBucket"
	ParameterPrefix       = "AssetPrefix"
	ParameterBoundary     = "PermissionsBoundary"
	ParameterRepositories = "GitHubRepositories"
)

// hasBoundary is the condition that a boundary was given.
const hasBoundary = "HasPermissionsBoundary"

// TemplateOptions say what WriteTemplate writes.
type TemplateOptions struct {
	Folder string // to write to; what is in it stays

	// AskForRepositories makes the repositories a parameter of the template, in place of
	// the configuration's github_repo: such a template is not tied to one organization.
	AskForRepositories bool
}

// WriteTemplate writes a fleet into a folder as one CloudFormation template,
// <stack>.template.json, with the zips that it names beside it: for deployments without
// the CDK, in accounts that are not bootstrapped for it. It returns the template's path.
// The zips go to the bucket and prefix of the template's parameters.
//
// It is the stack that NewStack makes: either may update what the other has deployed. The
// same sources give the same bytes, and a zip with other content has another name.
func WriteTemplate(props Props, options TemplateOptions) (string, error) {
	if err := props.Check(); err != nil {
		return "", err
	}
	assembly, err := os.MkdirTemp("", "ecsrunner-template-")
	if err != nil {
		return "", fmt.Errorf("write the template: %w", err)
	}
	defer os.RemoveAll(assembly)
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Outdir: jsii.String(assembly)})
	name, stackProps := stackOfItsOwn(props.Config)
	stackProps.Synthesizer = awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
		GenerateBootstrapVersionRule: jsii.Bool(false),
		FileAssetsBucketName:         jsii.String("${" + ParameterBucket + "}"), // it makes an Fn::Sub of these
		BucketPrefix:                 jsii.String("${" + ParameterPrefix + "}"),
	})
	stack := awscdk.NewStack(app, jsii.String(name), stackProps)
	boundary := addParameters(stack)
	if props.PermissionsBoundary == nil {
		props.PermissionsBoundary = boundary
	}
	if options.AskForRepositories {
		props.repositories = askForRepositories(stack)
	}
	New(stack, stackFleet, props)
	app.Synth(nil)
	return takeOut(assembly, name, options.Folder)
}

// askForRepositories returns the repositories of a parameter, as a JSON array. The pattern
// lets nothing into it that would end a string of JSON.
func askForRepositories(stack awscdk.Stack) *string {
	list := awscdk.NewCfnParameter(stack, jsii.String(ParameterRepositories), &awscdk.CfnParameterProps{
		Type:                  jsii.String("CommaDelimitedList"),
		Description:           jsii.String("The repositories whose jobs the fleet runs, as owner/name, with commas between them"),
		AllowedPattern:        jsii.String(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`),
		ConstraintDescription: jsii.String("must be repositories as owner/name, with commas between them and no spaces"),
	})
	joined := awscdk.Fn_Join(jsii.String(`","`), list.ValueAsList())
	return jsii.String(`["` + *joined + `"]`)
}

// addParameters returns the boundary of roles, which is no boundary if none is given.
func addParameters(stack awscdk.Stack) awsiam.IManagedPolicy {
	parameter := func(name string, props awscdk.CfnParameterProps) *string {
		props.Type = jsii.String("String")
		return awscdk.NewCfnParameter(stack, jsii.String(name), &props).ValueAsString()
	}
	parameter(ParameterBucket, awscdk.CfnParameterProps{
		Description:           jsii.String("Bucket with the zips, in the region of the stack"),
		AllowedPattern:        jsii.String(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`),
		ConstraintDescription: jsii.String("must be the name of a bucket"),
	})
	parameter(ParameterPrefix, awscdk.CfnParameterProps{
		Description:           jsii.String("What is in front of the zips' names in the bucket, with a slash at its end, such as ecsrunner/; nothing if they are at the top"),
		Default:               jsii.String(""),
		AllowedPattern:        jsii.String(`^([A-Za-z0-9_.-]+/)*$`),
		ConstraintDescription: jsii.String("must end with a slash, and not begin with one"),
	})
	boundary := parameter(ParameterBoundary, awscdk.CfnParameterProps{
		Description:           jsii.String("Name of the policy of this account that bounds all roles, with its path if it has one, such as teams/boundary; nothing for none"),
		Default:               jsii.String(""),
		AllowedPattern:        jsii.String(`^[A-Za-z0-9_+=,.@/-]*$`),
		ConstraintDescription: jsii.String("must be the name of a policy, and not its ARN"),
	})
	given := awscdk.NewCfnCondition(stack, jsii.String(hasBoundary), &awscdk.CfnConditionProps{
		Expression: awscdk.Fn_ConditionNot(awscdk.Fn_ConditionEquals(boundary, jsii.String(""))),
	})
	arn := awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${"+ParameterBoundary+"}"), nil)
	return awsiam.ManagedPolicy_FromManagedPolicyArn(stack, jsii.String("Boundary"), awscdk.Fn_ConditionIf(given.LogicalId(), arn, awscdk.Aws_NO_VALUE()).ToString())
}

// takeOut leaves the CDK's own files behind.
func takeOut(assembly, stack, folder string) (string, error) {
	data, err := os.ReadFile(filepath.Join(assembly, stack+".assets.json"))
	if err != nil {
		return "", fmt.Errorf("list the template's assets: %w", err)
	}
	var manifest struct {
		Files map[string]struct {
			Source struct{ Path, Packaging string }
		}
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return "", fmt.Errorf("list the template's assets: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("write the template: %w", err)
	}
	for hash, asset := range manifest.Files {
		if asset.Source.Packaging == "zip" {
			if err := writeZip(filepath.Join(folder, hash+".zip"), filepath.Join(assembly, asset.Source.Path)); err != nil {
				return "", err
			}
		}
	}
	const suffix = ".template.json"
	text, err := os.ReadFile(filepath.Join(assembly, stack+suffix))
	if err != nil {
		return "", fmt.Errorf("read the template: %w", err)
	}
	file := filepath.Join(folder, stack+suffix)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return "", fmt.Errorf("write the template: %w", err)
	}
	return file, nil
}
