package functions

import "github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"

// records is what reading and changing records needs. DynamoDB has no permission
// of its own for a transaction: it asks for those of its parts.
func records(operations ...string) []grants.Statement {
	s := grants.Allow("the fleet's records", grants.Table)
	for _, operation := range operations {
		s.Actions = append(s.Actions, "dynamodb:"+operation)
	}
	return []grants.Statement{s}
}

// launch is what giving a run its runner needs beyond the records.
func launch() []grants.Statement {
	return []grants.Statement{
		grants.Allow("the runs that wait, in their order", grants.Table+"/index/retry", "dynamodb:Query"),
		grants.Allow("what a list names is read again, and holds together", grants.Table, "dynamodb:BatchGetItem", "dynamodb:Query"),
		grants.Allow("a runner's execution is started", grants.StateMachine, "states:StartExecution"),
	}
}

// end is what letting a runner go needs beyond the records.
func end() []grants.Statement {
	return append(gitHub(), grants.Allow("a task that is not wanted any more is stopped", grants.Tasks, "ecs:StopTask"))
}

// failedBuilds is what hearing of a failed build needs.
func failedBuilds() []grants.Statement {
	return []grants.Statement{grants.Allow("the end of a failed build's log says why", grants.BuildLogs, "logs:GetLogEvents")}
}

// published is what looking for an image in the repository needs.
func published() grants.Statement {
	return grants.Allow("an image that was deleted is missing, and one that somebody else has published is used", grants.Repository, "ecr:BatchGetImage", "ecr:DescribeImages")
}

// gitHub is what asking GitHub needs.
func gitHub() []grants.Statement {
	return []grants.Statement{grants.Allow("GitHub's API", grants.GitHub, "secretsmanager:GetSecretValue")}
}

// inVPC is what Lambda needs to connect a function to subnets, if it is to be. Describing
// takes no resource but all, and deleting needs all interfaces
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html). They are Lambda's to
// use alone: a call by the function's own code names the function, and is denied.
func inVPC() []grants.Statement {
	actions := []string{
		"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
		"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
	}
	denied := grants.Allow("the function's own code changes no network", grants.FunctionNetwork, actions...).When("Null", "lambda:SourceFunctionArn", "false")
	denied.Deny = true
	return []grants.Statement{
		grants.Imply("Lambda connects the function to the subnets, with functions_in_vpc alone", grants.FunctionNetwork, actions...),
		denied,
	}
}

// signal is what completing a state that waits for a signal needs.
func signal(ways ...string) []grants.Statement {
	s := grants.Allow("executions are told what they wait for", grants.StateMachine)
	for _, way := range ways {
		s.Actions = append(s.Actions, "states:SendTask"+way)
	}
	return []grants.Statement{s}
}

// passRoles is what naming a task's two roles to ECS needs.
func passRoles(why string) grants.Statement {
	return grants.Imply(why, grants.ExecutionRole, "iam:PassRole").And(grants.TaskRole).When("StringEquals", "iam:PassedToService", "ecs-tasks.amazonaws.com")
}

// noForeignCode denies the overrides of StartBuild by which a build would run
// something else, under another role, or with more rights. The keys exist to be
// tested for presence
// (https://docs.aws.amazon.com/codebuild/latest/userguide/action-context-keys.html);
// that AWS refuses accordingly has not been tried on AWS.
func noForeignCode() (denials []grants.Statement) {
	for _, key := range []string{
		"source.buildspec", "source.location", "source.type", "secondarySources",
		"environment.image", "environment.type", "environment.privilegedMode", "serviceRole",
	} {
		s := grants.Allow("a build runs what the deployment says", grants.All, "codebuild:StartBuild").When("Null", "codebuild:"+key, "false")
		s.Deny = true
		denials = append(denials, s)
	}
	return denials
}
