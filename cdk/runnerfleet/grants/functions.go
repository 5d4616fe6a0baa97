package grants

// runtime is what every function's environment does for it.
func runtime() []Statement {
	return []Statement{
		allow("Lambda writes the function's log", OwnLogs, "logs:CreateLogStream", "logs:PutLogEvents").implied(),
		allow("active tracing; X-Ray has no resources for segments", All, "xray:PutTraceSegments", "xray:PutTelemetryRecords").implied(),
	}
}

// functions lists the permissions by function.
func functions() map[string][]Statement {
	return map[string][]Statement{
		"webhook": append(records("GetItem"),
			allow("the holds of a repository are listed in the table itself, when a job of others has ended in it", Table, "dynamodb:Query"),
			allow("deliveries go to the bus", Bus, "events:PutEvents"),
			allow("admission needs the class sizes", ClassSizes, "ssm:GetParameter"),
			allow("signatures are verified", WebhookSecrets, "secretsmanager:GetSecretValue"),
		),
		"dispatch": join(
			records("GetItem", "PutItem", "UpdateItem", "DeleteItem"), launch(), jobEnds(), end(), signal("Success", "Failure", "Heartbeat"), failedBuilds(),
			[]Statement{
				allow("AWS hands on what dispatch failed to do", FailedEvents, "sqs:SendMessage").implied(),
			},
		),
		"claim": join(
			records("GetItem", "PutItem", "BatchGetItem"), gitHub(), signal("Heartbeat"),
			[]Statement{
				allow("claim tokens are verified", ClaimKey, "secretsmanager:GetSecretValue"),
				allow("a task that claims before it is recorded is compared with its runner", Tasks, "ecs:DescribeTasks"),
			},
		),
		"sweep": join(
			records("GetItem", "PutItem", "UpdateItem", "DeleteItem"), launch(), end(), signal("Success", "Failure", "Heartbeat"), failedBuilds(),
			[]Statement{
				allow("open runners and holds are listed in the table itself, unfinished runs and runners, runs that wait for room and the images by an index", Table, "dynamodb:Query").and(Table + "/index/unfinished").and(Table + "/index/waiting").and(Table + "/index/newest"),
				allow("runners whose execution has ended are closed", Executions, "states:DescribeExecution"),
				allow("runs whose policy is asked again need the class sizes", ClassSizes, "ssm:GetParameter"),
				allow("lost events are put again", Bus, "events:PutEvents"),
				allow("what dispatch could not do is done again", FailedEvents, "sqs:ReceiveMessage", "sqs:DeleteMessage"),
				allow("tasks of this cluster are compared with the records; ListTasks knows container instances only, so the cluster is a condition", All, "ecs:ListTasks").when("ArnEquals", "ecs:cluster", Cluster),
				allow("tasks of this cluster are compared with the records", Tasks, "ecs:DescribeTasks"),
				allow("unused task definitions are found and deregistered; ECS has no resources for these", All,
					"ecs:ListTaskDefinitionFamilies", "ecs:ListTaskDefinitions", "ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition"),
				allow("deregistered task definitions are deleted", TaskDefinitions, "ecs:DeleteTaskDefinitions"),
				published(),
				allow("old revisions of images are deleted, and what somebody else has published is not", Repository, "ecr:BatchDeleteImage"),
				allow("images that no job waits for are built by these projects, and builds that are silent are looked at", Projects,
					"codebuild:StartBuild", "codebuild:ListBuildsForProject", "codebuild:BatchGetBuilds"),
				allow("AWS hands on a sweep that failed", MissedSweeps, "sqs:SendMessage").implied(),
			},
			noForeignCode(),
		),
		"validate": join(
			records("GetItem", "PutItem", "DeleteItem"), launch(), jobEnds(), end(), signal("Success", "Failure"),
			[]Statement{allow("admission needs the class sizes", ClassSizes, "ssm:GetParameter")},
		),
		"resolveimage": join(
			records("GetItem", "PutItem"), []Statement{published()},
		),
		"buildimage": join(
			records("GetItem", "PutItem", "UpdateItem", "DeleteItem"), signal("Success", "Failure"),
			[]Statement{allow("images are built by these projects", Projects, "codebuild:StartBuild")}, noForeignCode(),
		),
		"registertaskdefinition": join(
			records("GetItem", "PutItem"),
			[]Statement{
				allow("one definition for each image; ECS has no resources for these", All, "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"),
				allow("definitions carry the fleet's name", TaskDefinitions, "ecs:TagResource").when("StringEquals", "ecs:CreateAction", "RegisterTaskDefinition").implied(),
				passRoles("a task definition names its two roles"),
			},
		),
		"runtask": join(
			records("GetItem", "PutItem"), signal("Success", "Failure"),
			[]Statement{
				allow("tasks are started in this cluster only", TaskDefinitions, "ecs:RunTask").when("ArnEquals", "ecs:cluster", Cluster),
				allow("tasks carry the fleet's and the runner's name", Tasks, "ecs:TagResource").when("StringEquals", "ecs:CreateAction", "RunTask").implied(),
				allow("a task that is not wanted any more is stopped", Tasks, "ecs:StopTask"),
				allow("claim tokens are made", ClaimKey, "secretsmanager:GetSecretValue"),
				passRoles("a task gets its definition's roles"),
			},
		),
		"inspectrunner": join(
			records("GetItem", "PutItem", "DeleteItem"), launch(), jobEnds(), end(), signal("Success", "Failure"),
			[]Statement{allow("ECS is asked how the task stands", Tasks, "ecs:DescribeTasks")},
		),
		"recordstatus": join(
			records("GetItem", "PutItem", "DeleteItem"), launch(), end(), signal("Success", "Failure"),
			[]Statement{allow("a run's end is announced", Bus, "events:PutEvents")},
		),
	}
}

func join(lists ...[]Statement) (all []Statement) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// records is what reading and changing records needs. DynamoDB has no permission
// of its own for a transaction: it asks for those of its parts.
func records(operations ...string) []Statement {
	s := allow("the fleet's records", Table)
	for _, operation := range operations {
		s.Actions = append(s.Actions, "dynamodb:"+operation)
	}
	return []Statement{s}
}

// launch is what giving a run its runner needs beyond the records.
func launch() []Statement {
	return []Statement{
		allow("the runs that wait, in their order", Table+"/index/retry", "dynamodb:Query"),
		allow("what a list names is read again", Table, "dynamodb:BatchGetItem"),
		allow("a runner's execution is started", StateMachine, "states:StartExecution"),
	}
}

// jobEnds is what hearing of the end of a job needs.
func jobEnds() []Statement {
	return []Statement{allow("the holds of a repository are listed in the table itself", Table, "dynamodb:Query")}
}

// end is what letting a runner go needs beyond the records.
func end() []Statement {
	return append(gitHub(), allow("a task that is not wanted any more is stopped", Tasks, "ecs:StopTask"))
}

// failedBuilds is what hearing of a failed build needs.
func failedBuilds() []Statement {
	return []Statement{allow("the end of a failed build's log says why", BuildLogs, "logs:GetLogEvents")}
}

// published is the look at the repository.
func published() Statement {
	return allow("an image that was deleted is missing, and one that somebody else has published is used", Repository, "ecr:BatchGetImage", "ecr:DescribeImages")
}

func gitHub() []Statement {
	return []Statement{allow("GitHub's API", GitHubPAT, "secretsmanager:GetSecretValue")}
}

func signal(ways ...string) []Statement {
	s := allow("executions are told what they wait for", StateMachine)
	for _, way := range ways {
		s.Actions = append(s.Actions, "states:SendTask"+way)
	}
	return []Statement{s}
}

func passRoles(why string) Statement {
	return allow(why, ExecutionRole, "iam:PassRole").and(TaskRole).when("StringEquals", "iam:PassedToService", "ecs-tasks.amazonaws.com").implied()
}

// noForeignCode denies the overrides of StartBuild by which a build would run
// something else, as somebody else, or with more rights. The keys exist to be
// tested for presence
// (https://docs.aws.amazon.com/codebuild/latest/userguide/action-context-keys.html);
// that AWS refuses accordingly has not been tried on AWS.
func noForeignCode() (denials []Statement) {
	for _, key := range []string{
		"source.buildspec", "source.location", "source.type", "secondarySources",
		"environment.image", "environment.type", "environment.privilegedMode", "serviceRole",
	} {
		s := allow("a build runs what the deployment says", All, "codebuild:StartBuild").when("Null", "codebuild:"+key, "false")
		s.Deny = true
		denials = append(denials, s)
	}
	return denials
}
