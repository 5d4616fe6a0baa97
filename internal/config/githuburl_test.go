package config_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

func configured(address string) (config.Config, error) {
	return config.Source{
		Data: []byte("github_repo: o/r\n"), File: "fleet.yaml",
		Overrides: []config.Override{{Key: "github_url", Text: `"` + address + `"`, From: "test"}},
	}.Parse()
}

// The functions can use every github_url that the configuration accepts, and no other:
// they ask the API at the address that APIBase makes of it.
func TestTheConfigurationAcceptsWhatTheClientAccepts(t *testing.T) {
	accepted := 0
	for _, scheme := range []string{"https://", "HTTPS://", "http://", "ssh://", "//", ""} {
		for _, user := range []string{"", "octocat@", "octocat:hunter2@"} {
			for _, host := range []string{
				"github.com", "GitHub.COM", "www.github.com", "api.github.com", "gist.github.com", "notgithub.com", "github.com.",
				"octo.ghe.com", "Octo.GHE.com", "api.octo.ghe.com", "api.ghe.com", "ghe.com", ".ghe.com", "a.b.ghe.com", "notghe.com",
				"git.corp.example", "GIT.corp.example", "api.corp.example", "10.1.2.3", "127.0.0.1", "localhost", "[::1]", "[2001:db8::1]", "",
			} {
				for _, port := range []string{"", ":443", ":8443", ":x"} {
					for _, path := range []string{"", "/", "//", "/api/v3", "/API/v3/", "/octo-org", "?x=1", "?", "#x", "%zz"} {
						if checkAddress(t, scheme+user+host+port+path) {
							accepted++
						}
					}
				}
			}
		}
	}
	if accepted < 100 {
		t.Errorf("%d addresses are accepted: this test holds for little", accepted)
	}
}

func checkAddress(t *testing.T, address string) (accepted bool) {
	t.Helper()
	c, err := configured(address)
	base, apiErr := github.APIBase(address)
	if (err == nil) != (apiErr == nil) {
		t.Errorf("%s: the configuration says %v, and the client %v", address, err, apiErr)
	}
	if err != nil {
		for _, text := range []string{err.Error(), apiErr.Error()} {
			if strings.Contains(text, "hunter2") {
				t.Errorf("%s: the error repeats the password: %s", address, text)
			}
		}
		return false
	}
	if again, err := github.APIBase(c.GitHubURL); err != nil || again != base {
		t.Errorf("%s: its API is at %s, and at %s as it is configured: %v", address, base, again, err)
	}
	u, err := url.Parse(base)
	if err != nil || u.User != nil || u.Hostname() == "" || u.Scheme != "https" && u.Hostname() != "localhost" && u.Hostname() != "::1" && u.Hostname() != "127.0.0.1" {
		t.Errorf("%s: its API is at %s", address, base)
	}
	if strings.HasSuffix(base, "/") || strings.ToLower(base) != base {
		t.Errorf("%s: its API is at %s", address, base)
	}
	return true
}

func TestWhereAnAddressHasItsAPI(t *testing.T) {
	for address, want := range map[string]string{
		"https://github.com":        "https://api.github.com",
		"https://GitHub.com/":       "https://api.github.com",
		"https://github.com:443":    "https://api.github.com",
		"https://Octo.ghe.com":      "https://api.octo.ghe.com",
		"https://git.example:8443":  "https://git.example:8443/api/v3",
		"https://[2001:db8::1]":     "https://[2001:db8::1]/api/v3",
		"http://[::1]:4711":         "http://[::1]:4711/api/v3",
		"http://LOCALHOST:4711":     "http://localhost:4711/api/v3",
		"https://api.example":       "https://api.example/api/v3",
		"https://notghe.com":        "https://notghe.com/api/v3",
		"https://GIT.corp.example/": "https://git.corp.example/api/v3",
	} {
		c, err := configured(address)
		if err != nil {
			t.Errorf("%s is refused: %v", address, err)
			continue
		}
		if base, err := github.APIBase(c.GitHubURL); err != nil || base != want {
			t.Errorf("%s: the API is at %s, want %s: %v", address, base, want, err)
		}
	}
}

func TestAnAddressThatIsRefusedSaysWhatToWrite(t *testing.T) {
	for address, says := range map[string]string{
		"https://api.github.com":              "write the one that a browser opens, https://github.com",
		"https://api.octo.ghe.com":            "write the one that a browser opens, https://octo.ghe.com",
		"https://git.example:8443/api/v3":     "write the one that a browser opens, https://git.example:8443",
		"https://git.example/api/v3/":         "write the one that a browser opens, https://git.example",
		"https://ghe.com":                     "names no enterprise",
		"https://api.ghe.com":                 "names no enterprise",
		"https://gist.github.com":             "write https://github.com",
		"https://octo.ghe.com:8443":           "has a port",
		"https://octocat:hunter2@git.example": "store the token as a secret",
		"http://git.example":                  "must begin with https://",
		"ssh://git@github.com":                "holds a user name",
		"git.example":                         "is no URL",
	} {
		_, err := configured(address)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", address, err, says)
		}
	}
}
