package local_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// `make crash-test` asks for more.
var (
	crashes   = flag.Int("crashes", 5, "how often the fleet is killed")
	crashJobs = flag.Int("crash-jobs", 8, "how many jobs run meanwhile")
	crashSeed = flag.Uint64("crash-seed", 0, "of the moments of the kills; 0 takes a new one")
)

// crashConfig configures the fleet that is killed.
type crashConfig struct {
	GitHubURL, Token, Secret, DataDir, Listen string
}

// playFleet is a fleet in a process of its own, until that is killed.
func playFleet() int {
	var c crashConfig
	if err := json.Unmarshal([]byte(os.Getenv("CRASH_CONFIG")), &c); err != nil {
		return 2
	}
	self, err := os.Executable()
	if err != nil {
		return 2
	}
	log, err := os.OpenFile(filepath.Join(c.DataDir, "..", "fleet.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 2
	}
	limits := fleet.DefaultLimits()
	limits.Idle, limits.Start = 20*time.Second, 40*time.Second
	_, err = local.Start(context.Background(), local.Config{
		Policy: fleet.Policy{
			FleetName: "crash", Repositories: []string{repository}, DefaultClass: "small", BaseImage: "base",
			Classes: map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Arch: fleet.X64}}, MaxRunners: 10, Limits: limits,
		},
		GitHubURL:      c.GitHubURL,
		Credential:     github.PAT(func(context.Context) (string, error) { return c.Token, nil }),
		WebhookSecrets: func(context.Context) ([]string, error) { return []string{c.Secret}, nil },
		DataDir:        c.DataDir, Listen: c.Listen, APIListen: "127.0.0.1:0",
		Entrypoint:    []string{self, "entrypoint", "--"},
		RunnerCommand: []string{self, "simulated-runner"},
		RunnerEnv:     []string{"PATH=" + os.Getenv("PATH"), noSleep},
		StopGrace:     5 * time.Second,
		SweepEvery:    300 * time.Millisecond,
		SweepGrace:    time.Second,
		Log:           slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		fmt.Fprintln(log, "start:", err)
		return 1
	}
	fmt.Println("up")
	select {}
}

// TestCrash kills the fleet with SIGKILL at random moments while jobs run, and
// starts it again each time. Every job must end in one terminal record, its steps
// must have run once, and nothing may be left.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%d kills, %d jobs; -crash-seed %d", *crashes, *crashJobs, seed)
	random := rand.New(rand.NewPCG(seed, seed))

	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	data := filepath.Join(dir, "data")
	for _, d := range []string{ran, data} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := crashConfig{Token: "token", Secret: "secret", DataDir: data, Listen: freeAddress(t)}
	var gh *sim.Server
	front := httptest.NewUnstartedServer(nil)
	c.GitHubURL = "http://" + front.Listener.Addr().String()
	gh, err := sim.New(sim.Config{
		Repository: repository, Private: true, Token: c.Token, URL: c.GitHubURL, WebhookSecret: c.Secret,
		WebhookURL: "http://" + c.Listen + "/webhook",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer gh.Close()
	front.Config.Handler = gh
	front.Start()
	defer front.Close()

	f := startCrashing(t, c)
	var ids []int64
	queueUpTo := func(n int) {
		for i := len(ids); i < n; i++ {
			file := filepath.Join(ran, fmt.Sprint(i))
			ids = append(ids, gh.Queue(jobThat(fmt.Sprintf("echo ran >> %s; sleep 1", file))))
		}
	}
	for i := range *crashes {
		queueUpTo((i + 1) * *crashJobs / *crashes) // some in every life of the fleet
		moment := time.NewTimer(time.Duration(random.IntN(1200)) * time.Millisecond)
		select {
		case <-moment.C:
		case <-t.Context().Done():
		}
		f.kill()
		f = startCrashing(t, c)
	}
	defer f.kill()
	awaitCrashed(t, data, ids, gh)

	for i, id := range ids {
		job, _ := gh.Job(id)
		text, _ := os.ReadFile(filepath.Join(ran, fmt.Sprint(i)))
		if n := strings.Count(string(text), "ran"); n > 1 || n == 0 && job.Conclusion == "success" {
			t.Errorf("the steps of job %d ran %d times (%s)", id, n, job.Conclusion)
		}
		if job.Conclusion != "success" {
			t.Errorf("job %d ended with %s", id, job.Conclusion)
		}
	}
	if left := processesOf(t, data); len(left) > 0 {
		t.Errorf("processes of runners are left: %v", left)
	}
}

// crashing is a fleet process that is there to be killed.
type crashing struct{ cmd *exec.Cmd }

func startCrashing(t *testing.T, c crashConfig) crashing {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "fleet")
	cmd.Env = append(os.Environ(), "CRASH_CONFIG="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	up := make([]byte, 3)
	if _, err := out.Read(up); err != nil || string(up) != "up\n" {
		log, _ := os.ReadFile(filepath.Join(c.DataDir, "..", "fleet.log"))
		cmd.Process.Kill()
		t.Fatalf("the fleet did not start: %v\n%s", err, tail(string(log), 20))
	}
	return crashing{cmd}
}

func (c crashing) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // says that it was killed
}

// awaitCrashed waits until every job has a terminal record and nothing is open.
func awaitCrashed(t *testing.T, data string, ids []int64, gh *sim.Server) {
	t.Helper()
	store, err := sqlite.OpenReadOnly(t.Context(), filepath.Join(data, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	limit := time.After(patience)
	look := time.NewTicker(100 * time.Millisecond) // another process's database sends no notice
	defer look.Stop()
	for {
		open := stillOpen(t, store, ids, gh)
		if len(open) == 0 {
			return
		}
		select {
		case <-look.C:
		case <-limit:
			log, _ := os.ReadFile(filepath.Join(data, "..", "fleet.log"))
			t.Fatalf("not at rest after %s:\n%s\nthe fleet's log ends with\n%s", patience, strings.Join(open, "\n"), tail(string(log), 15))
		}
	}
}

func stillOpen(t *testing.T, store *sqlite.Store, ids []int64, gh *sim.Server) (open []string) {
	t.Helper()
	for _, id := range ids {
		run, _, err := store.Run(t.Context(), fleet.RunID(id))
		if err != nil {
			t.Fatal(err)
		}
		if !run.Status.Terminal() {
			open = append(open, fmt.Sprintf("job-%d %s on %q (%s)", id, run.Status, run.RunnerID, run.Reason))
		}
	}
	runners, err := store.OpenRunners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runners {
		open = append(open, fmt.Sprintf("runner %s %s %s task %s", r.RunnerID, r.Phase, r.Status, r.TaskStatus))
	}
	executions, err := report.Executions(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range executions {
		if e.Status == engine.Running {
			open = append(open, "execution "+e.Name+" in "+e.State)
		}
	}
	for _, r := range gh.Runners() {
		open = append(open, "registration "+r.Name)
	}
	return open
}

// processesOf lists the processes that were started with a work directory below data.
func processesOf(t *testing.T, data string) (left []string) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(dirs) == 0 {
		t.Skip("this system has no /proc to look for processes in")
	}
	for _, dir := range dirs {
		cwd, err := os.Readlink(filepath.Join(dir, "cwd"))
		if err == nil && strings.HasPrefix(cwd, filepath.Join(data, "runners")) {
			cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
			left = append(left, strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return left
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// freeAddress finds an unused address that stays unused until the test starts its fleet
// again. Its port is below 32768, so no outgoing connection takes it meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("there is no free port")
	return ""
}
