package events

import (
	"encoding/json"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestWhatABuildSaysOfTheEntrypoint(t *testing.T) {
	for exported, can := range map[string]bool{"identity": true, "nothing": false, "Identity": false, "": false} {
		changes := []string{`"name": "IMAGE_DIGEST"`, `"name": "IMAGE_CLAIM", "value": "` + exported + `"}, {"name": "IMAGE_DIGEST"`}
		heard, ours, err := listener.Hear(recorded(t, "build_succeeded", changes...))
		var build fleet.Build
		if err == nil {
			err = json.Unmarshal(heard.Detail, &build)
		}
		if err != nil || !ours || build.Status != fleet.BuildSucceeded || build.Digest == "" || build.Identity != can {
			t.Errorf("%q: %+v, %v", exported, build, err)
		}
	}
}

func TestWhatABuildSaysOfTheSize(t *testing.T) {
	for exported, size := range map[string]int64{"151000123": 151_000_123, "": 0, "-1": 0, "0": 0, "1e9": 0, "99999999999999999999": 0, "$(id)": 0} {
		changes := []string{`"name": "IMAGE_DIGEST"`, `"name": "IMAGE_SIZE", "value": "` + exported + `"}, {"name": "IMAGE_DIGEST"`}
		heard, ours, err := listener.Hear(recorded(t, "build_succeeded", changes...))
		var build fleet.Build
		if err == nil {
			err = json.Unmarshal(heard.Detail, &build)
		}
		if err != nil || !ours || build.Status != fleet.BuildSucceeded || build.Size != size {
			t.Errorf("%q: %+v, %v", exported, build, err)
		}
	}
}
