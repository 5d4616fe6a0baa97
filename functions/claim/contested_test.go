package claim_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// The first claim may be a stranger's, and GitHub gives jobs to everything that is
// registered.
func TestASecondClaimantTakesTheCredentialBack(t *testing.T) {
	cases := map[string]struct {
		before func(w *world, id string)
		names  int
	}{
		"it is offline":           {names: 0},
		"it is online":            {before: func(w *world, id string) { w.GitHub.Runner(id + ".1").Online = true }, names: 0},
		"GitHub knows of its job": {before: func(w *world, id string) { w.GitHub.Runner(id + ".1").Working = true }, names: 1},
		"GitHub is away": {
			before: func(w *world, _ string) { w.GitHub.Fails["Delete"] = fleet.Errorf(fleet.GitHubUnavailable, "502") }, names: 1,
		},
		"it is gone": {before: func(w *world, id string) { w.GitHub.Remove(id + ".1") }, names: 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			must(t, w, id, "theirs")
			if c.before != nil {
				c.before(w, id)
			}
			for range 2 {
				if reply := ask(t, w, id, "nonce"); reply.Status != http.StatusConflict || len(w.GitHub.Names()) != c.names {
					t.Errorf("status %d: %+v; GitHub has %q", reply.Status, reply.Body, w.GitHub.Names())
				}
			}
			if reply := ask(t, w, id, "theirs"); reply.Status != http.StatusGone || len(w.GitHub.Names()) != c.names {
				t.Errorf("the first claimant again: status %d: %+v; GitHub has %q", reply.Status, reply.Body, w.GitHub.Names())
			}
		})
	}
}

func TestASecondClaimantWhileTheFirstIsRegistered(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	w.After("GitHub.Register", func() {
		if reply := ask(t, w, id, "nonce"); reply.Status != http.StatusConflict {
			t.Errorf("the second claimant: status %d: %+v", reply.Status, reply.Body)
		}
	})
	if reply := ask(t, w, id, "theirs"); reply.Status != http.StatusGone || reply.Body.EncodedJITConfig != "" || len(w.GitHub.Names()) != 0 {
		t.Errorf("the first claimant: status %d: %+v; GitHub has %q", reply.Status, reply.Body, w.GitHub.Names())
	}
}

// Once the credential that was given out is deleted, claims cost GitHub nothing.
func TestClaimingAgainAndAgainAsksGitHubNothing(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	must(t, w, id, "theirs")
	ask(t, w, id, "nonce")
	w.GitHub.Calls = nil
	for range 10 {
		ask(t, w, id, "nonce")
	}
	if len(w.GitHub.Calls) != 0 {
		t.Errorf("GitHub was asked for %q", w.GitHub.Calls)
	}
}

func TestKilledWhileAnotherContainerAsks(t *testing.T) {
	setup := func() *world {
		w := lifecycletest.New(t)
		must(t, w, w.Up(w.Job(7)), "theirs")
		return w
	}
	for w, where := range killedWhileAsked(t, setup) {
		if reply := obey(t, w, "fleet-7-1", "nonce"); reply.Status != http.StatusConflict || !slices.Equal(w.GitHub.Names(), nil) {
			t.Errorf("%s: status %d; GitHub has %q", where, reply.Status, w.GitHub.Names())
		}
	}
}
