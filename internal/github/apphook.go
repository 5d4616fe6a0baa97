package github

import (
	"context"
	"fmt"
	"iter"
	"net/http"
)

// AppInfo is what GitHub shows of a GitHub App to itself.
type AppInfo struct {
	Slug    string   `json:"slug"`     // its name in addresses
	HTMLURL string   `json:"html_url"` // its page
	Events  []string `json:"events"`   // of its webhook
}

// App returns the client's GitHub App, the first if it has several. A client without one is
// refused.
func (c *Client) App(ctx context.Context) (info AppInfo, err error) {
	_, err = c.do(ctx, http.MethodGet, resource{path: "/app", app: true}, nil, &info)
	return info, err
}

// AppHook returns how the App's webhook delivers; see App.
func (c *Client) AppHook(ctx context.Context) (config HookConfig, err error) {
	_, err = c.do(ctx, http.MethodGet, resource{path: "/app/hook/config", app: true}, nil, &config)
	return config, err
}

// AppHookDeliveries is HookDeliveries for the App's webhook, whatever repository they are
// about; see App.
func (c *Client) AppHookDeliveries(ctx context.Context) iter.Seq2[Delivery, error] {
	return list(ctx, c, resource{path: "/app/hook/deliveries?per_page=100", app: true}, func(page []Delivery) []Delivery { return page })
}

// RedeliverOfApp is Redeliver for the webhook of the client's GitHub App, the first if it
// has several.
func (c *Client) RedeliverOfApp(ctx context.Context, deliveryID int64) error {
	at := resource{path: fmt.Sprintf("/app/hook/deliveries/%d/attempts", deliveryID), app: true}
	_, err := c.do(ctx, http.MethodPost, at, nil, nil)
	return err
}
