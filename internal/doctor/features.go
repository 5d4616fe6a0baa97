package doctor

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// ofFeatures are the checks of what the fleet may do without, if it is configured.
func (h *hub) ofFeatures() (checks []Check) {
	if h.Policy.GitHubApp && h.Policy.RefusalStatus != fleet.RefusalStatusNever {
		checks = append(checks, Check{Name: "refusals", About: h.repo.String(), Needs: "Checks: write, or Commit statuses: write", Run: h.refusals})
	}
	if h.Policy.SpotRetry > 0 {
		checks = append(checks, Check{Name: "spot_retry", About: h.repo.String(), Needs: "Actions: write", Run: h.spotRetry})
	}
	return checks
}

const write = "write"

// refusals looks at what an App may show refusals as.
func (h *hub) refusals(ctx context.Context) Result {
	if by, ok := h.visible(ctx); !ok {
		return Skip(by)
	}
	granted, err := h.GitHub.Granted(ctx, h.repo)
	switch {
	case err != nil:
		return Found(h.unanswered(err, "the App's key"))
	case granted == nil:
		return Healthy("a token serves the repository; that it may write commit statuses, only a refusal shows")
	case granted["checks"] == write:
		return Healthy("the App may show refusals as check runs")
	case granted["statuses"] == write:
		return Healthy("the App may show refusals as commit statuses; with Checks: write they would be check runs, which say more")
	}
	f := h.lacks("Checks: write, or Commit statuses: write", "developers do not see why their jobs are refused")
	f.Severity = Warning
	f.Do += "; or set refusal_status: never"
	return Found(f)
}

// spotRetry looks at whether the credential may run jobs again that Spot interrupted, as far
// as that shows: only a re-run would show it of a fine-grained token.
func (h *hub) spotRetry(ctx context.Context) Result {
	if by, ok := h.visible(ctx); !ok {
		return Skip(by)
	}
	f := h.lacks("Actions: write", "what Spot interrupts is not run again")
	f.Severity = Warning
	f.Do += "; or set spot_retry: 0"
	granted, err := h.GitHub.Granted(ctx, h.repo)
	switch {
	case err != nil:
		return Found(h.unanswered(err, "the App's key"))
	case granted != nil && granted["actions"] != write:
		return Found(f)
	case granted != nil:
		return Healthy("the App may run jobs again")
	}
	return Healthy("that the token may run jobs again, only a re-run shows")
}
