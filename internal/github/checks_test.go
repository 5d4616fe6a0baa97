package github_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// refusalOf is the refusal of a job that GitHub has, by an App with further permissions.
func refusalOf(t *testing.T, permissions map[string]string, change func(*fleet.Refusal)) (*appWorld, fleet.Refusal) {
	t.Helper()
	w := newAppWorld(t, func(a *sim.App) {
		for name, level := range permissions {
			a.Permissions[name] = level
		}
	})
	job, err := w.function().Job(t.Context(), appRepository, w.hub.Queue(sim.JobSpec{Name: "j", Labels: []string{"class:huge"}}))
	if err != nil {
		t.Fatal(err)
	}
	r := refusedBy("class.unknown", func(*fleet.Refusal) {})
	r.Repository, r.SHA, r.ID = appRepository, job.HeadSHA, "prod/1/abc"
	if change != nil {
		change(&r)
	}
	w.asked = nil
	return w, r
}

var maySee = map[string]string{"checks": "write", "statuses": "write"}

func TestARefusalAsACheckRun(t *testing.T) {
	w, r := refusalOf(t, maySee, func(r *fleet.Refusal) { r.Reason += `; did you mean "class:large"?` })
	as, err := w.function().ShowRefusal(t.Context(), r)
	if err != nil || as != "a failed check run" {
		t.Fatalf("it is %q, %v", as, err)
	}
	want := []sim.CheckRun{{
		SHA: r.SHA, Name: "ecs-runner-fleet (prod) / CI", ExternalID: "prod/1/abc", DetailsURL: github.RefusalPage + "#classunknown",
		Status: "completed", Conclusion: "failure", Title: `class "huge" is not one of large, small; did you mean "class:large"?`,
		Summary: "The runner fleet refuses a job of this workflow run. GitHub keeps such a job queued for 24 hours, or until the workflow run is cancelled.\n\n" +
			"```text\nclass \"huge\" is not one of large, small\n```\n\nThis was probably meant:\n\n```text\n\"class:large\"\n```\n\n" +
			"The fleet and the rule:\n\n```text\nprod, class.unknown\n```\n\n[What the rules mean, and what to do](<" + github.RefusalPage + "#classunknown>)\n",
	}}
	if diff := cmp.Diff(want, w.hub.CheckRuns(), cmpopts.IgnoreFields(sim.CheckRun{}, "ID", "CreatedAt")); diff != "" {
		t.Error(diff)
	}
	if len(w.hub.Statuses()) > 0 {
		t.Error("it is a status as well")
	}
}

func TestWhereChecksMayNotBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		permissions map[string]string
		statusOnly  bool
		pat         bool
		as          string // "" fails
		says        string
		tokens      int // that GitHub was asked for, beside those that looked for the job
	}{
		"an App that may":                              {maySee, false, false, fleet.AsCheckRun, "", 1},
		"an App that may write statuses":               {map[string]string{"statuses": "write"}, false, false, fleet.AsStatus, "", 2},
		"an App of which that is known":                {map[string]string{"statuses": "write"}, true, false, fleet.AsStatus, "", 1},
		"an App that may only read checks":             {map[string]string{"checks": "read", "statuses": "write"}, false, false, fleet.AsStatus, "", 2},
		"an App that may neither":                      {nil, false, false, "", "it needs the permission Checks or Commit statuses (read and write) on octo-org/widgets", 2},
		"an App that may write checks and no statuses": {map[string]string{"checks": "write"}, false, false, fleet.AsCheckRun, "", 1},
		"a token": {nil, false, true, fleet.AsStatus, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := refusalOf(t, c.permissions, func(r *fleet.Refusal) { r.StatusOnly = c.statusOnly })
			hub := w.function()
			if c.pat {
				hub = github.NewForFleet(w.url, github.PAT(func(context.Context) (string, error) { return "ghp_fallback", nil }), http.DefaultClient)
			}
			as, err := hub.ShowRefusal(t.Context(), r)
			if (err == nil) != (c.as != "") || err == nil && as != c.as || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("it is %q, %v", as, err)
			}
			if err != nil && !fleet.IsNamed(err, fleet.GitHubNoAccess) {
				t.Errorf("the error is %s", fleet.ErrorName(err))
			}
			if got := strings.Count(strings.Join(w.asked, "\n"), "access_tokens"); got != c.tokens {
				t.Errorf("%d tokens were asked for, want %d: %q", got, c.tokens, w.asked)
			}
			if shown := len(w.hub.CheckRuns()) + len(w.hub.Statuses()); shown != 1 && err == nil {
				t.Errorf("it is shown %d times", shown)
			}
		})
	}
}

// Nobody heard GitHub's answer to the first try: the second one looks for what it made.
func TestACheckRunIsMadeOnce(t *testing.T) {
	w, r := refusalOf(t, maySee, nil)
	for range 3 {
		if as, err := w.function().ShowRefusal(t.Context(), r); err != nil || as != fleet.AsCheckRun {
			t.Fatalf("it is %q, %v", as, err)
		}
		r.Again = true
	}
	if got := len(w.hub.CheckRuns()); got != 1 {
		t.Errorf("%d check runs", got)
	}
	r.ID = "prod/2/abc" // of another workflow run of the commit
	if _, err := w.function().ShowRefusal(t.Context(), r); err != nil || len(w.hub.CheckRuns()) != 2 {
		t.Errorf("%d check runs, %v", len(w.hub.CheckRuns()), err)
	}
}

func TestACheckRunThatGitHubDoesNotTake(t *testing.T) {
	w, r := refusalOf(t, maySee, func(r *fleet.Refusal) { r.SHA = strings.Repeat("0", 40) })
	if _, err := w.function().ShowRefusal(t.Context(), r); !fleet.IsNamed(err, fleet.GitHubInvalid) || len(w.hub.Statuses()) > 0 {
		t.Errorf("%v", err)
	}
}

var (
	codeBlock = regexp.MustCompile("(?m)^(`{3,})text\n.*\n(`{3,})$")
	theLink   = regexp.MustCompile(`\[What the rules mean, and what to do\]\(<[^<>\s]*>\)`)
)

// Nothing that a label says is more than text: not in the summary, where everything of others
// is within blocks of code that it cannot end.
func TestNothingHostileComesOutOfALabel(t *testing.T) {
	for _, hostile := range []string{
		"[click](https://evil.example)", "![x](https://evil.example/x.png)", "<img src=https://evil.example/x.png>", "@octocat", "@octo-org/admins",
		"#1", "octo/repo#1", "https://evil.example", "**bold**", "<script>alert(1)</script>", "<!-- ", "-->",
		"```", "````\n[x](https://evil.example)", "\n```\n@octocat\n```", "`@octocat`", "~~~", "\r\n\r\n# heading", "a\u2028b", "\u202eevil", "\x1b[31m", "&lt;b&gt;",
		strings.Repeat("`", 5000), strings.Repeat("x", 100_000), strings.Repeat("\U0001F600", 70_000), "; did you mean @octocat?",
	} {
		for name, change := range map[string]func(*fleet.Refusal){
			"reason":   func(r *fleet.Refusal) { r.Reason = hostile },
			"label":    func(r *fleet.Refusal) { r.Reason = "no; did you mean " + hostile + "?" },
			"workflow": func(r *fleet.Refusal) { r.Workflow = hostile },
			"rule":     func(r *fleet.Refusal) { r.Rule, r.URL = hostile, "https://wiki.example.com/a>b c" },
		} {
			w, r := refusalOf(t, maySee, change)
			if _, err := w.function().ShowRefusal(t.Context(), r); err != nil {
				t.Fatalf("%s %.40q: %v", name, hostile, err)
			}
			check := w.hub.CheckRuns()[0]
			if n := utf8.RuneCountInString(check.Summary); n > 65535 {
				t.Errorf("%s %.40q: %d characters", name, hostile, n)
			}
			if utf8.RuneCountInString(check.Name) > 255 || utf8.RuneCountInString(check.Title) > 140 || strings.ContainsAny(check.Name+check.Title, "\n\r\x1b\u202e\u2028") {
				t.Errorf("%s %.40q: the name %.99q, the title %.99q", name, hostile, check.Name, check.Title)
			}
			rest := codeBlock.ReplaceAllStringFunc(check.Summary, func(block string) string {
				parts := codeBlock.FindStringSubmatch(block)
				if inside := strings.Split(block, "\n")[1]; parts[1] != parts[2] || strings.Contains(inside, parts[1]) {
					t.Errorf("%s %.40q ends its block: %.99q", name, hostile, block)
				}
				return ""
			})
			if rest = theLink.ReplaceAllString(rest, ""); strings.ContainsAny(rest, "@<>[]!#`*_~\\&") || strings.Contains(rest, "evil") {
				t.Errorf("%s %.40q: outside of code there is %.200q", name, hostile, rest)
			}
		}
	}
}
