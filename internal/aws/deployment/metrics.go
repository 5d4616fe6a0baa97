package deployment

// MetricNamespace is the namespace of the functions' own metrics. Each has the
// dimension DimensionFleet; those that say so have one more. What AWS counts by
// itself (started and failed executions, throttles, queues) is not counted again.
const (
	MetricNamespace = "EcsRunnerFleet"
	DimensionFleet  = "fleet_name"
	DimensionError  = "error"
	DimensionCause  = "cause"
	DimensionKind   = "kind"
)

// Metrics of the functions, in counts unless the name says otherwise.
const (
	MetricWebhookAccepted = "webhook_accepted" // deliveries with a good signature
	MetricWebhookRejected = "webhook_rejected" // deliveries with none, or of a foreign repository
	MetricClaimConflict   = "claim_conflict"   // a runner was claimed twice
	MetricQueueTime       = "queue_time_ms"    // from GitHub's queuing a job until a runner took it
	MetricRunnerFailed    = "runner_failed"    // with DimensionError: what the fleet could not do
	MetricOpenRunners     = "open_runners"     // as the sweep sees it, each minute
	MetricWaitingRuns     = "waiting_runs"     // runs that wait for room, each minute
	MetricRepairs         = "repairs"          // with DimensionCause: what the sweep repaired

	// For each credential with a limit, each minute: the smallest value counts.
	MetricGitHubLeft = "github_requests_left_percent"
	MetricPutOff     = "github_put_off" // with DimensionKind: requests of the sweep that were left to a later one
)
