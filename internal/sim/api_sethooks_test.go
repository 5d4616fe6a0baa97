package sim_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// A webhook of the repository, and one of the organization, are made, changed and pinged.
func TestAWebhookIsMade(t *testing.T) {
	for name, at := range map[string]github.Place{"of a repository": widgets, "of an organization": github.Organization("octo")} {
		t.Run(name, func(t *testing.T) {
			in := &inbox{}
			receiver := httptest.NewServer(in)
			t.Cleanup(receiver.Close)
			w := newWorld(t, sim.Config{})
			c := w.client(token)
			settings := github.HookSettings{URL: receiver.URL + "/webhook", Secret: hookSecret}
			made, err := c.CreateHook(t.Context(), at, "workflow_job", settings)
			if err != nil || made.ID != w.HookID() {
				t.Fatalf("%+v, %v", made, err)
			}
			if _, err := c.CreateHook(t.Context(), at, "workflow_job", settings); !fleet.IsNamed(err, github.Invalid) {
				t.Errorf("a second time: %v", err)
			}
			w.settleWebhooks(1)
			if err := c.PingHook(t.Context(), at, made.ID); err != nil {
				t.Error(err)
			}
			w.settleWebhooks(2)
			for _, d := range in.all() {
				if got := d.header.Get("X-Hub-Signature-256"); got != sim.Signature(hookSecret, d.raw) {
					t.Errorf("it is signed %s", got)
				}
			}

			made.Events = []string{"push"}
			if err := c.UpdateHook(t.Context(), at, made, "workflow_job", github.HookSettings{URL: receiver.URL + "/other", Secret: "other"}); err != nil {
				t.Error(err)
			}
			hooks, err := all(c.Hooks(t.Context(), at))
			if err != nil || len(hooks) != 1 {
				t.Fatalf("%+v, %v", hooks, err)
			}
			if h := hooks[0]; !h.Active || !slices.Equal(h.Events, []string{"push", "workflow_job"}) || h.Config.URL != receiver.URL+"/other" || h.Config.ContentType != "json" || h.Config.Secret == "" {
				t.Errorf("%+v", h)
			}
			if deliveries, err := all(c.HookDeliveries(t.Context(), at, made.ID)); err != nil || len(deliveries) != 2 || !deliveries[0].OK() {
				t.Errorf("%+v, %v", deliveries, err)
			}
			other := github.Place(github.Organization("octo"))
			if at == other {
				other = widgets
			}
			if hooks, err := all(c.Hooks(t.Context(), other)); err != nil || len(hooks) != 0 {
				t.Errorf("%v has %+v, %v", other, hooks, err)
			}
		})
	}
}
