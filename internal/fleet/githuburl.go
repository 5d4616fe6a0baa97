package fleet

import (
	"net"
	"net/url"
	"strings"
)

// GitHubAPI returns the address of the REST API that belongs to the address people open in
// a browser, without a slash at its end:
//
//	https://github.com      https://api.github.com
//	https://SUB.ghe.com     https://api.SUB.ghe.com (GitHub Enterprise Cloud with data residency)
//	https://HOST            https://HOST/api/v3 (GitHub Enterprise Server)
//
// Plain http is accepted for loopback addresses only, because every request carries a
// credential. reason says what is wrong with an address that has no API, in words that
// follow it. The address may hold a password then: HasUser reports that.
func GitHubAPI(address string) (api, reason string) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return "", "is no URL with a host; write it as in https://github.com"
	}
	host, path := strings.ToLower(u.Hostname()), strings.Trim(u.Path, "/")
	switch {
	case u.User != nil:
		return "", "holds a user name; write the host alone, and store the token as a secret"
	case strings.EqualFold(path, "api/v3"), strings.EqualFold(path, "api/graphql"):
		return "", "is the address of the server's API; write the one that a browser opens, " + u.Scheme + "://" + u.Host
	case path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "", "must be a scheme and a host only, as in https://github.com"
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(host)):
		return "", "must begin with https://, since the access token travels with every request (http:// is for this machine only)"
	case strings.HasSuffix(host, "."):
		return "", "has a dot at the end of its host; leave that out"
	}
	if onGitHub(host) {
		return hostedAPI(u, host)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + "/api/v3", ""
}

// hostedAPI is GitHubAPI of a host that GitHub runs itself.
func hostedAPI(u *url.URL, host string) (api, reason string) {
	enterprise, resident := strings.CutSuffix(host, ".ghe.com")
	switch {
	case u.Port() != "" && u.Port() != "443":
		return "", "has a port, and GitHub's own servers have none; leave it out"
	case host == "github.com" || host == "www.github.com":
		return "https://api.github.com", ""
	case host == "api.github.com" || resident && strings.HasPrefix(enterprise, "api."):
		return "", "is the address of GitHub's API; write the one that a browser opens, https://" + strings.TrimPrefix(host, "api.")
	case !resident && host != "ghe.com":
		return "", "has no repositories; write https://github.com"
	case enterprise == "" || enterprise == "api" || !resident || strings.Contains(enterprise, "."):
		return "", "names no enterprise; write the address that a browser opens, as in https://octo-corp.ghe.com"
	}
	return "https://api." + host, ""
}

// OnGitHub reports whether an address is of a host that GitHub runs itself, and not of a
// server of a customer's.
func OnGitHub(address string) bool {
	u, err := url.Parse(address)
	return err == nil && onGitHub(strings.ToLower(u.Hostname()))
}

func onGitHub(host string) bool {
	for _, own := range []string{"github.com", "ghe.com"} {
		if host == own || strings.HasSuffix(host, "."+own) {
			return true
		}
	}
	return false
}

// HasUser reports whether an address may hold a user name or a password, so that it must
// not be shown.
func HasUser(address string) bool { return strings.Contains(address, "@") }

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
