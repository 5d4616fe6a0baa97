package grants

// Services are the roles that AWS's services have in the fleet's name. Except for
// builds and job code, no code has one.
var Services = []Role{RoleTask, RoleExecution, RoleStateMachine, RoleBuild, RoleSchedule}

// RoleTask is what job code has. Policies of buckets, keys and queues can allow whole
// accounts and organisations something. A denial wins against all of them.
var RoleTask = Role{"task", []Statement{
	{Actions: []string{All}, Resources: []string{All}, Deny: true, Why: "job code may do nothing, whatever a resource's own policy allows"},
}}

// RoleExecution is what ECS has to start a task.
var RoleExecution = Role{"execution", []Statement{
	Allow("logging in to ECR has no resource", All, "ecr:GetAuthorizationToken"),
	Allow("a task's image is pulled", Repository, "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
	Allow("a runner's log is written", RunnerLogs, "logs:CreateLogStream", "logs:PutLogEvents"),
}}

// RoleStateMachine is what Step Functions has.
var RoleStateMachine = Role{"state_machine", []Statement{
	Allow("the steps are called", Steps, "lambda:InvokeFunction"),
	Allow("failures are logged; log deliveries have no resources", All,
		"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
		"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
	Allow("active tracing; X-Ray has no resources for segments", All,
		"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
}}

// RoleBuild is what an image build has.
var RoleBuild = Role{"build", []Statement{
	Allow("logging in to ECR has no resource", All, "ecr:GetAuthorizationToken"),
	// https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
	Imply("public images of ECR are pulled with a login, which has no resource: without one all builds on AWS share a limit", All, "ecr-public:GetAuthorizationToken"),
	Imply("that login is a token of STS, which has no resource; for ECR's public registry alone", All, "sts:GetServiceBearerToken").When("StringEquals", "sts:AWSServiceName", "ecr-public.amazonaws.com"),
	Allow("images are pushed to this repository only", Repository,
		"ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
		"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"),
	Allow("base images are pulled from the private repositories that the configuration names", BaseImages,
		"ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
	Allow("images of Docker Hub are pulled from its mirror, if that is in ECR", DockerHubCache,
		"ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
	// https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
	Imply("a pull-through cache imports an image in the name of whoever pulls it first", DockerHubCache,
		"ecr:BatchImportUpstreamImage", "ecr:CreateRepository"),
	Allow("the credentials of Docker Hub are read, if the configuration names them", DockerHub, "secretsmanager:GetSecretValue"),
	Allow("the Dockerfiles and the entrypoint are read", BuildSource, "s3:GetObject", "s3:GetObjectVersion"),
	Allow("CodeBuild looks up where the bucket is", AssetBucket, "s3:GetBucketLocation"),
	Allow("a build's log is written", OwnLogs, "logs:CreateLogStream", "logs:PutLogEvents"),
}}

// RoleSchedule is what the sweep's schedule has.
var RoleSchedule = Role{"schedule", []Statement{
	Allow("the sweep is called each minute", Sweep, "lambda:InvokeFunction"),
	Allow("a minute in which it could not be called is noted", MissedSweeps, "sqs:SendMessage"),
}}
