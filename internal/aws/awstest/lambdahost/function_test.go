package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the built probe.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lambdahost")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", program, "./testdata/probe")
	if said, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, said))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// deploy makes the probe a function; a Config may come with an environment and a
// time-out of its own.
func deploy(t *testing.T, c Config) *Function {
	t.Helper()
	c.Name = "probe"
	if c.Command == nil {
		c.Command = []string{program}
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

type report struct {
	PID       int      `json:"pid"`
	RequestID string   `json:"request_id"`
	ARN       string   `json:"arn"`
	MemoryMB  int      `json:"memory_mb"`
	LogGroup  string   `json:"log_group"`
	LogStream string   `json:"log_stream"`
	LeftMS    int64    `json:"left_ms"`
	Traced    bool     `json:"traced"`
	Env       []string `json:"env"`
}

func invoke(ctx context.Context, f *Function, do, url string) (report, error) {
	payload, err := json.Marshal(map[string]string{"do": do, "url": url})
	if err != nil {
		return report{}, err
	}
	response, err := f.Invoke(ctx, payload)
	if err != nil {
		return report{}, err
	}
	var r report
	return r, json.Unmarshal(response, &r)
}

// answers asserts that an invocation goes well.
func answers(t *testing.T, f *Function) report {
	t.Helper()
	r, err := invoke(t.Context(), f, "report", "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnIdleProcessIsRecycled(t *testing.T) {
	f := deploy(t, Config{})
	first := answers(t, f)
	f.Recycle()
	if second := answers(t, f); second.PID == first.PID || f.Started() != 2 {
		t.Errorf("%d processes after the idle one was recycled", f.Started())
	}
}

func TestAFunctionSeesWhatLambdaShows(t *testing.T) {
	t.Setenv("TABLE_OF_THE_TEST", "runners")
	f := deploy(t, Config{Env: map[string]string{"RUNNER_STATE_TABLE": "ci", "AWS_REGION": "eu-west-1"}, MemoryMB: 256, Timeout: 20 * time.Second})
	if f.Started() != 0 {
		t.Error("a process is started before it is needed")
	}
	first, second := answers(t, f), answers(t, f)
	if first.PID != second.PID || f.Started() != 1 {
		t.Errorf("%d processes for one invocation after the other", f.Started())
	}
	if first.RequestID == "" || first.RequestID == second.RequestID {
		t.Errorf("requests %q and %q", first.RequestID, second.RequestID)
	}
	if !strings.HasSuffix(first.ARN, ":function:probe") || first.MemoryMB != 256 || first.LogGroup != "/aws/lambda/probe" || first.LogStream == "" || !first.Traced {
		t.Errorf("saw %+v", first)
	}
	if first.LeftMS < 10_000 || first.LeftMS > 20_000 {
		t.Errorf("%d ms are left of 20 s", first.LeftMS)
	}
	for _, want := range []string{"RUNNER_STATE_TABLE=ci", "AWS_REGION=eu-west-1", "AWS_LAMBDA_FUNCTION_NAME=probe"} {
		if !slices.Contains(first.Env, want) {
			t.Errorf("%s is not set", want)
		}
	}
	for _, v := range first.Env {
		if strings.HasPrefix(v, "TABLE_OF_THE_TEST=") {
			t.Error("the function sees the environment of the test")
		}
	}
	f.Close() // what it wrote is complete then
	logs := f.Logs()
	if len(logs) != 2 || !strings.Contains(logs[0], first.RequestID) || !strings.Contains(logs[1], second.RequestID) || !strings.Contains(logs[0], `"ordered"`) {
		t.Errorf("no line for each request: %q", logs)
	}
}

func TestFailuresAreThoseOfLambda(t *testing.T) {
	for name, test := range map[string]struct {
		do             string
		config         Config
		want, message  string
		init, survives bool
	}{
		"an error with a name":        {do: "fail", want: "Runner.NoCapacity", message: "no room", survives: true},
		"an error without one":        {do: "fail without a name", want: "errorString", message: "no room", survives: true},
		"a panic":                     {do: "panic", want: "string", message: "the probe panics"},
		"an exit":                     {do: "exit", want: ExitError, message: "Runtime exited with error: exit status 7"},
		"a time-out":                  {do: "hang", config: Config{Timeout: 2 * time.Second}, want: Timedout, message: "Task timed out after 2.00 seconds"},
		"an exit at the start":        {config: Config{Env: map[string]string{"START": "exits"}}, want: ExitError, message: "exit status 3", init: true},
		"an error told at the start":  {config: Config{Env: map[string]string{"START": "reports"}}, want: "Probe.NoTable", message: "the probe has no table", init: true},
		"an error behind a wrapper":   {do: "fail", config: Config{Command: []string{"env", program}}, want: "Runner.NoCapacity", message: "no room", survives: true},
		"a time-out behind a wrapper": {do: "hang", config: Config{Timeout: 2 * time.Second, Command: []string{"env", program}}, want: Timedout, message: "2.00 seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			f := deploy(t, test.config)
			_, err := invoke(t.Context(), f, test.do, "")
			var failure *Error
			if !errors.As(err, &failure) {
				t.Fatalf("got %v", err)
			}
			if failure.ErrorType != test.want || !strings.Contains(failure.ErrorMessage, test.message) || failure.Init != test.init {
				t.Errorf("got %+v", failure)
			}
			var cause map[string]any
			if err := json.Unmarshal(failure.Cause, &cause); err != nil || cause["errorType"] != failure.ErrorType || cause["errorMessage"] != failure.ErrorMessage {
				t.Errorf("the cause is %s, %v", failure.Cause, err)
			}
			if test.init {
				return
			}
			answers(t, f)
			if survived := f.Started() == 1; survived != test.survives {
				t.Errorf("%d processes", f.Started())
			}
		})
	}
}

func TestAFailedStartSaysWhatTheFunctionWrote(t *testing.T) {
	f := deploy(t, Config{Env: map[string]string{"START": "exits"}})
	_, err := invoke(t.Context(), f, "report", "")
	if err == nil || !strings.Contains(err.Error(), "the probe has no table") || !slices.Contains(f.Logs(), "the probe has no table") {
		t.Errorf("got %v and %q", err, f.Logs())
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	f := deploy(t, Config{Command: []string{filepath.Join(t.TempDir(), "bootstrap")}})
	if _, err := invoke(t.Context(), f, "report", ""); err == nil || !strings.Contains(err.Error(), "invoke function probe") {
		t.Errorf("got %v", err)
	}
}

// server answers the probe's calls.
func server(t *testing.T, handle func()) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { handle() }))
	t.Cleanup(s.Close)
	return s.URL
}

func TestOneInvocationAtATimePerProcess(t *testing.T) {
	const n = 3
	var together sync.WaitGroup
	together.Add(n)
	url := server(t, func() {
		together.Done()
		together.Wait() // until all are inside
	})
	f := deploy(t, Config{})
	var mu sync.Mutex
	pids := map[int]bool{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			r, err := invoke(t.Context(), f, "call", url)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			pids[r.PID] = true
		})
	}
	all.Wait()
	if len(pids) != n {
		t.Errorf("%d processes did %d invocations at once", len(pids), n)
	}
	if again := answers(t, f); !pids[again.PID] {
		t.Error("no process is used again")
	}
}

func TestAKilledProcessIsReplaced(t *testing.T) {
	var f *Function
	killed := make(chan int, 2)
	url := server(t, func() { killed <- f.Kill() })
	f = deploy(t, Config{})
	before := answers(t, f)
	_, err := invoke(t.Context(), f, "call", url)
	var failure *Error
	if !errors.As(err, &failure) || failure.ErrorType != ExitError || !strings.Contains(failure.ErrorMessage, "signal: killed") || failure.Init {
		t.Errorf("got %v", err)
	}
	if n := <-killed; n != 1 {
		t.Errorf("%d processes were killed", n)
	}
	if after := answers(t, f); after.PID == before.PID {
		t.Error("the killed process answers")
	}
	if n := f.Kill(); n != 0 {
		t.Errorf("%d processes killed that were idle", n)
	}
	t.Run("also if that happens while it is idle", func(t *testing.T) {
		f.mu.Lock()
		idle := f.idle[0]
		f.mu.Unlock()
		idle.kill()
		answers(t, f)
	})
}

func TestACallerThatGivesUp(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	url := server(t, func() { giveUp(); <-ctx.Done() })
	f := deploy(t, Config{})
	if _, err := invoke(ctx, f, "call", url); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	answers(t, f)
	if f.Started() != 2 {
		t.Errorf("%d processes: the abandoned one is used again", f.Started())
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	idle := deploy(t, Config{})
	pid := answers(t, idle).PID
	idle.Close()
	if process, err := os.FindProcess(pid); err == nil && process.Signal(syscall.Signal(0)) == nil {
		t.Error("the idle process lives")
	}
	if _, err := invoke(t.Context(), idle, "report", ""); !errors.Is(err, ErrClosed) {
		t.Errorf("a later invocation: %v", err)
	}

	inside := make(chan struct{})
	url := server(t, func() { close(inside); <-t.Context().Done() })
	busy := deploy(t, Config{})
	open := make(chan error)
	go func() {
		_, err := invoke(t.Context(), busy, "call", url)
		open <- err
	}()
	<-inside
	busy.Close()
	if err := <-open; !errors.Is(err, ErrClosed) {
		t.Errorf("an open invocation: %v", err)
	}
}

// TestTheAPIRefuses what no runtime of AWS does.
func TestTheAPIRefuses(t *testing.T) {
	work := make(chan *invocation, 1)
	api := &runtimeAPI{work: work, initFailed: make(chan *Error, 1)}
	routes := api.routes()
	ask := func(method, path string) int {
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, httptest.NewRequest(method, "/2018-06-01/runtime/"+path, strings.NewReader("{}")))
		return w.Code
	}
	i := newInvocation(nil, time.Minute)
	work <- i
	for _, step := range []struct {
		what, method, path string
		want               int
	}{
		{"an answer before there is a question", "POST", "invocation/" + i.id + "/response", 400},
		{"the question", "GET", "invocation/next", 200},
		{"the next one before the answer", "GET", "invocation/next", 403},
		{"an answer to another question", "POST", "invocation/1/response", 400},
		{"the answer", "POST", "invocation/" + i.id + "/response", 202},
		{"a second answer", "POST", "invocation/" + i.id + "/error", 403},
		{"an error of the start", "POST", "init/error", 202},
		{"a second one", "POST", "init/error", 403},
		{"another route", "GET", "invocation/" + i.id, 404},
	} {
		if got := ask(step.method, step.path); got != step.want {
			t.Errorf("%s: %d, not %d", step.what, got, step.want)
		}
	}
}
