package deployment

// MetricNamespace is the namespace of the functions' own metrics, which package metric
// lists. What AWS counts by itself (started and failed executions, throttles, queues) is not
// counted again.
const MetricNamespace = "EcsRunnerFleet"
