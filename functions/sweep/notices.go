package sweep

import (
	"context"
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// mostNotices is how many runs one sweep looks at whose refusal is to be shown.
const mostNotices = 200

// notices shows refusals that their own executions did not: GitHub was down, what is left
// of its limits is kept for others, or the execution was cut short.
func (s *sweep) notices(ctx context.Context) error {
	due, err := s.Fleet.Records.Waiting(ctx, fleet.NoticeList, fleet.TimeOrder(s.now), mostNotices)
	if err != nil || s.Notices.GitHub == nil {
		return err
	}
	notices := s.Notices
	notices.GitHub = board{s.gate, s.Notices.GitHub}
	var failed []error
	for _, runID := range due {
		if s.late() {
			break
		}
		err := s.Fleet.ShowRefusal(ctx, notices, runID)
		failed = append(failed, err)
		// What GitHub does not answer in one repository does not hold up the others'.
		if hopeless(err) && !fleet.IsNamed(err, fleet.GitHubUnavailable) || fleet.IsNamed(err, fleet.GitHubUnauthorized, fleet.GitHubUntrusted, fleet.SecretMissing) {
			break
		}
	}
	return errors.Join(failed...)
}

// board is the gate for refusals.
type board struct {
	*gate
	hub lifecycle.NoticeBoard
}

func (b board) ShowRefusal(ctx context.Context, r fleet.Refusal) (as string, err error) {
	if err := b.may(ctx, r.Repository, kindRefusal, pointsOfOther, false); err != nil {
		return "", err
	}
	return b.hub.ShowRefusal(ctx, r)
}
