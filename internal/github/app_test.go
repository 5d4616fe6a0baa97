package github_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
)

const appRepository = "octo-org/widgets"

// appKeys are made once: a key takes long.
var appKeys = sync.OnceValue(func() (keys [3]*rsa.PrivateKey) {
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	return keys
})

func pemOf(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// keyStore is the secret with an App's keys.
type keyStore struct{ now, next []string }

func (k *keyStore) Values(context.Context) ([]string, error) { return k.now, nil }

func (k *keyStore) Refresh(context.Context) (bool, error) {
	changed := k.next != nil && !slices.Equal(k.now, k.next)
	if changed {
		k.now = k.next
	}
	return changed, nil
}

// table is where functions share what they know of GitHub.
type table struct {
	mu   sync.Mutex
	text map[string]string
}

func (s *table) Cursor(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text[name], nil
}

func (s *table) PutCursor(_ context.Context, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text[name] = value
	return nil
}

// appWorld is a simulated GitHub with an App, and a fleet that acts as that App.
type appWorld struct {
	t      *testing.T
	hub    *sim.Server
	url    string
	at     time.Time // on both clocks
	ahead  time.Duration
	keys   *keyStore
	shared *table
	PAT    github.Credential
	asked  []string // methods and paths
}

type appClock struct{ w *appWorld }

func (c appClock) Now() time.Time                            { return c.w.at }
func (c appClock) AfterFunc(time.Duration, func()) sim.Timer { return stopped{} }

type stopped struct{}

func (stopped) Stop() bool { return true }

func newAppWorld(t *testing.T, change func(*sim.App)) *appWorld {
	w := &appWorld{t: t, at: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC), shared: &table{text: map[string]string{}}}
	key := appKeys()[0]
	w.keys = &keyStore{now: []string{pemOf(key)}}
	app := &sim.App{
		ID: 77, ClientID: "Iv23simulated", Keys: []*rsa.PublicKey{&key.PublicKey},
		Permissions: map[string]string{"actions": "read", "administration": "write", "metadata": "read"},
	}
	if change != nil {
		change(app)
	}
	hub, err := sim.New(sim.Config{Repository: appRepository, Private: true, App: app, Token: "ghp_fallback", Clock: appClock{w}})
	if err != nil {
		t.Fatal(err)
	}
	checked := contract.New(t).Handler(hub)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked = append(w.asked, r.Method+" "+r.URL.Path)
		checked.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(hub.Close)
	w.hub, w.url = hub, server.URL
	return w
}

// function is another function of the fleet: it has nothing in memory yet.
func (w *appWorld) function() github.ForFleet {
	return w.functionOf(github.App{ID: "Iv23simulated", Keys: w.keys})
}

func (w *appWorld) functionOf(apps ...github.App) github.ForFleet {
	hub := github.NewForFleet(w.url, github.Apps{List: apps, PAT: w.PAT, Now: func() time.Time { return w.at.Add(w.ahead) }}, http.DefaultClient)
	hub.Client.Shared = w.shared
	return hub
}

// life registers a runner, lists the runners and deletes it.
func life(t *testing.T, hub github.ForFleet, name string) error {
	t.Helper()
	registered, _, err := hub.Register(t.Context(), appRepository, name, []string{"self-hosted"})
	if err != nil {
		return err
	}
	if _, err := hub.RegistrationsPage(t.Context(), appRepository, fleet.Page[fleet.Registration]{}); err != nil {
		return err
	}
	return hub.Delete(t.Context(), appRepository, registered.ID)
}

func TestAnAppServesAFleet(t *testing.T) {
	for _, short := range []bool{false, true} {
		w := newAppWorld(t, func(a *sim.App) { a.ShortTokens = short })
		if err := life(t, w.function(), "a"); err != nil {
			t.Fatal(err)
		}
		if w.hub.TokensMade() != 2 {
			t.Errorf("%d tokens were made, want one that reads and one that writes", w.hub.TokensMade())
		}
	}
}

func TestFunctionsShareTokensSealed(t *testing.T) {
	w := newAppWorld(t, nil)
	for _, name := range []string{"a", "b", "c"} {
		if err := life(t, w.function(), name); err != nil {
			t.Fatal(err)
		}
	}
	if w.hub.TokensMade() != 2 {
		t.Errorf("%d tokens were made by three functions, want 2", w.hub.TokensMade())
	}
	for name, text := range w.shared.text {
		if strings.Contains(text, "ghs_") || strings.Contains(name, "ghs_") {
			t.Errorf("%s holds a token: %.20s…", name, text)
		}
	}
}

// What is sealed opens under its own name, with the App's key.
func TestWhatIsSealedStaysSealed(t *testing.T) {
	for name, meddle := range map[string]func(w *appWorld){
		"the fleet's own": func(*appWorld) {},
		"another key": func(w *appWorld) {
			w.keys = &keyStore{now: []string{pemOf(appKeys()[1])}}
			w.hub.SetAppKeys(&appKeys()[1].PublicKey)
		},
		"another name": func(w *appWorld) {
			sealed := w.tokens()
			for i, name := range sealed {
				other := sealed[(i+1)%len(sealed)]
				w.shared.text["kept/"+name] = w.shared.text[other]
			}
			for _, name := range sealed {
				w.shared.text[name] = w.shared.text["kept/"+name]
			}
		},
		"something else": func(w *appWorld) {
			for _, name := range w.tokens() {
				w.shared.text[name] = "c2hvcnQ="
			}
		},
	} {
		w := newAppWorld(t, nil)
		if err := life(t, w.function(), "a"); err != nil {
			t.Fatal(err)
		}
		if n := len(w.tokens()); n != 2 {
			t.Fatalf("%d tokens are shared", n)
		}
		meddle(w)
		if err := life(t, w.function(), "b"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want := 4
		if name == "the fleet's own" {
			want = 2
		}
		if w.hub.TokensMade() != want {
			t.Errorf("%s: %d tokens were made, want %d", name, w.hub.TokensMade(), want)
		}
	}
}

// tokens are the names of the tokens that are shared.
func (w *appWorld) tokens() (names []string) {
	for name := range w.shared.text {
		if strings.HasPrefix(name, "github_token/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// What may befall the App between two lives of runners, and what the fleet makes of it.
func TestAppGoesOn(t *testing.T) {
	const later = 2 * time.Hour
	for name, c := range map[string]struct {
		befalls func(w *appWorld)
		err     string // "" if it goes on as if nothing were
		says    string
	}{
		"its tokens are about to expire": {befalls: func(w *appWorld) { w.at = w.at.Add(56 * time.Minute) }},
		"its tokens have expired":        {befalls: func(w *appWorld) { w.at = w.at.Add(later) }},
		"its tokens are revoked":         {befalls: func(w *appWorld) { w.hub.RevokeTokens() }},
		"it is installed again": {befalls: func(w *appWorld) {
			w.hub.Uninstall()
			w.hub.Install()
		}},
		"it is uninstalled": {befalls: func(w *appWorld) { w.hub.Uninstall() }, err: fleet.GitHubNotFound, says: "is not installed for octo-org/widgets"},
		"it is suspended": {befalls: func(w *appWorld) {
			w.hub.Suspend(true)
			w.at = w.at.Add(later)
		}, err: fleet.GitHubNoAccess, says: "is suspended: an owner of octo-org lifts that"},
		"it is suspended and back": {befalls: func(w *appWorld) {
			w.hub.Suspend(true)
			_ = life(w.t, w.function(), "while")
			w.hub.Suspend(false)
		}},
		"its key is replaced, and the secret has both": {befalls: func(w *appWorld) {
			w.keys.now = []string{pemOf(appKeys()[1]), pemOf(appKeys()[0])}
			w.at = w.at.Add(later)
		}},
		"its key is replaced, and GitHub knows only the new one": {befalls: func(w *appWorld) {
			w.keys.now = []string{pemOf(appKeys()[0]), pemOf(appKeys()[1])}
			w.hub.SetAppKeys(&appKeys()[1].PublicKey)
			w.at = w.at.Add(later)
		}},
		"its key is replaced, and the secret was read before": {befalls: func(w *appWorld) {
			w.keys.next = []string{pemOf(appKeys()[1])}
			w.hub.SetAppKeys(&appKeys()[1].PublicKey)
			w.at = w.at.Add(later)
		}},
		"its key is deleted": {befalls: func(w *appWorld) {
			w.hub.SetAppKeys()
			w.at = w.at.Add(later)
		}, err: fleet.GitHubUnauthorized, says: "GitHub refuses the key of App Iv23simulated"},
		"the secret holds no key any more": {befalls: func(w *appWorld) {
			w.keys.now = []string{"hunter2"}
			w.at = w.at.Add(later)
		}, err: fleet.SecretMissing, says: "is no private key: store the whole .pem file"},
		"the secret holds a key with a passphrase": {befalls: func(w *appWorld) {
			w.keys.now = []string{"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"}
			w.at = w.at.Add(later)
		}, err: fleet.SecretMissing, says: "has a passphrase: take it off with `openssl pkey"},
		"the secret holds one as OpenSSL once made it": {befalls: func(w *appWorld) {
			w.keys.now = []string{"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"}
			w.at = w.at.Add(later)
		}, err: fleet.SecretMissing, says: "has a passphrase"},
		"our clock is ahead":                          {befalls: func(w *appWorld) { w.ahead, w.at = 20*time.Minute, w.at.Add(later) }},
		"our clock is behind":                         {befalls: func(w *appWorld) { w.ahead, w.at = -20*time.Minute, w.at.Add(later) }},
		"our clock is ahead and its tokens are known": {befalls: func(w *appWorld) { w.ahead = 20 * time.Minute }},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, again := range map[string]bool{"the same function": true, "another function": false} {
				w := newAppWorld(t, nil)
				hub := w.function()
				if err := life(t, hub, "before"); err != nil {
					t.Fatal(err)
				}
				c.befalls(w)
				if !again {
					hub = w.function()
				}
				err := life(t, hub, "after")
				if fleet.ErrorName(err) != c.err {
					// A page may fail once with a token that was refused meanwhile: the next
					// look asks for another.
					t.Errorf("%s: %v, want %q", kind, err, c.err)
				}
				if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("%s: %v does not say %q", kind, err, c.says)
				}
				if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ghs_") || strings.Contains(err.Error(), "PRIVATE")) {
					t.Errorf("%s: %v shows a secret", kind, err)
				}
			}
		})
	}
}

func TestAnAppWithoutAPermission(t *testing.T) {
	for name, c := range map[string]struct {
		has  map[string]string
		says string
	}{
		"to read jobs":        {has: map[string]string{"administration": "write"}, says: "it needs Actions: read, Administration: read"},
		"to register runners": {has: map[string]string{"administration": "read", "actions": "read"}, says: "may not write Administration in octo-org/widgets"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newAppWorld(t, func(a *sim.App) { a.Permissions = c.has })
			hub := w.function()
			_, looked := hub.RegistrationsPage(t.Context(), appRepository, fleet.Page[fleet.Registration]{})
			_, _, registered := hub.Register(t.Context(), appRepository, "a", []string{"self-hosted"})
			err := errors.Join(looked, registered)
			if err == nil || !strings.Contains(err.Error(), c.says) || !fleet.IsNamed(err, fleet.GitHubNoAccess) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

// Of several Apps each repository has its own, and another serves those that it is not
// installed for.
func TestSeveralApps(t *testing.T) {
	w := newAppWorld(t, nil)
	stranger := github.App{ID: "Iv23stranger", Keys: &keyStore{now: []string{pemOf(appKeys()[2])}}}
	ours := github.App{ID: "Iv23simulated", Keys: w.keys}
	w.hub.SetAppKeys(&appKeys()[0].PublicKey)
	if err := life(t, w.functionOf(ours, ours), "a"); err != nil {
		t.Error(err)
	}
	err := life(t, w.functionOf(stranger), "b")
	if !fleet.IsNamed(err, fleet.GitHubUnauthorized) {
		t.Errorf("an App that GitHub does not know: %v", err)
	}
}

func TestATokenServesOwnersWithoutTheApp(t *testing.T) {
	w := newAppWorld(t, nil)
	w.hub.Uninstall()
	if err := life(t, w.function(), "a"); !fleet.IsNamed(err, fleet.GitHubNotFound) {
		t.Errorf("without a token: %v", err)
	}
	w.PAT = github.PAT(func(context.Context) (string, error) { return "ghp_fallback", nil })
	if err := life(t, w.function(), "b"); err != nil {
		t.Errorf("with a token: %v", err)
	}
}

// All tokens of an installation count for one limit.
func TestAnInstallationHasOneBudget(t *testing.T) {
	w := newAppWorld(t, nil)
	hub := w.function()
	if err := life(t, hub, "a"); err != nil {
		t.Fatal(err)
	}
	before, err := hub.Budget(t.Context(), appRepository, w.at)
	if err != nil || !before.Known() || !strings.HasPrefix(before.Credential, "app-Iv23simulated-") || !strings.HasPrefix(before.Name, "App Iv23simulated, installed for ") {
		t.Fatalf("%+v, %v", before, err)
	}
	w.hub.RevokeTokens()
	w.at = w.at.Add(time.Minute)
	if err := life(t, hub, "b"); err != nil {
		t.Fatal(err)
	}
	after, err := hub.Budget(t.Context(), appRepository, w.at)
	if err != nil || after.Credential != before.Credential || after.Remaining >= before.Remaining {
		t.Errorf("%+v, then with other tokens %+v, %v", before, after, err)
	}
}

// The App's one webhook is asked about with the App's own token.
func TestDeliveriesOfTheApp(t *testing.T) {
	w := newAppWorld(t, nil)
	hub := w.function()
	page, err := hub.DeliveriesPage(t.Context(), appRepository, fleet.AppHook, fleet.Page[fleet.Delivery]{})
	if err != nil || len(page.Items) != 0 || page.ETag != "" {
		t.Errorf("%+v, %v", page, err)
	}
	if err := hub.Redeliver(t.Context(), appRepository, fleet.AppHook, 5); !fleet.IsNamed(err, fleet.GitHubNotFound) {
		t.Errorf("a delivery that there is not: %v", err)
	}
	if want := []string{"GET /app/hook/deliveries", "POST /app/hook/deliveries/5/attempts"}; !slices.Equal(w.asked, want) {
		t.Errorf("asked %q", w.asked)
	}
}

func TestIsInstallation(t *testing.T) {
	w := newAppWorld(t, nil)
	hub := w.function()
	own := w.hub.InstallationID()
	for id, want := range map[int64]bool{own: true, own + 1: false} {
		if ours, err := hub.IsInstallation(t.Context(), appRepository, id); err != nil || ours != want {
			t.Errorf("%d: %v, %v", id, ours, err)
		}
	}
	w.hub.Uninstall()
	w.hub.Install()
	if ours, err := hub.IsInstallation(t.Context(), appRepository, w.hub.InstallationID()); err != nil || !ours {
		t.Errorf("after it was installed again: %v, %v", ours, err)
	}
	w.hub.Uninstall()
	if ours, err := w.function().IsInstallation(t.Context(), appRepository, own); !fleet.IsNamed(err, fleet.GitHubNotFound) || ours {
		t.Errorf("after it was uninstalled: %v, %v", ours, err)
	}
	pat := github.NewForFleet(w.url, github.PAT(func(context.Context) (string, error) { return "ghp_fallback", nil }), http.DefaultClient)
	if ours, err := pat.IsInstallation(t.Context(), appRepository, 1); err != nil || !ours {
		t.Errorf("a fleet with a token: %v, %v", ours, err)
	}
}

// A group that is made again has another id, which a registration looks up when GitHub
// refuses the former one.
func TestARunnerGroupThatIsMadeAnew(t *testing.T) {
	id, asked := 7, 0
	hub := github.NewForFleet(apiBase, github.PAT(func(context.Context) (string, error) { return "t", nil }), &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		switch {
		case strings.HasSuffix(r.URL.Path, "/runner-groups"):
			asked++
			fmt.Fprintf(rec, `{"runner_groups":[{"id":1,"name":"Default"},{"id":%d,"name":"Fleet"}]}`, id)
		default:
			body, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(body), fmt.Sprintf(`"runner_group_id":%d`, id)) {
				rec.WriteHeader(http.StatusNotFound)
			} else {
				fmt.Fprint(rec, `{"runner":{"id":1,"name":"a"},"encoded_jit_config":"x"}`)
			}
		}
		return rec.Result(), nil
	})})
	hub.Scope = github.Scope{Place: fleet.OrganizationPlace("octo-org"), Group: "fleet"}
	register := func() error {
		_, _, err := hub.Register(t.Context(), fleet.OrganizationPlace("octo-org"), "a", []string{"x"})
		return err
	}
	if err := errors.Join(register(), register()); err != nil || asked != 1 {
		t.Fatalf("%v; the groups were asked for %d times", err, asked)
	}
	id = 8
	if err := register(); err != nil || asked != 2 {
		t.Errorf("%v; the groups were asked for %d times", err, asked)
	}
	hub.Scope.Group = "nosuch"
	if err := register(); err == nil || !strings.Contains(err.Error(), `no runner group "nosuch" (it has Default, Fleet)`) {
		t.Errorf("%v", err)
	}
}

// Idle runners of a group get the jobs of all repositories that may use it, now and later.
func TestARunnerGroupThatAllowsPublicRepositories(t *testing.T) {
	public, status := true, http.StatusOK
	hub := github.NewForFleet(apiBase, github.PAT(func(context.Context) (string, error) { return "t", nil }), &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		rec.WriteHeader(status)
		fmt.Fprintf(rec, `{"runner_groups":[{"id":1,"name":"Default"},{"id":7,"name":"Fleet","allows_public_repositories":%t}]}`, public)
		return rec.Result(), nil
	})})
	place := fleet.OrganizationPlace("octo-org")
	hub.Scope = github.Scope{Place: place, Group: "fleet"}
	if err := hub.CanRegister(t.Context(), "", false); err != nil {
		t.Errorf("runners with a job: %v", err)
	}
	err := hub.CanIdle(t.Context(), place)
	if !fleet.IsNamed(err, fleet.RunnerLaunchFailed) || !strings.Contains(err.Error(), `runner group "Fleet" of organization octo-org allows public repositories`) || !strings.Contains(err.Error(), "under Actions, Runner groups") {
		t.Errorf("%v", err)
	}
	public = false
	if err := hub.CanIdle(t.Context(), place); err != nil {
		t.Errorf("it does no more: %v", err)
	}
	status = http.StatusBadGateway
	if err := hub.CanIdle(t.Context(), place); !fleet.IsNamed(err, fleet.GitHubUnavailable) {
		t.Errorf("GitHub does not say: %v", err)
	}
	if err := hub.CanIdle(t.Context(), "octo-org/app"); err != nil {
		t.Errorf("runners of a repository: %v", err)
	}
}

// The id of a group that is there is remembered; one that is not is looked for each time.
func TestARunnerGroupIsRemembered(t *testing.T) {
	groups, asked := `{"id":7,"name":"Fleet"}`, 0
	hub := github.NewForFleet(apiBase, github.PAT(func(context.Context) (string, error) { return "t", nil }), &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		asked++
		rec := httptest.NewRecorder()
		fmt.Fprintf(rec, `{"runner_groups":[%s]}`, groups)
		return rec.Result(), nil
	})})
	hub.Scope = github.Scope{Place: fleet.OrganizationPlace("octo-org"), Group: "fleet"}
	for _, c := range []struct {
		groups string
		anew   bool
		missed bool
		asked  int
	}{
		{groups, false, false, 1},
		{"", false, false, 1},
		{"", true, true, 2},
		{"", false, true, 3},
		{groups, false, false, 4},
		{groups, false, false, 4},
	} {
		groups = c.groups
		if err := hub.CanRegister(t.Context(), "", c.anew); fleet.IsNamed(err, fleet.GitHubNoRunnerGroup) != c.missed || !c.missed && err != nil || asked != c.asked {
			t.Errorf("%+v: %v, asked %d times", c, err, asked)
		}
	}
}

// Two requests with a token that was revoked: while one of them forgets it, the other must
// not bring it back from the table.
func TestARevokedTokenStaysForgotten(t *testing.T) {
	w := newAppWorld(t, nil)
	hub := w.function()
	if err := life(t, hub, "a"); err != nil {
		t.Fatal(err)
	}
	w.hub.RevokeTokens()
	// The other request reads the table between the two steps of forgetting.
	slow := &meddling{table: w.shared}
	slow.before = func() {
		slow.before = nil
		_, _ = hub.Budget(t.Context(), appRepository, w.at) // which takes a token
	}
	hub.Client.Shared = slow
	if _, err := hub.RegistrationsPage(t.Context(), appRepository, fleet.Page[fleet.Registration]{}); err != nil {
		t.Error(err)
	}
}

// meddling is a table that lets something happen before it is written to.
type meddling struct {
	*table
	before func()
}

func (m *meddling) PutCursor(ctx context.Context, name, value string) error {
	if m.before != nil && strings.HasPrefix(name, "github_token/") {
		m.before()
	}
	return m.table.PutCursor(ctx, name, value)
}

// The table may have another token than this function, and both may be revoked.
func TestTwoTokensAreRevoked(t *testing.T) {
	w := newAppWorld(t, nil)
	hub := w.function()
	if err := life(t, hub, "a"); err != nil {
		t.Fatal(err)
	}
	clear(w.shared.text)
	if err := life(t, w.function(), "b"); err != nil { // which shares tokens of its own
		t.Fatal(err)
	}
	w.hub.RevokeTokens()
	if err := life(t, hub, "c"); err != nil {
		t.Error(err)
	}
}

// A table that cannot be read costs tokens, and nothing else.
func TestTheTableCannotBeRead(t *testing.T) {
	w := newAppWorld(t, nil)
	hub := w.function()
	hub.Client.Shared = unreadable{w.shared}
	if err := life(t, hub, "a"); err != nil {
		t.Error(err)
	}
}

type unreadable struct{ *table }

func (unreadable) Cursor(context.Context, string) (string, error) {
	return "", fleet.Errorf(fleet.RecordsUnavailable, "no")
}

// Each of two Apps may have been given other repositories of the same owner.
func TestAppsWithRepositoriesOfTheirOwn(t *testing.T) {
	var asked []string
	hub := github.NewForFleet(apiBase, github.Apps{
		List: []github.App{{ID: "one", Keys: &keyStore{now: []string{pemOf(appKeys()[0])}}}, {ID: "two", Keys: &keyStore{now: []string{pemOf(appKeys()[1])}}}},
		Now:  time.Now,
	}, &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		app := map[bool]string{true: "one", false: "two"}[strings.Contains(token, jwtOf("one"))]
		switch {
		case strings.HasSuffix(r.URL.Path, "/installation"):
			if mine := strings.Contains(r.URL.Path, "/for-"+app+"/"); !mine {
				rec.WriteHeader(http.StatusNotFound)
			} else {
				fmt.Fprint(rec, `{"id":5}`)
			}
		case strings.HasSuffix(r.URL.Path, "/access_tokens"):
			rec.WriteHeader(http.StatusCreated)
			fmt.Fprintf(rec, `{"token":"ghs_%s","expires_at":%q}`, app, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		default:
			asked = append(asked, r.URL.Path+" "+token)
			fmt.Fprint(rec, `{"id":7,"run_id":1,"status":"queued"}`)
		}
		return rec.Result(), nil
	})})
	for _, repository := range []string{"octo/for-one", "octo/for-two", "octo/for-one"} {
		if _, err := hub.Job(t.Context(), repository, 7); err != nil {
			t.Errorf("%s: %v", repository, err)
		}
	}
	for _, one := range asked {
		if strings.Contains(one, "/for-one/") != strings.HasSuffix(one, "ghs_one") {
			t.Errorf("asked %s", one)
		}
	}
}

// jwtOf is how the issuer stands in a token that an App signs.
func jwtOf(id string) string {
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + id + `"`))
	return claims[:len(claims)-2]
}

func TestCheckKeys(t *testing.T) {
	good := pemOf(appKeys()[0])
	for name, c := range map[string]struct {
		texts []string
		bad   bool
	}{
		"one":                         {texts: []string{good}},
		"Windows line ends":           {texts: []string{strings.ReplaceAll(good, "\n", "\r\n")}},
		"none":                        {texts: []string{"hunter2"}, bad: true},
		"one that is none, and a one": {texts: []string{"hunter2", good}, bad: true},
		"a one, and one that is none": {texts: []string{good, ""}, bad: true},
	} {
		if err := github.CheckKeys("a", c.texts); (err != nil) != c.bad {
			t.Errorf("%s: %v", name, err)
		}
	}
}
