package claim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestHTTP(t *testing.T) {
	good := `{"nonce":"nonce"}`
	cases := map[string]struct {
		before func(w *world)
		token  string // the bearer token, "" for the right one
		body   string
		status int
		wait   string // Retry-After
	}{
		"a credential":       {body: good, status: 200},
		"a wrong token":      {token: "Bearer x", body: good, status: 401},
		"no bearer":          {token: "Basic x", body: good, status: 401},
		"no JSON":            {body: "nonce", status: 400},
		"no nonce":           {body: `{}`, status: 400},
		"a body too large":   {body: good + strings.Repeat(" ", 16<<10), status: 400},
		"no longer wanted":   {before: func(w *world) { w.EditRunner("fleet-7-1", func(r *fleet.Runner) { r.Phase = fleet.Closing }) }, body: good, status: 410},
		"claimed by another": {before: func(w *world) { w.EditRunner("fleet-7-1", func(r *fleet.Runner) { r.Claims, r.NonceHash = 1, "x" }) }, body: good, status: 409},
		"refused by GitHub": {
			before: func(w *world) { w.GitHub.Fails["Register"] = fleet.Errorf(fleet.GitHubNotFound, "404") }, body: good, status: 424,
		},
		"limited by GitHub": {
			before: func(w *world) { w.GitHub.Fails["Register"] = lifecycletest.Limited(61500 * time.Millisecond) }, body: good, status: 503, wait: "62",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			if c.before != nil {
				c.before(w)
			}
			mux := http.NewServeMux()
			mux.Handle("POST /runners/{id}/claim", handler(w))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/runners/"+id+"/claim", strings.NewReader(c.body))
			if r.Header.Set("Authorization", "Bearer "+fleet.ClaimToken(key, id)); c.token != "" {
				r.Header.Set("Authorization", c.token)
			}
			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, r)
			if rec.Code != c.status || rec.Header().Get("Retry-After") != c.wait {
				t.Errorf("status %d, Retry-After %q: %s", rec.Code, rec.Header().Get("Retry-After"), rec.Body)
			}
			if rec.Header().Get("Content-Type") != "application/json" || rec.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", rec.Header())
			}
			var body fleet.ClaimResponse
			if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || (body.EncodedJITConfig != "") != (c.status == 200) || (body.Message != "") != (c.status != 200) {
				t.Errorf("%v: %+v", err, body)
			}
		})
	}
}
