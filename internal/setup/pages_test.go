package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/loopback"
)

// shelf is a secret in memory.
type shelf struct {
	text  string
	fails []error // to store something, in order
}

func (s *shelf) Stored(context.Context) (string, error) { return s.text, nil }
func (s *shelf) Ref() string                            { return "secretsmanager:ci/github-app-key" }
func (s *shelf) Store(_ context.Context, text string) error {
	if len(s.fails) > 0 {
		err := s.fails[0]
		s.fails = s.fails[1:]
		if err != nil {
			return err
		}
	}
	s.text = text
	return nil
}

const code = "code-of-this-test"

// newApp is a fleet whose App is to be made; GitHub answers exchanges in order.
func newApp(t *testing.T, exchange ...error) (n NewApp, stored *shelf, said *strings.Builder) {
	t.Helper()
	door, err := loopback.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	stored, said = &shelf{}, &strings.Builder{}
	return NewApp{
		FleetName: "ci", Policy: fleet.Policy{Repositories: []string{"octo-org/app"}}, GitHubURL: "https://github.com", WebhookURL: "https://ci.example.com/webhook",
		Door: door, Secret: stored, Limit: time.Hour, Wait: func(context.Context, time.Duration) error { return nil },
		Say: func(format string, args ...any) { fmt.Fprintf(said, format+"\n", args...) },
		Exchange: func(_ context.Context, given string) (github.NewApp, error) {
			if given != code {
				t.Errorf("it exchanges %q", given)
			}
			err := exchange[0]
			exchange = exchange[1:]
			return github.NewApp{ClientID: "Iv23abc", Slug: "ci-octo-org", HTMLURL: "https://github.com/apps/ci-octo-org", PrivateKey: "-----BEGIN KEY"}, err
		},
	}, stored, said
}

func get(p *Pages, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

var sends = regexp.MustCompile(`formaction="([^"]+)"`)

// made is what becomes of a person who makes the App.
func made(t *testing.T, n NewApp) (pages *Pages, err error) {
	t.Helper()
	pages = NewPages("ci")
	done := make(chan error, 1)
	go func() { _, err := n.Make(t.Context(), pages); done <- err }()
	body := get(pages, "/progress?stage=work&lines=0")
	if !strings.Contains(body.Body.String(), `"stage":"ask"`) {
		t.Fatalf("the page says %s", body.Body)
	}
	to, _ := url.Parse(html.UnescapeString(sends.FindStringSubmatch(get(pages, "/").Body.String())[1]))
	back := "/made?code=" + code + "&state=" + url.QueryEscape(to.Query().Get("state"))
	if w := get(pages, back); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Fatalf("back from GitHub: %d %s", w.Code, w.Body)
	}
	if w := get(pages, back); w.Code != http.StatusForbidden {
		t.Errorf("the same once more: %d %s", w.Code, w.Body)
	}
	return pages, <-done
}

func TestAnAppIsMade(t *testing.T) {
	n, stored, said := newApp(t, nil)
	if _, err := made(t, n); err != nil {
		t.Fatal(err)
	}
	if id, ok := StoredApp(stored.text); id != "Iv23abc" || !ok || !strings.Contains(stored.text, "-----BEGIN KEY") {
		t.Errorf("it stores %q", stored.text)
	}
	if strings.Contains(said.String(), "BEGIN KEY") || strings.Contains(said.String(), code) {
		t.Errorf("a secret is in\n%s", said)
	}
	id, key, err := Kept(t.Context(), stored)
	if id != "Iv23abc" || key != stored.text || err != nil {
		t.Errorf("afterwards there is %q, %v", id, err)
	}
}

// What GitHub fails to answer is asked again: a code is good for an hour.
func TestACodeIsExchanged(t *testing.T) {
	denied := errors.New("AWS does not allow it")
	for name, c := range map[string]struct {
		answers []error
		store   []error
		says    string // "" if the App is there
	}{
		"GitHub does not answer, and then it does": {[]error{&github.Error{StatusCode: 502}, &github.Error{StatusCode: 429, RetryAfter: time.Hour}, nil}, nil, ""},
		"GitHub does not answer":                   {[]error{&github.Error{}, &github.Error{}, &github.Error{}}, nil, "GitHub has made the App and does not show its key: delete it in the settings of octo-org"},
		"the code was used":                        {[]error{&github.Error{StatusCode: 404}}, nil, "it is good for an hour and once. If the App is in the settings of octo-org on GitHub, delete it there"},
		"the answer was lost":                      {[]error{&github.Error{}, &github.Error{StatusCode: 404}}, nil, "it is good for an hour and once"},
		"the key is stored at the third try":       {[]error{nil}, []error{nil, denied, denied, nil}, ""},
		"the key cannot be stored":                 {[]error{nil}, []error{nil, denied, denied, denied}, "AWS does not allow it: mend that, make a private key in the App's settings at https://github.com/apps/ci-octo-org"},
	} {
		n, stored, _ := newApp(t, c.answers...)
		stored.fails = c.store
		_, err := made(t, n)
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "BEGIN KEY")) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// What keeps the key from being stored is met before a person is sent to GitHub.
func TestTheKeyCouldNotBeStored(t *testing.T) {
	n, stored, said := newApp(t)
	stored.fails = []error{errors.New("AWS does not allow secretsmanager:CreateSecret")}
	_, err := n.Make(t.Context(), NewPages("ci"))
	if err == nil || !strings.Contains(err.Error(), "try to store something in secretsmanager:ci/github-app-key, where the App's key is to be: AWS does not allow") || said.Len() > 0 {
		t.Errorf("%v, said\n%s", err, said)
	}
	stored.text = nothingYet
	if id, key, err := Kept(t.Context(), stored); id != "" || key != "" || err != nil {
		t.Errorf("%q %q %v", id, key, err)
	}
}

func TestNobodyComesBackFromGitHub(t *testing.T) {
	n, _, _ := newApp(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := n.Make(t.Context(), NewPages("ci"))
		if err == nil || !strings.Contains(err.Error(), "no App was made within 1h0m0s: run this again") || time.Since(began) != time.Hour {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestStrangersComeBackFromGitHub(t *testing.T) {
	pages := NewPages("ci")
	if w := get(pages, "/made?code=x&state="); w.Code != http.StatusForbidden {
		t.Errorf("before anything was asked: %d", w.Code)
	}
	pages.ask(form{}, "right")
	for path, want := range map[string]int{
		"/made?code=x": 403, "/made?code=x&state=wrong": 403, "/made?state=right": 400, "/made": 403, "/other": 404,
	} {
		if w := get(pages, path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if len(pages.codes) != 0 {
		t.Error("a stranger's code was taken")
	}
}

// Nothing that a page shows is taken for its markup, and there is no script or style in it.
func TestPagesAreEscaped(t *testing.T) {
	const evil = `"><script>alert(1)</script><a href="javascript:alert(1)">`
	pages := NewPages(evil)
	pages.Line(evil)
	for name, change := range map[string]func(){
		"ask":     func() { pages.ask(form{Host: evil, Manifest: evil, Buttons: []button{{evil, evil}}}, "s") },
		"install": func() { pages.Install("javascript:alert(1)//" + evil) },
		"work":    pages.Work,
		"end":     func() { pages.set(func(v *view) { v.Stage, v.Good, v.Next = "end", true, evil }) },
	} {
		change()
		body := get(pages, "/").Body.String()
		if strings.Contains(body, "<script>") || strings.Contains(body, `"javascript:`) || strings.Contains(body, " style=") || strings.Contains(body, "onclick") || !strings.Contains(body, "&lt;script&gt;") {
			t.Errorf("%s:\n%s", name, body)
		}
	}
}

// GitHub is asked for what the page about Apps names, and for nothing else.
func TestTheManifestIsWhatTheDocsSay(t *testing.T) {
	page, err := os.ReadFile("../../docs/github-app.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`\*\*([A-Z][A-Za-z -]+: read(?: and write)?)\*\*`).FindAllStringSubmatch(strings.Join(strings.Fields(string(page)), " "), -1) {
		named[m[1]] = true
	}
	asked := map[string]bool{}
	for _, uses := range []github.AppUses{{Refusals: true}, {Refusals: true, Organization: true}, {Refusals: true, Reruns: true}} {
		n, _, _ := newApp(t)
		if uses.Organization {
			n.Policy.Organization = "octo-org"
		}
		if uses.Reruns {
			n.Policy.SpotRetry = 1
		}
		m := n.manifest()
		for _, p := range github.AppPermissions(uses) {
			asked[p.String()] = true
			if m.Permissions[p.Name] != p.Level {
				t.Errorf("the manifest has %s: %q, want %q", p.Name, m.Permissions[p.Name], p.Level)
			}
		}
		if len(m.Permissions) != len(github.AppPermissions(uses)) || !slices.Equal(m.Events, []string{"workflow_job"}) || m.Public || !m.Hook.Active || m.Hook.URL != n.WebhookURL {
			t.Errorf("%+v", m)
		}
	}
	for p := range asked {
		if !named[p] {
			t.Errorf("the page does not name **%s**", p)
		}
	}
	for p := range named {
		if !asked[p] {
			t.Errorf("the page names **%s**, which the manifest does not ask for", p)
		}
	}
	if !strings.Contains(string(page), "**Workflow job**") {
		t.Error("the page does not name the event")
	}
}

func TestWhereTheFormLeads(t *testing.T) {
	for name, c := range map[string]struct {
		url, organization string
		never             bool
		repositories      []string
		want              []string
		app               string
		public            bool
	}{
		"a repository":           {"https://github.com", "", false, []string{"octo-org/app"}, []string{"https://github.com/organizations/octo-org/settings/apps/new?state=s", "https://github.com/settings/apps/new?state=s"}, "ci octo-org", false},
		"an organization":        {"https://github.com", "octo-org", false, []string{"octo-org/app"}, []string{"https://github.com/organizations/octo-org/settings/apps/new?state=s"}, "ci octo-org", false},
		"a whole organization":   {"https://github.com", "octo-org", false, nil, []string{"https://github.com/organizations/octo-org/settings/apps/new?state=s"}, "ci octo-org", false},
		"an Enterprise Server":   {"https://git.example.com", "octo-org", true, []string{"octo-org/app"}, []string{"https://git.example.com/organizations/octo-org/settings/apps/new?state=s"}, "ci octo-org", false},
		"two owners, and a name": {"https://github.com", "", false, []string{strings.Repeat("o", 39) + "/a", "other/b"}, []string{"https://github.com/organizations/" + strings.Repeat("o", 39) + "/settings/apps/new?state=s", "https://github.com/settings/apps/new?state=s"}, "ci " + strings.Repeat("o", 31), true},
	} {
		n, _, _ := newApp(t)
		n.GitHubURL, n.Policy.Organization, n.Policy.Repositories = c.url, c.organization, c.repositories
		if c.never {
			n.Policy.RefusalStatus = fleet.RefusalStatusNever
		}
		f, err := n.form("s")
		if err != nil {
			t.Fatal(err)
		}
		var to []string
		for _, b := range f.Buttons {
			to = append(to, b.To)
		}
		var m github.Manifest
		if err := json.Unmarshal([]byte(f.Manifest), &m); err != nil {
			t.Fatal(err)
		}
		if _, checks := m.Permissions["checks"]; !slices.Equal(to, c.want) || m.Name != c.app || m.Public != c.public || checks == c.never || m.RedirectURL != n.Door.URL("/made") {
			t.Errorf("%s: %q, %+v", name, to, m)
		}
	}
}
