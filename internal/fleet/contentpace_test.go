package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// GitHub counts any minute and any hour, and the fleet counts from the first request on.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
func TestContentIsMadeWithinGitHubsLimits(t *testing.T) {
	var pace fleet.ContentPace
	var made []time.Time
	for second := range 3 * 3600 {
		at := now.Add(time.Duration(second) * time.Second)
		for {
			next, free := pace.Take(at)
			if pace = next; !free.IsZero() {
				if !free.After(at) {
					t.Fatalf("at %s it is free at %s", at, free)
				}
				break
			}
			made = append(made, at)
		}
	}
	for i, from := range made {
		minute, hour := 0, 0
		for _, at := range made[i:] {
			if at.Sub(from) < time.Minute {
				minute++
			}
			if at.Sub(from) < time.Hour {
				hour++
			}
		}
		if minute > 80 || hour > 500 {
			t.Fatalf("%d within a minute and %d within an hour from %s", minute, hour, from)
		}
	}
	if len(made) != 3*250 {
		t.Errorf("%d in three hours", len(made))
	}
}

func TestContentPaceThatCannotBeRead(t *testing.T) {
	if p := fleet.ReadContentPace("nonsense"); p != (fleet.ContentPace{}) {
		t.Errorf("%+v", p)
	}
}
