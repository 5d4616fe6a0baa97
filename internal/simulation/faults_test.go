package simulation

import (
	"strings"
	"testing"
)

func TestWhatIsWrongWithFaultsHasItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"faults:\n  - {kind: github.down, until: 1h}\n  - {kind: github.down, from: -1h}": "line 3: faults[1].from: fault github.down: from is -1h; use a time from 0 on",
		"faults:\n  - kind: github.down\n    from: 2h\n    until: 1h":                     "line 4: faults[0].until: fault github.down: it ends at 1h, before",
		"faults:\n  - {kind: github.downs}":                                               `line 2: faults[0].kind: there is no kind of fault "github.downs"`,
		"faults:\n  - {kind: ecs.no_capacity, of: SPOT}":                                  `line 2: faults[0].of: fault ecs.no_capacity: of is "SPOT", and no capacity provider begins so; there are FARGATE and FARGATE_SPOT`,
		"faults:\n  - {kind: ecs.no_capacity, of: fargate_spot}":                          "and no capacity provider begins so",
		"faults:\n  - {kind: states.aborted}":                                             "line 2: faults[0].kind: states.aborted is what the event",
		"faults:\n  - {kind: github.down, form: 1h}":                                      "[2:",
	} {
		if _, err := ReadFaults([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
	for _, of := range []string{"FARGATE", "FARGATE/", "FARGATE_SPOT", "FARGATE_SPOT/fleet-1", "''"} {
		if _, err := ReadFaults([]byte("faults: [{kind: ecs.no_capacity, of: " + of + "}]")); err != nil {
			t.Errorf("%s: %v", of, err)
		}
	}
}
