package standin_test

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/workflow"
)

// TestFromTheQueueToTheWebhook is the whole way: a job is queued, the fleet's own
// client registers a runner, the stand-in takes the job, and the webhooks arrive with
// valid signatures.
func TestFromTheQueueToTheWebhook(t *testing.T) {
	const secret = "hush"
	var mu sync.Mutex
	var actions []string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !hmac.Equal([]byte(r.Header.Get("X-Hub-Signature-256")), []byte(sim.Signature(secret, body))) {
			t.Errorf("signature %q does not fit", r.Header.Get("X-Hub-Signature-256"))
		}
		var event struct {
			Action string `json:"action"`
		}
		_ = json.Unmarshal(body, &event)
		mu.Lock()
		defer mu.Unlock()
		actions = append(actions, event.Action)
	}))
	defer receiver.Close()
	w := newWorld(t, sim.Config{WebhookURL: receiver.URL, WebhookSecret: secret})

	id := w.Queue(sim.JobSpec{Name: "build", Labels: []string{"self-hosted", "class:small"}, Steps: []sim.StepSpec{sh("echo hello")}})
	config := w.register("fleet-1.1", "self-hosted", "class:small", "linux")
	if len(config.EncodedJITConfig) <= 4096 {
		t.Errorf("the config has %d bytes; GitHub's has more than 4096", len(config.EncodedJITConfig))
	}
	code, out := w.run(t.Context(), config.EncodedJITConfig)
	if code != standin.ExitOK {
		t.Errorf("exit status %d", code)
	}
	want := `simulated runner: √ Connected to GitHub
simulated runner: Current runner version: '2.336.0'
simulated runner: Listening for Jobs
simulated runner: Running job: build
simulated runner: ##[group]Run echo hello
simulated runner: echo hello
simulated runner: ##[endgroup]
simulated runner: hello
simulated runner: Job build completed with result: Succeeded
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	if err := w.WaitAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"queued", "in_progress", "completed"}, actions); diff != "" {
		t.Error(diff)
	}

	job, err := w.client.GetJob(t.Context(), w.repo, id)
	if err != nil || job.Status != "completed" || job.Conclusion != "success" || job.RunnerID != config.Runner.ID || job.RunnerName != "fleet-1.1" {
		t.Errorf("job is %+v, %v", job, err)
	}
	if _, found, err := w.client.FindRunner(t.Context(), w.repo, "fleet-1.1"); found || err != nil {
		t.Errorf("the registration is still there: %v, %v", found, err)
	}
	var gone *github.Error
	if err := w.client.DeleteRunner(t.Context(), w.repo, config.Runner.ID); !errors.As(err, &gone) || gone.ErrorName() != github.NotFound {
		t.Errorf("deleting it again gives %v", err)
	}
}

// onAnySystem is the directories of PATH that both Linux and macOS have.
func onAnySystem(t *testing.T) func(*standin.Config) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"bash", "sh", "cat", "cksum", "df", "diff", "getconf", "head", "mkdir", "sleep", "tail", "tr", "uname", "wc"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return func(c *standin.Config) { c.Environ = []string{"PATH=" + dir} }
}

func TestTheExamples(t *testing.T) {
	for name, want := range map[string][]string{
		"build.yml":   {"success: success success", "success: success success", "success: success success", "success: success success success"},
		"images.yml":  {"success: success success", "success: success success"},
		"failing.yml": {"failure: success failure skipped success success"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they take their time, so that people can watch
			w := newWorld(t, sim.Config{})
			file, err := workflow.Load("../../../examples/workflows/" + name)
			if err != nil {
				t.Fatal(err)
			}
			anySystem := onAnySystem(t)
			var got []string
			for _, spec := range file.Jobs(workflow.Run{ID: w.NewRun(), Attempt: 1, Repository: "octo/widgets"}) {
				id := w.Queue(spec)
				w.run(t.Context(), w.register("r", spec.Labels...).EncodedJITConfig, anySystem)
				job, _ := w.Job(id)
				got = append(got, conclusions(job))
				for _, line := range w.JobLog(id) {
					if strings.Contains(line, "command not found") || strings.HasSuffix(line, ": not found") {
						t.Errorf("job %s: %s", job.Name, line)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
