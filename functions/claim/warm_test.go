package claim_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// unclaimed is a warm runner whose container has just come up.
func unclaimed(t *testing.T) (*world, string) {
	w := lifecycletest.New(t)
	id := w.Warm(1)[0]
	w.GitHub.Remove(fleet.RunnerName(id, 1))
	w.EditRunner(id, func(r *fleet.Runner) {
		r.Claims, r.NonceHash, r.RegistrationID, r.Status = 0, "", 0, fleet.RunnerStarting
		delete(r.Times, fleet.StageRegistered)
	})
	return w, id
}

func TestAWarmRunnerClaimsBeforeAnyJob(t *testing.T) {
	w, id := unclaimed(t)
	must(t, w, id, "nonce")
	reg, r := w.GitHub.Runner(id+".1"), w.Runner(id)
	if want := []string{"self-hosted", "linux", "x64", "class:small"}; !slices.Equal(reg.Labels, want) {
		t.Errorf("labels %q, want %q", reg.Labels, want)
	}
	if r.Status != fleet.RunnerWaitingForJob || !r.Idle() {
		t.Errorf("it is %+v", r)
	}
}

// GitHub may give it a job before the fleet has decided about that, and then only the hook ends a
// refused one.
func TestAWarmRunnerWithoutAHookGetsNoCredential(t *testing.T) {
	for _, canAsk := range []bool{false, true} {
		w, id := unclaimed(t)
		h := handler(w)
		h.Enforce, h.Judge.Cursors = true, w.Records
		reply := h.Handle(t.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce", CanAsk: canAsk})
		registered, failed := len(w.GitHub.Names()) == 1, w.Runner(id).FailureName != ""
		switch {
		case canAsk && (reply.Status != http.StatusOK || !registered || failed):
			t.Errorf("with a hook: %+v, GitHub has %q", reply, w.GitHub.Names())
		case !canAsk && (reply.Status != http.StatusFailedDependency || registered || !failed):
			t.Errorf("without one: %+v, GitHub has %q, its failure is %q", reply, w.GitHub.Names(), w.Runner(id).FailureName)
		}
	}
}

// Two containers with one token: neither gets anything more.
func TestAWarmRunnerIsClaimedOnce(t *testing.T) {
	w, id := unclaimed(t)
	must(t, w, id, "nonce")
	if reply := ask(t, w, id, "another nonce"); reply.Status != http.StatusConflict {
		t.Errorf("status %d", reply.Status)
	}
}

func TestAWarmRunnerThatIsEndingGetsNoCredential(t *testing.T) {
	w, id := unclaimed(t)
	if err := w.Fleet().EndIdle(t.Context(), id, "its pool is full"); err != nil {
		t.Fatal(err)
	}
	if reply := ask(t, w, id, "nonce"); reply.Status != http.StatusGone || len(w.GitHub.Names()) != 0 {
		t.Errorf("status %d, GitHub has %q", reply.Status, w.GitHub.Names())
	}
}
