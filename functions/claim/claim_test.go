package claim_test

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

var (
	key     = []byte("key")
	retired = []byte("the key before")
)

func handler(w *world) claim.Handler {
	return claim.Handler{Fleet: w.Fleet(), GitHub: w.GitHub, Keys: [][]byte{key, retired}, Log: w.Logger()}
}

func ask(t *testing.T, w *world, id, nonce string) claim.Reply {
	return handler(w).Handle(t.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: nonce})
}

// obey asks until the answer is final, and waits for as long as each answer demands.
func obey(t *testing.T, w *world, id, nonce string) claim.Reply {
	for {
		reply := ask(t, w, id, nonce)
		if reply.Status != http.StatusServiceUnavailable {
			return reply
		}
		w.Pass(reply.RetryAfter)
	}
}

// must asks and expects a credential.
func must(t *testing.T, w *world, id, nonce string) claim.Reply {
	t.Helper()
	reply := ask(t, w, id, nonce)
	if reply.Status != http.StatusOK {
		t.Fatalf("status %d: %+v", reply.Status, reply.Body)
	}
	return reply
}

func TestClaim(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7, "Self-Hosted", "Class:Large"))
	reply := must(t, w, id, "nonce")
	if reply.Body != (fleet.ClaimResponse{RunnerName: "fleet-7-1.1", EncodedJITConfig: "config of fleet-7-1.1"}) {
		t.Errorf("body %+v", reply.Body)
	}
	reg := w.GitHub.Runner("fleet-7-1.1")
	if !slices.Equal(reg.Labels, []string{"self-hosted", "class:large"}) {
		t.Errorf("labels %q", reg.Labels)
	}
	r := w.Runner(id)
	if r.RegistrationID != reg.ID || r.Status != fleet.RunnerWaitingForJob || w.Run("job-7").Status != fleet.RunWaitingForJob {
		t.Errorf("registration %d, runner %s, run %s", r.RegistrationID, r.Status, w.Run("job-7").Status)
	}
	if r.At(fleet.StageClaimed).IsZero() || r.At(fleet.StageRegistered).IsZero() || w.Executions.Heartbeats != 1 {
		t.Errorf("times %v, %d heartbeats", r.Times, w.Executions.Heartbeats)
	}
	for _, secret := range []string{"config of", fleet.ClaimToken(key, id), "nonce=", r.TaskToken} {
		if strings.Contains(w.Log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, w.Log)
		}
	}
}

// The authorities of a GitHub server go where its credential goes.
func TestTheAuthoritiesOfAServer(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	h := handler(w)
	h.GitHubCA = "certificates"
	claim := func(nonce string) fleet.ClaimResponse {
		return h.Handle(t.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: nonce}).Body
	}
	if got := claim("nonce"); got.GitHubCA != "certificates" || got.EncodedJITConfig == "" {
		t.Errorf("answered %+v", got)
	}
	if got := claim("another nonce"); got.GitHubCA != "" || got.EncodedJITConfig != "" {
		t.Errorf("a claim that is refused was answered %+v", got)
	}
}

func TestNothingIsReadBeforeTheTokenIsChecked(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	w.Records.Reads = 0
	for name, token := range map[string]string{
		"none": "", "another runner's": fleet.ClaimToken(key, "fleet-8-1"), "of a strange key": fleet.ClaimToken([]byte("x"), id),
	} {
		reply := handler(w).Handle(t.Context(), claim.Request{RunnerID: id, Token: token, Nonce: "nonce"})
		if reply.Status != http.StatusUnauthorized || w.Records.Reads != 0 {
			t.Errorf("%s: status %d after %d reads", name, reply.Status, w.Records.Reads)
		}
	}
	reply := handler(w).Handle(t.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(retired, id), Nonce: "nonce"})
	if reply.Status != http.StatusOK {
		t.Errorf("the key before rotation: status %d", reply.Status)
	}
}

func TestRefused(t *testing.T) {
	let := func(edit func(*fleet.Runner)) func(*world, string) {
		return func(w *world, id string) { w.EditRunner(id, edit) }
	}
	cases := map[string]struct {
		before func(w *world, id string)
		nonce  string
		status int
		name   string
	}{
		"no nonce":             {nonce: "-", status: 400},
		"a nonce too long":     {nonce: strings.Repeat("n", fleet.MaxNonce+1), status: 400},
		"claimed by another":   {before: let(func(r *fleet.Runner) { r.Claims, r.NonceHash = 1, fleet.NonceHash("theirs") }), status: 409, name: "Claim.Conflict"},
		"closing":              {before: let(func(r *fleet.Runner) { r.Phase, r.Reason = fleet.Closing, "idle" }), status: 410, name: fleet.RunnerNotWanted},
		"closed":               {before: let(func(r *fleet.Runner) { r.Phase = fleet.Closed }), status: 410, name: fleet.RunnerNotWanted},
		"it took a job":        {before: let(func(r *fleet.Runner) { r.Took = 7 }), status: 410, name: fleet.RunnerNotWanted},
		"its task has stopped": {before: let(func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped }), status: 410, name: fleet.RunnerNotWanted},
		"no run expects it":    {before: let(func(r *fleet.Runner) { r.For = "" }), status: 410, name: fleet.RunnerNotWanted},
		"its run is cancelled and it is not yet let go": {
			before: func(w *world, _ string) { w.EditRun("job-7", func(r *fleet.Run) { r.Status = fleet.RunCancelled }) },
			status: 410, name: fleet.RunnerNotWanted,
		},
		"its job was cancelled": {
			before: func(w *world, _ string) {
				_ = w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.GitHub.Has(7), "cancelled"))
			},
			status: 410, name: fleet.RunnerNotWanted,
		},
		"the time to claim is over": {
			before: func(w *world, id string) {
				w.EditRunner(id, func(r *fleet.Runner) {
					r.Claims, r.NonceHash = 1, fleet.NonceHash("nonce")
					*r = r.Mark(fleet.StageClaimed, w.Now())
				})
				w.Pass(10*time.Minute + time.Second)
			},
			status: 410, name: fleet.RunnerClaimLost,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			if c.before != nil {
				c.before(w, id)
			}
			nonce := strings.TrimPrefix(cmp.Or(c.nonce, "nonce"), "-")
			reply := ask(t, w, id, nonce)
			if reply.Status != c.status || reply.Body.Error != c.name || reply.Body.Message == "" || reply.Body.EncodedJITConfig != "" {
				t.Errorf("status %d: %+v", reply.Status, reply.Body)
			}
			if len(w.GitHub.Names()) != 0 || slices.Contains(w.GitHub.Calls, "Register") {
				t.Errorf("GitHub has %q", w.GitHub.Names())
			}
			if conflict := strings.Contains(w.Log.String(), "level=ERROR"); conflict != (c.status == 409) {
				t.Errorf("an alarm: %t\n%s", conflict, w.Log)
			}
		})
	}
	t.Run("an unknown runner", func(t *testing.T) {
		if reply := ask(t, lifecycletest.New(t), "fleet-9-1", "nonce"); reply.Status != http.StatusUnauthorized {
			t.Errorf("status %d", reply.Status)
		}
	})
}

// One job from the webhook to the green end: cancelled before the claim.
func TestCancelledBeforeTheClaim(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	id := w.Up(job)
	if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(job, "cancelled")); err != nil {
		t.Fatal(err)
	}
	reply := ask(t, w, id, "nonce")
	if reply.Status != http.StatusGone || reply.Body.Message != "its job was cancelled on GitHub before it took it" {
		t.Fatalf("status %d: %+v", reply.Status, reply.Body)
	}
	exit, ok := fleet.ExitForClaim(reply.Status)
	if !ok {
		t.Fatal("the entrypoint has no exit code for the answer")
	}
	stopped, _, err := w.Fleet().ChangeRunner(t.Context(), id, func(r fleet.Runner) (fleet.Runner, bool) {
		return r.ApplyTask(w.Tasks.Ends(id, exit), w.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Fleet().Signal(t.Context(), stopped); err != nil {
		t.Fatal(err)
	}
	if len(w.Executions.Signals) != 1 || !strings.HasPrefix(w.Executions.Signals[0], id+" failed Runner.NotWanted: ") {
		t.Errorf("signals %q", w.Executions.Signals)
	}
	if run := w.Run("job-7"); run.Status != fleet.RunCancelled || w.Tasks.Count() != 1 {
		t.Errorf("the run is %s", run.Status)
	}
}

func TestTheSameNonceAgain(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	for k := 1; k <= 4; k++ {
		name := fmt.Sprintf("fleet-7-1.%d", k)
		if reply := must(t, w, id, "nonce"); reply.Body.RunnerName != name || !slices.Equal(w.GitHub.Names(), []string{name}) {
			t.Fatalf("ask %d: %q; GitHub has %q", k, reply.Body.RunnerName, w.GitHub.Names())
		}
	}
	if reply := ask(t, w, id, "nonce"); reply.Status != http.StatusGone || !slices.Equal(w.GitHub.Names(), []string{"fleet-7-1.4"}) {
		t.Errorf("after three repeats: status %d; GitHub has %q", reply.Status, w.GitHub.Names())
	}
}

func TestAgainAfterTheCredentialWasGivenOut(t *testing.T) {
	cases := map[string]struct {
		before func(w *world, id string)
		status int
		names  int
	}{
		"it is online":            {func(w *world, id string) { w.GitHub.Runner(id + ".1").Online = true }, 410, 1},
		"it is busy":              {func(w *world, id string) { w.GitHub.Runner(id + ".1").Busy = true }, 410, 1},
		"GitHub alone knows that": {func(w *world, id string) { w.GitHub.Runner(id + ".1").Working = true }, 410, 1},
		"it is gone":              {func(w *world, id string) { w.GitHub.Remove(id + ".1") }, 410, 0},
		"ten minutes are over":    {func(w *world, _ string) { w.Pass(10*time.Minute + time.Second) }, 410, 1},
		"it took a job":           {func(w *world, id string) { w.EditRunner(id, func(r *fleet.Runner) { r.Took = 7 }) }, 410, 1},
		"GitHub does not say": {
			func(w *world, _ string) {
				w.GitHub.Fails["Registration"] = fleet.Errorf(fleet.GitHubUnavailable, "502")
			}, 503, 1,
		},
		"GitHub does not delete it": {
			func(w *world, _ string) { w.GitHub.Fails["Delete"] = fleet.Errorf(fleet.GitHubUnavailable, "502") }, 503, 1,
		},
		"within ten minutes": {func(w *world, _ string) { w.Pass(10 * time.Minute) }, 200, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			must(t, w, id, "nonce")
			c.before(w, id)
			if reply := ask(t, w, id, "nonce"); reply.Status != c.status || len(w.GitHub.Names()) != c.names {
				t.Errorf("status %d: %+v; GitHub has %q", reply.Status, reply.Body, w.GitHub.Names())
			}
		})
	}
}

func TestLetGoBetweenRegisterAndTheWrite(t *testing.T) {
	cases := map[string]func(w *world, id string){
		"closing": func(w *world, id string) { w.EditRunner(id, func(r *fleet.Runner) { r.Phase = fleet.Closing }) },
		"closed":  func(w *world, id string) { w.EditRunner(id, func(r *fleet.Runner) { r.Phase = fleet.Closed }) },
		"its run was cancelled": func(w *world, _ string) {
			w.EditRun("job-7", func(r *fleet.Run) { r.Status = fleet.RunCancelled })
		},
		"its job was cancelled": func(w *world, _ string) {
			_ = w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.GitHub.Has(7), "cancelled"))
		},
		"its task stopped": func(w *world, id string) {
			w.EditRunner(id, func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped })
		},
	}
	for name, meanwhile := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			w.After("GitHub.Register", func() { meanwhile(w, id) })
			reply := ask(t, w, id, "nonce")
			if reply.Status != http.StatusGone || reply.Body.EncodedJITConfig != "" || len(w.GitHub.Names()) != 0 {
				t.Errorf("status %d: %+v; GitHub has %q", reply.Status, reply.Body, w.GitHub.Names())
			}
		})
	}
	t.Run("the container asked again meanwhile: the first ask leaves nothing", func(t *testing.T) {
		w := lifecycletest.New(t)
		id := w.Up(w.Job(7))
		w.After("GitHub.Register", func() {
			w.Pass(time.Minute)
			if reply := ask(t, w, id, "nonce"); reply.Status != 503 || reply.Body.Error != fleet.GitHubConflict {
				t.Errorf("the second ask: status %d: %+v", reply.Status, reply.Body)
			}
		})
		if reply := ask(t, w, id, "nonce"); reply.Status != 503 || len(w.GitHub.Names()) != 0 {
			t.Errorf("status %d; GitHub has %q", reply.Status, w.GitHub.Names())
		}
		if reply := must(t, w, id, "nonce"); reply.Body.RunnerName != id+".2" || !slices.Equal(w.GitHub.Names(), []string{id + ".2"}) {
			t.Errorf("then %q; GitHub has %q", reply.Body.RunnerName, w.GitHub.Names())
		}
	})
	t.Run("the container has its credential from a later ask", func(t *testing.T) {
		w := lifecycletest.New(t)
		id := w.Up(w.Job(7))
		w.GitHub.Fails["Register"] = fleet.Errorf(fleet.GitHubUnavailable, "time-out")
		w.After("GitHub.Register", func() {
			delete(w.GitHub.Fails, "Register")
			w.Pass(time.Minute)
			must(t, w, id, "nonce")
		})
		if reply := ask(t, w, id, "nonce"); reply.Status != 503 || !slices.Equal(w.GitHub.Names(), []string{id + ".1"}) || w.Runner(id).RegistrationID == 0 {
			t.Errorf("status %d; GitHub has %q", reply.Status, w.GitHub.Names())
		}
	})
}

// answered returns an error for an answer without a credential; on 503 the caller asks
// again.
func answered(r claim.Reply) error {
	if r.Status == http.StatusOK {
		return nil
	}
	return fleet.Errorf(fmt.Sprintf("Status.%d", r.Status), "%s", r.Body.Message)
}

func TestKilled(t *testing.T) {
	cases := map[string]func(w *world){
		"the first claim": func(w *world) { w.Up(w.Job(7)) },
		"no longer wanted": func(w *world) {
			w.Up(w.Job(7))
			_ = w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.GitHub.Has(7), "cancelled"))
		},
		"cancelled meanwhile": func(w *world) {
			w.Up(w.Job(7))
			w.After("GitHub.Register", func() {
				_ = w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.GitHub.Has(7), "cancelled"))
			})
		},
		"refused by GitHub": func(w *world) {
			w.Up(w.Job(7))
			w.GitHub.Fails["Register"] = fleet.Errorf(fleet.GitHubUnauthorized, "401")
		},
	}
	for name, before := range cases {
		t.Run(name, func(t *testing.T) {
			lifecycletest.KillEverywhere(t,
				func(t *testing.T) *world { w := lifecycletest.New(t); before(w); return w },
				func(w *world) error {
					w.Pass(time.Minute)
					reply := ask(t, w, "fleet-7-1", "nonce")
					if reply.Body.Error == fleet.GitHubConflict { // the ask that was killed had registered
						reply = ask(t, w, "fleet-7-1", "nonce")
					}
					return answered(reply)
				}, nil)
		})
	}
}

// A repetition that dies after it deleted the first registration looks as if the
// credential had been used up: the fleet gives up that runner, and its run gets the
// next. In all other cases the container gets its credential.
func TestKilledWhileAskedAgain(t *testing.T) {
	setup := func() *world {
		w := lifecycletest.New(t)
		must(t, w, w.Up(w.Job(7)), "nonce")
		return w
	}
	for w, where := range killedWhileAsked(t, setup) {
		reply := obey(t, w, "fleet-7-1", "nonce")
		live := len(w.GitHub.Names())
		if !(reply.Status == http.StatusOK && live == 1) && !(reply.Status == http.StatusGone && live == 0) {
			t.Errorf("%s: status %d; GitHub has %q", where, reply.Status, w.GitHub.Names())
		}
	}
}

// killedWhileAsked yields a world for each call of a claim, with the function killed
// before and after that call.
func killedWhileAsked(t *testing.T, setup func() *world) iter.Seq2[*world, string] {
	ask := func(w *world) func() error { return func() error { return answered(ask(t, w, "fleet-7-1", "nonce")) } }
	return func(yield func(*world, string) bool) {
		calm := setup()
		_, _ = calm.Suffer(lifecycletest.Fault{}, ask(calm))
		for n := 1; n <= calm.Points(); n++ {
			for _, after := range []bool{false, true} {
				w := setup()
				_, _ = w.Suffer(lifecycletest.Fault{Point: n, After: after}, ask(w))
				if !yield(w, fmt.Sprintf("point %d, after %t", n, after)) {
					return
				}
			}
		}
	}
}

// The runner that was launched for job 8 gets job 7 while the runner for job 7 claims:
// they swap, and the second is wanted for job 8, even if the claim has read its record before.
func TestASwapWhileTheClaimIsLookedAt(t *testing.T) {
	for point := 1; ; point++ {
		w := lifecycletest.New(t)
		first, second := w.Up(w.Job(7)), w.Idle(w.Job(8))
		w.AfterPoint(point, func() {
			if _, err := w.Fleet().LearnJob(t.Context(), lifecycletest.InProgress(w.GitHub.Has(7), fleet.RunnerName(second, 1))); err != nil {
				t.Fatal(err)
			}
		})
		var reply claim.Reply
		if _, err := w.Suffer(lifecycletest.Fault{}, func() error { reply = ask(t, w, first, "nonce"); return nil }); err != nil {
			t.Fatal(err)
		}
		if reply.Status != http.StatusOK {
			t.Errorf("a swap after call %d: %d %+v", point, reply.Status, reply.Body)
		}
		if w.Runner(first).For != "job-8" {
			return // there are no more calls
		}
	}
}

// A deployment may switch between runners of repositories, of an organization and of an
// enterprise. The runners that are open then are deleted where they were registered.
func TestARunnerIsDeletedWhereItWasRegistered(t *testing.T) {
	organization, enterprise := fleet.OrganizationPlace("octo"), fleet.EnterprisePlace("octo")
	for before, after := range map[string]string{"": organization, organization: enterprise, enterprise: ""} {
		w := lifecycletest.New(t)
		id := w.Up(w.Job(7))
		h := handler(w)
		h.Fleet.SharedPlace = before
		if reply := h.Handle(t.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce"}); reply.Status != http.StatusOK {
			t.Fatalf("%+v", reply)
		}
		lc := w.Fleet()
		lc.SharedPlace = after
		if busy, err := lc.Deregister(t.Context(), w.Runner(id)); err != nil || busy {
			t.Fatal(busy, err)
		}
		if left := w.GitHub.Names(); len(left) > 0 {
			t.Errorf("registered in %q: %q are left in %q", w.Runner(id).RegisteredIn, left, w.GitHub.Runner(left[0]).Place)
		}
	}
}
