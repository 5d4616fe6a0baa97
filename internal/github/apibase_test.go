package github_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

func TestAPIBase(t *testing.T) {
	for name, tc := range map[string]struct{ address, want string }{
		"github.com has a host for its API":      {"https://github.com", "https://api.github.com"},
		"a slash at the end does not matter":     {"https://github.com/", "https://api.github.com"},
		"the case of the host does not matter":   {"https://GitHub.com", "https://api.github.com"},
		"an Enterprise Server has it in a path":  {"https://git.corp.example", "https://git.corp.example/api/v3"},
		"an Enterprise Server may have a port":   {"https://git.corp.example:8443", "https://git.corp.example:8443/api/v3"},
		"data residency has it in a subdomain":   {"https://octo.ghe.com", "https://api.octo.ghe.com"},
		"a simulator may use http on loopback":   {"http://127.0.0.1:4711", "http://127.0.0.1:4711/api/v3"},
		"loopback has an IPv6 address too":       {"http://[::1]:4711", "http://[::1]:4711/api/v3"},
		"loopback has a name too":                {"http://localhost:4711", "http://localhost:4711/api/v3"},
		"a name that merely ends alike is ours":  {"https://notgithub.com", "https://notgithub.com/api/v3"},
		"http elsewhere would show the token":    {"http://git.corp.example", ""},
		"a loopback look-alike is elsewhere":     {"http://127.0.0.1.example", ""},
		"a repository is not an instance":        {"https://github.com/octo/repo", ""},
		"a query is not part of an instance":     {"https://github.com?x=1", ""},
		"the API's own address is a mistake":     {"https://api.github.com", ""},
		"so is that of data residency":           {"https://api.octo.ghe.com", ""},
		"a host alone lacks its scheme":          {"github.com", ""},
		"a credential does not belong there":     {"https://token@github.com", ""},
		"another scheme is not an API":           {"ssh://git@github.com", ""},
		"nothing is not an address":              {"", ""},
		"what does not parse is not one, either": {"https://%zz", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := github.APIBase(tc.address)
			if got != tc.want || (err != nil) != (tc.want == "") {
				t.Errorf("APIBase(%q) = %q, %v; want %q", tc.address, got, err, tc.want)
			}
		})
	}
}
