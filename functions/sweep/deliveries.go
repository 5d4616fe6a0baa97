package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// A failed delivery is requested again at most mostAttempts times, after 0, 2, 6, 14, 30
// and 62 minutes. If a receiver is down for longer, the part of the sweep that looks at
// jobs repairs what matters.
const mostAttempts = 6

func nextAttempt(attempts int) time.Duration { return time.Minute << attempts }

// hookCursor keeps the id of a place's webhook, which only a delivery contains. It is below
// zero if GitHub does not know the webhook there: it is a GitHub App's (fleet.AppHook), or
// the credential may not see it.
func hookCursor(place string) string { return "hook/" + fleet.RepositoryKey(place) }

// deliveryCursor keeps how far the look at the deliveries of a webhook got.
func deliveryCursor(repository string) string { return "delivery/" + fleet.RepositoryKey(repository) }

// appDeliveries keeps the same of the webhook of the fleet's GitHub App.
const appDeliveries = "deliveries_of_app"

// delivered is the content of these cursors.
type delivered struct {
	Until  int64             `json:"until"`            // the newest delivery that was looked at
	Failed map[string]missed `json:"failed,omitempty"` // by GUID, of those up to it
	// Credential and ETag belong to the first page up to Until, if there was one.
	Credential string `json:"credential,omitempty"`
	ETag       string `json:"etag,omitempty"`
}

// missed is a webhook that did not arrive.
type missed struct {
	ID       int64     `json:"id"` // of the newest attempt that we know
	Attempts int       `json:"attempts"`
	Asked    time.Time `json:"asked,omitzero"` // when the last attempt was requested
}

// noteHooks keeps the first id that a delivery contained. The header is not signed, so
// a later id does not replace it, unless GitHub does not know the first one's webhook.
func (s *sweep) noteHooks(ctx context.Context, hooks map[string]int64) error {
	return each(fleet.HookPlaces(s.Policy.SharedPlace(), s.Policy.Repositories), func(repository string) error {
		id := hooks[s.key(repository)]
		if id == 0 {
			return nil
		}
		if known, err := s.number(ctx, hookCursor(repository)); err != nil || known > 0 || known == -id {
			return err
		}
		return s.Records.PutCursor(ctx, hookCursor(repository), strconv.FormatInt(id, 10))
	})
}

// deliveries asks GitHub to send the webhooks again that it could not deliver: GitHub
// does not try again by itself.
func (s *sweep) deliveries(ctx context.Context) error {
	if s.Policy.GitHubApp && s.Policy.FirstPlace() != "" {
		err := s.redeliver(ctx, appDeliveries, s.Policy.FirstPlace(), fleet.AppHook)
		if err != nil && !fleet.IsNamed(err, fleet.GitHubNotFound) {
			return err
		}
	}
	turn := s.turn
	if s.Policy.WholeOrganization() {
		turn = nil
	}
	return each(fleet.HookPlaces(s.Policy.SharedPlace(), turn), func(repository string) error {
		hookID, err := s.number(ctx, hookCursor(repository))
		if err != nil || hookID <= 0 {
			return err // no webhook of the repository's own has come yet, or not with its id
		}
		return s.redeliver(ctx, deliveryCursor(repository), repository, hookID)
	})
}

// redeliver looks at the deliveries of one webhook, from where cursor says. That of a
// GitHub App is all repositories', and repository is one of them.
func (s *sweep) redeliver(ctx context.Context, cursor, repository string, hookID int64) error {
	text, err := s.Records.Cursor(ctx, cursor)
	if err != nil {
		return err
	}
	var was delivered
	if json.Unmarshal([]byte(text), &was) != nil {
		was = delivered{} // none yet
	}
	now, err := s.lookAtDeliveries(ctx, repository, hookID, was)
	if fleet.IsNamed(err, fleet.GitHubNotFound) && hookID != fleet.AppHook {
		s.Fleet.Log.WarnContext(ctx, "GitHub shows no such webhook there, so what it did not deliver is found by looking at jobs only; may the credential see webhooks? An organization's needs admin:org_hook", "repository", repository, "hook_id", hookID)
		return s.Records.PutCursor(ctx, hookCursor(repository), strconv.FormatInt(-hookID, 10))
	}
	if err != nil {
		return err
	}
	due := s.due(now.Failed)
	if hookID != fleet.AppHook {
		s.noteFailing(repository, len(now.Failed) > 0)
	}
	encoded, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("encode the cursor of %s: %w", repository, err)
	}
	if string(encoded) != text {
		// Written first, so that no failure after it makes GitHub send one more often
		// than that.
		if err := s.Records.PutCursor(ctx, cursor, string(encoded)); err != nil {
			return err
		}
	}
	return each(due, func(deliveryID int64) error {
		err := s.GitHub.Redeliver(ctx, repository, hookID, deliveryID)
		if fleet.IsNamed(err, fleet.GitHubNotFound, fleet.GitHubInvalid) {
			return nil // GitHub does not keep it any more
		}
		return s.counted(DeliveryFailed, err)
	})
}

// lookAtDeliveries adds the deliveries since the last look. A webhook has arrived if
// any attempt succeeded; otherwise its newest attempt counts.
func (s *sweep) lookAtDeliveries(ctx context.Context, repository string, hookID int64, was delivered) (delivered, error) {
	now := was
	now.Failed = map[string]missed{}
	maps.Copy(now.Failed, was.Failed)
	arrived, newest := map[string]bool{}, map[string]fleet.Delivery{}
	looked, refused := 0, map[int]int{}
	for d, err := range fleet.AllPages(func(page fleet.Page[fleet.Delivery]) (fleet.Page[fleet.Delivery], error) {
		first := page.Path == ""
		if first {
			page.Credential, page.ETag = was.Credential, was.ETag
		}
		page, err := s.GitHub.DeliveriesPage(ctx, repository, hookID, page)
		if first {
			now.Credential, now.ETag = page.Credential, page.ETag
		}
		return page, err
	}) {
		if err != nil {
			return delivered{}, err
		}
		if looked++; d.ID <= was.Until || looked > s.mostDeliveries(repository) {
			break
		}
		now.Until = max(now.Until, d.ID)
		if d.Foreign {
			continue
		}
		if d.Status/100 == 2 {
			arrived[d.GUID] = true
		}
		refused[d.Status]++
		if _, known := newest[d.GUID]; !known {
			newest[d.GUID] = d
		}
	}
	for _, r := range refusals {
		if r.status == http.StatusForbidden && hookID == fleet.AppHook {
			continue // the App may be installed in repositories that the fleet does not serve
		}
		if n := refused[r.status]; n > 0 {
			s.Fleet.Log.ErrorContext(ctx, "webhooks are refused, and GitHub is not asked for them again: "+r.meaning, "repository", repository, "hook_id", hookID, "http_status", r.status, "deliveries", n)
		}
	}
	for guid, d := range newest {
		if d.Event != fleet.WorkflowJobEvent || arrived[guid] || !worthAgain(d.Status) {
			delete(now.Failed, guid)
			continue
		}
		f := now.Failed[guid]
		f.ID = d.ID
		now.Failed[guid] = f
	}
	byAge := oldestFirst(now.Failed)
	for _, guid := range byAge[:max(0, len(byAge)-mostFailed)] {
		delete(now.Failed, guid)
	}
	return now, nil
}

// mostDeliveries is how many deliveries of a webhook one sweep looks at. That of a shared
// place has those of all its repositories.
func (s *sweep) mostDeliveries(place string) int {
	if fleet.IsShared(place) {
		return mostDeliveriesOfAll
	}
	return mostDeliveries
}

// due lists the deliveries to request now, the oldest first, and marks them as
// requested. It forgets those that were requested often enough.
func (s *sweep) due(webhooks map[string]missed) (ids []int64) {
	for _, guid := range oldestFirst(webhooks) {
		f := webhooks[guid]
		if s.now.Sub(f.Asked) < nextAttempt(f.Attempts) {
			continue
		}
		if f.Attempts == mostAttempts {
			delete(webhooks, guid)
			continue
		}
		if len(ids) == mostRedelivered {
			continue
		}
		f.Attempts, f.Asked = f.Attempts+1, s.now
		webhooks[guid] = f
		ids = append(ids, f.ID)
	}
	return ids
}

func oldestFirst(webhooks map[string]missed) (guids []string) {
	return slices.SortedFunc(maps.Keys(webhooks), func(a, b string) int { return cmp.Compare(webhooks[a].ID, webhooks[b].ID) })
}

// worthAgain reports whether a delivery may succeed later: nothing answered in time or
// at all (0), or the answer was 5xx; or API Gateway throttled it (429), took too long
// to read it (408), or had no such route during its deployment (404).
func worthAgain(status int) bool {
	switch status {
	case 0, http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// refusals are answers that stay the same until a person does something.
var refusals = []struct {
	status  int
	meaning string
}{
	{http.StatusUnauthorized, "the webhook's secret is not the fleet's; set the one of webhook_secret in the repository's settings, then press Redeliver"},
	{http.StatusForbidden, "the repository is not in github_repo, or another one has its name now"},
}

// number reads a cursor that is a number, 0 if there is none.
func (s *sweep) number(ctx context.Context, cursor string) (int64, error) {
	text, err := s.Records.Cursor(ctx, cursor)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, nil
	}
	return n, nil
}
