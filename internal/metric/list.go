package metric

const (
	WebhookAccepted Name = "webhook_accepted"
	WebhookRejected Name = "webhook_rejected"
	ClaimConflict   Name = "claim_conflict"
	QueueTime       Name = "queue_time_ms"
	RunnerFailed    Name = "runner_failed"
	OpenRunners     Name = "open_runners"
	WaitingRuns     Name = "waiting_runs"
	Repairs         Name = "repairs"
	GitHubLeft      Name = "github_requests_left_percent"
	PutOff          Name = "github_put_off"
	MaxRunners      Name = "max_runners"
	Runners         Name = "runners"
	RunsEnded       Name = "runs_ended"
	JobTime         Name = "job_time_ms"
	Holds           Name = "holds"
	WarmIdle        Name = "warm_runners_idle"
	WarmWanted      Name = "warm_runners_wanted"
	Sweeps          Name = "sweeps"
	SweepsFailed    Name = "sweeps_failed"
)

// All are all metrics, in the order in which they are shown.
func All() []Metric {
	return []Metric{
		{QueueTime, Histogram, Milliseconds, "", "from GitHub's queueing of a job until a runner took it, for each job that ran", Everywhere},
		{OpenRunners, Gauge, Count, "", "runners that count against `max_runners`", Everywhere},
		{WaitingRuns, Gauge, Count, "", "runs that wait for room; 1,000 at most are counted", Everywhere},
		{RunnerFailed, Counter, Count, ByError, "runners that the fleet could not run, by the name of the failure", Everywhere},
		{WebhookAccepted, Counter, Count, "", "deliveries with a good signature; a sweep adds zero, so that silence can be told from no data", Everywhere},
		{WebhookRejected, Counter, Count, "", "deliveries with a wrong signature or none, or of a repository that is not the fleet's", Everywhere},
		{Repairs, Counter, Count, ByCause, "what the sweep repaired, by what was lost", Everywhere},
		{GitHubLeft, Gauge, Percent, "", "what is left of GitHub's limit of the hour; of several credentials the least", Everywhere},
		{PutOff, Counter, Count, ByKind, "requests that the sweep left to a later one, by what they ask for", Everywhere},
		{ClaimConflict, Counter, Count, "", "runners that were claimed twice, answered with 409", Everywhere},

		{MaxRunners, Gauge, Count, "", "how many runners may be open, as configured", OneMachine},
		{Runners, Gauge, Count, ByStatus, "open runners by their status", OneMachine},
		{RunsEnded, Counter, Count, ByStatus, "runs that ended, by their last status; an amended run counts once more", OneMachine},
		{JobTime, Histogram, Milliseconds, "", "how long jobs ran, by GitHub's whole seconds", OneMachine},
		{Holds, Gauge, Count, ByKind, "what keeps runs from being launched, by the kind of setback", OneMachine},
		{WarmIdle, Gauge, Count, "", "warm runners that are registered and that no job expects; only of a fleet with pools", OneMachine},
		{WarmWanted, Gauge, Count, "", "how many are to idle now, by the schedules; only of a fleet with pools", OneMachine},
		{Sweeps, Counter, Count, "", "sweeps that ended", OneMachine},
		{SweepsFailed, Counter, Count, "", "sweeps that left something undone", OneMachine},
	}
}
