package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestBuildsOfDay(t *testing.T) {
	day := fleet.ReadBuildsOfDay("")
	midnight := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		owner string
		at    time.Time
		ok    bool
	}{
		{"a", noon, true}, {"b", noon, true}, {"a", noon, true},
		{"c", noon, false}, {"c", midnight.Add(-time.Nanosecond), false}, {"b", noon, true},
		{"c", midnight, true}, {"a", midnight.In(time.FixedZone("west", -3600)), true}, {"b", midnight, false},
	} {
		var ok bool
		if day, ok = day.Start(c.owner, 2, c.at); ok != c.ok {
			t.Errorf("%s at %s: %t, %+v", c.owner, c.at, ok, day)
		}
	}
	if got := fleet.BuildsOfDayCursor("Octo-Org/Hello"); got != fleet.BuildsOfDayCursor("octo-org/hello") {
		t.Errorf("the same repository has another cursor: %s", got)
	}
}
