package claim_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestGitHubDoesNotRegister(t *testing.T) {
	cases := map[string]struct {
		fails  error
		loses  bool // the answer only: GitHub did register
		status int
		name   string
		wait   time.Duration
		noted  bool
		beats  int
	}{
		"401":                               {fails: fleet.Errorf(fleet.GitHubUnauthorized, "bad credentials"), status: 424, name: fleet.GitHubUnauthorized, noted: true},
		"a certificate that is not trusted": {fails: fleet.Errorf(fleet.GitHubUntrusted, "x509"), status: 424, name: fleet.GitHubUntrusted, noted: true},
		"404":                               {fails: fleet.Errorf(fleet.GitHubNotFound, "no such repository"), status: 424, name: fleet.GitHubNoAccess, noted: true},
		"no runner group":                   {fails: fleet.Errorf(fleet.GitHubNoRunnerGroup, "octo-org has no runner group"), status: 424, name: fleet.GitHubNoRunnerGroup, noted: true},
		"422":                               {fails: fleet.Errorf(fleet.GitHubInvalid, "no such group"), status: 424, name: fleet.GitHubInvalid, noted: true},
		"a rate limit with a wait": {
			fails: fmt.Errorf("register: %w", lifecycletest.Limited(90*time.Second)), status: 503, name: fleet.GitHubRateLimited, wait: 90 * time.Second, beats: 1,
		},
		"a rate limit with a short wait": {fails: lifecycletest.Limited(time.Second), status: 503, name: fleet.GitHubRateLimited, wait: 5 * time.Second, beats: 1},
		"a rate limit without":           {fails: lifecycletest.Limited(0), status: 503, name: fleet.GitHubRateLimited, wait: time.Minute, beats: 1},
		"5xx":                            {fails: fleet.Errorf(fleet.GitHubUnavailable, "502"), status: 503, name: fleet.GitHubUnavailable, wait: 5 * time.Second, beats: 1},
		"a lost answer":                  {fails: fleet.Errorf(fleet.GitHubUnavailable, "time-out"), loses: true, status: 503, name: fleet.GitHubUnavailable, wait: 5 * time.Second, beats: 1},
		"an error without a name": {
			fails: errors.New("connection reset"), loses: true, status: 503, wait: 5 * time.Second, beats: 1,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			script, then := w.GitHub.Fails, "fleet-7-1.1"
			if c.loses {
				script, then = w.GitHub.Loses, "fleet-7-1.2"
			}
			script["Register"] = c.fails
			reply := ask(t, w, id, "nonce")
			if reply.Status != c.status || reply.Body.Error != c.name || reply.RetryAfter != c.wait {
				t.Errorf("status %d, after %s: %+v", reply.Status, reply.RetryAfter, reply.Body)
			}
			if r := w.Runner(id); c.noted != (r.FailureName == c.name && r.FailureName != "") || c.noted && r.Failure != c.fails.Error() {
				t.Errorf("noted %q: %q", r.FailureName, r.Failure)
			}
			if w.Executions.Heartbeats != c.beats {
				t.Errorf("%d heartbeats", w.Executions.Heartbeats)
			}
			delete(script, "Register")
			if again := obey(t, w, id, "nonce"); again.Body.RunnerName != then || !slices.Equal(w.GitHub.Names(), []string{then}) {
				t.Errorf("then %q; GitHub has %q", again.Body.RunnerName, w.GitHub.Names())
			}
		})
	}
	t.Run("409: the name is taken", func(t *testing.T) {
		w := lifecycletest.New(t)
		id := w.Up(w.Job(7))
		_, _, _ = w.GitHub.Register(t.Context(), lifecycletest.Repository, "fleet-7-1.1", nil)
		if reply := ask(t, w, id, "nonce"); reply.Status != 503 || reply.Body.Error != fleet.GitHubConflict || reply.RetryAfter != time.Second {
			t.Errorf("status %d, after %s: %+v", reply.Status, reply.RetryAfter, reply.Body)
		}
		if must(t, w, id, "nonce").Body.RunnerName != "fleet-7-1.2" || len(w.GitHub.Names()) != 1 {
			t.Errorf("GitHub has %q", w.GitHub.Names())
		}
	})
}

// While GitHub registers nothing, a container asks less and less often, under one name.
func TestAskingAnUnavailableGitHub(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	w.GitHub.Fails["Register"] = fleet.Errorf(fleet.GitHubUnavailable, "503")
	w.GitHub.Calls = nil
	var waits []time.Duration
	for began := w.Now(); w.Now().Sub(began) <= fleet.ClaimTime; {
		reply := ask(t, w, id, "nonce")
		if reply.Status != http.StatusServiceUnavailable {
			t.Fatalf("status %d: %+v", reply.Status, reply.Body)
		}
		waits = append(waits, reply.RetryAfter)
		w.Pass(reply.RetryAfter)
	}
	want := []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 2 * time.Minute, 2 * time.Minute, 2 * time.Minute, 2 * time.Minute}
	if !slices.Equal(waits, want) || w.Executions.Heartbeats != len(waits) {
		t.Errorf("it has to wait %s; %d heartbeats", waits, w.Executions.Heartbeats)
	}
	if r := w.Runner(id); len(w.GitHub.Calls) != len(waits) || r.Claims != 1 {
		t.Errorf("%d requests; %d numbers", len(w.GitHub.Calls), r.Claims)
	}
	if reply := ask(t, w, id, "nonce"); reply.Status != http.StatusGone || reply.Body.Error != fleet.RunnerClaimLost {
		t.Errorf("after all: status %d: %+v", reply.Status, reply.Body)
	}
}

func TestAClaimThatComesTooEarly(t *testing.T) {
	for name, c := range map[string]struct {
		fails  error
		passes time.Duration
		wait   time.Duration
	}{
		"before the pause is over": {fleet.Errorf(fleet.GitHubUnavailable, "503"), 2 * time.Second, 3 * time.Second},
		"before GitHub allows it":  {lifecycletest.Limited(40 * time.Minute), 2 * time.Minute, 38 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			w.GitHub.Fails["Register"] = c.fails
			ask(t, w, id, "nonce")
			w.Pass(c.passes)
			w.GitHub.Calls, w.Executions.Heartbeats = nil, 0
			reply := ask(t, w, id, "nonce")
			if reply.Status != http.StatusServiceUnavailable || reply.RetryAfter != c.wait || len(w.GitHub.Calls) != 0 {
				t.Errorf("status %d, after %s; asked GitHub for %q", reply.Status, reply.RetryAfter, w.GitHub.Calls)
			}
			if w.Executions.Heartbeats != 1 || w.Runner(id).Asks != 1 {
				t.Errorf("%d heartbeats, %d asks", w.Executions.Heartbeats, w.Runner(id).Asks)
			}
		})
	}
}

// GitHub registers each time, and each answer is lost.
func TestEveryAnswerOfGitHubIsLost(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	w.GitHub.Loses["Register"] = fleet.Errorf(fleet.GitHubUnavailable, "time-out")
	w.GitHub.Calls = nil
	if reply := obey(t, w, id, "nonce"); reply.Status != http.StatusGone || reply.Body.Error != fleet.RunnerClaimLost {
		t.Errorf("status %d: %+v", reply.Status, reply.Body)
	}
	if r := w.Runner(id); r.Claims > fleet.MaxClaims || len(w.GitHub.Calls) > 30 || len(w.GitHub.Names()) > 1 {
		t.Errorf("%d numbers, %d requests; GitHub has %q", r.Claims, len(w.GitHub.Calls), w.GitHub.Names())
	}
}

func TestNoNumberIsLeft(t *testing.T) {
	for name, edit := range map[string]func(*fleet.Runner){
		"the last name is taken":               func(r *fleet.Runner) { r.Claims = fleet.MaxClaims },
		"the release before took more numbers": func(r *fleet.Runner) { r.Claims = 37 },
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			w.EditRunner(id, func(r *fleet.Runner) {
				edit(r)
				r.NonceHash = fleet.NonceHash("nonce")
				*r = r.Mark(fleet.StageClaimed, w.Now())
			})
			last := fleet.RunnerName(id, w.Runner(id).Claims)
			_, _, _ = w.GitHub.Register(t.Context(), lifecycletest.Repository, last, nil)
			if reply := ask(t, w, id, "nonce"); reply.Status != http.StatusGone || reply.Body.Error != fleet.RunnerClaimLost {
				t.Errorf("status %d: %+v", reply.Status, reply.Body)
			}
			w.Pass(time.Minute)
			w.GitHub.Remove(last)
			if reply := must(t, w, id, "nonce"); reply.Body.RunnerName != last {
				t.Errorf("the name is free: %q", reply.Body.RunnerName)
			}
		})
	}
}

// A later release may have to clear what this release left, and the release before left
// registrations of every number.
func TestEarlierNumbersAreClearedOneByOne(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	for k := 1; k <= 3; k++ {
		_, _, _ = w.GitHub.Register(t.Context(), lifecycletest.Repository, fleet.RunnerName(id, k), nil)
	}
	w.EditRunner(id, func(r *fleet.Runner) {
		r.Claims, r.NonceHash = 4, fleet.NonceHash("nonce")
		*r = r.Mark(fleet.StageClaimed, w.Now())
	})
	for k := 1; k <= 3; k++ {
		must(t, w, id, "nonce")
		if r := w.Runner(id); r.Deregistered != k || w.GitHub.Runner(fleet.RunnerName(id, k)) != nil {
			t.Errorf("ask %d: the numbers up to %d are clear; GitHub has %q", k, r.Deregistered, w.GitHub.Names())
		}
	}
}
