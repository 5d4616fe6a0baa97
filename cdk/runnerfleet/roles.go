package runnerfleet

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
)

// newRole makes a role with exactly its permissions. Nothing can add to it: the CDK's own
// grants are ignored.
func newRole(scope constructs.Construct, id string, role grants.Role, service string, about arns) awsiam.IRole {
	return makeRole(scope, id, role, service, about).WithoutPolicyUpdates(nil)
}

func makeRole(scope constructs.Construct, id string, role grants.Role, service string, about arns) awsiam.Role {
	statements, err := grants.Resolve(role.May, about.named())
	if err != nil {
		panic("make the role " + role.Name + ": " + err.Error())
	}
	props := &awsiam.RoleProps{AssumedBy: trusted(scope, service)}
	if len(statements) > 0 {
		props.InlinePolicies = &map[string]awsiam.PolicyDocument{"grants": document(statements)}
	}
	return awsiam.NewRole(scope, jsii.String(id), props)
}

// unconditional is the service that AWS documents no condition for in the trust of a
// role: Lambda takes a role only from a caller that may pass it, in its own account.
const unconditional = "lambda.amazonaws.com"

// trusted is a service that assumes a role, for things of this account only
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html).
func trusted(scope constructs.Construct, service string) awsiam.IPrincipal {
	var opts *awsiam.ServicePrincipalOpts
	if service != unconditional {
		opts = &awsiam.ServicePrincipalOpts{Conditions: &map[string]any{
			"StringEquals": map[string]any{"aws:SourceAccount": stackOf(scope).Account()},
		}}
	}
	return awsiam.NewServicePrincipal(jsii.String(service), opts)
}

func document(statements []grants.Statement) awsiam.PolicyDocument {
	document := awsiam.NewPolicyDocument(nil)
	for _, s := range statements {
		props := &awsiam.PolicyStatementProps{Actions: texts(s.Actions...), Resources: texts(s.Resources...), Effect: awsiam.Effect_ALLOW}
		if s.Deny {
			props.Effect = awsiam.Effect_DENY
		}
		if len(s.Conditions) > 0 {
			conditions := map[string]any{}
			for operator, keys := range s.Conditions {
				conditions[operator] = keys
			}
			props.Conditions = &conditions
		}
		document.AddStatements(awsiam.NewPolicyStatement(props))
	}
	return document
}
