package deployment

// Outputs of the stack, by which `ecsrunner --stack` finds a fleet.
const (
	OutputFleetName     = "FleetName"
	OutputWebhookURL    = "WebhookUrl"
	OutputTable         = "RunnerStateTable"
	OutputCluster       = "ClusterName"
	OutputStateMachine  = "StateMachineArn"
	OutputRepository    = "ImageRepositoryUri"
	OutputBus           = "EventBusName"
	OutputClassSizes    = "ClassSizesParameter"
	OutputGitHubPAT     = "GitHubPatSecret" // none with a GitHub App alone
	OutputGitHubApps    = "GitHubApps"      // JSON, as EnvGitHubApps; none with a token alone
	OutputWebhookSecret = "WebhookSecret"
	OutputRunnerLogs    = "RunnerLogGroup"
	OutputBuildProject  = "ImageBuildProject"

	OutputFailedEvents = "FailedEventsQueue"
	OutputLostEvents   = "LostEventsQueue"
	OutputMissedSweeps = "MissedSweepsQueue"
	// OutputVersion is that of the deployed code. A deployment of a working tree has none.
	OutputVersion = "Version"
)

// Outputs are the keys of all but OutputVersion.
var Outputs = []string{
	OutputFleetName, OutputWebhookURL, OutputTable, OutputCluster, OutputStateMachine, OutputRepository, OutputBus,
	OutputClassSizes, OutputGitHubPAT, OutputGitHubApps, OutputWebhookSecret, OutputRunnerLogs, OutputBuildProject,
	OutputFailedEvents, OutputLostEvents, OutputMissedSweeps,
}
