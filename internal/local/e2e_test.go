package local_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

// Runners are made of the test binary, too: its first argument says which part it
// plays.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "entrypoint":
			os.Exit(playEntrypoint(os.Args[2:]))
		case "late-entrypoint":
			stop := make(chan os.Signal, 1)
			signal.Notify(stop, syscall.SIGTERM) // a container takes its time to stop
			if err := os.WriteFile(os.Getenv("READY"), []byte("x"), 0); err != nil {
				os.Exit(99)
			}
			awaitGate()
			<-stop
			os.Exit(playEntrypoint(os.Args[2:]))
		case "hanging-entrypoint":
			hangOnce()
			os.Exit(playEntrypoint(os.Args[2:]))
		case "simulated-runner":
			os.Exit(playRunner())
		case "fleet":
			os.Exit(playFleet())
		}
	}
	os.Exit(m.Run())
}

func playEntrypoint(args []string) int {
	if code, called := entrypoint.Hook(args, os.Environ(), os.Stdout, time.Now()); called {
		return code
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	cfg := entrypoint.Config{Environ: os.Environ(), Args: args, Self: []string{os.Args[0], "entrypoint"}, Stdout: os.Stdout, Signals: signals}
	if os.Getenv(oldImage) != "" {
		cfg.Self = nil
	}
	if os.Getenv(fleetAway) != "" {
		cfg.HTTP = &http.Client{Transport: awayFromHooks{}}
		began := time.Now()
		cfg.Now = func() time.Time { return began.Add(60 * time.Since(began)) }
		cfg.After = func(d time.Duration) <-chan time.Time { return time.After(d / 60) }
	}
	return entrypoint.Run(context.Background(), cfg)
}

// Variables of an entrypoint that knows of no hook, and of one that does not reach the fleet
// for its hook, and for which a second is a minute.
const (
	oldImage  = "PLAY_OLD_IMAGE"
	fleetAway = "PLAY_FLEET_AWAY"
)

type awayFromHooks struct{}

func (awayFromHooks) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/job") {
		return nil, syscall.ECONNREFUSED
	}
	return http.DefaultTransport.RoundTrip(r)
}

func playRunner() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	dir, err := os.Getwd()
	if err != nil {
		return 1
	}
	return standin.Run(ctx, standin.Config{Getenv: os.Getenv, Unsetenv: os.Unsetenv, Environ: os.Environ(), Stdout: os.Stdout, Dir: dir})
}

// awaitGate blocks until the gate is opened.
func awaitGate() {
	pipe, err := os.Open(os.Getenv("GATE"))
	if err != nil {
		os.Exit(99)
	}
	defer pipe.Close()
	if _, err := pipe.Read(make([]byte, 1)); err != nil {
		os.Exit(99)
	}
}

const repository = "octo-org/demo"

// noSleep keeps programs with the race detector from waiting a second at exit.
const noSleep = "GORACE=atexit_sleep_ms=0"

// world is a fleet on this machine and a simulated GitHub that it serves.
type world struct {
	t      *testing.T
	dir    string
	token  string
	secret string
	github *sim.Server
	opened chan struct{} // closed when GitHub is there
	fleet  *local.Fleet
	config local.Config

	mu      sync.Mutex
	changed chan struct{}
	log     strings.Builder
	answers strings.Builder // bodies of the JIT answers
	asked   []string        // of GitHub's REST API
	mostUp  int
}

type option func(*local.Config, *sim.Config)

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), token: "ghp_" + rand.Text(), secret: rand.Text(), changed: make(chan struct{}), opened: make(chan struct{})}
	front := httptest.NewUnstartedServer(http.HandlerFunc(w.serveGitHub))
	front.Start()
	t.Cleanup(front.Close)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.config = local.Config{
		Policy: fleet.Policy{
			FleetName: "test", Repositories: []string{repository}, DefaultClass: "small", BaseImage: "base",
			Classes:    map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Arch: fleet.X64}, "large": {CPU: 4096, Memory: 8192, Arch: fleet.X64}},
			Registries: fleet.DefaultRegistries, MaxRunners: 20, Limits: fleet.DefaultLimits(),
		},
		GitHubURL:      front.URL,
		Credential:     github.PAT(func(context.Context) (string, error) { return w.token, nil }),
		WebhookSecrets: func(context.Context) ([]string, error) { return []string{w.secret}, nil },
		DataDir:        w.dir, Listen: freeAddress(t), // which the next start takes again, for the webhooks
		APIListen:     "127.0.0.1:0",
		Entrypoint:    []string{self, "entrypoint", "--"},
		RunnerCommand: []string{self, "simulated-runner"},
		RunnerEnv:     []string{"PATH=" + os.Getenv("PATH"), noSleep},
		StopGrace:     5 * time.Second,
		ImagesByName:  true,
		Log:           slog.New(slog.NewTextHandler(w, nil)),
		Observe:       w.observe,
	}
	simulated := sim.Config{Repository: repository, Private: true, Token: w.token, URL: front.URL, WebhookSecret: w.secret}
	for _, o := range options {
		o(&w.config, &simulated)
	}
	w.start()
	simulated.WebhookURL = w.fleet.URL() + "/webhook"
	if w.github, err = sim.New(simulated); err != nil {
		t.Fatal(err)
	}
	close(w.opened)
	t.Cleanup(func() {
		w.stop(0)
		w.github.Close()
	})
	return w
}

func (w *world) start() {
	w.t.Helper()
	f, err := local.Start(w.t.Context(), w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.fleet = f
}

func (w *world) stop(after time.Duration) {
	if w.fleet == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	if err := w.fleet.Stop(ctx); err != nil && after > 0 {
		w.t.Errorf("stop: %v", err)
	}
	w.fleet = nil
}

// Write collects the fleet's log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

// serveGitHub keeps what must never be seen elsewhere.
func (w *world) serveGitHub(rw http.ResponseWriter, r *http.Request) {
	<-w.opened
	if strings.HasPrefix(r.URL.Path, "/api/v3/") {
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v3/repos/"+repository))
		w.mu.Unlock()
	}
	if !strings.HasSuffix(r.URL.Path, "/generate-jitconfig") {
		w.github.ServeHTTP(rw, r)
		return
	}
	rec := httptest.NewRecorder()
	w.github.ServeHTTP(rec, r)
	w.mu.Lock()
	w.answers.Write(rec.Body.Bytes())
	w.mu.Unlock()
	for k, v := range rec.Header() {
		rw.Header()[k] = v
	}
	rw.WriteHeader(rec.Code)
	rw.Write(rec.Body.Bytes())
}

func (w *world) observe(c fleet.Changes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Capacity != nil {
		w.mostUp = max(w.mostUp, c.Capacity.Open)
	}
	w.wake()
}

// touch makes everything that waits look again.
func (w *world) touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wake()
}

func (w *world) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// seen reads what the fleet's goroutines write.
func (w *world) seen(read func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	read()
}

func (w *world) mostAtOnce() (n int) { w.seen(func() { n = w.mostUp }); return n }

func (w *world) logged() (text string) { w.seen(func() { text = w.log.String() }); return text }

func (w *world) answered() (text string) { w.seen(func() { text = w.answers.String() }); return text }

// patience is how long a test waits for what takes a second on an idle machine. Only a
// failure takes that long.
const patience = 3 * time.Minute

// await waits until a condition holds.
func (w *world) await(what string, holds func() bool) {
	w.t.Helper()
	limit := time.After(patience)
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second): // GitHub and another fleet's records send no notice
		case <-limit:
			w.t.Fatalf("%s: not within %s\n%s", what, patience, w.state())
		}
	}
}

// state is what is open, and the end of the fleet's log.
func (w *world) state() string {
	var b strings.Builder
	runs, _ := w.fleet.Source().Runs(context.Background(), 1000)
	for _, run := range runs {
		if !run.Status.Terminal() {
			fmt.Fprintf(&b, "%s %s runner %q ran on %q (%s)\n", run.RunID, run.Status, run.RunnerID, run.RanOn, run.Reason)
		}
	}
	runners, _ := w.fleet.Source().Runners(context.Background(), 1000)
	for _, r := range runners {
		e, _, _ := w.fleet.Source().Execution(context.Background(), r.RunnerID)
		if r.Phase != fleet.Closed || e.Status == engine.Running {
			fmt.Fprintf(&b, "%s %s %s for %q took %d task %s waits for %q, execution %s in %s\n", r.RunnerID, r.Phase, r.Status, r.For, r.Took, r.TaskStatus, r.WaitingFor, e.Status, e.State)
		}
	}
	fmt.Fprintf(&b, "on GitHub: %+v\n", w.github.Runners())
	return b.String() + tail(w.logged(), 10)
}

func (w *world) run(jobID int64) fleet.Run {
	w.t.Helper()
	run, _, err := w.fleet.Source().Run(context.Background(), fleet.RunID(jobID))
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) runner(id string) fleet.Runner {
	w.t.Helper()
	r, _, err := w.fleet.Source().Runner(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) awaitEnd(jobs ...int64) {
	w.t.Helper()
	for _, id := range jobs {
		w.await("end of "+fleet.RunID(id), func() bool { return w.run(id).Status.Terminal() })
	}
	w.await("quiet", func() bool {
		executions, err := report.Executions(context.Background(), w.fleet.Source())
		return err == nil && !slices.ContainsFunc(executions, func(e engine.Execution) bool { return e.Status == engine.Running })
	})
}

// awaitRetry waits until the job's run waits for its next try after a setback.
func (w *world) awaitRetry(jobID int64) {
	w.t.Helper()
	w.await("setback of "+fleet.RunID(jobID), func() bool { return w.run(jobID).Retrying() })
}

func (w *world) details(jobID int64) report.RunDetails {
	w.t.Helper()
	d, err := report.ShowRun(context.Background(), w.fleet.Source(), fleet.RunID(jobID), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// statuses are those of a run's executions.
func statuses(d report.RunDetails) string {
	var all []string
	for _, e := range d.Executions {
		all = append(all, e.Name+" "+string(e.Status))
	}
	return strings.Join(all, ", ")
}

func job(labels ...string) sim.JobSpec { return jobThat("echo hello", labels...) }

func jobThat(script string, labels ...string) sim.JobSpec {
	return sim.JobSpec{Workflow: "test", Name: "job", Labels: append([]string{"self-hosted"}, labels...), Steps: []sim.StepSpec{{Name: "step", Run: script}}}
}

// gate makes a named pipe that a step (with atGate) or an entrypoint waits at
// until it is opened, whether it comes there before or after.
func gate(t *testing.T) (path string, open func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // does not wait for the other end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipe.Close() })
	return path, func() {
		if _, err := pipe.Write([]byte("x")); err != nil {
			t.Error(err)
		}
	}
}

// atGate is the script of a step that waits at a gate.
func atGate(path string) string { return "head -c 1 " + path }

func TestJobRunsFromWebhookToRecord(t *testing.T) {
	w := newWorld(t)
	id := w.github.Queue(job("class:large"))
	w.awaitEnd(id)

	d := w.details(id)
	if d.Run.Status != fleet.RunCompleted || d.Run.Conclusion != "success" || d.Run.ClassName != "large" || d.Run.Image != "base" {
		t.Errorf("run: %+v", d.Run)
	}
	if len(d.Runners) != 1 || d.Runners[0].Status != fleet.RunnerOffline || d.Runners[0].Took != id {
		t.Errorf("runners: %+v", d.Runners)
	}
	if len(d.Executions) != 1 || d.Executions[0].Status != "SUCCEEDED" {
		t.Errorf("executions: %s", statuses(d))
	}
	for _, stage := range []fleet.Stage{
		fleet.StageQueued, fleet.StageReceived, fleet.StageLaunched, fleet.StageAdmitted, fleet.StageImageReady, fleet.StageTaskStarted,
		fleet.StageContainerUp, fleet.StageClaimed, fleet.StageRegistered, fleet.StageJobStarted, fleet.StageJobCompleted, fleet.StageClosed,
	} {
		if d.Run.Times[stage].IsZero() {
			t.Errorf("the run has no time of %s", stage)
		}
	}
	if left := w.github.Runners(); len(left) != 0 {
		t.Errorf("registrations left on GitHub: %+v", left)
	}
	if got := strings.Join(w.github.JobLog(id), "\n"); !strings.Contains(got, "hello") {
		t.Errorf("the job's log on GitHub lacks what its step said:\n%s", got)
	}
}

// TestRequestsPerJob checks docs/cost.md: what one job asks of GitHub's REST API.
func TestRequestsPerJob(t *testing.T) {
	w := newWorld(t)
	w.await("the first sweep, which is none of the job's", func() bool { return w.fleet.Sweeps() > 0 })
	w.mu.Lock()
	w.asked = nil
	w.mu.Unlock()
	id := w.github.Queue(job())
	w.awaitEnd(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	look := fmt.Sprintf("GET /actions/jobs/%d", id)
	// RecordStatus asks too if the process ends before the completed webhook comes.
	withoutLast := strings.TrimSuffix(strings.Join(w.asked, ", "), ", "+look)
	if want := look + ", POST /actions/runners/generate-jitconfig"; withoutLast != want {
		t.Errorf("asked %v", w.asked)
	}
}

func TestFailingStepIsACompletedRun(t *testing.T) {
	w := newWorld(t)
	id := w.github.Queue(jobThat("exit 3"))
	w.awaitEnd(id)
	d := w.details(id)
	if d.Run.Status != fleet.RunCompleted || d.Run.Conclusion != "failure" || d.Executions[0].Status != "SUCCEEDED" {
		t.Errorf("run %s with %s, execution %s; want COMPLETED with failure, SUCCEEDED", d.Run.Status, d.Run.Conclusion, d.Executions[0].Status)
	}
}

func TestRepeatedDeliveriesMakeOneRunner(t *testing.T) {
	repeat := func(_ *local.Config, s *sim.Config) {
		s.Deliver = func(d sim.Delivery) []sim.Delivery {
			second, third := d, d
			second.GUID, third.GUID = rand.Text(), rand.Text()
			return []sim.Delivery{d, d, d, d, d, second, third}
		}
	}
	w := newWorld(t, repeat)
	id := w.github.Queue(job())
	w.awaitEnd(id)
	if err := w.github.WaitAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.awaitEnd(id)
	runs, err := report.Runs(t.Context(), w.fleet.Source(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if d := w.details(id); len(runs) != 1 || len(d.Runners) != 1 || len(d.Executions) != 1 || d.Run.Status != fleet.RunCompleted {
		t.Errorf("%d runs, %d runners, %d executions, run %s; want one of each and COMPLETED", len(runs), len(d.Runners), len(d.Executions), d.Run.Status)
	}
}

func TestCancelledBeforeTheClaim(t *testing.T) {
	path, open := gate(t)
	ready, _ := gate(t)
	w := newWorld(t, func(c *local.Config, _ *sim.Config) {
		c.Entrypoint[1] = "late-entrypoint"
		c.RunnerEnv = append(c.RunnerEnv, "GATE="+path, "READY="+ready)
		c.StopGrace = time.Minute
	})
	id := w.github.Queue(job())
	pipe, err := os.Open(ready)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if _, err := pipe.Read(make([]byte, 1)); err != nil { // SIGTERM does not end it from now on
		t.Fatal(err)
	}
	w.await("container", func() bool {
		runner := w.run(id).RunnerID
		return runner != "" && !w.runner(runner).At(fleet.StageContainerUp).IsZero()
	})
	runnerID := w.run(id).RunnerID
	if err := w.github.Cancel(id); err != nil {
		t.Fatal(err)
	}
	w.await("cancellation", func() bool { return w.run(id).Status == fleet.RunCancelled })
	open()
	w.awaitEnd(id)

	runner := w.runner(runnerID)
	if runner.ExitCode == nil || *runner.ExitCode != fleet.ExitClaimGone {
		t.Errorf("the runner's end: %s (%s); want exit status %d (410 at the claim)", runner.StoppedReason, runner.Reason, fleet.ExitClaimGone)
	}
	d := w.details(id)
	if d.Run.Status != fleet.RunCancelled || len(d.Executions) != 1 || d.Executions[0].Status != "SUCCEEDED" {
		t.Errorf("run %s, executions %s; want CANCELLED and one SUCCEEDED", d.Run.Status, statuses(d))
	}
	if strings.Contains(w.answered(), "encoded_jit_config") {
		t.Error("a registration was made for a job that nobody wanted")
	}
}

func TestRefusedAndForeignJobs(t *testing.T) {
	w := newWorld(t)
	refused := w.github.Queue(job("class:huge"))
	foreign := w.github.Queue(sim.JobSpec{Name: "hosted", Labels: []string{"ubuntu-latest"}, Steps: []sim.StepSpec{{Run: "true"}}})
	w.awaitEnd(refused)
	if run := w.run(refused); run.Status != fleet.RunRefused || run.Rule != "class.unknown" || !strings.Contains(run.Reason, `"huge"`) {
		t.Errorf("run %s by %s: %s", run.Status, run.Rule, run.Reason)
	}
	w.await("status of its commit", func() bool {
		return w.run(refused).Notice.String() == "shown to its developer as a failed commit status"
	})
	if shown := w.github.Statuses(); len(shown) != 1 || shown[0].State != "failure" || !strings.Contains(shown[0].Description, `"huge"`) {
		t.Errorf("its developer sees %+v", shown)
	}
	if d := w.details(refused); d.Executions[0].Status != "SUCCEEDED" || d.Runners[0].TaskARN != "" {
		t.Errorf("a refused job must end green and start no task: executions %s, task %s", statuses(d), d.Runners[0].TaskARN)
	}
	if _, known, err := w.fleet.Source().Run(t.Context(), fleet.RunID(foreign)); err != nil || known {
		t.Errorf("a foreign job has a record (%v)", err)
	}
}

func TestMaxRunnersIsKept(t *testing.T) {
	w := newWorld(t, func(c *local.Config, _ *sim.Config) { c.Policy.MaxRunners = 2 })
	var ids []int64
	for range 8 {
		ids = append(ids, w.github.Queue(job()))
	}
	w.awaitEnd(ids...)
	if n := w.mostAtOnce(); n > 2 {
		t.Errorf("%d runners were open at once; max_runners is 2", n)
	}
	for _, id := range ids {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("%s: %s %s (%s)", run.RunID, run.Status, run.Conclusion, run.Reason)
		}
	}
}

func TestBadWebhooksTakeNothingDown(t *testing.T) {
	w := newWorld(t)
	for body, want := range map[string]int{
		"":            http.StatusBadRequest,
		"{":           http.StatusBadRequest,
		"[1,2]":       http.StatusBadRequest,
		`{"zen":"x"}`: http.StatusBadRequest,
		`{"action":"queued","workflow_job":{"id":9,"labels":null,"status":"queued"},"repository":{"full_name":"octo-org/demo"}}`: http.StatusBadRequest,
	} {
		req, err := http.NewRequest(http.MethodPost, w.fleet.URL()+"/webhook", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-GitHub-Event", "workflow_job")
		req.Header.Set("X-Hub-Signature-256", sim.Signature(w.secret, []byte(body)))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("body %q: %d, want %d", body, resp.StatusCode, want)
		}
	}
	id := w.github.Queue(job())
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" {
		t.Errorf("after bad webhooks: %s %s", run.Status, run.Conclusion)
	}
}

func TestStopLeavesTheRestToTheNextProcess(t *testing.T) {
	path, _ := gate(t)
	w := newWorld(t, func(c *local.Config, _ *sim.Config) { c.Policy.MaxRunners = 1 })
	running := w.github.Queue(jobThat(atGate(path))) // for ever
	w.await("job under way", func() bool { return w.run(running).Status == fleet.RunRunning })
	waiting := w.github.Queue(job())
	w.await("run that waits", func() bool { return w.run(waiting).WaitsForRoom })

	w.stop(100 * time.Millisecond)
	w.start()
	w.awaitEnd(running, waiting)
	run := w.run(running)
	if run.Status != fleet.RunCancelled && run.Conclusion != "failure" {
		t.Errorf("the job that was cut off: %s %s (%s)", run.Status, run.Conclusion, run.Reason)
	}
	if !strings.Contains(run.Reason, "stopped by "+control.ThisUser()+" while "+run.RanOn+" ran it, with the stop of `ecsrunner local`") {
		t.Errorf("it does not say who cut it off: %q", run.Reason)
	}
	if run := w.run(waiting); run.Conclusion != "success" {
		t.Errorf("the job that waited: %s %s (%s)", run.Status, run.Conclusion, run.Reason)
	}
}

func TestTerminate(t *testing.T) {
	path, _ := gate(t)
	w := newWorld(t)
	id := w.github.Queue(jobThat(atGate(path)))
	w.await("job under way", func() bool { return w.run(id).Status == fleet.RunRunning })
	runner := w.run(id).RanOn

	if got, err := w.operator().Terminate(t.Context(), runner, false, fleet.Operator{Reason: "it hangs"}); err != nil || got.Done() || !strings.Contains(got.Message, "--force") {
		t.Errorf("a runner with a job was terminated without force: %+v, %v", got, err)
	}
	got, err := w.operator().Terminate(t.Context(), runner, true, fleet.Operator{Reason: "it hangs"})
	if err != nil || got.Outcome != "stopping_job" {
		t.Errorf("terminate with force: %+v, %v", got, err)
	}
	w.awaitEnd(id)
	if run := w.run(id); !strings.Contains(run.Reason, "stopped by "+control.ThisUser()+" while "+runner+" ran it, with `ecsrunner runners terminate --force` (it hangs)") {
		t.Errorf("the run does not say who stopped it: %q", run.Reason)
	}
	if got, err := w.operator().Terminate(t.Context(), runner, false, fleet.Operator{Reason: "it hangs"}); err != nil || got.Outcome != "closed" {
		t.Errorf("terminate again: %+v, %v", got, err)
	}
	if got, err := w.operator().Terminate(t.Context(), "test-1-1", false, fleet.Operator{Reason: "it hangs"}); err != nil || got.Done() {
		t.Error("a runner that there is not was terminated")
	}
}

func TestOneFleetPerDataDirectory(t *testing.T) {
	w := newWorld(t)
	second := w.config
	second.Listen = "127.0.0.1:0"
	_, err := local.Start(t.Context(), second)
	if inUse := new(datadir.InUse); !errors.As(err, inUse) || inUse.PID != os.Getpid() {
		t.Errorf("second fleet on the data directory: %v", err)
	}
}

// TestSecretsStayWhereTheyBelong greps what the fleet wrote and answers for the
// values that must not be there.
func TestSecretsStayWhereTheyBelong(t *testing.T) {
	w := newWorld(t)
	id := w.github.Queue(jobThat("env; cat /proc/self/environ || true"))
	w.awaitEnd(id)

	key, err := os.ReadFile(filepath.Join(w.dir, "claim.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{
		"personal access token": w.token,
		"webhook secret":        w.secret,
		"claim token":           fleet.ClaimToken(key, w.run(id).RanOn),
		"claim key":             string(key),
		"JIT config":            between(w.answered(), `"encoded_jit_config":"`, `"`),
	}
	seen := map[string]string{"the fleet's log": w.logged(), "the job's log on GitHub": strings.Join(w.github.JobLog(id), "\n")}
	for _, path := range []string{"/metrics", "/api/runs", "/api/runners", "/api/executions", "/api/runs/" + fleet.RunID(id), "/api/runners/" + w.run(id).RanOn, "/api/executions/" + w.run(id).RanOn} {
		seen[path] = w.get(path)
	}
	w.stop(time.Second)
	err = filepath.WalkDir(w.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "claim.key" {
			return err
		}
		content, err := os.ReadFile(path)
		seen["file "+entry.Name()] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range secrets {
		if len(secret) < 20 {
			t.Fatalf("the %s of this test is no secret: %q", what, secret)
		}
		for where, text := range seen {
			if strings.Contains(text, secret) {
				t.Errorf("the %s is in %s", what, where)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(w.dir, "claim.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("claim.key: mode %v, %v; want 0600", info.Mode(), err)
	}
}

func (w *world) get(path string) string {
	w.t.Helper()
	resp, err := http.Get(w.fleet.APIURL() + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("GET %s: %d, %v", path, resp.StatusCode, err)
	}
	if redacted := strings.ReplaceAll(string(body), `"task_token": "[task token]"`, ""); strings.Contains(redacted, "task_token") {
		w.t.Errorf("GET %s shows a task token", path)
	}
	return string(body)
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}
