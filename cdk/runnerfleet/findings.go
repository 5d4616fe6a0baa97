package runnerfleet

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// finding is what a rule of cdk-nag's AwsSolutions says about every resource of a
// type, and why the fleet accepts it.
type finding struct {
	rule, reason string
	appliesTo    []any // the details of the finding that are meant; nil for all
}

// findings are all that the fleet accepts, by the type of the resource. The
// templates carry them, so that users who check their own app with cdk-nag read
// them too.
func findings() map[string][]finding {
	return map[string][]finding{
		"AWS::IAM::Role": {{
			rule: "AwsSolutions-IAM5",
			reason: "Some actions know no resource, and tasks, executions and task definitions have names that are not known beforehand: " +
				"those of this cluster, state machine and fleet are meant, and those of a cache for Docker Hub that the configuration names. docs/permissions.md lists each with its reason, and tests allow no other.",
			appliesTo: []any{
				"Resource::*",
				map[string]string{"regex": `/^Resource::arn:.*:ecs:.*:task\/.*\/\*$/`},
				map[string]string{"regex": `/^Resource::arn:.*:ecs:.*:task-definition\/.*:\*$/`},
				map[string]string{"regex": `/^Resource::arn:.*:ecr:.*:repository\/.*\/\*$/`},
				map[string]string{"regex": `/^Resource::arn:.*:states:.*:execution:.*:\*$/`},
			},
		}},
		"AWS::ApiGatewayV2::Route": {{
			rule:   "AwsSolutions-APIG4",
			reason: "An authorizer gets no body, which a webhook's signature is about; a claim has a token of its own. The functions verify both before they spend anything.",
		}},
		"AWS::SecretsManager::Secret": {{
			rule:   "AwsSolutions-SMG4",
			reason: "GitHub has the other half of the token and of the webhook's secret, so people change them; the functions take the new value within five minutes, and accept the old one of the webhook and of the claim key for a day.",
		}},
		"AWS::EC2::VPC": {{
			rule:   "AwsSolutions-VPC7",
			reason: "The VPC has nothing but runners that nobody can reach. Flow logs of their downloads would cost more than the fleet; whoever needs them brings a VPC of their own.",
		}},
		"AWS::ECS::Cluster": {{
			rule:   "AwsSolutions-ECS4",
			reason: "Container Insights are billed by the task, and a runner lives for minutes. The fleet's own metrics and logs tell more.",
		}},
		"AWS::CodeBuild::Project": {
			{
				rule:   "AwsSolutions-CB4",
				reason: "The project has no artifacts: images go to the repository, and nothing of a build is kept but its log.",
			},
		},
		"AWS::SQS::Queue": {{
			rule:   "AwsSolutions-SQS3",
			reason: "The queue is where calls of the sweep go that failed; cdk-nag does not know the schedule's and the function's ways there. Nothing reads it.",
		}},
		"AWS::StepFunctions::StateMachine": {{
			rule:   "AwsSolutions-SF1",
			reason: "The history has every event of an execution for 90 days. A log of the same would be paid for once more; failures are logged.",
		}},
	}
}

// explainFindings writes the reasons into the resources, as cdk-nag does it.
func explainFindings(scope constructs.Construct) {
	known := findings()
	for _, child := range *scope.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		resource, ok := child.(awscdk.CfnResource)
		if !ok {
			continue
		}
		var rules []any
		for _, f := range known[*resource.CfnResourceType()] {
			rule := map[string]any{"id": f.rule, "reason": f.reason}
			if f.appliesTo != nil {
				rule["applies_to"] = f.appliesTo
			}
			rules = append(rules, rule)
		}
		if rules != nil {
			resource.AddMetadata(jsii.String("cdk_nag"), map[string]any{"rules_to_suppress": rules})
		}
	}
}
