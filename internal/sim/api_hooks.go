package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keepDeliveries is how long GitHub can show and repeat a delivery.
// https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/viewing-webhook-deliveries
const keepDeliveries = 3 * 24 * time.Hour

// listHooks shows the one webhook, if there is one and it is the repository's, or the
// organization's, as the request asks.
func (s *Server) listHooks(_ http.ResponseWriter, r *http.Request) (int, any) {
	hooks := []any{}
	if s.cfg.WebhookURL != "" && s.app == nil && s.hook.ofOrganization == ofOrganization(r) {
		hooks = append(hooks, s.hookJSON())
	}
	return http.StatusOK, hooks
}

// listDeliveries shows the newest first. A cursor names the delivery with which
// its page begins, so that a delivery made meanwhile moves nothing.
func (s *Server) listDeliveries(w http.ResponseWriter, r *http.Request) (int, any) {
	if !s.isHook(r) {
		return notFound()
	}
	query := r.URL.Query()
	cursor, ok := int64(0), true
	if given := query.Get("cursor"); given != "" {
		digits, found := strings.CutPrefix(given, cursorPrefix)
		id, err := strconv.ParseInt(digits, 10, 64)
		cursor, ok = id, found && err == nil
	}
	if status := query.Get("status"); !ok || !slices.Contains([]string{"", "success", "failure"}, status) {
		return unprocessable("Validation Failed")
	}
	size := 30
	if n, err := strconv.Atoi(query.Get("per_page")); err == nil && n >= 1 {
		size = min(n, 100)
	}
	shown := []deliveryJSON{}
	for _, d := range slices.Backward(s.kept()) {
		one := s.deliveryJSON(d)
		if cursor != 0 && d.ID > cursor || !one.matches(query.Get("status")) {
			continue
		}
		if len(shown) == size {
			query.Set("cursor", cursorPrefix+strconv.FormatInt(d.ID, 10))
			path, _, _ := strings.Cut(r.RequestURI, "?")
			w.Header().Set("Link", fmt.Sprintf("<%s://%s%s?%s>; rel=%q", scheme(r), r.Host, path, query.Encode(), "next"))
			break
		}
		shown = append(shown, one)
	}
	return http.StatusOK, shown
}

const cursorPrefix = "v1_"

// isHook reports whether a request is about the webhook that there is: the App's, or the
// repository's.
func (s *Server) isHook(r *http.Request) bool {
	if s.app != nil {
		return isOfApp(r)
	}
	return s.cfg.WebhookURL != "" && pathID(r, "hook_id") == s.hook.id && s.hook.ofOrganization == ofOrganization(r)
}

// kept returns the deliveries that GitHub would still know, oldest first.
func (s *Server) kept() []Delivery {
	oldest := s.now().Add(-keepDeliveries)
	i := slices.IndexFunc(s.deliveries, func(d Delivery) bool { return !d.DeliveredAt.Before(oldest) })
	if i < 0 {
		return nil
	}
	return s.deliveries[i:]
}

// delivery returns the one in the path, or false.
func (s *Server) delivery(r *http.Request) (Delivery, bool) {
	if !s.isHook(r) {
		return Delivery{}, false
	}
	id, kept := pathID(r, "delivery_id"), s.kept()
	i := slices.IndexFunc(kept, func(d Delivery) bool { return d.ID == id })
	if i < 0 {
		return Delivery{}, false
	}
	return kept[i], true
}

func (s *Server) getDelivery(_ http.ResponseWriter, r *http.Request) (int, any) {
	d, ok := s.delivery(r)
	if !ok {
		return notFound()
	}
	request := map[string]string{}
	for name, values := range s.hookHeader(d) {
		request[name] = values[0]
	}
	type part struct {
		Headers any `json:"headers"`
		Payload any `json:"payload"`
	}
	return http.StatusOK, struct {
		deliveryJSON
		URL      string `json:"url"`
		Request  part   `json:"request"`
		Response part   `json:"response"`
	}{s.deliveryJSON(d), s.cfg.WebhookURL, part{request, json.RawMessage(d.Body)}, part{map[string]string{}, d.Response}}
}

func (s *Server) postAttempt(_ http.ResponseWriter, r *http.Request) (int, any) {
	d, ok := s.delivery(r)
	if !ok {
		return notFound()
	}
	s.redeliver(d)
	return http.StatusAccepted, struct{}{}
}

func (s *Server) postPing(_ http.ResponseWriter, r *http.Request) (int, any) {
	if !s.isHook(r) {
		return notFound()
	}
	s.ping()
	return http.StatusNoContent, nil
}

// deliveryJSON is a delivery in GitHub's words.
type deliveryJSON struct {
	ID             int64   `json:"id"`
	GUID           string  `json:"guid"`
	DeliveredAt    string  `json:"delivered_at"`
	Redelivery     bool    `json:"redelivery"`
	Duration       float64 `json:"duration"`
	Status         string  `json:"status"`
	StatusCode     int     `json:"status_code"`
	Event          string  `json:"event"`
	Action         *string `json:"action"`
	InstallationID *int64  `json:"installation_id"` // null if the hook is a repository's
	RepositoryID   int64   `json:"repository_id"`
	ThrottledAt    *string `json:"throttled_at"`
}

func (s *Server) deliveryJSON(d Delivery) deliveryJSON {
	out := deliveryJSON{
		ID: d.ID, GUID: d.GUID, DeliveredAt: stamp(d.DeliveredAt), Redelivery: d.Redelivery, Duration: d.Duration.Seconds(),
		Status: d.Status, StatusCode: d.StatusCode, Event: d.Event, Action: orNull(d.Action), RepositoryID: s.repo.id,
	}
	if s.app != nil {
		out.InstallationID = &s.app.id
	}
	switch {
	case d.StatusCode != 0:
	case d.Status == timedOut:
		out.StatusCode = http.StatusGatewayTimeout // not documented
	default:
		// As in the example of GitHub's API description; it does not have the
		// cause.
		out.Status, out.StatusCode = "failed to connect", http.StatusBadGateway
	}
	return out
}

// matches is the filter of GitHub's API: https://docs.github.com/rest/repos/webhooks
func (d deliveryJSON) matches(status string) bool {
	switch status {
	case "success":
		return d.StatusCode >= 200 && d.StatusCode < 400
	case "failure":
		return d.StatusCode >= 400 && d.StatusCode < 600
	}
	return true
}
