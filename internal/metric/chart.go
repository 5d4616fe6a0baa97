package metric

// Chart is a picture of metrics that are looked at together.
type Chart struct {
	Title  string
	Series []Series
}

// Series is one metric of a chart, or one for each value of its dimension.
type Series struct {
	Name       Name
	Statistics []string // as CloudWatch names them: Sum, Minimum, Maximum, p50
}

// Charts are the dashboard's, in order. Every metric that is measured everywhere is in one.
func Charts() []Chart {
	return []Chart{
		{"From queued to running, seconds", []Series{{QueueTime, []string{"p50", "p90", "p99"}}}},
		{"Runners and waiting jobs", []Series{{OpenRunners, []string{"Maximum"}}, {WaitingRuns, []string{"Maximum"}}}},
		{"Failures by name", []Series{{RunnerFailed, []string{"Sum"}}}},
		{"Webhooks", []Series{{WebhookAccepted, []string{"Sum"}}, {WebhookRejected, []string{"Sum"}}}},
		{"Repairs by cause", []Series{{Repairs, []string{"Sum"}}}},
		{"Left of GitHub's limit, percent", []Series{{GitHubLeft, []string{"Minimum"}}}},
		{"Requests to GitHub put off", []Series{{PutOff, []string{"Sum"}}}},
		{"Claims refused with 409", []Series{{ClaimConflict, []string{"Sum"}}}},
	}
}
