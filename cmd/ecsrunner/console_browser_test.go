//go:build browser

package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console/consoletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/workflow"
)

// liveWorkflow has a job that lasts as long as a person needs to look at it.
const liveWorkflow = `name: Live
on: push
jobs:
  live:
    name: live
    runs-on: [self-hosted, "class:small"]
    steps:
      - run: |
          echo "hello from <b>the job</b>"
          for i in 1 2 3 4 5 6 7 8; do echo "line $i"; sleep 0.5; done
`

// TestConsoleInABrowser looks at every page of a busy fleet in a real browser, and at a run
// of a real one from its queueing to its end. scripts/test-browser says where the browser is.
// The pictures are in build/screenshots.
func TestConsoleInABrowser(t *testing.T) {
	shots := screenshots(t)
	t.Run("every page", func(t *testing.T) {
		dir, _ := busyFleet(t)
		busyLogs(t, dir)
		lock, err := datadir.Lock(dir) // as the fleet that serves it
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		shown := serveConsole(t, "--data-dir", dir, "--allow-changes")
		drive(t, nil, "pages", shown.link, shots)
	})
	t.Run("memory", func(t *testing.T) {
		seconds := cmp.Or(os.Getenv("CONSOLE_SECONDS"), "40")
		dir, store := busyFleet(t)
		if err := consoletest.FillLive(t.Context(), store, 500, time.Now()); err != nil {
			t.Fatal(err)
		}
		shown := serveConsole(t, "--data-dir", dir)
		defer busier(t, dir, store)()
		drive(t, nil, "memory", shown.link, shots, seconds)
	})
	t.Run("a run", func(t *testing.T) {
		served := serveLiveFleet(t)
		next := []func(){served.queue, served.stop}
		drive(t, func(string) { next[0](); next = next[1:] }, "live", served.console, shots)
	})
}

// screenshots is the folder for pictures, where there is a browser to make them.
func screenshots(t *testing.T) (dir string) {
	t.Helper()
	if os.Getenv("CHROMIUM") == "" {
		t.Fatal("CHROMIUM is not set: run `make test-browser`")
	}
	dir, err := filepath.Abs("../../build/screenshots")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// busyLogs writes what the runners of the busy fleet wrote, as hostile as a job can be.
func busyLogs(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	log := "Current runner version: '2.331.0'\n√ Connected to GitHub\n\x1b[32mRunning job: build\x1b[0m\n<script>alert('log')</script>\n" +
		"\xff\xfe invalid\n" + strings.Repeat("x", 1<<20) + "\nfor i in 1 2 3: 日本語\n"
	for _, id := range []string{"fleet-20000000900-1", "fleet-20000000904-1"} {
		if err := os.WriteFile(filepath.Join(dir, "logs", id+".log"), []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// busier changes records of live runs and writes into a log twice a second, until the returned
// function is called.
func busier(t *testing.T, dir string, store *sqlite.Store) (stop func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "logs", "fleet-30000000007-1.log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		defer log.Close()
		pace := time.NewTicker(time.Second / 2)
		defer pace.Stop()
		for n := 0; ; n++ {
			for i := range 20 {
				run, ok, err := store.Run(ctx, fleet.RunID(int64(30000000000+(20*n+i)%500)))
				if err != nil || !ok {
					return
				}
				run.Status, run.Reason = fleet.RunRunning, fmt.Sprint("change ", n)
				if n%2 == 0 {
					run.Status = fleet.RunWaitingForJob
				}
				if err := store.Write(ctx, fleet.Changes{Runs: []fleet.Run{run}}); err != nil {
					return
				}
				fmt.Fprintf(log, "line %d of what the job says, which goes on and on\n", 20*n+i)
			}
			select {
			case <-pace.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); ended.Wait() }
}

// drive runs a part of console.mjs. When the browser is ready for it, it lets something
// happen; said is what the browser adds.
func drive(t *testing.T, happen func(said string), args ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 40*time.Minute)
	defer stop()
	node := exec.CommandContext(ctx, "node", append([]string{"console.mjs"}, args...)...)
	node.Dir = "testdata/browser"
	node.Stderr = os.Stderr
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if said, ready := strings.CutPrefix(lines.Text(), "ready"); ready {
			happen(strings.TrimSpace(said))
			continue
		}
		t.Log(lines.Text())
	}
	if err := node.Wait(); err != nil {
		t.Errorf("the browser: %v", err)
	}
}

// liveFleet is a fleet of processes that serves a simulated GitHub.
type liveFleet struct {
	console string // the link
	queue   func() // a job
	stop    func() // the fleet, and its console with it
}

// serveLiveFleet runs `ecsrunner local --console`.
func serveLiveFleet(t *testing.T) liveFleet {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	program := filepath.Join(home, "ecsrunner") // the test binary is the program under this name
	if err := os.Link(self, program); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	at := "http://" + server.Listener.Addr().String()
	config := write(t, filepath.Join(home, "fleet.yaml"), "fleet_name: ci\ngithub_repo: octo-org/demo\ngithub_url: "+at+"\nmax_runners: 4\n")
	command := exec.CommandContext(t.Context(), program, "local", "--config", config, "--data-dir", filepath.Join(home, "data"), "--listen", "127.0.0.1:0",
		"--console", "127.0.0.1:0", "--runner-command", program+" simulated-runner")
	command.Env = append(os.Environ(), "GITHUB_PAT=pat-of-this-test", "WEBHOOK_SECRET=secret-of-this-test")
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 20 * time.Second
	talk, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(talk)
	var all strings.Builder
	find := func(pattern string) string {
		t.Helper()
		for said.Scan() {
			all.WriteString(said.Text() + "\n")
			if m := regexp.MustCompile(pattern).FindStringSubmatch(said.Text()); m != nil {
				return m[1]
			}
		}
		t.Fatalf("the fleet does not say %s:\n%s", pattern, all.String())
		return ""
	}
	// The fleet asks GitHub at once, and waits for the answer.
	console := make(chan string, 1)
	console <- find(`^console: (http://\S+)`)
	webhook := find(`^webhook URL: (http://\S+)`)
	hub, err := sim.New(sim.Config{Repository: "octo-org/demo", Private: true, Token: "pat-of-this-test", URL: at, WebhookURL: webhook, WebhookSecret: "secret-of-this-test"})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = hub
	server.Start()
	drained := make(chan struct{})
	go func() { // what the fleet logs
		defer close(drained)
		for said.Scan() {
			all.WriteString(said.Text() + "\n")
		}
	}()
	stop := sync.OnceFunc(func() {
		_ = command.Process.Signal(os.Interrupt)
		<-drained
		_ = command.Wait()
	})
	t.Cleanup(func() {
		stop()
		hub.Close()
		server.Close()
		if t.Failed() {
			t.Log(all.String())
		}
	})
	file, err := workflow.Parse("live.yml", []byte(liveWorkflow))
	if err != nil {
		t.Fatal(err)
	}
	return liveFleet{console: <-console, stop: stop, queue: func() {
		for _, job := range file.Jobs(workflow.Run{ID: hub.NewRun(), Attempt: 1, Repository: "octo-org/demo"}) {
			hub.Queue(job)
		}
	}}
}
