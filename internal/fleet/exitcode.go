package fleet

import (
	"strconv"
	"strings"
)

// Exit codes of the runner container. GitHub's own runner uses 0 to 7, 130 and 143
// (actions/runner src/Runner.Common/Constants.cs, run.sh). If a claim's answer ends the
// entrypoint, the code is its HTTP status minus 330, which keeps clear of those.
const (
	ExitVersionDeprecated = 7   // GitHub gives no jobs to this runner version
	ExitUsage             = 64  // the entrypoint was started without what it needs
	ExitClaimUnauthorized = 71  // 401: wrong claim token, unknown runner, or not from its task
	ExitClaimConflict     = 79  // 409: another container or a stranger claimed this runner
	ExitClaimGone         = 80  // 410: the runner is no longer wanted, or its credential was given out before
	ExitClaimRefused      = 94  // 424: GitHub refuses the credential
	ExitClaimUnavailable  = 173 // 503: no answer to the claim in the time allowed
	ExitRunnerNotFound    = 127 // the runner command is not there
)

// ExitForClaim is the exit code for the final HTTP status of a claim; ok is false for a
// status that is no answer to a claim.
func ExitForClaim(status int) (code int, ok bool) {
	switch code := status - 330; code {
	case ExitClaimUnauthorized, ExitClaimConflict, ExitClaimGone, ExitClaimRefused:
		return code, true
	}
	return 0, false
}

// ExplainExit says what an exit code of the runner container means. reason is the
// platform's own reason for its end, as in Task.ContainerReason, "" if there is none.
func ExplainExit(code int, reason string) string {
	switch {
	case reason == "":
		return explainExit(code)
	case strings.HasPrefix(reason, outOfMemory):
		return "the runner was killed because it ran out of memory (" + reason + ")"
	}
	return explainExit(code) + " (" + reason + ")"
}

// outOfMemory begins ECS's reason for a container that used more memory than it has
// (https://repost.aws/knowledge-center/ecs-resolve-outofmemory-errors).
const outOfMemory = "OutOfMemoryError"

func explainExit(code int) string {
	switch code {
	case 0:
		return "the runner ended"
	case ExitVersionDeprecated:
		return "GitHub gives no jobs to this version of the runner"
	case ExitUsage:
		return "the entrypoint was started without what it needs"
	case ExitClaimUnauthorized:
		return "the claim was refused: wrong claim token, unknown runner, or not from the runner's task"
	case ExitClaimConflict:
		return "the claim was refused: somebody else had claimed this runner"
	case ExitClaimGone:
		return "the runner was no longer wanted when it claimed, or its credential had been given out before"
	case ExitClaimRefused:
		return "GitHub refused to register the runner"
	case ExitClaimUnavailable:
		return "the claim got no answer in the time allowed"
	case ExitRunnerNotFound:
		return "the runner command was not found"
	case 130, 143:
		return "the runner was told to stop"
	case 137:
		return "the runner was killed: it did not stop in time, or ran out of memory"
	}
	return "the runner exited with status " + strconv.Itoa(code)
}
