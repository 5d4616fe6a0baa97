package main

import (
	"net/netip"
	"net/url"
	"strings"
)

// checkWebhookURL refuses what GitHub cannot deliver to as it is.
func checkWebhookURL(address string) error {
	if address == "" {
		return usagef("--webhook-url is missing: name where GitHub reaches this fleet, through a tunnel or proxy, as https://ci.example.com/webhook")
	}
	u, err := parseWebhookURL(address)
	if err == nil && !strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/webhook") {
		err = usagef("--webhook-url %s has to end in /webhook, where the fleet takes webhooks", address)
	}
	return err
}

// parseWebhookURL reads the address of a webhook. What may be a password or a token in it is
// not in the error.
func parseWebhookURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case strings.ContainsAny(address, "?#"):
		return nil, usagef("--webhook-url has a query or a fragment, which the fleet does not read: leave out what begins with ? or #")
	case err == nil && u.User != nil, err != nil && strings.Contains(address, "@"):
		return nil, usagef("--webhook-url has a user name or a password, which GitHub would show to all who see the webhook: leave out what is before the @; the webhook's secret says that a delivery is GitHub's")
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, usagef("--webhook-url %q is no address such as https://ci.example.com/webhook", address)
	}
	return u, nil
}

// checkReachable refuses an address of this machine or of a private network where GitHub is
// not one's own server.
func checkReachable(address, gitHubURL string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	gitHub, err := url.Parse(gitHubURL)
	if err != nil {
		return err
	}
	if gitHub.Hostname() != "github.com" && !strings.HasSuffix(gitHub.Hostname(), ".ghe.com") {
		return nil
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ip, err := netip.ParseAddr(host)
	ip = ip.Unmap()
	isIP := err == nil
	if host != "localhost" && !strings.HasSuffix(host, ".localhost") &&
		!(isIP && (ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() || ip.IsLinkLocalUnicast())) {
		return nil
	}
	return usagef("--webhook-url %s is an address that %s does not reach: name that of a tunnel or proxy before this fleet, as https://ci.example.com/webhook", address, gitHub.Hostname())
}
