package github

import (
	"context"
	"net/http"
)

// HookSettings are how a fleet has a webhook set. The zero value of a field leaves it as it is.
type HookSettings struct {
	URL    string
	Secret string
}

// hookConfig is what every webhook of a fleet is set to: JSON, and certificates are verified.
func (s HookSettings) hookConfig() map[string]string {
	config := map[string]string{"content_type": "json", "insecure_ssl": "0"}
	if s.URL != "" {
		config["url"] = s.URL
	}
	if s.Secret != "" {
		config["secret"] = s.Secret
	}
	return config
}

// CreateHook makes an active webhook for an event. GitHub then sends it a ping. To repeat it
// is safe: a second one with the same address is GitHub.Invalid.
func (c *Client) CreateHook(ctx context.Context, at Place, event string, s HookSettings) (made Hook, err error) {
	to := at.resource("/hooks").writes(at.hooks())
	_, err = c.do(ctx, http.MethodPost, to, map[string]any{"name": "web", "active": true, "events": []string{event}, "config": s.hookConfig()}, &made)
	if err == nil && made.ID == 0 {
		err = incomplete(http.MethodPost, to)
	}
	return made, err
}

// UpdateHook activates a webhook, adds an event to its own, and sets how it delivers.
// GitHub removes a secret that is not given: give it each time.
func (c *Client) UpdateHook(ctx context.Context, at Place, hook Hook, event string, s HookSettings) error {
	change := map[string]any{"active": true, "events": withEvent(hook.Events, event), "config": s.hookConfig()}
	_, err := c.do(ctx, http.MethodPatch, at.resource("/hooks/%d", hook.ID).writes(at.hooks()), change, nil)
	return err
}

// withEvent is a hook's events with one more. "*" is all.
func withEvent(events []string, event string) []string {
	for _, has := range events {
		if has == event || has == "*" {
			return events
		}
	}
	return append(events[:len(events):len(events)], event)
}

// PingHook has GitHub send a ping to a webhook, and returns before it is sent: look for it
// among the deliveries.
func (c *Client) PingHook(ctx context.Context, at Place, hookID int64) error {
	_, err := c.do(ctx, http.MethodPost, at.resource("/hooks/%d/pings", hookID).writes(at.hooks()), nil, nil)
	return err
}

// SetAppHook sets how the webhook of the client's GitHub App delivers; see App. Whether it is
// active, and its events, only the App's settings change.
func (c *Client) SetAppHook(ctx context.Context, s HookSettings) error {
	_, err := c.do(ctx, http.MethodPatch, resource{path: "/app/hook/config", app: true}, s.hookConfig(), nil)
	return err
}
