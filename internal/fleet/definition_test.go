package fleet_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const hash = "0123456789abcdef0123456789abcdef"

func TestOwnsFamily(t *testing.T) {
	made := fleet.TaskDefinition{FleetName: "ci", Image: "r@sha256:1", Arch: fleet.X64}.Family()
	tests := map[string]struct {
		family string
		want   bool
	}{
		"one that the fleet makes":             {made, true},
		"one of its form":                      {"ci-" + hash, true},
		"one of a fleet that begins alike":     {"ci-2-" + hash, false},
		"one of a fleet that it begins like":   {"c-" + hash, false},
		"one of a fleet named like a hash":     {"ci-" + hash[:16] + "-" + hash, false},
		"one of another case":                  {"CI-" + hash, false},
		"a hash that is too short":             {"ci-" + hash[1:], false},
		"a hash that is too long":              {"ci-" + hash + "0", false},
		"a hash in upper case":                 {"ci-" + "ABCDEF0123456789ABCDEF0123456789", false},
		"one of another program":               {"ci-web", false},
		"a line below":                         {"ci-" + hash + "\n", false},
		"the name alone":                       {"ci", false},
		"nothing":                              {"", false},
		"a name that ends like one of its own": {"my-ci-" + hash, false},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			if got := fleet.OwnsFamily("ci", test.family); got != test.want {
				t.Errorf("%q: %t", test.family, got)
			}
		})
	}
}

func TestDefinitionFamily(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:ecs:us-east-1:123456789012:task-definition/ci-" + hash + ":7": "ci-" + hash,
		"local:task-definition/ci-" + hash + ":1":                              "ci-" + hash,
		"ci:1": "ci",
		"ci":   "ci",
		"":     "",
	} {
		if got := fleet.DefinitionFamily(arn); got != want {
			t.Errorf("%s: got %q", arn, got)
		}
	}
}
