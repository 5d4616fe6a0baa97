package github

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// APIBase returns the address of the REST API that belongs to the address
// people open in a browser, without a slash at its end:
//
//	https://github.com      https://api.github.com
//	https://SUB.ghe.com     https://api.SUB.ghe.com
//	https://HOST            https://HOST/api/v3 (GitHub Enterprise Server)
//
// Plain http is accepted for loopback addresses only, because every request
// carries a credential.
func APIBase(githubURL string) (string, error) {
	u, err := url.Parse(githubURL)
	if err != nil {
		return "", fmt.Errorf("GitHub address %q is not a URL", githubURL)
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case u.User != nil:
		// The address is not repeated: it may hold a password.
		return "", fmt.Errorf("GitHub address of %s holds a user name; give the token as a secret instead", host)
	case host == "":
		return "", fmt.Errorf("GitHub address %q has no host; write it like https://github.com", githubURL)
	case u.Scheme == "http" && !loopback(host):
		return "", fmt.Errorf("GitHub address %q would send the token in the clear; use https", githubURL)
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("GitHub address %q must begin with https://", githubURL)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("GitHub address %q must end after the host", githubURL)
	}

	sub, ghe := strings.CutSuffix(host, ".ghe.com")
	switch {
	case host == "api.github.com" || ghe && strings.HasPrefix(sub, "api."):
		return "", fmt.Errorf("GitHub address %q is that of the API; leave out %q", githubURL, "api.")
	case host == "github.com" || host == "www.github.com":
		return "https://api.github.com", nil
	case ghe && u.Scheme == "https":
		return "https://api." + sub + ".ghe.com", nil
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + "/api/v3", nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
