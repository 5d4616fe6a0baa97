package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
)

// newGitHub is a simulated GitHub on which an App can be made. Requests and answers of its
// API have to keep GitHub's contract.
func newGitHub(t *testing.T, token string) (hub *sim.Server, at string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	at = "http://" + server.Listener.Addr().String()
	hub, err := sim.New(sim.Config{Repository: examinedRepository, Private: true, NewApps: token == "", Token: token, URL: at})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = contract.New(t).Handler(hub)
	server.Start()
	t.Cleanup(func() { hub.Close(); server.Close() })
	return hub, at
}

// paced waits for the next change on GitHub, however long that takes: nothing else that a
// set-up waits for changes in these tests.
func paced(hub *sim.Server) func(context.Context, time.Duration) error {
	var mu sync.Mutex
	changed := hub.Changed()
	return func(ctx context.Context, _ time.Duration) error {
		mu.Lock()
		last := changed
		mu.Unlock()
		select {
		case <-last:
			mu.Lock()
			changed = hub.Changed()
			mu.Unlock()
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// person reads what a set-up prints, and does in the browser what it asks for.
type person struct {
	t      *testing.T
	client *http.Client
	opened chan string // links that were printed

	mu   sync.Mutex
	read bytes.Buffer
	line bytes.Buffer
}

func newPerson(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, client: &http.Client{Jar: jar}, opened: make(chan string, 9)}
}

var printedLink = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/\S*\?token=\S+|http://\S+/installations/new`)

func (p *person) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read.Write(text)
	for _, c := range text {
		if p.line.WriteByte(c); c == '\n' {
			if link := printedLink.FindString(p.line.String()); link != "" {
				p.opened <- link
			}
			p.line.Reset()
		}
	}
	return len(text), nil
}

func (p *person) saw() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.read.String()
}

var (
	field  = regexp.MustCompile(`name="([a-z]+)" value="([^"]*)"`)
	action = regexp.MustCompile(`(?:form)?action="([^"]+)"`)
)

// submit opens an address, presses the first button of its form, and returns what comes.
func (p *person) submit(address string) (body, at string) {
	body, at = p.get(address)
	for {
		target := action.FindStringSubmatch(body)
		if target == nil {
			return body, at
		}
		form := url.Values{}
		for _, f := range field.FindAllStringSubmatch(body, -1) {
			form.Set(f[1], html.UnescapeString(f[2]))
		}
		base, _ := url.Parse(at)
		to, err := base.Parse(html.UnescapeString(target[1]))
		if err != nil {
			p.t.Error(err)
			return body, at
		}
		resp, err := p.client.PostForm(to.String(), form)
		if err != nil {
			p.t.Error(err)
			return body, at
		}
		body, at = p.text(resp)
	}
}

func (p *person) get(address string) (body, at string) {
	resp, err := p.client.Get(address)
	if err != nil {
		p.t.Error(err)
		return "", address
	}
	return p.text(resp)
}

func (p *person) text(resp *http.Response) (body, at string) {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Errorf("%s: %d %s, %v", resp.Request.URL, resp.StatusCode, text, err)
	}
	return string(text), resp.Request.URL.String()
}

// clicks does what a set-up asks for until it ends.
func (p *person) clicks(ctx context.Context, all *sync.WaitGroup) {
	for {
		select {
		case link := <-p.opened:
			_, at := p.submit(link)
			if strings.Contains(link, "?token=") {
				all.Go(func() { p.watches(at) })
			}
		case <-ctx.Done():
			return
		}
	}
}

// watches looks at the page until it shows the end.
func (p *person) watches(at string) {
	var seen struct {
		Stage string
		Lines []string
	}
	for seen.Stage != "end" {
		body, _ := p.get(fmt.Sprintf("%sprogress?stage=%s&lines=%d", at, seen.Stage, len(seen.Lines)))
		if err := json.Unmarshal([]byte(body), &seen); err != nil {
			p.t.Errorf("%s: %v", body, err)
			return
		}
	}
	body, _ := p.get(at)
	p.get(at + "progress?stage=end")
	if !strings.Contains(body, `id="end" class="good"`) || !strings.Contains(body, "Next: ") || strings.Contains(body, "token=") || !strings.Contains(body, "stored its key in") {
		p.t.Errorf("the page ends with\n%s", body)
	}
}

// setsUp runs a set-up with a person who clicks, and returns what it printed.
func (p *person) setsUp(u settingUp) (out string, code int) {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	var clicking sync.WaitGroup
	clicking.Go(func() { p.clicks(ctx, &clicking) })
	defer clicking.Wait()
	defer stop()
	u.talk = p
	u.listen, u.limit = "127.0.0.1:0", time.Minute
	var stdout, talk bytes.Buffer
	code = status(u.run(p.t.Context(), &stdout), &talk)
	fmt.Fprint(p, talk.String())
	return stdout.String(), code
}

// served is a fleet of processes that `ecsrunner local` would start of the configuration.
func served(t *testing.T, path, dir, webhookAddr string) *local.Fleet {
	t.Helper()
	file, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := local.Start(t.Context(), local.Config{
		Policy: file.Policy(), GitHubURL: file.GitHubURL, Credential: credential(file), DataDir: dir, Listen: webhookAddr, APIListen: "127.0.0.1:0",
		WebhookSecrets: func(context.Context) ([]string, error) { return file.WebhookSecrets(os.Getenv, os.ReadFile) },
		Entrypoint:     []string{"/bin/true"}, RunnerCommand: []string{"/bin/true"}, Version: thisVersion().Version, SweepEvery: time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, f) })
	return f
}

// freeAddress is one that a fleet can be served at a moment later.
func freeAddress(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(nil)
	defer server.Close()
	return server.Listener.Addr().String()
}

func wants(t *testing.T, text string, patterns ...string) {
	t.Helper()
	rest := text
	for _, want := range patterns {
		at := regexp.MustCompile("(?m)" + want).FindStringIndex(rest)
		if at == nil {
			t.Errorf("%s is not, or not there, in\n%s", want, text)
			continue
		}
		rest = rest[at[1]:]
	}
}

// A fleet on one machine gets its App, is started, and is found healthy. Each run goes on
// where the last one ended.
func TestSetupMakesAnAppForThisMachine(t *testing.T) {
	nowhere(t)
	hub, at := newGitHub(t, "")
	home := t.TempDir()
	dir := filepath.Join(home, "data")
	path := write(t, filepath.Join(home, "fleet.yaml"), "# ours\ngithub_repo: "+examinedRepository+"\ngithub_url: "+at+"\n")
	addr := freeAddress(t)
	u := settingUp{wait: paced(hub)}
	u.named, u.config, u.webhookURL, u.given = dir, path, "http://"+addr+"/webhook", " --data-dir d --webhook-url w"

	p := newPerson(t)
	out, code := p.setsUp(u)
	wants(t, p.saw(), `^fleet: fleet serves octo-org/app, and GitHub is to deliver to http://`, `^webhook's secret: made, and stored in `, `^GitHub App: open this link .*http://127\.0\.0\.1:[0-9]+/\?token=`,
		`^GitHub App: made fleet-octo-org, and stored its key in file:`, `^configuration: added github_app to .*fleet\.yaml$`, `^GitHub App: fleet-octo-org is there, and GitHub accepts its key$`,
		`^webhook: corrected the App's, which has the fleet's secret now$`, `^installation: waiting for the App to be given octo-org/app, at http.*/apps/fleet-octo-org/installations/new$`,
		`^installation: the App is installed for octo-org, with 1 repository$`,
		"^ecsrunner: GitHub is set up. Next: start the fleet with `ecsrunner local --config "+regexp.QuoteMeta(path+" --data-dir "+dir)+"`, and run `ecsrunner setup --data-dir d --webhook-url w` again$")
	if code != exitFailure || out != "" {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	key, err := os.ReadFile(filepath.Join(dir, "github-app.pem"))
	if err != nil || !strings.Contains(string(key), "BEGIN RSA PRIVATE KEY") {
		t.Fatalf("%.40s, %v", key, err)
	}
	for _, name := range []string{"github-app.pem", "webhook-secret"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), "# ours\ngithub_repo: ") {
		t.Errorf("the configuration has become\n%s", text)
	}

	u.wait = paced(hub)
	early := newPerson(t)
	out, code = early.setsUp(u)
	wants(t, early.saw(), `^webhook: the App's is there, and set as it should be$`, `^ping: not sent, as no fleet serves `)
	if code != exitFailure || !strings.Contains(out, "error: process: no fleet serves the data directory\n") || !strings.Contains(out, "run: ecsrunner local --config "+path+" --data-dir "+dir) {
		t.Errorf("exit status %d:\n%s", code, out)
	}

	served(t, path, dir, addr)
	u.wait = paced(hub)
	again := newPerson(t)
	out, code = again.setsUp(u)
	wants(t, again.saw(), `^GitHub App: fleet-octo-org is there`, `^webhook: the App's is there, and set as it should be$`, `^installation: the App is installed`, `^ping: it has arrived, and the fleet answered 200$`)
	if code != exitOK || !regexp.MustCompile(`^fleet "fleet": [0-9]+ checks, nothing to mend\n$`).MatchString(out) || strings.Contains(again.saw(), "token=") {
		t.Errorf("exit status %d:\n%s\n%s", code, out, again.saw())
	}
	secret, _ := os.ReadFile(filepath.Join(dir, "webhook-secret"))
	for _, shown := range []string{p.saw(), again.saw(), out} {
		if strings.Contains(shown, "PRIVATE KEY") || strings.Contains(shown, strings.TrimSpace(string(secret))) {
			t.Errorf("a secret is in\n%s", shown)
		}
	}
}

// A run that was stopped after the key was stored makes no second App.
func TestSetupGoesOnWithTheAppThatIsStored(t *testing.T) {
	nowhere(t)
	hub, at := newGitHub(t, "")
	home := t.TempDir()
	dir := filepath.Join(home, "data")
	usual := "github_repo: " + examinedRepository + "\ngithub_url: " + at + "\n"
	path := write(t, filepath.Join(home, "fleet.yaml"), usual)
	u := settingUp{wait: paced(hub)}
	u.named, u.config, u.webhookURL = dir, path, "http://127.0.0.1:1/webhook"
	newPerson(t).setsUp(u)
	write(t, path, usual) // as if it had been stopped before it wrote
	u.wait = paced(hub)
	p := newPerson(t)
	p.setsUp(u)
	if strings.Contains(p.saw(), "token=") {
		t.Errorf("it asks for another App:\n%s", p.saw())
	}
	wants(t, p.saw(), `^webhook's secret: .*webhook-secret has one already, which is used$`, `^configuration: added webhook_secret`, `^configuration: added github_app`, `^GitHub App: fleet-octo-org is there`)
	if strings.Contains(p.saw(), "secret: made") {
		t.Errorf("a secret was made that was there:\n%s", p.saw())
	}

	write(t, filepath.Join(dir, "github-app.pem"), "-----BEGIN RSA PRIVATE KEY-----\n")
	write(t, path, usual)
	stranger := newPerson(t)
	if _, code := stranger.setsUp(u); code != exitFailure {
		t.Errorf("exit status %d", code)
	}
	wants(t, stranger.saw(), `has something that was not stored by this command`)
}

// With a token it makes the webhook, and corrects it where it is wrong.
func TestSetupMakesAWebhookWithAToken(t *testing.T) {
	nowhere(t)
	token := "ghp_" + rand.Text()
	hub, at := newGitHub(t, token)
	home := t.TempDir()
	dir := filepath.Join(home, "data")
	path := write(t, filepath.Join(home, "fleet.yaml"), "github_repo: "+examinedRepository+"\ngithub_url: "+at+"\n")
	t.Setenv(patVar, token)
	t.Setenv(secretVar, "It's a Secret to Everybody")
	addr := freeAddress(t)
	served(t, path, dir, addr)
	u := settingUp{}
	u.named, u.config, u.webhookURL = dir, path, "http://"+addr+"/webhook"

	for _, c := range []struct{ name, says, change string }{
		{"there is none", `^webhook of octo-org/app: made webhook [0-9]+, which delivers workflow_job to http://`, ""},
		{"it is there", `^webhook of octo-org/app: webhook [0-9]+ is there, and set as it should be$`, ""},
		{"it is wrong", `^webhook of octo-org/app: corrected webhook [0-9]+, which was not active, did not send workflow_job, sent forms in place of JSON, had no secret, did not verify certificates$`,
			`{"active":false,"events":["push"],"config":{"content_type":"form","insecure_ssl":"1"}}`},
		{"it has another secret", `^ping of octo-org/app: the webhook had another secret, and has the fleet's now$`, `{"config":{"content_type":"json","insecure_ssl":"0","secret":"other"}}`},
	} {
		if c.change != "" {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPatch, fmt.Sprintf("%s/api/v3/repos/%s/hooks/%d", at, examinedRepository, hub.HookID()), strings.NewReader(c.change))
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %v, %v", c.name, resp, err)
			}
			resp.Body.Close()
		}
		u.wait = paced(hub)
		p := newPerson(t)
		out, code := p.setsUp(u)
		wants(t, p.saw(), c.says, `^ping of octo-org/app: it has arrived, and the fleet answered 200$`)
		if code != exitOK || !strings.Contains(out, "nothing to mend") || strings.Contains(p.saw()+out, token) {
			t.Errorf("%s: exit status %d:\n%s\n%s", c.name, code, out, p.saw())
		}
	}
}

// Where runners are the organization's, so is the webhook.
func TestSetupMakesTheWebhookOfAnOrganization(t *testing.T) {
	nowhere(t)
	token := "ghp_" + rand.Text()
	hub, at := newGitHub(t, token)
	home := t.TempDir()
	dir := filepath.Join(home, "data")
	path := write(t, filepath.Join(home, "fleet.yaml"), "github_repo: "+examinedRepository+"\ngithub_org: octo-org\ngithub_url: "+at+"\nwebhook_secret: file:"+home+"/hook\n")
	write(t, filepath.Join(home, "hook"), "It's a Secret to Everybody\n")
	t.Setenv(patVar, token)
	addr := freeAddress(t)
	served(t, path, dir, addr)
	u := settingUp{wait: paced(hub)}
	u.named, u.config, u.webhookURL = dir, path, "http://"+addr+"/webhook"
	p := newPerson(t)
	out, code := p.setsUp(u)
	wants(t, p.saw(), `^webhook of octo-org: made webhook [0-9]+`, `^ping of octo-org: it has arrived, and the fleet answered 200$`)
	if code != exitOK || !strings.Contains(out, "nothing to mend") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

// What is refused is refused before anything is changed.
func TestSetupIsAskedInAWrongWay(t *testing.T) {
	nowhere(t)
	t.Chdir(t.TempDir())
	const usual = "github_repo: octo-org/app\n"
	at := func(address string, more ...string) []string {
		return append([]string{"--data-dir", "d", "--webhook-url", address}, more...)
	}
	right := func(more ...string) []string { return at("https://ci.example.com/webhook", more...) }
	for name, c := range map[string]struct {
		args   []string
		config string // "" is the usual one
		says   string
	}{
		"nothing is named":                  {nil, "", `no fleet is named`},
		"App and token":                     {right("--app", "--token"), "", `--app and --token contradict`},
		"no address of the webhook":         {[]string{"--data-dir", "d"}, "", `--webhook-url is missing`},
		"an address that is none":           {at("ci"), "", `is no address such as`},
		"the address of a page":             {at("https://ci.example.com/"), "", `has to end in /webhook`},
		"an address with a password":        {at("https://user:pa55@ci.example.com/webhook"), "", `has a user name or a password.*leave out`},
		"a password in a broken address":    {at("https://user:pa55%zz@ci.example.com/webhook"), "", `has a user name or a password`},
		"an address with a query":           {at("https://ci.example.com/webhook?x=pa55"), "", `has a query or a fragment`},
		"an address with a fragment":        {at("https://ci.example.com/webhook#pa55"), "", `has a query or a fragment`},
		"this machine for github.com":       {at("https://localhost/webhook"), "", `https://localhost/webhook is an address that github\.com does not reach`},
		"this machine by its number":        {at("http://127.0.0.1:8080/webhook"), "", `that github\.com does not reach`},
		"this machine by its IPv6 number":   {at("http://[::ffff:127.0.0.1]:8080/webhook"), "", `that github\.com does not reach`},
		"a private network for ghe.com":     {at("http://10.1.2.3/webhook"), usual + "github_url: https://octo-corp.ghe.com\n", `that octo-corp\.ghe\.com does not reach`},
		"a wait of less than nothing":       {right("--wait", "-1s"), "", `--wait -1s is less than no time`},
		"a listener for all":                {right("--listen", "0.0.0.0:0"), "", `--listen: .*reached from other machines`},
		"an App in an enterprise":           {right(), usual + "github_enterprise: octo-corp\n", `no GitHub App is made for a fleet in an enterprise.*--token`},
		"no token":                          {right("--token"), "", `env:GITHUB_PAT is empty or not set: store the token there, or let --app`},
		"a configuration in braces":         {right(), "{github_repo: octo-org/app}\n", "fleet\\.yaml: its keys are in braces, .*: add `webhook_secret: file:/.*/d/webhook-secret` there yourself"},
		"a configuration that is read-only": {right(), "read-only", "fleet\\.yaml: it is read-only, mode 0444; chmod u\\+w .*: add `webhook_secret: file:"},
	} {
		text, mode := c.config, os.FileMode(0o640)
		switch text {
		case "":
			text = usual
		case "read-only":
			text, mode = usual, 0o444
		}
		write(t, "fleet.yaml", text)
		if err := os.Chmod("fleet.yaml", mode); err != nil {
			t.Fatal(err)
		}
		var out, talk bytes.Buffer
		if code := run(append([]string{"setup"}, c.args...), &out, &talk); code != exitUsage || out.Len() != 0 || !regexp.MustCompile(c.says).MatchString(talk.String()) || strings.Contains(talk.String(), "pa55") {
			t.Errorf("%s: exit status %d: %s%s", name, code, out.String(), talk.String())
		}
		now, _ := os.ReadFile("fleet.yaml")
		info, err := os.Stat("fleet.yaml")
		if err != nil || string(now) != text || info.Mode() != mode {
			t.Errorf("%s: the configuration has become %v, %s", name, info, now)
		}
		if _, err := os.Stat("d"); err == nil {
			t.Errorf("%s: the data directory was made", name)
			os.RemoveAll("d")
		}
		if err := os.Remove("fleet.yaml"); err != nil {
			t.Fatal(err)
		}
	}
}

// GitHub's own server may be on the same machine or network.
func TestAServersWebhookMayBePrivate(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:8080/webhook", "https://10.0.0.1/webhook"} {
		if err := checkReachable(address, "https://git.corp.example"); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"https://ci.example.com/webhook", "http://203.0.113.9/webhook", "https://localhost.example.com/webhook/"} {
		if err := errors.Join(checkWebhookURL(address), checkReachable(address, "https://github.com")); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A configuration keeps its owner and its mode, also where root writes it.
func TestAConfigurationKeepsItsOwner(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "fleet.yaml"), "github_repo: octo-org/app\n")
	owner := os.Getuid()
	if owner == 0 {
		owner = 1000
	}
	if err := errors.Join(os.Chown(path, owner, -1), os.Chmod(path, 0o640)); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := addLines(path, "fleet_name: ci\n", func(c config.Config) bool { return c.FleetName == "ci" }); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || after.Mode() != 0o640 || !sameOwner(before, after) || os.SameFile(before, after) {
		t.Errorf("%v, %v", after, err)
	}
}

// sameOwner reads the numbers by their names: Windows has no such type.
func sameOwner(a, b os.FileInfo) bool {
	of := func(info os.FileInfo, name string) any {
		return reflect.Indirect(reflect.ValueOf(info.Sys())).FieldByName(name).Interface()
	}
	return of(a, "Uid") == of(b, "Uid") && of(a, "Gid") == of(b, "Gid")
}

// Where no line can be added, what to write by hand is printed in the form of the file.
func TestSetupPrintsTheAppForAConfigurationInBraces(t *testing.T) {
	var talk bytes.Buffer
	u := settingUp{talk: &talk}
	u.config = write(t, filepath.Join(t.TempDir(), "fleet.yaml"), "{github_repo: octo-org/app}\n")
	if err := u.configure("Iv1", "file:/d/github-app.pem"); err != nil {
		t.Fatal(err)
	}
	wants(t, talk.String(), `^configuration: .*fleet\.yaml was not changed \(its keys are in braces.*\): add these lines`, `github_app: \{id: "Iv1", private_key: "file:/d/github-app\.pem"\}`)
}

func TestGivenFlags(t *testing.T) {
	cmd := newSetup()
	if err := cmd.ParseFlags([]string{"--webhook-url", "https://ci.example.com/webhook", "--data-dir", "my fleet's", "--skip", "a,b", "--app", "--token=false", "--wait", "5m"}); err != nil {
		t.Fatal(err)
	}
	if got, want := given(cmd.Flags()), ` --app --data-dir 'my fleet'\''s' --skip a,b --wait 5m0s --webhook-url https://ci.example.com/webhook`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
