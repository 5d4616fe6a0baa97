// Package deployment holds what the deployment and the deployed code agree on: the
// names of the functions' environment variables, of metrics, log groups, build projects
// and tags, the keys of the table, and the outputs of the stack.
//
// The CDK app sets the variables, the functions read them, and the command line finds a
// fleet by the outputs. The package has no other code and imports none of AWS's, so
// that all of them can import it. What only the deployment knows of a function is in
// cdk/runnerfleet/functions.
package deployment

// Environment variables of the functions. Each function's list is in
// cdk/runnerfleet/functions; the tests of the whole flow start each one without each of
// its variables.
const (
	// EnvPolicy is fleet.Policy as JSON, without its classes.
	EnvPolicy = "FLEET_POLICY"
	// EnvTable is the name of the table with the records.
	EnvTable = "RUNNER_STATE_TABLE"
	// EnvClassSizes is the name of the parameter with the JSON of runner_class_sizes.
	EnvClassSizes = "CLASS_SIZES_PARAM"
	// EnvStateMachine is the state machine's ARN.
	EnvStateMachine = "STATE_MACHINE_ARN"
	// EnvCluster is the ECS cluster's ARN.
	EnvCluster = "CLUSTER_ARN"
	// EnvBus is the name of the event bus.
	EnvBus = "EVENT_BUS_NAME"
	// EnvGitHubURL is github_url: GitHub itself, or an organization's own server.
	EnvGitHubURL = "GITHUB_URL"
	// EnvGitHubCA is the path of a file, packed with the function, that has the authorities of
	// github_ca. It is only there if the configuration has them.
	EnvGitHubCA = "GITHUB_CA_FILE"
	// EnvGitHubApps is a JSON list of GitHubApp, and EnvGitHubPAT the secret of the
	// personal access token. One of them is set; both if a token serves what no App does.
	EnvGitHubApps = "GITHUB_APPS"
	// EnvGitHubPAT, EnvWebhookSecret and EnvClaimKey are ARNs or names of secrets,
	// never the secrets. EnvWebhookSecretPrevious is only there while one is replaced.
	EnvGitHubPAT             = "GITHUB_PAT_SECRET"
	EnvWebhookSecret         = "WEBHOOK_SECRET"
	EnvWebhookSecretPrevious = "WEBHOOK_SECRET_PREVIOUS"
	EnvClaimKey              = "CLAIM_KEY_SECRET"
	// EnvAPIURL is where runners reach the claim route, without a slash at the end.
	EnvAPIURL = "API_URL"
	// EnvRepository is the URI of the ECR repository of the runner images.
	EnvRepository = "IMAGE_REPOSITORY"
	// EnvBuildProject is the name of the CodeBuild project.
	EnvBuildProject = "IMAGE_BUILD_PROJECT"
	// EnvExecutionRole and EnvTaskRole are the ARNs of a task's two roles. EnvTaskRoleID
	// is the unique id of the second, by which a claim is known to come from a task.
	EnvExecutionRole = "EXECUTION_ROLE_ARN"
	EnvTaskRole      = "TASK_ROLE_ARN"
	EnvTaskRoleID    = "TASK_ROLE_ID"
	// EnvRunnerLogs is the log group of the tasks.
	EnvRunnerLogs = "RUNNER_LOG_GROUP"
	// EnvSubnets and EnvSecurityGroups are lists of ids with commas between them.
	EnvSubnets        = "SUBNET_IDS"
	EnvSecurityGroups = "SECURITY_GROUP_IDS"
	// EnvAssignPublicIP is true or false.
	EnvAssignPublicIP = "ASSIGN_PUBLIC_IP"
	// EnvFailedEvents is the URL of the queue with events that dispatch could not handle.
	EnvFailedEvents = "FAILED_EVENTS_QUEUE_URL"
)

// GitHubApp is a GitHub App that the fleet acts as: its id, and the ARNs or names of the
// secrets with its private keys.
type GitHubApp struct {
	ID          string `json:"id"`
	Key         string `json:"private_key_secret"`
	PreviousKey string `json:"previous_private_key_secret,omitempty"`
}
