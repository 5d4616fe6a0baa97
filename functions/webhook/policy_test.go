package webhook

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// What a policy can say from the payload alone it says at once. What depends on the workflow
// run is left to Validate, which asks GitHub.
func TestThePolicysRules(t *testing.T) {
	for name, c := range map[string]struct {
		rule    fleet.Rule
		outcome Outcome
		reason  string
		wants   string
	}{
		"a rule that fits refuses":            {fleet.Rule{Name: "a", Class: fleet.Patterns{"small"}, Refuse: "Not here."}, Refused, "Not here.", ""},
		"a rule about the payload's branch":   {fleet.Rule{Name: "a", Branch: fleet.Patterns{"main"}, Refuse: "Not main."}, Refused, "Not main.", ""},
		"a rule about what a repository is":   {fleet.Rule{Name: "a", Visibility: fleet.Patterns{"internal"}, Refuse: "Not internal."}, Refused, "Not internal.", ""},
		"a rule that does not fit is nothing": {fleet.Rule{Name: "a", Owner: fleet.Patterns{"acme"}, Refuse: "Not acme."}, Accepted, "", "small"},
		"a rule about forks is for Validate":  {fleet.Rule{Name: "a", Fork: new(true), Refuse: "No forks."}, Accepted, "", "small"},
		"a rule about events is for Validate": {fleet.Rule{Name: "a", Event: fleet.Patterns{"push"}, Refuse: "No pushes."}, Accepted, "", "small"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			b.Policy.Rules = []fleet.Rule{c.rule}
			resp := b.send(sent("workflow_job", queued(t, set("repository.visibility", "internal"))))
			if resp.Body.Status != c.outcome || resp.Body.Reason != c.reason {
				t.Errorf("%+v", resp.Body)
			}
			if event := b.bus.last(t); event.Wants.Class != c.wants || event.Job.Visibility != "internal" {
				t.Errorf("on the bus: %+v", event)
			}
		})
	}
}
