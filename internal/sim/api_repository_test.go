package sim_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

func TestARepositoryIsShown(t *testing.T) {
	w := newWorld(t, sim.Config{Private: true, Archived: true, FormerName: "octo/gadgets"})
	for _, name := range []string{"widgets", "gadgets"} {
		got, err := w.client(token).GetRepository(t.Context(), github.Repository{Owner: "octo", Name: name})
		if err != nil {
			t.Fatal(name, err)
		}
		if got.FullName != "octo/widgets" || !got.Private || got.Visibility != "private" || !got.Archived || got.Disabled || got.Permissions == nil || !got.Permissions.Admin {
			t.Errorf("%s: %+v", name, got)
		}
	}
	_, err := w.client(token).GetRepository(t.Context(), github.Repository{Owner: "octo", Name: "nothing"})
	if failure, ok := errors.AsType[*github.Error](err); !ok || failure.ErrorName() != github.NotFound {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestATokenMayOnlyWhatItMay(t *testing.T) {
	expires := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	type asked map[string]int // method and path → status
	for name, c := range map[string]struct {
		cfg  sim.Config
		want asked
	}{
		"a fine-grained token with nothing": {
			sim.Config{Permissions: map[string]string{}},
			asked{"GET ": 200, "GET /actions/runners": 403, "GET /actions/runs": 403, "GET /hooks": 403},
		},
		"a fine-grained token that reads": {
			sim.Config{Permissions: map[string]string{"administration": "read", "actions": "read", "repository_hooks": "read"}},
			asked{"GET ": 200, "GET /actions/runners": 200, "GET /actions/runs": 200, "GET /hooks": 200, "DELETE /actions/runners/1": 403},
		},
		"a fine-grained token that writes": {
			sim.Config{Permissions: map[string]string{"administration": "write"}},
			asked{"GET /actions/runners": 200, "DELETE /actions/runners/1": 404, "GET /actions/runs": 403},
		},
		"a classic token without a scope": {
			sim.Config{Scopes: []string{"gist"}},
			asked{"GET ": 200, "GET /actions/runners": 404, "GET /hooks": 404},
		},
		"a classic token": {
			sim.Config{Scopes: []string{"repo", "workflow"}},
			asked{"GET ": 200, "GET /actions/runners": 200, "GET /actions/runs": 200, "GET /hooks": 200, "DELETE /actions/runners/1": 404},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.TokenExpires = expires
			w := newWorld(t, c.cfg)
			for what, want := range c.want {
				method, path, _ := strings.Cut(what, " ")
				got := w.api(method, path, nil)
				if got.status != want {
					t.Errorf("%s: %d %s, want %d", what, got.status, got.raw, want)
				}
				if at := got.header.Get("GitHub-Authentication-Token-Expiration"); at != "2026-03-04 05:06:07 UTC" {
					t.Errorf("%s: the token expires %q", what, at)
				}
				if _, classic := got.header[http.CanonicalHeaderKey("X-OAuth-Scopes")]; classic != (c.cfg.Scopes != nil) {
					t.Errorf("%s: scopes are shown: %t", what, classic)
				}
			}
		})
	}
}

func TestAWebhookIsSetAsConfigured(t *testing.T) {
	w, _ := hookedWorld(t, sim.Config{WebhookSecret: "s", Hook: sim.Hook{Events: []string{"push", "ping"}, ContentType: "form", InsecureSSL: true}})
	hooks, err := all(w.client(token).Hooks(t.Context(), widgets))
	if err != nil || len(hooks) != 1 {
		t.Fatal(hooks, err)
	}
	if h := hooks[0]; !h.Active || !slices.Equal(h.Events, []string{"push", "ping"}) || h.Config.ContentType != "form" || !bool(h.Config.InsecureSSL) || h.Config.Secret == "" || h.Config.Secret == "s" {
		t.Errorf("%+v", h)
	}
	w.Queue(spec("j", "x"))
	w.Ping()
	w.settleWebhooks(1)
	if got := w.Deliveries(); len(got) != 1 || got[0].Event != "ping" {
		t.Errorf("a webhook for pushes got %+v", got)
	}
}
