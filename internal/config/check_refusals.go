package config

import (
	"net/url"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostRefusalURL leaves room for the rest in a function's environment.
const mostRefusalURL = 500

func (c *Config) checkRefusals(r *review) {
	switch c.RefusalStatus {
	case fleet.RefusalStatusPrivate, fleet.RefusalStatusAlways, fleet.RefusalStatusNever:
	default:
		r.add("refusal_status", "%s is none of private, always and never", quote(string(c.RefusalStatus)))
	}
	if c.RefusalURL == "" {
		return
	}
	u, err := url.Parse(c.RefusalURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		r.add("refusal_url", "%s is no page that a browser opens; write it as in https://wiki.example.com/runners", quote(c.RefusalURL))
	case u.User != nil:
		r.add("refusal_url", "holds a user name; everybody who sees a refusal sees it")
	case len(c.RefusalURL) > mostRefusalURL:
		r.add("refusal_url", "has %d characters; use at most %d", len(c.RefusalURL), mostRefusalURL)
	}
}
