package fleet

import (
	"errors"
	"fmt"
	"time"
)

// The names that errors have at a border: in the Retry and Catch clauses of the state
// machine, in records and in texts for people.
const (
	AWSUnavailable = "AWS.Unavailable" // an AWS service did not answer, or asked to slow down

	GitHubUnauthorized = "GitHub.Unauthorized" // GitHub does not accept the credential (401)
	GitHubUntrusted    = "GitHub.Untrusted"    // the fleet does not trust GitHub's certificate: nothing was sent
	GitHubNoAccess     = "GitHub.NoAccess"     // the credential lacks a permission for the repository, or does not see it (403, 404)
	GitHubNotFound     = "GitHub.NotFound"     // GitHub does not show the thing to this credential (404)
	// GitHubNoRunnerGroup is that the organization or enterprise has no group of the name of
	// runner_group.
	GitHubNoRunnerGroup = "GitHub.NoRunnerGroup"
	GitHubJobPending    = "GitHub.JobPending"  // GitHub holds the job back: max-parallel, or a concurrency group
	GitHubConflict      = "GitHub.Conflict"    // a runner of that name exists (409)
	GitHubRunnerBusy    = "GitHub.RunnerBusy"  // a busy runner cannot be deleted (422)
	GitHubInvalid       = "GitHub.Invalid"     // GitHub refuses the request as it is (other 4xx)
	GitHubRateLimited   = "GitHub.RateLimited" // primary or secondary rate limit
	GitHubUnavailable   = "GitHub.Unavailable" // 5xx, no answer, or one that cannot be read

	ImageBuildFailed       = "Image.BuildFailed"
	ImageBuildLost         = "Image.BuildLost"         // the build ended without saying anything about the image: look again
	ImageBuildQueueFull    = "Image.BuildQueueFull"    // CodeBuild takes no further build just now
	ImageBuildsSpent       = "Image.BuildsSpent"       // the repository has used up its builds of today
	ImageSourceUnavailable = "Image.SourceUnavailable" // a registry, or GitHub, does not provide just now what the image is made from
	ImageOutdated          = "Image.Outdated"          // GitHub gives no jobs to the runner in it: the next revision is built

	RecordsConflict    = "Records.Conflict"    // the record has changed since it was read: read again
	RecordsUnavailable = "Records.Unavailable" // the table did not answer

	RunnerCannotPullContainer    = "Runner.CannotPullContainer"    // the task started and its image could not be pulled
	RunnerClaimLost              = "Runner.ClaimLost"              // the container did not get the answer to its claim
	RunnerDeadlineExceeded       = "Runner.DeadlineExceeded"       // GitHub gives a queued job up after 24 h
	RunnerDefinitionGone         = "Runner.DefinitionGone"         // its task definition was deregistered: register it again
	RunnerIdleTimeout            = "Runner.IdleTimeout"            // registered, and got no job for the idle limit
	RunnerLaunchFailed           = "Runner.LaunchFailed"           // the platform refuses the task; trying again does not help
	RunnerLaunchUnclear          = "Runner.LaunchUnclear"          // no clear answer: the task may have started
	RunnerNoCapacity             = "Runner.NoCapacity"             // the platform has no room just now
	RunnerNotWanted              = "Runner.NotWanted"              // the job needs this runner no longer
	RunnerQuotaExceeded          = "Runner.QuotaExceeded"          // a quota of the AWS account is used up just now
	RunnerResourceInitialization = "Runner.ResourceInitialization" // the task started and its network, log or secrets could not be set up
	RunnerSpotInterrupted        = "Runner.SpotInterrupted"        // Fargate Spot took its capacity back
	RunnerStartTimeout           = "Runner.StartTimeout"           // the container did not claim within the start limit
	RunnerStoppedEarly           = "Runner.StoppedEarly"           // the task stopped before it took a job
	RunnerVersionDeprecated      = "Runner.VersionDeprecated"      // GitHub gives no jobs to this runner version

	SecretMissing = "Secret.Missing" // a secret is not there, is empty, or may not be read
)

// NoTokenYet is a JSON key in the secret of GitHub's token, until an operator stores a
// token.
const NoTokenYet = "no_github_token_yet"

// Error is an error with a name at the border and its cause inside. Wrap it freely on
// the way: ErrorName finds it, and one adapter at the Lambda border turns the wrapped
// error back into the name that Step Functions matches.
type Error struct {
	Name    string
	Message string
	Err     error
}

// Errorf makes a named error; like fmt.Errorf it wraps each %w.
func Errorf(name, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Name: name, Message: err.Error(), Err: err}
}

func (e *Error) Error() string     { return e.Message }
func (e *Error) Unwrap() error     { return e.Err }
func (e *Error) ErrorName() string { return e.Name }

// ErrorName returns the name of the first error in err's chain that has one,
// or "".
func ErrorName(err error) string {
	var named interface {
		error
		ErrorName() string
	}
	if errors.As(err, &named) {
		return named.ErrorName()
	}
	return ""
}

// IsNamed reports whether err carries one of the names.
func IsNamed(err error, names ...string) bool {
	name := ErrorName(err)
	for _, n := range names {
		if name == n && name != "" {
			return true
		}
	}
	return false
}

// MayPass reports whether the failed call may succeed if it is repeated unchanged. A
// failure without a name will not, and neither will one with a name that is final.
func MayPass(err error) bool {
	return ErrorName(err) != "" && !IsNamed(err, ImageBuildFailed, RunnerLaunchFailed, RunnerVersionDeprecated)
}

// RetryAfter is the wait that the first error in err's chain with one demands, 0 if
// there is none.
func RetryAfter(err error) time.Duration {
	var limited interface {
		error
		Wait() time.Duration
	}
	if errors.As(err, &limited) {
		return limited.Wait()
	}
	return 0
}
