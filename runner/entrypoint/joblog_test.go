package entrypoint_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

var jobLog = fleet.JobLog{
	RunnerID: "demo-7-1", RunID: "job-7", ClassName: "large", CPU: 4096, Memory: 8192, Arch: fleet.X64, Image: "image:docker.io/library/node:22", Digest: "sha256:0a1b",
	Provider: fleet.FargateSpot, PerMinute: 0.00123456, Since: time.Date(2025, 11, 30, 12, 0, 0, 0, time.UTC), Why: "ecsrunner why demo-7-1 --stack ecsrunner-demo",
}

const group = `| ::group::Runner demo-7-1, $0.00123 a minute
| class          large (4 vCPU, 8 GiB, x64)
| image          image:docker.io/library/node:22
| digest         sha256:0a1b
| capacity       Fargate Spot, which may take it back
| price          $0.00123 a minute
| run            job-7, unless GitHub gave this runner another job
| to explain it  ecsrunner why demo-7-1 --stack ecsrunner-demo
| ::endgroup::
`

// logWorld is a runner with a job, whose fleet says what the log shows and asks nothing.
func logWorld(t *testing.T, log fleet.JobLog) *world {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/runners/demo-7-1/claim" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		_ = json.NewEncoder(w).Encode(fleet.ClaimResponse{RunnerName: "demo-7-1.1", EncodedJITConfig: jitConfig, JobLog: &log})
	}))
	t.Cleanup(s.Close)
	w := newWorld(s.URL+"/runners/demo-7-1/claim", "run-both-hooks")
	w.Self = []string{os.Args[0]}
	w.Environ = append(w.Environ, "PATH="+os.Getenv("PATH"))
	return w
}

func TestTheLogOfAJobSaysWhatItsRunnerIs(t *testing.T) {
	code, output := logWorld(t, jobLog).run(t)
	wantOutput(t, output, group, "| job-started ended with 0\n", "| ecsrunner: runner demo-7-1 cost about $", " so far: ", " at $0.00123 a minute; to explain it: ecsrunner why demo-7-1 --stack ecsrunner-demo\n", "| job-completed ended with 0\n")
	if code != 0 || strings.Contains(output, jitConfig) || strings.Contains(output, claimToken) {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "ecsrunner-*", "job-completed.sh")); len(left) > 0 && strings.Contains(output, left[0]) {
		t.Errorf("%s is left", left)
	}
}

// The image's own hooks run first, and their statuses count.
func TestTheImagesOwnHooksRunFirst(t *testing.T) {
	for name, c := range map[string]struct{ started, completed, startedStatus, completedStatus string }{
		"they succeed":              {"echo own start", "echo own end", "0", "0"},
		"the first fails":           {"echo own start; exit 7", "echo own end", "7", "0"},
		"the last fails":            {"echo own start", "echo own end; exit 9", "0", "9"},
		"one is killed by a signal": {"echo own start", "echo own end; kill -TERM $$", "0", "143"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := logWorld(t, jobLog)
			for variable, script := range map[string]string{"ACTIONS_RUNNER_HOOK_JOB_STARTED": c.started, "ACTIONS_RUNNER_HOOK_JOB_COMPLETED": c.completed} {
				path := filepath.Join(dir, variable+".sh")
				if err := os.WriteFile(path, []byte(script+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				w.Environ = append(w.Environ, variable+"="+path)
			}
			_, output := w.run(t)
			wantOutput(t, output, "| own start\n", "| job-started ended with "+c.startedStatus+"\n", "| own end\n", "| ecsrunner: runner demo-7-1 cost about", "| job-completed ended with "+c.completedStatus+"\n")
			own, ours := strings.Index(output, "| own start"), strings.Index(output, "| ::group::")
			if shown := c.startedStatus == "0"; (ours >= 0) != shown || shown && own > ours {
				t.Errorf("the order is another:\n%s", output)
			}
			if strings.Index(output, "| own end") > strings.Index(output, "| ecsrunner: runner demo-7-1 cost") {
				t.Errorf("the order is another:\n%s", output)
			}
		})
	}
}

// With enforce_policy the group names the very job, and comes once the job is admitted.
func TestTheLogOfAJobThatIsAskedAbout(t *testing.T) {
	s := serveJobs(t, always(200, fleet.JobResponse{JobID: 9, Verdict: fleet.Admitted}))
	s.log = &jobLog
	code, output := jobWorld(s).run(t)
	wantOutput(t, output, "| ecsrunner: the fleet's policy admits it\n| ::group::Runner demo-7-1", "| run            job-9\n", "| the hook ended with 0\n", "| the steps run\n")
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	s = serveJobs(t, always(200, refusal))
	s.log = &jobLog
	if code, output := jobWorld(s).run(t); code != 130 || strings.Contains(output, "::group::") || strings.Contains(output, "the steps run") {
		t.Errorf("a refused job: exit code %d:\n%s", code, output)
	}
}

// Names of classes and images are strangers' text: they are no commands to GitHub's runner.
func TestTheLogOfAJobIsNotWrittenByItsNames(t *testing.T) {
	evil := jobLog
	for _, into := range []*string{&evil.ClassName, &evil.Image, &evil.Digest, &evil.RunID, &evil.Why, &evil.RunnerID} {
		*into += "\n::set-output name=a::b\r\n::error::x\u2028 ##[add-path]/evil ##[group]y ###[set-env name=a]b :::debug:: ####[add-mask]c \x1b[2J\u202e" + strings.Repeat("界", 1<<12) + "\xff' $(id) `id`"
	}
	_, output := logWorld(t, evil).run(t)
	for line := range strings.Lines(output) {
		text := strings.TrimSpace(strings.TrimPrefix(line, "| "))
		command := strings.HasPrefix(text, "::") && !strings.HasPrefix(text, "::group::Runner demo-7-1") && text != "::endgroup::"
		if command || strings.Contains(line, "##[") || strings.ContainsAny(line, "\x1b\u202e\u2028") || strings.Contains(line, "uid=") || len(line) > 2000 {
			t.Errorf("%.200q", line)
		}
	}
	wantOutput(t, output, "| ::endgroup::\n", "| job-started ended with 0\n", "| job-completed ended with 0\n")
}

// A directory that cannot be written costs the job its log's words, and nothing else.
func TestAJobWithoutRoomForItsHooks(t *testing.T) {
	w := logWorld(t, jobLog)
	w.Environ = append(w.Environ, "TMPDIR=/nowhere")
	code, output := w.run(t)
	wantOutput(t, output, "ecsrunner: the log of the job does not say what its runner is: make a directory for the hooks", "| no hook\n")
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

func TestWhatARunnerCost(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fleet.JobLog)
		after  time.Duration
		says   string
	}{
		"ten minutes":        {nil, 10 * time.Minute, "ecsrunner: runner demo-7-1 cost about $0.0123 so far: 10m0s at $0.00123 a minute; to explain it: ecsrunner why demo-7-1 --stack ecsrunner-demo\n"},
		"a minute at least":  {nil, 5 * time.Second, "cost about $0.0012 so far: 5s at"},
		"estimated":          {func(l *fleet.JobLog) { l.Estimated = true }, time.Hour, "1h0m0s at $0.00123 a minute (about: the price of another region);"},
		"on one machine":     {func(l *fleet.JobLog) { l.PerMinute = 0 }, time.Hour, "ecsrunner: runner demo-7-1 was up for 1h0m0s\n"},
		"another clock":      {nil, -time.Hour, ""},
		"of an early record": {func(l *fleet.JobLog) { l.Since = time.Time{} }, time.Hour, ""},
	} {
		log := jobLog
		if c.change != nil {
			c.change(&log)
		}
		text, err := json.Marshal(log)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		code := entrypoint.JobCompleted([]string{"", string(text)}, nil, &out, jobLog.Since.Add(c.after))
		if code != 0 || !strings.Contains(out.String(), c.says) || c.says == "" && out.Len() > 0 {
			t.Errorf("%s: %d, %s", name, code, out.String())
		}
	}
	var out strings.Builder
	if code := entrypoint.JobCompleted(nil, nil, &out, time.Now()); code != fleet.ExitUsage || !strings.Contains(out.String(), "is called by the fleet's entrypoint alone") {
		t.Errorf("called by hand: %d, %s", code, out.String())
	}
	if code := entrypoint.JobCompleted([]string{"", "nonsense"}, nil, &out, time.Now()); code != 0 {
		t.Errorf("nothing to say: %d", code)
	}
}
