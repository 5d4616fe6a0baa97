//go:build cdk

package runnerfleet_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

// shapes are fleets that differ in what is made for them.
var shapes = map[string][]string{
	"everything made":    nil,
	"subnets and groups": {"subnet_ids: [subnet-0a1b2c3d]", "security_groups: [sg-0a1b2c3d]"},
	"a group made":       {"subnet_ids: [subnet-0a1b2c3d]", "vpc_id: vpc-0a1b2c3d"},
	"secrets given":      {"github_pat: secretsmanager:pat", "webhook_secret: secretsmanager:hook", "webhook_secret_previous: secretsmanager:old"},
	"bases of one's own": {
		"docker_hub_mirror: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub", "docker_hub_credentials: secretsmanager:docker-hub",
		"base_image_repositories: [arn:aws:ecr:eu-west-1:123456789012:repository/bases/web]",
	},
	"every name as long as may be": {
		"fleet_name: abcdefghij-klmnopqrs", "event_bus_name: " + strings.Repeat("b", 256), "image_build_project: " + strings.Repeat("p", 64), "runner_image_tag: " + strings.Repeat("t", 122), "log_retention_days: 3653",
		"default_class: a", "runner_class_sizes: {a: {cpu: 512, memory: 1024, arch: arm64}, b: {cpu: 16384, memory: 122880, spot: true, ephemeral_storage: 200}}",
	},
	"both architectures": {"image_build_project: images", "default_class: a", "runner_class_sizes: {a: {cpu: 512, memory: 1024, arch: arm64}, b: {cpu: 512, memory: 1024, spot: true}}"},
}

// TestShapes holds every shape to the policies that the golden template is held to.
func TestShapes(t *testing.T) {
	for name, lines := range shapes {
		t.Run(name, func(t *testing.T) {
			stack := newStack(newApp(), "ecsrunner-test")
			runnerfleet.New(stack, "Fleet", runnerfleet.Props{Config: parse(t, lines...)})
			checkPolicies(t, templateOf(t, stack))
			toLint(t, "us-east-1", name, stack)
		})
	}
}

// TestOthersFlags makes the fleet in an app that has the flags which the CDK
// recommends to new apps, as far as they concern what the fleet uses.
func TestOthersFlags(t *testing.T) {
	flags := map[string]any{"aws:cdk:bundling-stacks": []string{}}
	for _, flag := range []string{
		"@aws-cdk/aws-iam:minimizePolicies", "@aws-cdk/core:checkSecretUsage", "@aws-cdk/aws-ec2:restrictDefaultSecurityGroup",
		"@aws-cdk/aws-lambda:createNewPoliciesWithAddToRolePolicy", "@aws-cdk/aws-lambda:useCdkManagedLogGroup", "@aws-cdk/aws-events:eventsTargetQueueSameAccount",
		"@aws-cdk/core:enablePartitionLiterals", "@aws-cdk/aws-iam:standardizedServicePrincipals",
	} {
		flags[flag] = true
	}
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &flags})
	stack, _ := runnerfleet.NewStack(app, runnerfleet.Props{Config: parse(t, "aws_region: eu-west-1")})
	checkPolicies(t, templateOf(t, stack))
}

// explained are the rules of AwsSolutions that a fleet does not follow; findings.go
// says why. A rule that is followed after all would be missing from the report.
var explained = []string{"AwsSolutions-APIG4", "AwsSolutions-CB4", "AwsSolutions-ECS4", "AwsSolutions-IAM5", "AwsSolutions-SF1", "AwsSolutions-SMG4", "AwsSolutions-SQS3", "AwsSolutions-VPC7"}

// TestNag holds fleets of every shape to the rules of AwsSolutions. What it finds is
// either mended or explained.
func TestNag(t *testing.T) {
	left := map[string]bool{}
	for name, lines := range shapes {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(dir), AnalyticsReporting: jsii.Bool(false), Context: &map[string]any{"aws:cdk:bundling-stacks": []string{}}})
			runnerfleet.New(newStack(app, "nag"), "Fleet", runnerfleet.Props{Config: parse(t, lines...)})
			awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
			app.Synth(nil)
			compliant := 0
			for _, line := range nagReport(t, dir) {
				rule, resource, compliance := line[0], line[1], line[2]
				switch compliance {
				case "Compliant":
					compliant++
				case "Suppressed":
					left[rule] = true
				default:
					t.Errorf("%s is %s with %s: %s", resource, compliance, rule, line[len(line)-1])
				}
			}
			if compliant < 30 {
				t.Errorf("%d rules were held to: the report has something else", compliant)
			}
		})
	}
	var got []string
	for rule := range left {
		got = append(got, rule)
	}
	slices.Sort(got)
	if diff := cmp.Diff(explained, got); diff != "" {
		t.Errorf("explained findings (-want +got):\n%s", diff)
	}
}

// nagReport are the lines of cdk-nag's report: rule, resource, compliance, reason,
// level, what the rule says.
func nagReport(t *testing.T, dir string) [][]string {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "AwsSolutions-nag-NagReport.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return lines[1:]
}
