package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/decisiontest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// explainJSON runs the command and reads its JSON.
func explainJSON(t *testing.T, args ...string) []explanation {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(append([]string{"explain", "--json"}, args...), &stdout, &stderr)
	var all []explanation
	if err := json.Unmarshal(stdout.Bytes(), &all); err != nil || len(all) == 0 {
		t.Fatalf("exit status %d, %v\n%s%s", code, err, stdout.String(), stderr.String())
	}
	if refused := all[0].Verdict == fleet.Refused; refused != (code == exitFailure) {
		t.Errorf("%s, and exit status %d", all[0].Verdict, code)
	}
	return all
}

func written(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestExplainSaysWhatTheTableSays holds the command to the table that Validate is held to, by
// a payload, by a workflow file and by labels.
func TestExplainSaysWhatTheTableSays(t *testing.T) {
	for _, c := range decisiontest.Cases(t) {
		t.Run(c.It, func(t *testing.T) {
			config := written(t, "fleet.yaml", []byte(c.Fleet))
			job := c.Job(7)
			payload := written(t, "payload.json", asJSON(t, map[string]any{
				"action":       "queued",
				"workflow_job": map[string]any{"id": 7, "run_id": 7, "labels": c.Labels, "status": "queued"},
				"repository":   map[string]any{"id": 1, "full_name": job.Repository, "private": job.Private, "visibility": job.Visibility},
			}))
			sources := [][]string{append([]string{"--event", payload}, originFlags(c)...)}
			if labels := asJSON(t, c.Labels); !strings.Contains(string(labels), "${{") && job.Visibility != "" {
				runsOn := asJSON(t, map[string]any{"group": "any", "labels": c.Labels}) // JSON is YAML
				workflow := written(t, "ci.yml", []byte("on: push\njobs:\n  build:\n    runs-on: "+string(runsOn)+"\n"))
				sources = append(sources, append([]string{"--workflow", workflow, "--repo", job.Repository, "--visibility", job.Visibility}, originFlags(c)...))
			}
			if labels := strings.Join(c.Labels, ","); strings.Trim(labels, ", ") != "" && strings.Count(labels, ",") == len(c.Labels)-1 && job.Visibility != "" {
				sources = append(sources, append([]string{"--labels", labels, "--repo", job.Repository, "--visibility", job.Visibility}, originFlags(c)...))
			}
			want := c.Policy.Admit(job)
			for _, source := range sources {
				e := explainJSON(t, append(source, "--config", config)...)[0]
				if e.Verdict != c.Verdict || e.Rule != c.Rule || !strings.Contains(e.Reason, c.Says) {
					t.Errorf("%s: %s by %q: %s", source[0], e.Verdict, e.Rule, e.Reason)
				}
				if e.Verdict != fleet.Admitted && !strings.HasPrefix(e.Reason, want.Reason) {
					t.Errorf("%s: %s\nwant %s", source[0], e.Reason, want.Reason)
				}
				if e.Verdict == fleet.Admitted && (e.ClassName != want.Class || e.CPU != want.Size.CPU || e.Memory != want.Size.Memory || e.Image != want.Image.String() || e.Dollars <= 0) {
					t.Errorf("%s: %+v\nwant %+v", source[0], e, want)
				}
			}
		})
	}
}

// originFlags say what a case knows of where its job comes from.
func originFlags(c decisiontest.Case) (flags []string) {
	if c.Fork != nil {
		flags = append(flags, fmt.Sprintf("--fork=%t", *c.Fork))
	}
	if c.Event != nil {
		flags = append(flags, "--event-name", *c.Event)
	}
	if c.Branch != nil {
		flags = append(flags, "--branch", *c.Branch)
	}
	return flags
}

func TestAnnotationsCannotBeLeft(t *testing.T) {
	var out bytes.Buffer
	err := printAnnotations(&out, []explanation{
		{File: "a:b,c%.yml", Line: 3, JobName: "build", Verdict: fleet.Refused, Rule: "x,y:z", Reason: "100 %\r\n::error::of it"},
		{JobName: "fine", Verdict: fleet.Admitted},
		{JobName: "other", Verdict: fleet.Ignored, Rule: "labels.unknown", Reason: "not ours"},
	})
	want := "::error file=a%3Ab%2Cc%25.yml,line=3,title=refused by x%2Cy%3Az::job build: 100 %25%0D%0A::error::of it\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// What CI hands over by mistake, such as a variable that is not set, is no job that is
// admitted.
func TestExplainRefusesSlips(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fleet.yaml"), []byte("github_repo: octo-org/app\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		"--event is empty":              {"--event", ""},
		"--labels has no label":         {"--labels", ", "},
		"names a ref; write the branch": {"--labels", "self-hosted", "--branch", "refs/heads/main"},
		"has a [, which no branch":      {"--labels", "self-hosted", "--branch", "v[0-9]"},
		"is not an event":               {"--labels", "self-hosted", "--event-name", "pull-request"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"explain", "--config", filepath.Join(dir, "fleet.yaml")}, args...), &stdout, &stderr)
		if code != 2 || !strings.Contains(stderr.String(), says) || stdout.Len() > 0 {
			t.Errorf("%q: exit status %d, %s%s", args, code, &stdout, &stderr)
		}
	}
}

// A command that waits for its input ends when it is stopped.
func TestExplainIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	root := newRoot()
	input, end := io.Pipe()
	t.Cleanup(func() { end.Close() })
	root.SetIn(input)
	root.SetArgs([]string{"explain", "--config", "../../examples/fleet.yaml", "--event", "-"})
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	cancel()
	if err := root.ExecuteContext(ctx); err == nil {
		t.Error("it ends as if it had been done")
	}
}
