package github

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// Hook is a webhook of a repository or an organization.
type Hook struct {
	ID     int64      `json:"id"`
	Active bool       `json:"active"`
	Events []string   `json:"events"` // "*" is all
	Config HookConfig `json:"config"`
}

// HookConfig is how a webhook delivers.
type HookConfig struct {
	URL         string `json:"url"`          // where it delivers to
	ContentType string `json:"content_type"` // json or form
	// Secret is not the secret: GitHub shows stars for one, and "" if there is none.
	Secret      string   `json:"secret"`
	InsecureSSL yesOrOne `json:"insecure_ssl"` // certificates are not verified
}

// yesOrOne is a boolean that GitHub writes as "1" or 1.
// https://docs.github.com/rest/repos/webhooks
type yesOrOne bool

func (b *yesOrOne) UnmarshalJSON(text []byte) error {
	*b = string(text) == "1" || string(text) == `"1"`
	return nil
}

// Hooks yields the webhooks of a place, page by page as they are asked for.
// GitHub shows them to a credential that may read webhooks: GitHub.NotFound or
// GitHub.Unauthorized means that it may not. An error is the last thing it yields.
func (c *Client) Hooks(ctx context.Context, at Place) iter.Seq2[Hook, error] {
	return list(ctx, c, at.resource("/hooks?per_page=100"), func(page []Hook) []Hook { return page })
}

// Delivery is one attempt to deliver a webhook. What GitHub gives as null is the
// zero value here.
type Delivery struct {
	ID             int64     `json:"id"`   // of this attempt
	GUID           string    `json:"guid"` // X-GitHub-Delivery; a redelivery has the same
	DeliveredAt    time.Time `json:"delivered_at"`
	Redelivery     bool      `json:"redelivery"`
	Duration       float64   `json:"duration"` // seconds
	Status         string    `json:"status"`   // "OK", or why it failed
	StatusCode     int       `json:"status_code"`
	Event          string    `json:"event"`
	Action         string    `json:"action"`
	InstallationID int64     `json:"installation_id"` // 0 unless the hook is an App's
	RepositoryID   int64     `json:"repository_id"`
	ThrottledAt    time.Time `json:"throttled_at"` // zero unless GitHub held it back
}

// OK reports whether the receiver answered with a 2xx. A failed delivery may have
// been received all the same.
func (d Delivery) OK() bool { return d.StatusCode/100 == 2 }

// HookDeliveries yields the deliveries of a place's webhook, newest first,
// page by page as they are asked for. GitHub keeps them for three days (seven on
// an Enterprise Server). An error is the last thing it yields; GitHub.NotFound
// means that there is no such hook or that the credential may not see it.
//
// The hook's id is in the X-GitHub-Hook-ID header of whatever it delivers.
//
// It does not use GitHub's own filter for failures, which goes by a status code of
// 400 to 599: the code of a delivery without an answer is not documented.
func (c *Client) HookDeliveries(ctx context.Context, at Place, hookID int64) iter.Seq2[Delivery, error] {
	first := at.resource("/hooks/%d/deliveries?per_page=100", hookID)
	return list(ctx, c, first, func(page []Delivery) []Delivery { return page })
}

// Redeliver asks for one more attempt, under the same GUID. It returns before
// that is made; look for its outcome among the later deliveries. To repeat it is
// safe and costs the receiver a duplicate. GitHub.NotFound means that GitHub
// does not keep the delivery any more.
func (c *Client) Redeliver(ctx context.Context, at Place, hookID, deliveryID int64) error {
	_, err := c.do(ctx, http.MethodPost, at.resource("/hooks/%d/deliveries/%d/attempts", hookID, deliveryID).writes(at.hooks()), nil, nil)
	return err
}
