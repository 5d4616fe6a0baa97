package config_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// The functions can use every github_url that the configuration accepts: they ask the
// API at the address that APIBase makes of it.
func TestAGitHubURLThatIsAcceptedHasAnAPI(t *testing.T) {
	for address, accepted := range map[string]bool{
		"https://github.com":         true,
		"https://GitHub.com/":        true,
		"https://octo.ghe.com":       true,
		"https://git.example:8443":   true,
		"http://[::1]:4711":          true,
		"https://api.example":        true,
		"https://api.github.com":     false,
		"https://api.github.com:443": false,
		"https://api.octo.ghe.com":   false,
		"https://git.example/api/v3": false,
		"https://token@github.com":   false,
		"http://git.example":         false,
		"ssh://git@github.com":       false,
	} {
		_, err := config.Parse([]byte("github_repo: o/r\ngithub_url: "+address+"\n"), "fleet.yaml")
		if (err == nil) != accepted {
			t.Errorf("%s: accepted %t, want %t: %v", address, err == nil, accepted, err)
		}
		if _, apiErr := github.APIBase(address); err == nil && apiErr != nil {
			t.Errorf("%s is accepted, and has no API: %v", address, apiErr)
		}
	}
}
