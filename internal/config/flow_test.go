package config

import "testing"

func TestIsFlow(t *testing.T) {
	for text, want := range map[string]bool{
		"{github_repo: octo-org/a}":                              true,
		"# ours\n---\n{\n  \"github_repo\": \"octo-org/a\"\n}\n": true,
		"github_repo: octo-org/a\n":                              false,
		"github_repo: octo-org/a\nlimits: {idle: 5m}\n":          false,
		"":       false,
		"{a: [b": false,
	} {
		if got := IsFlow([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
