package fleet_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// What a state made after Validate counts more than what Validate found.
func TestStartsFrom(t *testing.T) {
	ready := &fleet.Plan{Ready: &fleet.Ready{Image: fleet.Image{Digest: "sha256:found"}, TaskDefinition: fleet.TaskDefinitionPart{ARN: "found"}}}
	built, made := &fleet.Image{Digest: "sha256:built"}, &fleet.TaskDefinitionPart{ARN: "made"}
	for name, c := range map[string]struct {
		doc                fleet.Document
		digest, definition string
	}{
		"nothing yet":                    {fleet.Document{}, "", ""},
		"a plan alone":                   {fleet.Document{Plan: &fleet.Plan{}}, "", ""},
		"what Validate found":            {fleet.Document{Plan: ready}, "sha256:found", "found"},
		"what the states made":           {fleet.Document{Plan: &fleet.Plan{}, Image: built, TaskDefinition: made}, "sha256:built", "made"},
		"a definition that is new again": {fleet.Document{Plan: ready, TaskDefinition: made}, "sha256:found", "made"},
	} {
		t.Run(name, func(t *testing.T) {
			image, definition := c.doc.StartsFrom()
			digest := ""
			if image != nil {
				digest = image.Digest
			}
			if digest != c.digest || definition != c.definition {
				t.Errorf("%q from %q", definition, digest)
			}
		})
	}
}
