package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/itchyny/gojq"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

// runOfGitHub is an answer to GET /repos/{owner}/{repo}/actions/runs/{id}/jobs, as far as the
// script reads it.
const runOfGitHub = `{"total_count": 4, "jobs": [
  {"run_id": 77, "run_url": "https://api.github.com/repos/octo-org/app/actions/runs/77", "conclusion": "success", "runner_id": 5,
   "created_at": "2026-06-29T09:00:00Z", "started_at": "2026-06-29T09:00:40Z", "completed_at": "2026-06-29T09:03:40Z", "labels": ["self-hosted", "class:large"]},
  {"run_id": 77, "run_url": "https://api.github.com/repos/octo-org/app/actions/runs/77", "conclusion": "skipped", "runner_id": null,
   "created_at": "2026-06-29T09:00:01Z", "started_at": "2026-06-29T09:00:01Z", "completed_at": "2026-06-29T09:00:00Z", "labels": []},
  {"run_id": 77, "run_url": "https://api.github.com/repos/octo-org/app/actions/runs/77", "conclusion": "cancelled", "runner_id": 0,
   "created_at": "2026-06-29T09:01:00Z", "started_at": "2026-06-29T09:01:00Z", "completed_at": "2026-06-29T09:06:00Z", "labels": ["ubuntu-latest"]},
  {"run_id": 77, "run_url": "https://api.github.com/repos/octo-org/app/actions/runs/77", "conclusion": null, "runner_id": 6,
   "created_at": "2026-06-29T09:01:00Z", "started_at": "2026-06-29T09:01:10Z", "completed_at": null, "labels": ["ubuntu-latest"]}]}`

// export runs the script with a stand-in for the GitHub CLI, a shell script.
func export(t *testing.T, gh, runsOn string, args ...string) (out, talk string, status int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gh"), []byte("#!/bin/sh\n"+gh), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", append([]string{"../../scripts/export-jobs"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "RUNS_ON="+runsOn)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Skip(err) // no shell
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// An export that GitHub breaks off says so, for what is there looks like a file of jobs.
func TestABrokenExportFails(t *testing.T) {
	for gh, want := range map[string]string{
		"case $3 in */runs/7/jobs*) echo row;; */jobs*) exit 1;; *) echo 7; echo 8; echo 9;; esac": "workflow run 8: the file is not complete",
		"exit 4": "2026-06-29: the file is not complete",
		"case $3 in */jobs*) exit 9;; *) seq 1000;; esac": "2026-06-29 has 1,000 workflow runs or more, and GitHub lists no more of one search; give parts of it, as 2026-06-29T00:00:00Z..2026-06-29T11:59:59Z: the file is not complete",
	} {
		if out, talk, status := export(t, gh, "", "octo/app", "2026-06-29"); status != 1 || !strings.Contains(talk, want) {
			t.Errorf("status %d, %s%s", status, out, talk)
		}
	}
	if _, talk, status := export(t, "", "", "octo/app"); status != 2 || !strings.Contains(talk, "usage: export-jobs OWNER/NAME DAY...") {
		t.Errorf("without a day: status %d, %s", status, talk)
	}
	if _, talk, status := export(t, "", ""); status != 2 || !strings.Contains(talk, "usage: ") {
		t.Errorf("without arguments: status %d, %s", status, talk)
	}
	if _, talk, status := export(t, "", "ubuntu-latest", "octo/app", "2026-06-29"); status != 2 || !strings.Contains(talk, "RUNS_ON is ubuntu-latest: ") {
		t.Errorf("without new labels: status %d, %s", status, talk)
	}
}

// Labels are text: nothing in them means something to the program that replaces them.
func TestLabelsOfAnExportAreText(t *testing.T) {
	gh := "case $3 in */jobs*) echo 'a,[x].*/y$,b'; echo 'a,xyzy,b';; *) echo 7;; esac"
	out, talk, status := export(t, gh, `[x].*/y$=image:ghcr.io/acme/ci&\1;self-hosted`, "octo/app", "2026-06-29")
	if want := "a,image:ghcr.io/acme/ci&\\1;self-hosted,b\na,xyzy,b\n"; status != 0 || !strings.HasSuffix(out, want) {
		t.Errorf("status %d, %s%s\nwant %s", status, out, talk, want)
	}
}

// TestTheExportIsAWorkload runs the script of the docs with a stand-in for the GitHub CLI, in
// which the script's own filter is applied by the same jq as that program has.
func TestTheExportIsAWorkload(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell")
	}
	script, err := filepath.Abs("../../scripts/export-jobs")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	_, filter, _ := strings.Cut(string(text), "filter='")
	filter, _, _ = strings.Cut(filter, "'")
	query, err := gojq.Parse(filter)
	if err != nil {
		t.Fatal(err)
	}
	var answer any
	if err := json.Unmarshal([]byte(runOfGitHub), &answer); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for found := query.Run(answer); ; {
		line, ok := found.Next()
		if !ok {
			break
		}
		if err, failed := line.(error); failed {
			t.Fatal(err)
		}
		lines.WriteString(line.(string) + "\n")
	}
	dir := t.TempDir()
	gh := "#!/bin/sh\ncase $3 in */jobs*) cat \"$0.jobs\";; */runs?created=2026-06-29*) echo 77;; esac\n"
	for name, content := range map[string]string{"gh": gh, "gh.jobs": lines.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", script, "octo-org/app", "2026-06-28", "2026-06-29")
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "RUNS_ON=ubuntu-latest=self-hosted;class:medium")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := workload.ReadCSV("week.csv", strings.NewReader(string(out)))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := workload.Workload{
		Name: "week.csv", Start: time.Date(2026, 6, 29, 9, 0, 0, 0, time.UTC), Unfinished: 1,
		Jobs: []workload.Job{
			{Repository: "octo-org/app", Labels: []string{"self-hosted", "class:large"}, Takes: 3 * time.Minute, Run: "77"},
			{Repository: "octo-org/app", Labels: []string{"self-hosted", "class:medium"}, Queued: time.Minute, Cancelled: 5 * time.Minute, Run: "77"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
