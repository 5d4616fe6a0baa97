package simgithub

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"

// The kinds of GitHub's faults.
const (
	WebhookLost      = "github.webhook_lost"
	WebhookDoubled   = "github.webhook_doubled"
	WebhookLate      = "github.webhook_late"
	WebhookReordered = "github.webhook_reordered"
	InProgressLost   = "github.in_progress_lost"
	CompletedEarly   = "github.completed_early"
	Down             = "github.down"
	Slow             = "github.slow"
	Answers          = "github.answers"
	AnswerLost       = "github.answer_lost"
	TokenRevoked     = "github.token_revoked"
	ListLags         = "github.list_lags"
	BusyLies         = "github.busy_lies"
	StaleJob         = "github.stale_job"
	NoAssignment     = "github.no_assignment"
	StuckQueued      = "github.stuck_queued"
	IdleDeleted      = "github.idle_deleted"
	Steals           = "github.steals"
	TakesBack        = "github.takes_back"
)

// Kinds are the faults of GitHub, with what each strikes and what For and With mean.
var Kinds = []kernel.Kind{
	{
		Name:   WebhookLost,
		Does:   `loses a webhook; of "<action> <repository>"; with a status, GitHub's log has it as failed with that, else GitHub never made it`,
		Source: "ubicloud/ubicloud#1042; https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries",
	},
	{
		Name:   WebhookDoubled,
		Does:   `delivers a webhook twice under one GUID; of "<action> <repository>"`,
		Source: "https://docs.github.com/webhooks/using-webhooks/best-practices-for-using-webhooks: redeliveries",
	},
	{
		Name:   WebhookLate,
		Does:   `delivers a webhook for later, 5m if not said; of "<action> <repository>"`,
		Source: "field throttled_at of https://docs.github.com/rest/repos/webhooks",
	},
	{
		Name:   WebhookReordered,
		Does:   `lets later webhooks overtake one, for 2s to 10s if not said; of "<action> <repository>"`,
		Source: "google/go-github#2706",
	},
	{
		Name:   InProgressLost,
		Does:   "never sends the in_progress webhook of a job; of a repository",
		Source: "ubicloud/ubicloud#1042",
	},
	{
		Name:   CompletedEarly,
		Does:   `shows a job as completed for after it began, 30s if not said, though it still runs; with "webhook" only the webhook says so; of a repository`,
		Source: "actions/runner#4492",
	},
	{
		Name:   Down,
		Does:   `lasts: no request is answered, nor can runners connect; with "502" every answer is a page of a proxy; of an operation`,
		Source: "https://www.githubstatus.com/history",
	},
	{
		Name:   Slow,
		Does:   "answers for later, 5s if not said; of an operation",
		Source: "https://www.githubstatus.com/history",
	},
	{
		Name:   Answers,
		Does:   "refuses with the status it is given, 500 if not said, and does nothing; for is Retry-After; of \"<operation> <repository>\"",
		Source: "https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api",
	},
	{
		Name:   AnswerLost,
		Does:   `does what it was asked and loses the answer; with a status, a proxy answers that; of an operation`,
		Source: "runs-on/runs-on#546, ubicloud/ubicloud#692",
	},
	{
		Name:   TokenRevoked,
		Does:   "lasts: every request of a credential is answered with 401; of a credential's name",
		Source: "https://docs.github.com/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation",
	},
	{
		Name:   ListLags,
		Does:   "shows in a list how things were for ago, 30s if not said; of an operation",
		Source: "unconfirmed for lists of runs; for runners actions/runner#3448",
	},
	{
		Name:   BusyLies,
		Does:   "shows a busy runner as not busy; of a repository",
		Source: "actions/runner#4422, actions/runner#3448",
	},
	{
		Name:   StaleJob,
		Does:   "shows a job that began within for, 1m if not said, as queued; of a repository",
		Source: "unconfirmed for jobs; for runners actions/runner#4422",
	},
	{
		Name:   NoAssignment,
		Does:   "lasts: no runner gets a job; of a repository",
		Source: "https://www.githubstatus.com/history: delays in starting Actions jobs",
	},
	{
		Name:   StuckQueued,
		Does:   "leaves a job queued for ever and ends its workflow run without it for later, 1m if not said; of a repository",
		Source: "tuist/tuist#12673, tuist/tuist#11455",
	},
	{
		Name:   IdleDeleted,
		Does:   "deletes a registration that is idle for after it connected, 2m to 6m if not said; of a repository",
		Source: "actions/runner#4726",
	},
	{
		Name:   Steals,
		Does:   "lets a runner of others take a job for after it was queued, 1s to 5s if not said; of a repository",
		Source: "any runner with the labels may: https://docs.github.com/actions/reference/runners/self-hosted-runners",
	},
	{
		Name:   TakesBack,
		Does:   "queues a job again for after it began, 30s if not said, without a webhook; of a repository",
		Source: "unconfirmed; a job whose runner is lost before its first step",
	},
}
