package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console/consoletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/cost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stats"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/top"
)

// outputOf is what a command writes.
func outputOf(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return out.String()
}

func TestCommandsShowPools(t *testing.T) {
	dir, _ := busyFleet(t)
	for command, wants := range map[string][]string{
		"cluster status":                         {"POOL ", "medium@octo-org/app  3       1     1 ", " of 48 h", "medium@octo-org/app is not full: its last runner was lost soon", "; the next runner comes from "},
		"top":                                    {"pool medium@octo-org/app: 1 of 3 idle, 1 starting, 1 with a job; its last runner was lost", "pool medium@octo-org/web: 3 of 3 idle; idled"},
		"classes show medium":                    {"class            medium", "spot             yes", "price            $0.0987 an hour, on Spot about $0.0296 in us-east-1", "warm runners     3 idle, daily", "medium@octo-org/web  3       3 "},
		"classes show large":                     {"class            large"},
		"classes list":                           {"3 idle, daily 00:00-24:00 Europe/Berlin"},
		"runners list --open":                    {"warm, idles in pool medium@octo-org/app since "},
		"runners show " + consoletest.IdleRunner: {"pool             warm, idles in pool medium@octo-org/app since "},
		"runners show " + consoletest.WarmRunner: {"pool             warm, of pool medium@octo-org/app; idled 29m", "took job         20000000905"},
		"stats":                                  {"JOBS RAN ON ", "warm runners  1 ", "POOL ", "medium@octo-org/web  3         0 "},
		"cost":                                   {"WARM RUNNERS", "medium@octo-org/app  3             1 "},
	} {
		t.Run(command, func(t *testing.T) {
			got := outputOf(t, append(strings.Fields(command), "--data-dir", dir)...)
			for _, want := range wants {
				if !strings.Contains(got, want) {
					t.Errorf("it does not print %q:\n%s", want, got)
				}
			}
		})
	}
}

// TestCommandsAgreeAboutPools: the JSON of all of them has the same numbers.
func TestCommandsAgreeAboutPools(t *testing.T) {
	dir, _ := busyFleet(t)
	var status cluster
	var moment top.Moment
	var counted struct{ stats.Stats }
	var spent, byClass struct{ cost.Report }
	read := func(into any, args ...string) {
		t.Helper()
		if err := json.Unmarshal([]byte(outputOf(t, append(args, "--json", "--data-dir", dir)...)), into); err != nil {
			t.Fatal(err)
		}
	}
	read(&status, "cluster", "status")
	read(&moment, "top")
	read(&counted, "stats")
	read(&spent, "cost")
	read(&byClass, "cost", "--by", "class")
	if len(status.Pools) != 2 || len(moment.Pools) != 2 || len(counted.Pools) != 2 || len(spent.Pools) != 2 {
		t.Fatalf("pools of status %d, top %d, stats %d, cost %d; want 2", len(status.Pools), len(moment.Pools), len(counted.Pools), len(spent.Pools))
	}
	for i, p := range status.Pools {
		if other := moment.Pools[i]; p.Has() != other.Has() || p.Reason != other.Reason {
			t.Errorf("status says %q, %q; top %q, %q", p.Has(), p.Reason, other.Has(), other.Reason)
		}
		if s, c := counted.Pools[i], spent.Pools[i]; s.Name != p.Pool || s.Launched != 3 || c.Runners != 3 || s.Served != c.Runs || s.Open != p.Idle+p.Starting {
			t.Errorf("status %+v, stats %+v, cost %+v", p, s, c)
		}
	}
	sum := func(lines []cost.Line) (n cost.Line) {
		for _, l := range lines {
			n.Idle, n.Runners, n.Total = n.Idle+l.Idle, n.Runners+l.Runners, n.Total+l.Total
		}
		return n
	}
	for _, r := range []cost.Report{spent.Report, byClass.Report} {
		all := sum(r.Lines)
		if all.Idle != r.Total.Idle || all.Total != r.Total.Total || all.Runners != r.Total.Runners || sum(r.Pools).Idle != r.Total.Idle || all.Idle == 0 {
			t.Errorf("lines add up to %+v, pools to %+v, and the total is %+v", all, sum(r.Pools), r.Total)
		}
	}
	// What open runners cost grows from one command to the next.
	if spent.Total.Runners != byClass.Total.Runners || slices.ContainsFunc(byClass.Lines, func(l cost.Line) bool { return l.Name == "(idle)" }) {
		t.Errorf("by class %+v", byClass.Lines)
	}
}
