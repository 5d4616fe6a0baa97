package main

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func TestClusterStatusShowsRequestsToGitHub(t *testing.T) {
	at := time.Date(2026, 3, 4, 14, 20, 0, 0, time.UTC)
	limited := &fleet.GitHubUsage{
		Since: at.Add(-10 * time.Minute), At: at, Asked: map[string]int{"deliveries": 3, "workflow_runs": 20}, Unchanged: 340,
		Budgets: []fleet.Budget{{Credential: "c", Resource: "core", Limit: 5000, Remaining: 4900, Reset: at.Add(50 * time.Minute)}},
		PutOff:  map[string]int{"jobs": 2},
	}
	for name, c := range map[string]struct {
		usage *fleet.GitHubUsage
		want  []string
		not   string
	}{
		"no sweep yet": {nil, nil, `(?m)^(github|requests|put off) `},
		"a limit": {limited, []string{
			`(?m)^github +4900 of 5000 requests left until 15:10 UTC$`,
			`(?m)^requests +since 14:10 UTC: claims_launches_and_others 77, deliveries 3, workflow_runs 20; 340 lists had not changed and were free$`,
			`(?m)^put off +jobs 2$`,
		}, `none yet; `},
		"a sweep that left something": {&fleet.GitHubUsage{Since: at, At: at, Failed: "sweep jobs: GitHub is down"}, []string{
			`(?m)^last sweep +failed at .*: sweep jobs: GitHub is down$`,
		}, `(?m)^(github|put off) `},
		"a server without limits": {&fleet.GitHubUsage{Since: at, At: at, Asked: map[string]int{"jobs": 1}}, []string{
			`(?m)^requests +since 14:20 UTC: jobs 1$`,
		}, `(?m)^(github|put off) `},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := printCluster(&out, cluster{Cluster: report.Cluster{GitHub: c.usage}}); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !regexp.MustCompile(want).Match(out.Bytes()) {
					t.Errorf("%s is not in\n%s", want, out.String())
				}
			}
			if regexp.MustCompile(c.not).Match(out.Bytes()) {
				t.Errorf("%s is in\n%s", c.not, out.String())
			}
		})
	}
}

func TestClusterStatusShowsWhenTheTokenExpires(t *testing.T) {
	at := time.Date(2026, 3, 4, 14, 20, 0, 0, time.UTC)
	budget := func(expires time.Time) fleet.Budget {
		return fleet.Budget{Limit: 5000, Reset: at.Add(time.Hour), Expires: expires}
	}
	for name, c := range map[string]struct {
		budgets []fleet.Budget
		want    string // "" if nothing is to be said
	}{
		"no sweep yet":         {nil, ""},
		"it does not":          {[]fleet.Budget{budget(time.Time{})}, ""},
		"in a year":            {[]fleet.Budget{budget(at.AddDate(1, 0, 0))}, "expires at 2027-03-04 14:20 UTC"},
		"in a week":            {[]fleet.Budget{budget(at.AddDate(0, 0, 7))}, "expires at 2026-03-11 14:20 UTC: store a new one before"},
		"a minute ago":         {[]fleet.Budget{budget(at.Add(-time.Minute))}, "expired at 2026-03-04 14:19 UTC: store a new one"},
		"the first of several": {[]fleet.Budget{budget(at.AddDate(1, 0, 0)), budget(at.AddDate(0, 1, 0))}, "expires at 2026-04-04 14:20 UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := printCluster(&out, cluster{Cluster: report.Cluster{GitHub: &fleet.GitHubUsage{At: at, Budgets: c.budgets}}}); err != nil {
				t.Fatal(err)
			}
			row := regexp.MustCompile(`(?m)^token +(.*)$`).FindSubmatch(out.Bytes())
			if got := string(bytes.Join(row[min(1, len(row)):], nil)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestClusterStatusShowsSubnetsThatAreLeftOut(t *testing.T) {
	until := time.Date(2026, 3, 4, 14, 20, 0, 0, time.UTC)
	for want, subnets := range map[string]map[string]time.Time{
		`(?m)^left out +subnet-0a had no room, until 14:20 UTC, subnet-0b had no room, until 14:21 UTC$`: {"subnet-0b": until.Add(time.Minute), "subnet-0a": until},
		`(?m)^open runners +0$`: nil,
	} {
		var out bytes.Buffer
		if err := printCluster(&out, cluster{Cluster: report.Cluster{SubnetsLeftOut: subnets}}); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(want).Match(out.Bytes()) || len(subnets) == 0 && bytes.Contains(out.Bytes(), []byte("left out")) {
			t.Errorf("%s is not in\n%s", want, out.String())
		}
	}
}

func TestClusterStatusShowsTheSharesOfRules(t *testing.T) {
	shares := []report.RuleShare{{Name: "deploy", OpenRunners: 2, MaxRunners: 2, Waiting: 3}, {Name: "nightly", MaxRunners: 1}}
	for want, rules := range map[string][]report.RuleShare{
		`(?m)^rules +deploy 2 of at most 2 runners, 3 runs wait; nightly 0 of at most 1 runners$`: shares,
		`(?m)^open runners +0$`: nil,
	} {
		var out bytes.Buffer
		if err := printCluster(&out, cluster{Cluster: report.Cluster{Rules: rules}}); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(want).Match(out.Bytes()) || rules == nil && bytes.Contains(out.Bytes(), []byte("rules")) {
			t.Errorf("%s is not in\n%s", want, out.String())
		}
	}
}

func TestClusterStatusShowsWhatDoesNotWork(t *testing.T) {
	at := time.Date(2026, 3, 4, 14, 20, 0, 0, time.UTC)
	failing := report.Cluster{Settings: report.Settings{Listen: "127.0.0.1:8080"}, Running: true, Health: &report.Health{
		Status:         local.HealthFailing,
		LastWriteError: &report.Trouble{At: at, Error: "the disk is full"}, LastSweepError: &report.Trouble{At: at, Error: "the token is not valid"},
	}}
	well := report.Cluster{Settings: report.Settings{Listen: "127.0.0.1:8080"}, Running: true, Health: &report.Health{Status: local.HealthOK}}
	for want, c := range map[string]report.Cluster{
		`(?m)^state +failing, listening on 127\.0\.0\.1:8080$`:   failing,
		`(?m)^last write +failed at [^:]+:.*: the disk is full$`: failing,
		`(?m)^last sweep +failed at .*: the token is not valid$`: failing,
	} {
		var out bytes.Buffer
		if err := printCluster(&out, cluster{Cluster: c}); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("%s is not in\n%s", want, out.String())
		}
	}
	var out bytes.Buffer
	if err := printCluster(&out, cluster{Cluster: well}); err != nil || regexp.MustCompile(`(?m)^last `).Match(out.Bytes()) || !regexp.MustCompile(`(?m)^state +running, `).Match(out.Bytes()) {
		t.Errorf("%v: a fleet that is well shows\n%s", err, out.String())
	}
}
