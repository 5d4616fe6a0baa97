package claim_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// engine knows runners' containers by their addresses, or does not answer.
type engine struct {
	at  map[string]string
	err error
}

func (e engine) From(_ context.Context, runnerID string, address netip.Addr) (bool, error) {
	return e.at[runnerID] != "" && e.at[runnerID] == address.String(), e.err
}

// A container engine knows from whose address a claim comes.
func TestAClaimFromAContainer(t *testing.T) {
	at := map[string]string{"fleet-7-1": "10.88.0.7", "fleet-8-1": "10.88.0.8"}
	cases := map[string]struct {
		engine engine
		from   string
		status int
		names  int
	}{
		"from its container":                  {engine{at: at}, "10.88.0.7:40000", 200, 1},
		"from another container":              {engine{at: at}, "10.88.0.8:40000", 401, 0},
		"from this machine":                   {engine{at: at}, "127.0.0.1:40000", 401, 0},
		"from nowhere that is known":          {engine{at: at}, "", 401, 0},
		"its container is not there any more": {engine{}, "10.88.0.7:40000", 401, 0},
		"the engine does not answer just now": {engine{at: at, err: errors.New("the engine is down")}, "10.88.0.7:40000", 503, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			h := handler(w)
			h.Containers = c.engine
			mux := http.NewServeMux()
			mux.Handle("POST /runners/{id}/claim", h)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/runners/"+id+"/claim", strings.NewReader(`{"nonce":"nonce"}`))
			r.RemoteAddr = c.from
			r.Header.Set("Authorization", "Bearer "+fleet.ClaimToken(key, id))
			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, r)
			if rec.Code != c.status || len(w.GitHub.Names()) != c.names {
				t.Errorf("status %d: %s; GitHub has %q", rec.Code, rec.Body, w.GitHub.Names())
			}
			if c.status == 401 && w.Runner(id).NonceHash != "" {
				t.Error("a stranger has bound the runner to its nonce")
			}
		})
	}
}

// As on AWS: only the container itself can contest its claim, and its job raises no alarm.
func TestContestedByItsOwnContainer(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	h := handler(w)
	h.Containers = engine{at: map[string]string{id: "10.88.0.7"}}
	from := func(address, nonce string) claim.Reply {
		return h.Handle(t.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: nonce, Address: netip.MustParseAddr(address)})
	}
	if reply := from("10.88.0.7", "nonce"); reply.Status != http.StatusOK {
		t.Fatalf("status %d: %+v", reply.Status, reply.Body)
	}
	if reply := from("10.88.0.8", "another"); reply.Status != http.StatusUnauthorized || len(w.GitHub.Names()) != 1 {
		t.Errorf("a stranger: status %d: %+v; GitHub has %q", reply.Status, reply.Body, w.GitHub.Names())
	}
	w.EditRunner(id, func(r *fleet.Runner) { r.Took = 7 })
	if reply := from("10.88.0.7", "another"); reply.Status != http.StatusGone || strings.Contains(w.Log.String(), "level=ERROR") {
		t.Errorf("its job: status %d: %+v\n%s", reply.Status, reply.Body, w.Log)
	}
}
