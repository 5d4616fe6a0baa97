package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console/consoletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// busy is a database with the records of a busy fleet, which tests only read.
var busy *sqlite.Store

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "console")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	if busy, err = sqlite.Open(ctx, filepath.Join(dir, sqlite.FileName)); err != nil {
		panic(err)
	}
	defer busy.Close()
	if err := errors.Join(consoletest.Fill(ctx, busy, noon), consoletest.FillExecutions(ctx, busy.Executions(), noon)); err != nil {
		panic(err)
	}
	return m.Run()
}

// lines is a log.
type lines []string

func (l lines) Read(_ context.Context, _ bool, line func(string) error) (int, error) {
	for _, text := range l {
		if err := line(text); err != nil {
			return 0, err
		}
	}
	return len(l), nil
}

func (lines) Over(context.Context) (bool, error) { return true, nil }

func newBusy(t testing.TB, change func(*Options)) *Console {
	t.Helper()
	o := Options{
		Records: busy, Place: "/var/lib/ecsrunner", Flags: " --data-dir /var/lib/ecsrunner", Version: "v0.9.0", Zone: time.UTC, Now: func() time.Time { return noon },
		OpenLog: func(context.Context, string) (Log, error) {
			return lines{"claimed \x1b[32mok\x1b[0m", "<script>alert('log')</script>", "\xff\xfe", strings.Repeat("x", 1<<20)}, nil
		},
	}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func get(t testing.TB, c http.Handler, at string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, at, nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(text)
}

var (
	hrefs   = regexp.MustCompile(`(?:href|action)="(/[^"]*)"`)
	digits  = regexp.MustCompile(`[0-9]+`)
	unsafes = regexp.MustCompile(`(?i)<script>|<svg onload|<img|="javascript:|onerror="|\x1b| style="|<style`)
)

// TestLinksOfTheConsoleLead visits every page that is reached from the first one.
func TestLinksOfTheConsoleLead(t *testing.T) {
	c := newBusy(t, nil)
	seen, next := map[string]bool{"/": true}, []string{"/"}
	visited := map[string]int{} // pages of one kind
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		kind := digits.ReplaceAllString(at, "N")
		if visited[kind]++; visited[kind] > 4 {
			continue
		}
		status, body := get(t, c, at)
		if status != http.StatusOK {
			t.Errorf("%s: %d\n%.2000s", at, status, body)
		}
		if bad := unsafes.FindString(strings.ReplaceAll(body, "onload=alert", "")); bad != "" && !strings.HasSuffix(at, "/log") { // which is text
			t.Errorf("%s has %q", at, bad)
		}
		if len(body) > 1<<20 {
			t.Errorf("%s has %d bytes", at, len(body))
		}
		for _, m := range hrefs.FindAllStringSubmatch(body, -1) {
			to := strings.ReplaceAll(m[1], "&amp;", "&")
			if !seen[to] && to != "/change" {
				seen[to] = true
				next = append(next, to)
			}
		}
	}
	for _, want := range []string{"/runs", "/runners", "/images", "/classes", "/repositories", "/try", "/runs/job-20000000901"} {
		if !seen[want] {
			t.Errorf("no link leads to %s", want)
		}
	}
	t.Logf("%d pages", len(seen))
}

func TestTheAccountsLimits(t *testing.T) {
	allowed := func(all map[fleet.CapacityProvider]float64, err error) func(*Options) {
		return func(o *Options) {
			o.Allowed = func(context.Context) (map[fleet.CapacityProvider]float64, error) { return all, err }
		}
	}
	for name, c := range map[string]struct {
		change       func(*Options)
		want, hasNot string
	}{
		"known":             {allowed(map[fleet.CapacityProvider]float64{fleet.Fargate: 60, fleet.FargateSpot: 256}, nil), " of 256 vCPUs in use by this fleet", "Not known: "},
		"not allowed":       {allowed(nil, errors.New("list the quotas of fargate: <denied>")), "Not known: list the quotas of fargate: &lt;denied&gt;", "vCPUs"},
		"not a fleet there": {nil, "9120 of 12500 requests left", "vCPUs"},
	} {
		status, body := get(t, newBusy(t, c.change), "/")
		if status != http.StatusOK || !strings.Contains(body, c.want) || strings.Contains(body, c.hasNot) {
			t.Errorf("%s: %d, want %q and no %q in\n%s", name, status, c.want, c.hasNot, body)
		}
	}
}

// TestPagesSay reads what the page of a run says beside its picture.
func TestPagesSay(t *testing.T) {
	c := newBusy(t, nil)
	for at, want := range map[string][]string{
		"/":                                    {"15", "of 40 places", "for a runner of a job that rule training admits", "Runner.StartTimeout", "App 12345, installed for octo-org", "9120 of 12500 requests left", "AwaitCompletion: 9 runners", "Cost today"},
		"/runs":                                {"Retrying", "Refused", "Job failed", "train résumé-parser 日本語", "&lt;script&gt;alert(&#39;job&#39;)", "launched for another job"},
		"/runs/job-20000000902":                {"waits for its next try: its image browser could not be pulled", "ecsrunner runs retry job-20000000902 --data-dir /var/lib/ecsrunner", "earlier tries"},
		"/runs/job-20000000901":                {"launched for this job, took job-20000000910", "launched for job-20000000910, took this job", "Cost on Fargate"},
		"/runs/job-20000000900":                {"claimed ok", "&lt;script&gt;alert(&#39;log&#39;)", "the line has 1048576 bytes", "Runner.NoCapacity", "https://github.com/octo-org/app/actions/runs/7225/job/20000000900", "ecsrunner why"},
		"/runs/job-20000000903":                {"there is no class &#34;gigantic&#34;", "class.unknown", "It ended before a runner was launched."},
		"/runners?state=BuildImage":            {"At the step", "fleet-20000000912-1"},
		"/runners/fleet-20000000902-1":         {"CannotPullContainerError", "Launched for"},
		"/images":                              {"musl libc", "Outdated", "Building"},
		"/classes":                             {"of jobs that name none", "64 GB"},
		"/repositories":                        {"octo-org/ml-training"},
		"/try?labels=class%3Asmall&fork=false": {"Admitted", "small"},
		"/try?labels=class%3Agigantic":         {"Refused"},
		"/try?labels=ubuntu-latest":            {"Not ours"},
		"/runs?status=failure&since=1h":        {"Job failed"},
		"/runs?q=nothing+has+this":             {"No run fits."},
		"/runs?q=%3Cscript%3Ealert%281%29":     {"No run fits.", "&lt;script&gt;alert(1)"},
	} {
		t.Run(at, func(t *testing.T) {
			status, body := get(t, c, at)
			if status != http.StatusOK {
				t.Errorf("status %d", status)
			}
			for _, text := range want {
				if !strings.Contains(body, text) {
					t.Errorf("it does not say %q", text)
				}
			}
			if t.Failed() {
				t.Logf("%.6000s", body)
			}
		})
	}
}

func TestPagesThatAreNotThere(t *testing.T) {
	c := newBusy(t, nil)
	for at, want := range map[string]struct {
		status int
		says   string
	}{
		"/runs/job-1":                   {http.StatusNotFound, "There is no run job-1"},
		"/runs/nonsense":                {http.StatusNotFound, "There is no run nonsense"},
		"/runners/fleet-1-1":            {http.StatusNotFound, "There is no runner fleet-1-1"},
		"/runners/%3Cb%3E":              {http.StatusNotFound, "There is no runner &lt;b&gt;"},
		"/nowhere":                      {http.StatusNotFound, "There is no such page"},
		"/runs/job-1/more":              {http.StatusNotFound, "There is no such page"},
		"/assets/../console.go":         {http.StatusTemporaryRedirect, ""},
		"/assets/shell.html":            {http.StatusNotFound, ""},
		"/live?at=https://evil.example": {http.StatusBadRequest, "name the page"},
	} {
		t.Run(at, func(t *testing.T) {
			status, body := get(t, c, at)
			if status != want.status || !strings.Contains(body, want.says) {
				t.Errorf("%d: %s", status, body)
			}
		})
	}
}

// TestFilters: each address shows the runs that it says, newest first, and no others.
func TestFilters(t *testing.T) {
	c := newBusy(t, nil)
	ids := regexp.MustCompile(`<tr id="row-(job-\d+)">`)
	shown := func(at string) (all []string) {
		t.Helper()
		_, body := get(t, c, at)
		for _, m := range ids.FindAllStringSubmatch(body, -1) {
			all = append(all, m[1])
		}
		return all
	}
	for at, want := range map[string]int{
		"/runs":                                    perPage,
		"/runs?status=RETRYING":                    1,
		"/runs?status=waiting":                     8,
		"/runs?status=ready":                       7,
		"/runs?status=running":                     10,
		"/runs?status=stopped&since=1h&q=gigantic": 1,
		"/runs?repository=octo-org%2Fml-training&status=open": 6,
		"/runs?repository=OCTO-ORG%2FML-TRAINING&status=open": 6,
		"/runs?class=arm&status=open":                         1,
		"/runs?workflow=nightly&status=waiting":               5,
		"/runs?q=job-20000000902":                             1,
		"/runs?status=nonsense":                               0,
		"/runs?since=nonsense":                                perPage,
	} {
		if got := shown(at); len(got) != want {
			t.Errorf("%s shows %d runs, not %d: %v", at, len(got), want, got)
		}
	}
	next := regexp.MustCompile(`href="(/runs\?[^"]*after=[^"]*)" rel="next"`)
	seen := map[string]bool{}
	for at := "/runs?status=completed"; at != ""; {
		for _, id := range shown(at) {
			if seen[id] {
				t.Fatalf("%s shows %s again", at, id)
			}
			seen[id] = true
		}
		_, body := get(t, c, at)
		at = ""
		if m := next.FindStringSubmatch(body); m != nil {
			at = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if len(seen) < 380 {
		t.Errorf("the pages show %d runs", len(seen))
	}
}
