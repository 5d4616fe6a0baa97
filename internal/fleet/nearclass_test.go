package fleet_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestAClassThatIsNearlyOne(t *testing.T) {
	p := policy()
	p.Classes = map[string]fleet.Class{"small": {CPU: 1024, Memory: 2048}, "medium": {CPU: 1024, Memory: 2048}, "large": {CPU: 1024, Memory: 2048}}
	for name, says := range map[string]string{
		"mediun":  `; did you mean "class:medium"?`,
		"meduim":  `; did you mean "class:medium"?`,
		"smal":    `; did you mean "class:small"?`,
		"larger":  `; did you mean "class:large"?`,
		"huge":    "",
		"gpu":     "",
		"":        "",
		"xxlarge": `; did you mean "class:large"?`,
	} {
		d := p.Admit(jobOf(1, "self-hosted", "class:"+name))
		if _, rest, _ := strings.Cut(d.Reason, "is not one of large, medium, small"); d.Verdict != fleet.Refused || d.Rule != "class.unknown" || rest != says {
			t.Errorf("%s: %s", name, d.Reason)
		}
	}
}
