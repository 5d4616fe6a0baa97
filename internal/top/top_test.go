package top

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/pools"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stats"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func run(id int64, status fleet.RunStatus, waited, ran int64, job, reason string) report.Run {
	r := report.Run{
		RunID: fleet.RunID(id), Repository: "octo-org/app", JobName: job, Status: status, Reason: reason, ClassName: "medium",
		Stages: report.Stages{Queue: &waited},
	}
	if status == fleet.RunRunning {
		r.RunnerID, r.Stages.Job = fleet.RunnerID("ci", id, 1), &ran
	}
	return r
}

// busy is a fleet with everything that a page may have to show.
func busy() Moment {
	m := Moment{
		At: noon, FleetName: "ci", State: "running, listening on 127.0.0.1:8080", Paused: "an upgrade", OpenRunners: 7, MaxRunners: 20,
		GitHub:  &fleet.GitHubUsage{At: noon, Budgets: []fleet.Budget{{Limit: 5000, Remaining: 4321, Reset: noon.Add(time.Hour)}}},
		Holds:   []Hold{{"Runner.NoCapacity: no room on FARGATE_SPOT\x1b[31m", "capacity", noon.Add(time.Minute)}},
		Fargate: []report.VCPUs{{Provider: fleet.Fargate, InUse: 2.5, Allowed: 6}, {Provider: fleet.FargateSpot, InUse: 12, Allowed: 100}},
		Pools: []pools.Pool{
			{Pool: "medium@octo-org/app", Wanted: 3, Idle: 1, Starting: 1, Reason: "its last runner was lost soon after it was launched, and it pauses before the next one", NextLaunch: noon.Add(70 * time.Second), Today: pools.Day{IdleSeconds: 16_200, IdleHoursPerDay: 24}},
			{Pool: "medium@octo-org/web", Wanted: 2, Idle: 2},
		},
		Started: 31, Ended: 28, Queue: &stats.Percentiles{Count: 31, P50: 41_000, P95: 95_000}, RatesCut: true,
		Runs: []report.Run{
			run(1, fleet.RunRunning, 40_000, 3_700_000, "nightly", ""),
			run(2, fleet.RunRunning, 40_000, 65_000, "テスト（日本語の長い名前）とビルド", ""),
			run(3, fleet.RunRetrying, 700_000, 0, "build <script>alert(1)</script>", "Runner.NoCapacity: no room on FARGATE_SPOT in three subnets of us-east-1"),
			run(4, fleet.RunQueued, 9_000, 0, "lint\n\x1b[2J🚀", "waits for room: max_runners is 20"),
		},
	}
	for id := range int64(9) {
		m.Runs = append(m.Runs, run(10+id, fleet.RunQueued, 5_000-id*100, 0, fmt.Sprintf("shard %d", id), ""))
	}
	return m
}

// TestPages are looked at: testdata has them.
func TestPages(t *testing.T) {
	quiet := Moment{At: noon, FleetName: "ci", State: "not running", MaxRunners: 20}
	for name, c := range map[string]struct {
		m    Moment
		size Size
	}{
		"quiet":       {quiet, Size{80, 24}},
		"unnoted":     {Moment{At: noon, State: "not running"}, Size{80, 24}},
		"busy-80x24":  {busy(), Size{80, 24}},
		"busy-60x12":  {busy(), Size{60, 12}},
		"busy-200x50": {busy(), Size{200, 50}},
		"busy-piped":  {busy(), Size{}},
		"busy-tiny":   {busy(), Size{12, 4}},
	} {
		lines := c.m.Page(c.size, time.UTC)
		for _, line := range lines {
			if c.size.Columns > 0 && displaywidth.String(line) > c.size.Columns || strings.ContainsAny(line, "\x1b\n\r") {
				t.Errorf("%s: %q does not fit %d columns, or controls the terminal", name, line, c.size.Columns)
			}
		}
		if c.size.Rows > 0 && len(lines) > c.size.Rows {
			t.Errorf("%s has %d lines", name, len(lines))
		}
		got, path := strings.Join(lines, "\n")+"\n", filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got; -update writes it):\n%s", name, diff)
		}
	}
}
