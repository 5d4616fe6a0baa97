package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestBeginAsk(t *testing.T) {
	for name, tc := range map[string]struct {
		runner fleet.Runner
		claims int
		pause  time.Duration
	}{
		"the first":                            {fleet.Runner{}, 1, 5 * time.Second},
		"the second":                           {fleet.Runner{Claims: 1, Asks: 1}, 1, 10 * time.Second},
		"the fifth, under a later number":      {fleet.Runner{Claims: 2, Asks: 4}, 2, 2 * time.Minute},
		"the hundredth":                        {fleet.Runner{Claims: 2, Asks: 99}, 2, 2 * time.Minute},
		"after the release before":             {fleet.Runner{Claims: 3, RegistrationID: 8}, 3, 5 * time.Second},
		"of a number that is deregistered":     {fleet.Runner{Claims: 2, Deregistered: 2}, 3, 5 * time.Second},
		"of a number before which all is done": {fleet.Runner{Claims: 3, Deregistered: 2}, 3, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got := tc.runner.BeginAsk("hash", now)
			equal(t, got.Claims, tc.claims)
			equal(t, got.AskAt.Sub(now), tc.pause)
			equal(t, got.Asks, tc.runner.Asks+1)
			equal(t, got.RegistrationID, tc.runner.RegistrationID)
			if got.NonceHash != "hash" || !got.At(fleet.StageClaimed).Equal(now) {
				t.Errorf("the nonce is %q, claimed at %s", got.NonceHash, got.At(fleet.StageClaimed))
			}
		})
	}
}

func TestClaimOver(t *testing.T) {
	claimed := fleet.Runner{NonceHash: "hash", Claims: 1}.Mark(fleet.StageClaimed, now)
	registered := claimed.Registered(8, now)
	with := func(r fleet.Runner, edit func(*fleet.Runner)) fleet.Runner { edit(&r); return r }
	for name, tc := range map[string]struct {
		runner fleet.Runner
		after  time.Duration
		over   bool
	}{
		"it was not claimed":                {fleet.Runner{}, time.Hour, false},
		"within its time":                   {claimed, fleet.ClaimTime, false},
		"after its time":                    {claimed, fleet.ClaimTime + 1, true},
		"the answer got lost":               {registered, 0, false},
		"three answers got lost":            {with(registered, func(r *fleet.Runner) { r.Repeats = 3 }), 0, true},
		"three got lost, and no fourth yet": {with(claimed, func(r *fleet.Runner) { r.Repeats = 3 }), 0, false},
		"no number is left":                 {with(registered, func(r *fleet.Runner) { r.Claims = fleet.MaxClaims }), 0, true},
		"the last number is not registered": {with(claimed, func(r *fleet.Runner) { r.Claims = fleet.MaxClaims }), 0, false},
	} {
		if why := tc.runner.ClaimOver(now.Add(tc.after)); (why != "") != tc.over {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// A delayed ask comes back after others have begun, have registered the runner, or have
// taken the next number.
func TestSameAsk(t *testing.T) {
	begun := fleet.Runner{}.BeginAsk("hash", now)
	for name, tc := range map[string]struct {
		runner fleet.Runner
		want   bool
	}{
		"nothing has happened":              {begun, true},
		"another record of it has changed":  {begun.Progress(fleet.RunnerWaitingForJob), true},
		"a later one has begun":             {begun.BeginAsk("hash", now), false},
		"it is registered":                  {begun.Registered(8, now), false},
		"it is registered and asked again":  {begun.Registered(8, now).BeginAsk("hash", now), false},
		"the number was given up":           {begun.NextClaim(), false},
		"the next number is registered too": {begun.NextClaim().Registered(9, now), false},
	} {
		if got := tc.runner.SameAsk(begun); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// The container gives up early enough for its own exit code to say why, before the start
// limit would call it silent.
func TestAClaimEndsBeforeTheStartLimit(t *testing.T) {
	limits := fleet.DefaultLimits()
	if fleet.ClaimTime >= limits.Start {
		t.Errorf("a claim may take %s, and a runner's start %s", fleet.ClaimTime, limits.Start)
	}
	for asks := range 100 {
		if pause := (fleet.Runner{Asks: asks}).ClaimPause(); pause >= limits.Idle/2 {
			t.Errorf("a pause of %s after %d asks; each is a heartbeat, and %s without one is silence", pause, asks, limits.Idle)
		}
	}
}
