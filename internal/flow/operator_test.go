//go:build aws

package flow

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// cli runs the command line on the deployed fleet and returns what it prints. moto has
// no stack of the template, so the fleet is named by the environment.
func (w *world) cli(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL=" + w.proxy.URL(), "AWS_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + admin.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + admin.SecretAccessKey}
	for _, function := range []string{"sweep", "runtask"} {
		for name, value := range w.environment(function) {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ecsrunner %s: %v\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
	return string(out)
}

// An operator's day with the command line: a pause, what waits, and the end.
func TestTheCommandLineOperates(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ecsrunner")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/ecsrunner").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w := start(t)
	w.sweep() // which writes the fleet's settings
	expect := func(said, part string) {
		t.Helper()
		if !strings.Contains(said, part) {
			t.Errorf("it does not say %q:\n%s", part, said)
		}
	}
	expect(w.cli(t, program, "resume"), "was not paused")
	expect(w.cli(t, program, "pause", "--reason", "moving house"), "fleet flow is paused (moving house); no job waits")
	id := w.github.Queue(job())
	w.await("the waiting run", func() bool { return strings.Contains(w.run(id).Reason, "moving house") })
	if run := w.run(id); run.Status != fleet.RunQueued || run.Launched != 0 {
		t.Errorf("run %+v", run)
	}
	expect(w.cli(t, program, "cluster", "status"), "moving house")
	expect(w.cli(t, program, "runs", "list"), "QUEUED")
	expect(w.cli(t, program, "resume"), "launches again; one job waits")
	w.awaitEnd(id)
	shown := w.cli(t, program, "runs", "show", fleet.RunID(id))
	for _, state := range []string{"Validate", "ResolveImage", "RegisterTaskDefinition", "RunTask", "AwaitCompletion", "RecordStatus"} {
		expect(shown, state)
	}
	t.Log("\n" + shown)
	if token := w.token; strings.Contains(shown, token) {
		t.Error("the token is shown")
	}
	expect(w.cli(t, program, "drain", "--now", "--yes"), "task definitions")
	expect(w.cli(t, program, "drain", "--now", "--yes"), "fleet flow was drained already")
	if definitions := w.stack.moto.json("ecs", "AmazonEC2ContainerServiceV20141113.ListTaskDefinitions", map[string]any{"status": "ACTIVE"}); len(definitions["taskDefinitionArns"].([]any)) > 0 {
		t.Errorf("left: %v", definitions)
	}
	w.leftNothing()
}
