package sim_test

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// page sends a form as a browser does that follows no redirect.
func (w *world) page(path string, form url.Values) (status int, body, location string) {
	w.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(w.url+path, form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), resp.Header.Get("Location")
}

var hidden = regexp.MustCompile(`name="([a-z]+)" value="([^"]*)"`)

// makeApp clicks through the pages, and returns where the last one leads.
func (w *world) makeApp(at string, m github.Manifest) *url.URL {
	w.t.Helper()
	text, _ := json.Marshal(m)
	status, body, _ := w.page(at, url.Values{"manifest": {string(text)}})
	if status != http.StatusOK || !strings.Contains(body, "<button>Create GitHub App for ") {
		w.t.Fatalf("%s: %d %s", at, status, body)
	}
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(body, -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	status, body, location := w.page("/settings/apps", form)
	if status != http.StatusFound {
		w.t.Fatalf("create: %d %s", status, body)
	}
	to, err := url.Parse(location)
	if err != nil {
		w.t.Fatal(err)
	}
	return to
}

func fleetsApp(hook string) github.Manifest {
	m := github.Manifest{
		Name: "fleet octo", URL: "https://example.com", Hook: github.ManifestHook{URL: hook, Active: true}, RedirectURL: "http://127.0.0.1:1/made?kept=yes",
		Permissions: map[string]string{}, Events: []string{github.AppEvent},
	}
	for _, p := range github.AppPermissions(github.AppUses{}) {
		m.Permissions[p.Name] = p.Level
	}
	return m
}

// oneKey is an App's only key.
type oneKey string

func (k oneKey) Values(context.Context) ([]string, error) { return []string{string(k)}, nil }
func (oneKey) Refresh(context.Context) (bool, error)      { return false, nil }

// asApp is a client that acts as a new App.
func (w *world) asApp(made github.NewApp) *github.Client {
	return github.New(w.url+"/api/v3", github.Apps{Now: w.clock.Now, List: []github.App{{ID: made.ClientID, Keys: oneKey(made.PrivateKey)}}}, nil)
}

func TestAnAppIsMadeOfAManifest(t *testing.T) {
	w, _ := hookedWorld(t, sim.Config{NewApps: true})
	hook := "http://127.0.0.1:1/webhook"
	back := w.makeApp("/organizations/octo/settings/apps/new?state=a%26b", fleetsApp(hook))
	if q := back.Query(); back.Host != "127.0.0.1:1" || q.Get("state") != "a&b" || q.Get("kept") != "yes" || q.Get("code") == "" {
		t.Fatalf("it leads to %s", back)
	}
	code, base := back.Query().Get("code"), w.url+"/api/v3"
	made, err := github.ConvertManifest(t.Context(), base, nil, code)
	if err != nil || made.Slug != "fleet-octo" || made.WebhookSecret == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := github.ConvertManifest(t.Context(), base, nil, code); !fleet.IsNamed(err, github.NotFound) || strings.Contains(err.Error(), code) {
		t.Errorf("a second time: %v", err)
	}

	app := w.asApp(made)
	info, err := app.App(t.Context())
	if err != nil || info.Slug != "fleet-octo" || !slices.Equal(info.Events, []string{"workflow_job"}) {
		t.Errorf("%+v, %v", info, err)
	}
	if config, err := app.AppHook(t.Context()); err != nil || config.URL != hook {
		t.Errorf("%+v, %v", config, err)
	}
	if err := app.SetAppHook(t.Context(), github.HookSettings{URL: "http://127.0.0.1:2/webhook", Secret: "other"}); err != nil {
		t.Error(err)
	}
	if config, err := app.AppHook(t.Context()); err != nil || config.URL != "http://127.0.0.1:2/webhook" {
		t.Errorf("%+v, %v", config, err)
	}
	if _, err := app.GetRepository(t.Context(), widgets); !fleet.IsNamed(err, github.NotFound) {
		t.Errorf("before it is installed: %v", err)
	}
	if status, body, _ := w.page("/apps/fleet-octo/installations", nil); status != http.StatusOK || !strings.Contains(body, "was installed on octo") {
		t.Errorf("install: %d %s", status, body)
	}
	if _, err := app.GetRepository(t.Context(), widgets); err != nil {
		t.Error(err)
	}
}

func TestACodeIsGoodForAnHour(t *testing.T) {
	w := newWorld(t, sim.Config{NewApps: true})
	code := w.makeApp("/settings/apps/new", fleetsApp("http://127.0.0.1:1/webhook")).Query().Get("code")
	if _, err := github.ConvertManifest(t.Context(), w.url+"/api/v3", nil, "guess"); !fleet.IsNamed(err, github.NotFound) {
		t.Errorf("another code: %v", err)
	}
	w.clock.Advance(time.Hour)
	if _, err := github.ConvertManifest(t.Context(), w.url+"/api/v3", nil, code); !fleet.IsNamed(err, github.NotFound) {
		t.Errorf("after an hour: %v", err)
	}
}

func TestManifestsThatAreRefused(t *testing.T) {
	w := newWorld(t, sim.Config{NewApps: true})
	for name, c := range map[string]struct {
		at     string
		change func(*github.Manifest)
		says   string
	}{
		"another owner":   {"/organizations/other/settings/apps/new", func(*github.Manifest) {}, "Page not found"},
		"no home page":    {"/settings/apps/new", func(m *github.Manifest) { m.URL = "" }, `"url&#34; wasn`},
		"no webhook":      {"/settings/apps/new", func(m *github.Manifest) { m.Hook.URL = "" }, "Hook url cannot be blank"},
		"no way back":     {"/settings/apps/new", func(m *github.Manifest) { m.RedirectURL = "" }, "redirect_url"},
		"a name too long": {"/settings/apps/new", func(m *github.Manifest) { m.Name = strings.Repeat("n", 35) }, "longer than 34"},
	} {
		m := fleetsApp("http://127.0.0.1:1/webhook")
		c.change(&m)
		text, _ := json.Marshal(m)
		if status, body, _ := w.page(c.at, url.Values{"manifest": {string(text)}}); status < 400 || !strings.Contains(strings.ReplaceAll(body, "&#34;url", `"url`), c.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
