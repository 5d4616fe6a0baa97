package fleet_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestWhatPassesByItself(t *testing.T) {
	for said, want := range map[string]bool{
		"Error response from daemon: toomanyrequests: You have reached your pull rate limit.": true,
		"toomanyrequests: Rate exceeded": true,
		"initializing source docker://a/b:1: reading manifest 1: received unexpected HTTP status: 503 Service Unavailable": true,
		"dial tcp: lookup registry-1.docker.io: no such host":                                                              true,
		"manifest for corp/timeout:1 not found: manifest unknown: manifest unknown":                                        false,
		"pull access denied for corp/secret, repository does not exist or may require 'docker login'":                      false,
		"no matching manifest for linux/arm64":                                                                             false,
	} {
		// Docker omits the parts of the name that are its defaults.
		for _, about := range []string{"corp/timeout:1", "docker.io/corp/timeout:1", "docker.io/corp/Timeout@sha256:0a"} {
			if got := fleet.Passes(said, about); got != want {
				t.Errorf("%q about %s: %t", said, about, got)
			}
		}
	}
	if !fleet.Passes("net/http: TLS handshake timeout", "docker.io/corp/app:1") {
		t.Error("a time-out does not pass")
	}
}
