//go:build aws

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/docstest"
)

// TestAWSTakesTheCommandsInTheDocs hands the docs' commands to AWS's own command line, with
// an endpoint that does not answer. It is right about a command when it gets so far as to
// connect: by then it knows every option, and has checked the values that it knows a form for.
func TestAWSTakesTheCommandsInTheDocs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"build/template/function.zip", "build/template/ecsrunner-fleet.template.json", "classes.json"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"Resources": {}}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	rules := docsRules()
	rules.Programs["aws"] = func(c docstest.Command) error {
		if seen++; c.IsName(c.Words[min(3, len(c.Words)):]) {
			return nil
		}
		if said := awsSays(t, dir, c.Words[1:]); !strings.Contains(said, "Could not connect to the endpoint URL") {
			t.Errorf("%s:%d: `%s`: %s", c.File, c.Line, c.Text, said)
		}
		return nil
	}
	if _, _, err := docstest.Check(repositoryRoot, rules); err != nil {
		t.Fatal(err)
	}
	if seen < 8 {
		t.Errorf("%d commands: this test looks in the wrong way", seen)
	}
	for _, wrong := range []string{"iam gets-role --role-name x", "sns subscribe --topic-arn x", "s3 cp build/template s3://x/ --recurse"} {
		if said := awsSays(t, dir, strings.Fields(wrong)); strings.Contains(said, "Could not connect") {
			t.Errorf("aws takes %q: this test would hold for little", wrong)
		}
	}
}

// awsSays runs AWS's command line, which must fail, since it reaches nothing.
func awsSays(t *testing.T, dir string, args []string) string {
	t.Helper()
	cmd := exec.Command("aws", args...)
	cmd.Stdin = strings.NewReader("a secret")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKIATEST",
		"AWS_SECRET_ACCESS_KEY=test", "AWS_CONFIG_FILE=/dev/null", "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true", "NO_PROXY=*")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("aws %s succeeded without an AWS", strings.Join(args, " "))
	}
	return string(out)
}
