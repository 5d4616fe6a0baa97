package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func options() Options { return Options{Now: func() time.Time { return now }} }

func says(name, about string, r Result) Check {
	return Check{Name: name, About: about, Run: func(context.Context) Result { return r }}
}

func TestTheWorstComesFirst(t *testing.T) {
	f := func(s Severity, what string) Result { return Found(Finding{Severity: s, What: what}) }
	report, err := Run(t.Context(), "ci", []Check{
		says("a", "", Healthy("all is well")),
		says("b", "", f(Unchecked, "no permission")),
		says("c", "o/one", f(Warning, "soon")),
		says("d", "", f(Error, "now")),
		says("c", "o/two", f(Warning, "soon")),
		says("e", "", Skip("d")),
	}, options())
	if err != nil {
		t.Fatal(err)
	}
	var found, results []string
	for _, f := range report.Findings {
		found = append(found, string(f.Severity)+" "+f.Check+" "+f.Subject())
	}
	for _, c := range report.Checks {
		results = append(results, c.Name+" "+c.Result)
	}
	if want := []string{"error d ", "warning c o/one, o/two", "unchecked b "}; !slices.Equal(found, want) {
		t.Errorf("findings %q, want %q", found, want)
	}
	if want := []string{"a ok", "b unchecked", "c found", "d found", "c found", "e skipped"}; !slices.Equal(results, want) {
		t.Errorf("checks %q, want %q", results, want)
	}
	if report.Healthy || report.FleetName != "ci" || !report.CheckedAt.Equal(now) {
		t.Errorf("%+v", report)
	}
}

func TestWhatIsNotHealthy(t *testing.T) {
	for name, c := range map[string]struct {
		check Check
		want  bool
	}{
		"nothing found":              {says("a", "", Healthy("")), true},
		"a check that was skipped":   {says("a", "", Skip("b")), true},
		"a warning":                  {says("a", "", Found(Finding{Severity: Warning})), false},
		"one that could not be made": {says("a", "", Found(Finding{Severity: Unchecked})), false},
	} {
		if report, err := Run(t.Context(), "ci", []Check{c.check}, options()); err != nil || report.Healthy != c.want {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
	o := options()
	o.Skip = []string{"a"}
	if report, err := Run(t.Context(), "ci", []Check{says("a", "", Found(Finding{})), says("b", "", Healthy(""))}, o); err != nil || !report.Healthy || len(report.Checks) != 1 {
		t.Errorf("left out: %+v, %v", report, err)
	}
}

func TestSubject(t *testing.T) {
	for want, about := range map[string][]string{"": nil, "a, b, c": {"a", "b", "c"}, "a, b, c and 2 more": {"a", "b", "c", "d", "e"}} {
		if got := (Finding{About: about}).Subject(); got != want {
			t.Errorf("%q: %q", about, got)
		}
	}
}

func TestACheckHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		forever := make(chan struct{})
		report, err := Run(t.Context(), "ci", []Check{
			{Name: "deaf", Run: func(context.Context) Result { <-forever; return Healthy("") }},
			{Name: "listens", Run: func(ctx context.Context) Result {
				<-ctx.Done()
				return Found(Finding{Severity: Error, What: ctx.Err().Error()})
			}},
			says("quick", "", Healthy("")),
		}, options())
		if err != nil || len(report.Findings) != 2 {
			t.Fatal(report, err)
		}
		for _, f := range report.Findings {
			if f.Severity != Unchecked || f.What != "there was no answer within 20s" {
				t.Errorf("%+v", f)
			}
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("it took %s", took)
		}
		close(forever)
	})
}

func TestChecksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, most atomic.Int32
		var checks []Check
		for range 30 {
			checks = append(checks, Check{Run: func(ctx context.Context) Result {
				most.Store(max(most.Load(), at.Add(1)))
				time.Sleep(time.Second)
				at.Add(-1)
				return Healthy("")
			}})
		}
		if _, err := Run(t.Context(), "ci", checks, options()); err != nil || most.Load() != 8 {
			t.Errorf("%d at once, %v", most.Load(), err)
		}
	})
}

func TestAContextThatEndsEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		forever := make(chan struct{})
		checks := slices.Repeat([]Check{{Run: func(context.Context) Result { <-forever; return Healthy("") }}}, 20)
		time.AfterFunc(3*time.Second, cancel)
		if report, err := Run(ctx, "ci", checks, options()); !errors.Is(err, context.Canceled) || report.Healthy {
			t.Errorf("%+v, %v", report, err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %s", took)
		}
		close(forever)
	})
}

func TestSecretsAreHidden(t *testing.T) {
	hidden := &Secrets{}
	hidden.Add("plain old/token+\n")
	values, err := hidden.Values(func(context.Context) ([]string, error) { return []string{"hook", "hook-of-yesterday"}, nil })(t.Context())
	if err != nil || len(values) != 2 {
		t.Fatal(values, err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"a token that was read":      {"it is plain old/token+.", "it is ***."},
		"in a query":                 {"https://a/?t=plain+old%2Ftoken%2B", "https://a/?t=***"},
		"a longer secret goes first": {"hook-of-yesterday and hook", "*** and ***"},
		"a token by its looks":       {"ghp_abcdefghijklmnopqrst, ghs_1234_eyJ.a-b.c and github_pat_11AAAA_b", "***, *** and ***"},
		"a header":                   {`Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9`, "Authorization: ***"},
		"a private key":              {"-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/=\n-----END RSA PRIVATE KEY----- is no key", "*** is no key"},
		"ordinary words":             {"the token lacks Administration: read and write", "the token lacks Administration: read and write"},
	} {
		if got := hidden.Hide(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	o := options()
	o.Secrets = hidden
	report, err := Run(t.Context(), "ci", []Check{
		says("a", "", Found(Finding{What: "x hook x", Do: "x hook x", Command: "x hook x"})), says("b", "", Healthy("x hook x")),
	}, o)
	if err != nil || strings.Contains(strings.Join([]string{report.Findings[0].What, report.Findings[0].Do, report.Findings[0].Command, report.Checks[0].Says, report.Checks[1].Says}, " "), "hook") {
		t.Errorf("%+v, %v", report, err)
	}
	if got := (*Secrets)(nil).Hide("ghp_abcdefgh"); got != "***" {
		t.Errorf("without any that were read: %q", got)
	}
}
