package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// doctorSays runs the command, as a person does who has no AWS account.
func doctorSays(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, talk bytes.Buffer
	code = run(append([]string{"doctor"}, args...), &out, &talk)
	return out.String(), talk.String(), code
}

// nowhere has the environment name no fleet, and no credentials of AWS.
func nowhere(t *testing.T) {
	for _, name := range []string{dataDirVar, configVar, recordsTable.variable, classSizesParam.variable, profileVar, regionVar, patVar, secretVar, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
}

// gitHub serves a simulated GitHub whose webhook leads to an address.
func gitHub(t *testing.T, token, secret, hookURL string) *sim.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	s, err := sim.New(sim.Config{Repository: examinedRepository, Private: true, Token: token, WebhookSecret: secret, WebhookURL: hookURL, URL: "http://" + server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = s
	server.Start()
	t.Cleanup(func() { s.Close(); server.Close() })
	t.Setenv("SIMULATED", "http://"+server.Listener.Addr().String())
	return s
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Before there is a fleet, the configuration alone is looked at.
func TestDoctorOnAConfiguration(t *testing.T) {
	nowhere(t)
	token, secret := "ghp_"+rand.Text(), rand.Text()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	gitHub(t, token, secret, receiver.URL+"/webhook")
	at := os.Getenv("SIMULATED")
	usual := "github_repo: " + examinedRepository + "\ngithub_url: " + at + "\n"
	for name, c := range map[string]struct {
		yaml, pat, secret string
		want              []string // lines, in their order
		code              int
	}{
		"a good one": {usual, token, secret, []string{`^fleet "fleet": [0-9]+ checks, nothing to mend$`}, exitOK},
		"one that cannot be used": {
			usual + "max_runners: 0\nfleet_nam: x\n", token, secret,
			[]string{`^fleet ".*fleet\.yaml": 1 checks, 2 errors$`, `^error: configuration: .*fleet\.yaml:3: max_runners: is 0`, `^  whose: configuration$`, `^error: configuration: .*fleet\.yaml:4: fleet_nam: .*did you mean fleet_name`}, exitFailure,
		},
		"a token in it": {
			usual + "github_pat: " + token + "\n", "", secret, []string{`^error: configuration: .*holds a GitHub token itself`}, exitFailure,
		},
		"no token": {
			usual, "", secret, []string{`, 1 error$`, `^error: token octo-org: .*github_pat: secret env:GITHUB_PAT is empty or not set$`, `^  run: export GITHUB_PAT=<the token>$`}, exitFailure,
		},
		"another token": {
			usual, "ghp_wrong_wrong_wrong", secret, []string{`, 1 error$`, `^error: token octo-org: GitHub does not accept the token`}, exitFailure,
		},
		"no secret of the webhook": {
			usual, token, "", []string{`, 1 error$`, `^error: webhook_secret: webhook_secret: secret env:WEBHOOK_SECRET is empty or not set$`}, exitFailure,
		},
		"a repository that is not there": {
			strings.Replace(usual, "octo-org/app", "octo-org/ap", 1), token, secret, []string{`, 1 error$`, `^error: repository octo-org/ap: GitHub shows the token no such repository$`}, exitFailure,
		},
		"a Dockerfile that is not there": {
			usual + "extra_runner_images: {tools: images/tools/Dockerfile}\n", token, secret, []string{`, 1 error$`, `^error: configuration tools: there is no Dockerfile .*images/tools/Dockerfile$`}, exitFailure,
		},
		"GitHub that is not there": {
			strings.Replace(usual, at, "http://127.0.0.1:1", 1), token, secret, []string{`, 1 error$`, `^error: token octo-org: GitHub does not answer at http://127\.0\.0\.1:1: .*connection refused$`, `^  do: compare github_url`}, exitFailure,
		},
		"one for AWS, without an account": {
			usual + "aws_region: eu-central-1\n", "", "", []string{`, 2 could not be made$`, `^unchecked: aws: no AWS credentials were found`, `^unchecked: token: GitHub was not asked: `}, exitFailure,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(patVar, c.pat)
			t.Setenv(secretVar, c.secret)
			path := write(t, filepath.Join(t.TempDir(), "fleet.yaml"), c.yaml)
			out, talk, code := doctorSays(t, "--config", path)
			if code != c.code || talk != "" {
				t.Errorf("exit status %d: %s", code, talk)
			}
			rest := out
			for _, want := range c.want {
				at := regexp.MustCompile("(?m)" + want).FindStringIndex(rest)
				if at == nil {
					t.Errorf("%s is not, or not there, in\n%s", want, out)
					continue
				}
				rest = rest[at[1]:]
			}
			for _, secret := range []string{token, secret, "wrong_wrong"} {
				if strings.Contains(out, secret) {
					t.Errorf("a secret is in\n%s", out)
				}
			}
		})
	}
}

func TestDoctorIsAskedInAWrongWay(t *testing.T) {
	nowhere(t)
	t.Chdir(t.TempDir())
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"nothing is named":        {nil, `no fleet is named: .*; or --config for a fleet.yaml before there is a fleet`},
		"no such configuration":   {[]string{"--config", "gone.yaml"}, `there is no configuration gone\.yaml`},
		"no such data directory":  {[]string{"--data-dir", "gone"}, `gone is not a data directory of a fleet`},
		"two places":              {[]string{"--data-dir", "a", "--stack", "b"}, `use one of them`},
		"a configuration and AWS": {[]string{"--config", "a", "--stack", "b", "--region", "eu-central-1"}, `--config is for a fleet on this machine`},
		"an argument":             {[]string{"ci"}, `takes no argument`},
		"no such check":           {[]string{"--data-dir", "a", "--skip", "clock,tokens"}, `--skip tokens: no check has that name; there are actions, administration, .*, token, `},
	} {
		if out, talk, code := doctorSays(t, c.args...); code != exitUsage || out != "" || !regexp.MustCompile(c.says).MatchString(talk) {
			t.Errorf("%s: exit status %d: %s%s", name, code, out, talk)
		}
	}
}

// onThisMachine is a fleet that runs, with a GitHub that delivers to it.
func onThisMachine(t *testing.T, change func(*local.Config)) (dir string, f *local.Fleet, tokens []string) {
	t.Helper()
	nowhere(t)
	token, secret := "ghp_"+rand.Text(), rand.Text()
	// The fleet needs GitHub's address, and GitHub the fleet's.
	front := httptest.NewUnstartedServer(nil)
	at := "http://" + front.Listener.Addr().String()
	cfg := local.Config{
		Policy: fleet.Policy{
			FleetName: "here", Repositories: []string{examinedRepository}, DefaultClass: "small", BaseImage: "base",
			Classes: map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Arch: fleet.X64}}, MaxRunners: 2, Limits: fleet.DefaultLimits(),
		},
		GitHubURL: at, Credential: github.PAT(func(context.Context) (string, error) { return token, nil }),
		WebhookSecrets: func(context.Context) ([]string, error) { return []string{secret}, nil },
		DataDir:        t.TempDir(), Listen: "127.0.0.1:0", APIListen: "127.0.0.1:0",
		Entrypoint: []string{"/bin/true"}, RunnerCommand: []string{"/bin/true"},
		Version: thisVersion().Version, StoreToken: "export GITHUB_PAT=<the token>", ReadSecret: "$WEBHOOK_SECRET",
		SweepEvery: time.Hour, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	ready := make(chan *sim.Server, 1)
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := <-ready
		ready <- s
		s.ServeHTTP(w, r)
	})
	front.Start()
	f, err := local.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.New(sim.Config{Repository: examinedRepository, Private: true, Token: token, WebhookSecret: secret, WebhookURL: f.URL() + "/webhook", URL: at})
	if err != nil {
		t.Fatal(err)
	}
	ready <- s
	t.Cleanup(func() { s.Close(); front.Close() })
	s.Ping()
	if err := s.Wait(t.Context(), func() bool { return len(s.Deliveries()) == 1 }); err != nil {
		t.Fatal(err)
	}
	return cfg.DataDir, f, []string{token, secret}
}

func stop(t *testing.T, f *local.Fleet) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = f.Stop(ctx) // at once
}

func TestDoctorOnAFleetOnThisMachine(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*local.Config)
		then   func(*testing.T, string, *local.Fleet)
		want   []string
		code   int
	}{
		"a healthy one": {nil, nil, []string{`^fleet "here": [0-9]+ checks, nothing to mend\n$`}, exitOK},
		"a paused one": {nil, func(t *testing.T, dir string, _ *local.Fleet) {
			if _, err := (control.Client{Dir: dir}).Pause(t.Context(), fleet.Operator{Reason: "moving house"}); err != nil {
				t.Fatal(err)
			}
		}, []string{`, 1 warning\n`, `(?m)^warning: paused: the fleet is paused \(moving house\)`, `(?m)^  run: ecsrunner resume --data-dir /`}, exitFailure},
		"one of another version": {func(c *local.Config) { c.Version = "v0.0.1" }, nil, []string{`, 1 warning\n`, `(?m)^warning: version: what runs is v0\.0\.1, and this command is `}, exitFailure},
		"one whose disk is full": {func(c *local.Config) { c.KeepFree = 1 << 60 }, nil, []string{`, 1 error\n`, `(?m)^error: disk: .* free on its disk`}, exitFailure},
		"one whose runner was removed": {func(c *local.Config) {
			c.RunnerDir, c.RunnerCommand = t.TempDir(), []string{"./run.sh"}
		}, nil, []string{`, 1 error\n`, `(?m)^error: runner: GitHub's runner is not in --runner-dir any more`}, exitFailure},
		"one that does not run": {nil, func(t *testing.T, _ string, f *local.Fleet) { stop(t, f) },
			[]string{`: [0-9]+ checks, 1 error, 1 could not be made\n`, `(?m)^unchecked: configuration: .*no such file`, `(?m)^error: process: no fleet serves the data directory$`, `(?m)^  run: ecsrunner local --config .*fleet\.yaml --data-dir /`}, exitFailure},
	} {
		t.Run(name, func(t *testing.T) {
			dir, f, hidden := onThisMachine(t, c.change)
			if c.then != nil {
				c.then(t, dir, f)
			}
			t.Setenv(configVar, filepath.Join(dir, "fleet.yaml"))
			out, talk, code := doctorSays(t, "--data-dir", dir)
			stop(t, f)
			if code != c.code || talk != "" {
				t.Errorf("exit status %d: %s", code, talk)
			}
			for _, want := range c.want {
				if !regexp.MustCompile(want).MatchString(out) {
					t.Errorf("%s is not in\n%s", want, out)
				}
			}
			for _, secret := range hidden {
				if strings.Contains(out, secret) {
					t.Errorf("a secret is in\n%s", out)
				}
			}
		})
	}
}

// A program relies on these names, also where nothing was found.
func TestDoctorsFieldsAreStable(t *testing.T) {
	d := healthy(t)
	_, out, code := d.examine(examined{source: source{json: true}})
	for _, field := range []string{`"fleet_name": "ci"`, `"checked_at": "20`, `"healthy": true`, `"findings": []`, `"checks": [`, `"name": "token"`, `"about": "octo-org"`, `"needs": "Actions: read"`, `"result": "ok"`, `"says": "`} {
		if !strings.Contains(out, field) {
			t.Errorf("%s is not in\n%s", field, out)
		}
	}
	if code != exitOK {
		t.Errorf("exit status %d", code)
	}
	d = healthy(t)
	d.capacity = fleet.Capacity{Paused: "x", PausedAt: time.Now()}
	_, out, code = d.examine(examined{source: source{json: true}})
	var report map[string]any
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	found := report["findings"].([]any)[0].(map[string]any)
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"about", "check", "command", "do", "severity", "what", "whose"}; !slices.Equal(names, want) || code != exitFailure {
		t.Errorf("%q, want %q; exit status %d", names, want, code)
	}
}

func TestDoctorListsEveryCheck(t *testing.T) {
	d := healthy(t)
	d.queueFails = os.ErrPermission
	d.token = "ghp_wrong_wrong_wrong"
	_, out, _ := d.examine(examined{verbose: true, skip: []string{"stack"}})
	for _, want := range []string{
		`^fleet "ci": [0-9]+ checks, 1 error, 1 could not be made; left out: stack\n`, `(?m)^CHECK +ABOUT +RESULT +SAYS +NEEDS$`, `(?m)^token +octo-org +found +GitHub does not accept`,
		`(?m)^actions +octo-org/app +skipped +not made: see the check token +Actions: read$`, `(?m)^queue +lost +unchecked +permission denied|file does not exist`, `(?m)^paused +- +ok +the fleet is not paused`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\nstack ") {
		t.Errorf("a check that was left out is there:\n%s", out)
	}
}

// What was left out is said, and what was not made because of it.
func TestDoctorSaysWhatWasLeftOut(t *testing.T) {
	d := healthy(t)
	d.token = "ghp_wrong_wrong_wrong"
	report, out, code := d.examine(examined{skip: []string{"token", "clock"}})
	if !regexp.MustCompile(`^fleet "ci": [0-9]+ checks, nothing to mend; left out: token, clock, and 5 that need them\n$`).MatchString(out) || code != exitOK {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	if !slices.Equal(report.LeftOut, []string{"token", "clock"}) {
		t.Errorf("%+v", report)
	}
	report.LeftOut, report.Checks = doctor.Names(), nil
	var out2 bytes.Buffer
	if err := (&examined{}).show(&out2, report); err != nil || !strings.HasPrefix(out2.String(), `fleet "ci": nothing was checked; left out: `) {
		t.Errorf("%s, %v", out2.String(), err)
	}
}

// A report that could not be written is no success.
func TestDoctorOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer full.Close()
	for _, e := range []examined{{}, {verbose: true}, {source: source{json: true}}} {
		if err := e.show(full, doctor.Report{FleetName: "ci"}); err == nil {
			t.Errorf("%+v: it succeeds", e)
		}
	}
}

// Ctrl-C ends it while GitHub does not answer.
func TestDoctorIsStopped(t *testing.T) {
	d := healthy(t)
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	made := d.setup()
	d.t.Cleanup(func() { close(answer) })
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-answer }))
	t.Cleanup(server.CloseClientConnections)
	made.asks(server.URL, github.PAT(func(context.Context) (string, error) { return d.token, nil }))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := (&examined{}).run(ctx, made)
	var talk bytes.Buffer
	if code := status(err, &talk); code != exitFailure || talk.String() != "ecsrunner: stopped before all checks were made\n" {
		t.Errorf("exit status %d: %s", code, talk.String())
	}
}

// A fleet that was just started logs what is wrong with its set-up.
func TestDoctorLooksAtTheStart(t *testing.T) {
	dir, f, hidden := onThisMachine(t, func(c *local.Config) {
		c.Credential = github.PAT(func(context.Context) (string, error) { return "ghp_wrong_wrong_wrong", nil })
	})
	defer stop(t, f)
	if _, err := (control.Client{Dir: dir}).Pause(t.Context(), fleet.Operator{Reason: "moving house"}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	lookAtStart(t.Context(), f, slog.New(slog.NewTextHandler(&log, nil)))
	for _, want := range []string{
		`(?m)level=WARN msg="the set-up: GitHub does not accept the token: .*check=token about=octo-org severity=error do=.*run="export GITHUB_PAT=<the token>"$`,
		`(?m)level=WARN msg="the set-up: the fleet is paused \(moving house\)`,
	} {
		if !regexp.MustCompile(want).MatchString(log.String()) {
			t.Errorf("%s is not in\n%s", want, log.String())
		}
	}
	if strings.Count(log.String(), "\n") != 2 || strings.Contains(log.String(), "wrong_wrong") || strings.Contains(log.String(), hidden[1]) {
		t.Errorf("it logs too much:\n%s", log.String())
	}
	log.Reset()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lookAtStart(ctx, f, slog.New(slog.NewTextHandler(&log, nil)))
	if log.Len() > 0 {
		t.Errorf("one that is stopped logs\n%s", log.String())
	}
}

// The page for operators names every check, and every action of AWS that one needs.
func TestDoctorsPageIsWhole(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Doctor")
	section, _, _ = strings.Cut(section, "\n## ")
	checks := healthy(t).setup().Checks()
	if len(checks) < 20 {
		t.Fatalf("%d checks: this test would hold for little", len(checks))
	}
	for _, name := range doctor.Names() {
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("%s is not on the page", name)
		}
	}
	for _, check := range checks {
		if !slices.Contains(doctor.Names(), check.Name) {
			t.Errorf("doctor.Names has no %s, which --skip could not leave out", check.Name)
		}
		for _, name := range append(regexp.MustCompile(`[a-z]+:[A-Z][A-Za-z]+`).FindAllString(check.Needs, -1), check.Name) {
			if !strings.Contains(section, "`"+name+"`") {
				t.Errorf("%s is not on the page", name)
			}
		}
	}
}
