package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

var tableNow = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// mixedRuns have names of strangers in wide characters, emoji and escape codes, and are in
// every status.
func mixedRuns() []report.Run {
	names := []struct{ repository, workflow, job string }{
		{"octo-org/app", "CI", "build"},
		{"octo-org/app", "CI", "e2e / chrome / shard 1 of 12 (ubuntu-24.04, node 22, stable)"},
		{"octo-org/app", "CI", "e2e / chrome / shard 2 of 12 (ubuntu-24.04, node 22, stable)"},
		{"octo-org/文書", "夜間ビルド", "日本語のとても長いジョブの名前です、はい"},
		{"octo-org/app", "Release 🚀", "👩‍👩‍👧‍👦 family 🇩🇪 ❤️ done"},
		{"octo-org/app", "\x1b[31mred\x1b[0m", "a\x1b]0;title\x07b\u202etxt.exe\nsecond line"},
		{"octo-org/a-repository-with-quite-a-long-name-of-its-own", "CI", "lint"},
	}
	minute := int64(83_000)
	queue := int64(61_000)
	var runs []report.Run
	for i, status := range fleet.RunStatuses() {
		n := names[i%len(names)]
		r := report.Run{
			RunID: fleet.RunID(20000000005 + 7*int64(i)), Repository: n.repository, WorkflowName: n.workflow, JobName: n.job, Status: status, Labels: []string{},
			ClassName: "small", Image: "image:docker.io/library/node:22", Times: fleet.Times{fleet.StageReceived: tableNow.Add(-time.Duration(i*i*i) * 7 * time.Minute)},
			Stages: report.Stages{Room: &queue, Image: &minute, Total: &minute},
		}
		if status != fleet.RunQueued {
			r.RunnerID = "fleet-" + strings.TrimPrefix(r.RunID, "job-") + "-1"
		}
		switch status {
		case fleet.RunRetrying:
			r.Reason = "Runner.NoCapacity: Fargate has no room for 4 vCPU in eu-central-1a, eu-central-1b and eu-central-1c\x1b[2J"
			r.Retry = &report.Retry{Trying: []string{"fleet-7-1"}}
		case fleet.RunQueued:
			r.Reason = "waits for room: 20 of 20 runners are open"
		case fleet.RunCompleted:
			r.Conclusion = "failure"
		case fleet.RunCancelled:
			r.Conclusion, r.Reason = "cancelled", "cancelled on GitHub before a runner took it"
		case fleet.RunRefused:
			r.Reason = "class:huge is none of this fleet's classes, which are small and large"
		}
		runs = append(runs, r)
	}
	good := runs[0]
	good.RunID, good.Status, good.Conclusion, good.Reason, good.JobName = "job-20000000999", fleet.RunCompleted, "success", "", "unit"
	return append(runs, good)
}

// TestListsFitEveryTerminal has a golden file for each width, and for what is no terminal.
func TestListsFitEveryTerminal(t *testing.T) {
	for name, c := range map[string]struct {
		screen readable.Screen
		wide   bool
	}{
		"40":          {readable.Screen{Width: 40}, false},
		"60":          {readable.Screen{Width: 60}, false},
		"80":          {readable.Screen{Width: 80}, false},
		"80_coloured": {readable.Screen{Width: 80, Colour: true}, false},
		"120":         {readable.Screen{Width: 120}, false},
		"200":         {readable.Screen{Width: 200}, false},
		"80_wide":     {readable.Screen{Width: 80}, true},
		"pipe":        {readable.Screen{}, false},
		"pipe_wide":   {readable.Screen{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := printRuns(&out, c.screen, mixedRuns(), c.wide, tableNow); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "tables", "runs_"+name+".golden")
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				if c.screen.Colour {
					line = strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(line)
				}
				if width := readable.Width(line); c.screen.Terminal() && !c.wide && width > c.screen.Width {
					t.Errorf("%d columns: %s", width, line)
				}
				if strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
					t.Errorf("%q does not print", line)
				}
				if tabs := strings.Count(line, "\t"); !c.screen.Terminal() && tabs != 8 && !c.wide {
					t.Errorf("%d tabs: %s", tabs, line)
				}
			}
		})
	}
}

func TestAListOfNothing(t *testing.T) {
	var out bytes.Buffer
	if err := printRuns(&out, readable.Screen{Width: 80}, nil, false, tableNow); err != nil || out.Len() > 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestTimesInFlags(t *testing.T) {
	local := func(y int, m time.Month, d, h, min, s int) time.Time {
		return time.Date(y, m, d, h, min, s, 0, time.Local)
	}
	for text, want := range map[string]time.Time{
		"": {}, "90m": tableNow.Add(-90 * time.Minute), "24h": tableNow.Add(-24 * time.Hour), "7d": tableNow.AddDate(0, 0, -7), "2w": tableNow.AddDate(0, 0, -14),
		"2026-06-30": local(2026, 6, 30, 0, 0, 0), "2026-06-30 14:05": local(2026, 6, 30, 14, 5, 0), "2026-06-30T14:05:09": local(2026, 6, 30, 14, 5, 9),
		"2026-06-30T14:05:09Z": time.Date(2026, 6, 30, 14, 5, 9, 0, time.UTC),
	} {
		if got, err := timeOf("since", text, tableNow); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "7", "-7d", "1h30m", "2026-13-01", "9999999d", "20000w", "106752d"} {
		if _, err := timeOf("since", text, tableNow); err == nil || !strings.Contains(err.Error(), "--since") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 59 * time.Minute: "59m", 47 * time.Hour: "47h", 48 * time.Hour: "2d", 90 * 24 * time.Hour: "90d",
		2000 * 24 * time.Hour: "2021-01-08",
	} {
		if got := age(tableNow.Add(-d), tableNow); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	if got := age(time.Time{}, tableNow); got != "" {
		t.Errorf("no time is %q", got)
	}
}
