package entrypoint_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

const forks = "Pull requests from forks use ubuntu-latest."

var refusal = fleet.JobResponse{JobID: 7, Verdict: fleet.Refused, Rule: "policy.no-forks", Reason: forks}

// fleetOf answers claims with the order to ask about jobs, and questions with what answer
// says; status 0 drops the connection.
type fleetOf struct {
	*httptest.Server
	answer func() (status int, body fleet.JobResponse)
	silent bool // it gives no such order
	log    *fleet.JobLog

	mu    sync.Mutex
	claim fleet.ClaimRequest
	asked []fleet.JobRequest
}

func serveJobs(t *testing.T, answer func() (int, fleet.JobResponse)) *fleetOf {
	s := &fleetOf{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+claimToken {
			t.Errorf("%s came with %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		switch r.URL.Path {
		case "/runners/demo-7-1/claim":
			s.mu.Lock()
			_ = json.NewDecoder(r.Body).Decode(&s.claim)
			s.mu.Unlock()
			_ = json.NewEncoder(w).Encode(fleet.ClaimResponse{RunnerName: "demo-7-1.1", EncodedJITConfig: jitConfig, AskAboutJob: s.claim.CanAsk && !s.silent, JobLog: s.log})
		case "/runners/demo-7-1/job":
			var body fleet.JobRequest
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			s.mu.Lock()
			s.asked = append(s.asked, body)
			status, response := s.answer()
			s.mu.Unlock()
			if status == 0 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(response)
		default:
			t.Errorf("asked for %s", r.URL.Path)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *fleetOf) questions() []fleet.JobRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func always(status int, body fleet.JobResponse) func() (int, fleet.JobResponse) {
	return func() (int, fleet.JobResponse) { return status, body }
}

// jobWorld is a runner with a job whose environment has the variables.
func jobWorld(s *fleetOf, environ ...string) *world {
	w := newWorld(s.URL+"/runners/demo-7-1/claim", "run-job "+strings.Join(environ, " "))
	w.Self = []string{os.Args[0]}
	w.Environ = append(w.Environ, "PATH="+os.Getenv("PATH"))
	w.After = func(d time.Duration) <-chan time.Time {
		if d > time.Minute { // until a runner that does not obey is killed
			return nil
		}
		return w.clock.After(d)
	}
	return w
}

func TestAnAdmittedJobGoesOnAtOnce(t *testing.T) {
	s := serveJobs(t, always(200, fleet.JobResponse{JobID: 7, Verdict: fleet.Admitted}))
	code, output := jobWorld(s).run(t)
	wantOutput(t, output, "| ecsrunner: asking the fleet whether its policy admits this job\n| ecsrunner: the fleet's policy admits it\n| the hook ended with 0\n", "| the steps run\n")
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	asked := s.questions()
	if len(asked) != 1 {
		t.Fatalf("the fleet was asked %d times, also by a step", len(asked))
	}
	if hint := (fleet.JobHint{Repository: "octo/repo", WorkflowRunID: 5}); asked[0].JobHint != hint || asked[0].Nonce != s.claim.Nonce || asked[0].Nonce == "" {
		t.Errorf("asked %+v", asked[0])
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "ecsrunner-*", "job-started.sh")); len(left) > 0 && strings.Contains(output, left[0]) {
		t.Errorf("%s is left", left)
	}
}

// The sentence comes first, then SIGINT, and the hook never returns 0: it is killed.
func TestARefusedJobEndsBeforeItsFirstStep(t *testing.T) {
	code, output := jobWorld(serveJobs(t, always(200, refusal))).run(t)
	sentence := "| ::error title=Refused by the policy of the runner fleet::ecsrunner: Pull requests from forks use ubuntu-latest (rule policy.no-forks)."
	wantOutput(t, output, sentence, "ecsrunner: policy refuses the runner's job", "| child got interrupt\n", "| the hook ended with -1\n")
	if runtime.GOOS == "linux" {
		wantOutput(t, output, "| the hook ignores it: true\n")
	}
	if said, ended := strings.Index(output, sentence), strings.Index(output, "| child got interrupt"); said < 0 || ended < said {
		t.Errorf("the runner was ended before the job's log said why:\n%s", output)
	}
	if code != 130 || strings.Contains(output, "the steps run") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

// The fleet is away for longer than a hook waits.
func TestWithoutAnAnswerTheJobGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   fleet.JobResponse
		says   string
	}{
		"nobody answers":                    {0, fleet.JobResponse{}, "it could not be reached: EOF"},
		"GitHub does not say":               {503, fleet.JobResponse{Message: "GitHub has no job on the runner yet"}, "503 Service Unavailable: GitHub has no job on the runner yet"},
		"an earlier release":                {404, fleet.JobResponse{}, "404 Not Found"},
		"something between denies":          {403, fleet.JobResponse{}, "403 Forbidden"},
		"an answer that is none":            {200, fleet.JobResponse{}, "its answer makes no sense"},
		"the token is of another claim key": {401, fleet.JobResponse{Message: "wrong claim token"}, "401 Unauthorized: wrong claim token"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveJobs(t, always(c.status, c.body))
			w := jobWorld(s)
			began := w.clock.Now()
			code, output := w.run(t)
			wantOutput(t, output, "| ecsrunner: the fleet gave no answer for 2m0s, so the job goes on without one: ", c.says, "| the hook ended with 0\n", "| the steps run\n")
			if code != 0 {
				t.Errorf("exit code %d:\n%s", code, output)
			}
			if waited := w.clock.Now().Sub(began); waited < fleet.HookWait || waited > fleet.HookWait+entrypoint.MostBetweenAsks {
				t.Errorf("it went on after %s", waited)
			}
			if n := len(s.questions()); n < 8 || n > 40 {
				t.Errorf("the fleet was asked %d times", n)
			}
		})
	}
}

func TestTheFleetComesBack(t *testing.T) {
	var asked atomic.Int32
	s := serveJobs(t, func() (int, fleet.JobResponse) {
		if asked.Add(1) < 5 {
			return 0, fleet.JobResponse{}
		}
		return 200, refusal
	})
	code, output := jobWorld(s).run(t)
	wantOutput(t, output, forks[:len(forks)-1])
	if code != 130 || strings.Contains(output, "the steps run") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

// A fleet that takes a question and says nothing holds the job for no longer.
func TestTheFleetIsSlow(t *testing.T) {
	hang := make(chan struct{})
	s := serveJobs(t, func() (int, fleet.JobResponse) {
		<-hang
		return 200, refusal
	})
	w := jobWorld(s)
	w.HTTP = &http.Client{Timeout: 20 * time.Millisecond}
	code, output := w.run(t)
	close(hang)
	wantOutput(t, output, "the fleet gave no answer for 2m0s, so the job goes on without one: it could not be reached: ", "| the steps run\n")
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

// A hook that is killed while it waits, for example without memory, saves no job.
func TestTheHookIsKilled(t *testing.T) {
	pid := make(chan int, 4)
	s := serveJobs(t, func() (int, fleet.JobResponse) {
		_ = syscall.Kill(<-pid, syscall.SIGKILL)
		return 200, refusal
	})
	w := jobWorld(s)
	w.onLine = func(line string) {
		if text, ok := strings.CutPrefix(line, "| hook has pid "); ok {
			n, _ := strconv.Atoi(text)
			pid <- n
		}
	}
	code, output := w.run(t)
	wantOutput(t, output, "| the hook ended with -1\n", "| child got interrupt\n")
	if code != 130 || strings.Contains(output, "the steps run") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

// A hook of the image's own runs as well, if the job may go on, and its status counts.
func TestTheImagesOwnHook(t *testing.T) {
	admitted := always(200, fleet.JobResponse{JobID: 7, Verdict: fleet.Admitted})
	for name, c := range map[string]struct {
		script string
		answer func() (int, fleet.JobResponse)
		says   string
		status string
		not    string
	}{
		"it succeeds":               {"echo own hook of $GITHUB_REPOSITORY", admitted, "| own hook of octo/repo\n", "0", ""},
		"it fails":                  {"exit 7", admitted, "the fleet's policy admits it", "7", ""},
		"it fails halfway":          {"false\necho never", admitted, "the fleet's policy admits it", "1", "| never"},
		"the job is refused":        {"echo own hook", always(200, refusal), forks[:20], "-1", "| own hook"},
		"the fleet does not answer": {"echo own hook", always(503, fleet.JobResponse{}), "| own hook\n", "0", ""},
		"it is not there":           {"", admitted, "run the job-started hook of the image", "1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "it's own.sh")
			if c.script != "" {
				if err := os.WriteFile(path, []byte(c.script+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w := jobWorld(serveJobs(t, c.answer))
			w.Environ = append(w.Environ, "ACTIONS_RUNNER_HOOK_JOB_STARTED="+path)
			_, output := w.run(t)
			wantOutput(t, output, c.says, "| the hook ended with "+c.status+"\n")
			if c.not != "" && strings.Contains(output, c.not) {
				t.Errorf("the output has %q:\n%s", c.not, output)
			}
		})
	}
}

// Whatever the job's environment says, the question and its answer are the same.
func TestAJobsEnvironmentChangesNoAnswer(t *testing.T) {
	s := serveJobs(t, always(200, refusal))
	code, output := jobWorld(s, "ACTIONS_RUNNER_HOOK_JOB_STARTED=/bin/true", "TMPDIR=/nowhere", "PATH=/nowhere", "HOME=/nowhere", "CLAIM_URL=http://127.0.0.1:1",
		"GITHUB_RUN_ID=none", "GITHUB_REPOSITORY="+strings.Repeat("x", 5000), "https_proxy=http://127.0.0.1:1", "ENV=/nowhere").run(t)
	wantOutput(t, output, forks[:len(forks)-1])
	if code != 130 {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	if asked := s.questions()[0]; asked.WorkflowRunID != 0 || len(asked.Repository) > 400 {
		t.Errorf("asked %+v", asked.JobHint)
	}
}

// However long the path of TMPDIR is, the hook's socket can be made.
func TestADirectoryOfAnyLength(t *testing.T) {
	top, err := os.MkdirTemp("", "x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	for length := 70; length < 110; length++ {
		dir := filepath.Join(top, strings.Repeat("d", length-len(top)-1))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		w := jobWorld(serveJobs(t, always(200, fleet.JobResponse{JobID: 7, Verdict: fleet.Admitted})))
		w.Environ = append(w.Environ, "TMPDIR="+dir)
		code, output := w.run(t)
		if code != 0 || !strings.Contains(output, "the steps run") {
			t.Errorf("with %d letters: exit code %d:\n%s", length, code, output)
		}
	}
}

// What does not talk as a hook does is given up, and does not ask the fleet.
func TestOthersOnTheSocket(t *testing.T) {
	s := serveJobs(t, always(200, fleet.JobResponse{JobID: 7, Verdict: fleet.Admitted}))
	w := jobWorld(s)
	w.onLine = func(line string) {
		script, ok := strings.CutPrefix(line, "| the hook is ")
		if !ok {
			return
		}
		for range 20 { // more than there are places
			conn, err := net.Dial("unix", filepath.Join(filepath.Dir(script), "socket"))
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(conn, "nonsense\n")
			conn.Close()
		}
	}
	if code, output := w.run(t); code != 0 || len(s.questions()) > 1 {
		t.Errorf("exit code %d, asked %d times:\n%s", code, len(s.questions()), output)
	}
}

// An entrypoint that cannot set a hook says so with its claim, and a fleet that does not
// enforce its policy, or is of the release before, wants none: the image's own stays.
func TestNoHook(t *testing.T) {
	for name, self := range map[string][]string{"it cannot set one": nil, "the fleet wants none": {os.Args[0]}} {
		s := serveJobs(t, always(200, refusal))
		s.silent = true
		w := newWorld(s.URL+"/runners/demo-7-1/claim", "print-environment")
		w.Self = self
		w.Environ = append(w.Environ, "ACTIONS_RUNNER_HOOK_JOB_STARTED=/own.sh")
		_, output := w.run(t)
		wantOutput(t, output, "| child has ACTIONS_RUNNER_HOOK_JOB_STARTED=/own.sh\n")
		if s.claim.CanAsk != (self != nil) || len(s.questions()) > 0 {
			t.Errorf("%s: it claimed with %+v", name, s.claim)
		}
	}
}

func TestAHookWithoutItsEntrypoint(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"called by hand": {nil, fleet.ExitUsage, "is called by the fleet's entrypoint alone"},
		"no socket":      {[]string{"/nowhere/socket"}, 0, "so the job goes on without one"},
	} {
		var out strings.Builder
		if code := entrypoint.JobStarted(c.args, nil, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %d, %s", name, code, out.String())
		}
	}
}
