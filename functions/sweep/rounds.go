package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// A round goes through all repositories of an organization, in the order of GitHub's list,
// and at most once an hour. It keeps one page of the list at a time, so that an organization
// of any size needs a record of some kilobytes.
const (
	roundEvery = time.Hour
	// mostOfRound is how many repositories one sweep looks at for the round.
	mostOfRound = 200
	// roundCursor keeps how far the round got.
	roundCursor = "organization/round"
)

// round is the content of that cursor.
type round struct {
	Of    string   `json:"of"`             // the organization
	Began int64    `json:"began"`          // in Unix seconds
	Page  string   `json:"page,omitempty"` // the path of the next page
	Left  []string `json:"left,omitempty"` // repositories of the page before it
	Took  int64    `json:"took,omitempty"` // seconds that the last whole round took
}

// over reports whether a round has looked at everything.
func (r round) over() bool { return r.Page == "" && len(r.Left) == 0 }

// round looks at repositories of which nothing was heard, as many as leave most of GitHub's
// limit to the others; see fleet.Budget.LeavesMost. One is looked at in any case.
func (s *sweep) round(ctx context.Context) error {
	text, err := s.kept(ctx, roundCursor)
	if err != nil {
		return err
	}
	var at round
	if json.Unmarshal([]byte(text), &at) != nil || at.Of != s.Policy.Organization {
		at = round{Of: s.Policy.Organization} // none yet
	}
	failed := s.walk(ctx, &at)
	encoded, err := json.Marshal(at)
	if err != nil || string(encoded) == text {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, s.Records.PutCursor(ctx, roundCursor, string(encoded)))
}

func (s *sweep) walk(ctx context.Context, at *round) error {
	if at.over() {
		if s.now.Unix()-at.Began < seconds(roundEvery-tick) {
			return nil
		}
		begun := round{Of: at.Of, Began: s.now.Unix(), Took: at.Took}
		if err := s.nextOfRound(ctx, &begun); err != nil {
			return err // the next sweep begins it
		}
		*at = begun
	}
	var failed []error
	for counted, n := 0, 0; n < mostOfRound && !at.over(); n++ {
		if spare, err := s.leavesMost(ctx); err != nil || !spare && counted > 0 {
			return errors.Join(append(failed, err)...)
		}
		if len(at.Left) == 0 {
			err := s.nextOfRound(ctx, at)
			if fleet.IsNamed(err, fleet.GitHubNoAccess, fleet.GitHubNotFound, fleet.GitHubInvalid) {
				*at = round{Of: at.Of, Took: at.Took} // the page was another credential's, or is gone: from the start
			}
			if err != nil {
				return errors.Join(append(failed, err)...)
			}
			counted++
			continue
		}
		free := s.gate.usage.Unchanged
		err := s.visible(at.Left[0], s.jobsOf(ctx, at.Left[0]))
		if errors.Is(err, errPutOff) || fleet.IsNamed(err, fleet.GitHubRateLimited) {
			return errors.Join(append(failed, err)...)
		}
		at.Left = at.Left[1:] // after another error too: it would hold up all that follow
		if s.gate.usage.Unchanged == free {
			counted++
		}
		if failed = append(failed, err); hopeless(err) {
			break
		}
	}
	if at.over() {
		at.Took = s.now.Unix() - at.Began
	}
	return errors.Join(failed...)
}

// nextOfRound asks for the next page of the organization's repositories, and leaves out
// those that have their turn without it.
func (s *sweep) nextOfRound(ctx context.Context, at *round) error {
	page, err := s.GitHub.RepositoriesPage(ctx, s.Policy.Organization, fleet.Page[fleet.ListedRepository]{Path: at.Page})
	if err != nil {
		return err
	}
	s.accepted = true
	at.Page, at.Left = page.Next, nil
	for _, r := range page.Items {
		key := fleet.RepositoryKey(r.Name)
		if _, known := s.recent.Of[key]; !known && s.mayHaveJobs(r) {
			at.Left = append(at.Left, r.Name)
		}
	}
	return nil
}

// leavesMost reports whether one more look leaves most of the limit to others.
func (s *sweep) leavesMost(ctx context.Context) (bool, error) {
	b, err := s.GitHub.Budget(ctx, s.Policy.FirstPlace(), s.Fleet.Now())
	return !b.Known() || b.LeavesMost(s.Fleet.Now()), err
}
