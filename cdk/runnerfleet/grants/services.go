package grants

// services lists the permissions that AWS's services have in the fleet's name. No
// code of the fleet's has these roles, but for builds and for job code.
func services() map[string][]Statement {
	return map[string][]Statement{
		// Policies of buckets, keys and queues can allow whole accounts and organisations
		// something. A denial wins against all of them.
		RoleTask: {{Actions: []string{All}, Resources: []string{All}, Deny: true, Why: "job code may do nothing, whatever a resource's own policy allows"}},
		RoleExecution: {
			allow("logging in to ECR has no resource", All, "ecr:GetAuthorizationToken"),
			allow("a task's image is pulled", Repository, "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
			allow("a runner's log is written", RunnerLogs, "logs:CreateLogStream", "logs:PutLogEvents"),
		},
		RoleStateMachine: {
			allow("the steps are called", Steps, "lambda:InvokeFunction"),
			allow("failures are logged; log deliveries have no resources", All,
				"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
				"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
			allow("active tracing; X-Ray has no resources for segments", All,
				"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
		},
		RoleBuild: {
			allow("logging in to ECR has no resource", All, "ecr:GetAuthorizationToken"),
			// https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
			allow("public images of ECR are pulled with a login, which has no resource: without one all builds on AWS share a limit", All, "ecr-public:GetAuthorizationToken").implied(),
			allow("that login is a token of STS, which has no resource; for ECR's public registry alone", All, "sts:GetServiceBearerToken").when("StringEquals", "sts:AWSServiceName", "ecr-public.amazonaws.com").implied(),
			allow("images are pushed to this repository only", Repository,
				"ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
				"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"),
			allow("base images are pulled from the private repositories that the configuration names", BaseImages,
				"ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
			allow("images of Docker Hub are pulled from its mirror, if that is in ECR", DockerHubCache,
				"ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
			// https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
			allow("a pull-through cache imports an image in the name of whoever pulls it first", DockerHubCache,
				"ecr:BatchImportUpstreamImage", "ecr:CreateRepository").implied(),
			allow("the credentials of Docker Hub are read, if the configuration names them", DockerHub, "secretsmanager:GetSecretValue"),
			allow("the Dockerfiles and the entrypoint are read", BuildSource, "s3:GetObject", "s3:GetObjectVersion"),
			allow("CodeBuild looks up where the bucket is", AssetBucket, "s3:GetBucketLocation"),
			allow("a build's log is written", OwnLogs, "logs:CreateLogStream", "logs:PutLogEvents"),
		},
		RoleSchedule: {
			allow("the sweep is called each minute", Sweep, "lambda:InvokeFunction"),
			allow("a minute in which it could not be called is noted", MissedSweeps, "sqs:SendMessage"),
		},
	}
}
