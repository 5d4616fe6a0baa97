//go:build unix

package process

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task/tasktest"
)

// clock leaves the runner's short polls to real time. Every longer wait ends
// when the test says so.
type clock struct {
	mu      sync.Mutex
	changed *sync.Cond
	waiting map[time.Duration][]chan time.Time
}

func newClock() *clock {
	c := &clock{waiting: map[time.Duration][]chan time.Time{}}
	c.changed = sync.NewCond(&c.mu)
	return c
}

func (c *clock) Now() time.Time {
	return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	if d <= leftoverPoll {
		return time.After(d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fired := make(chan time.Time, 1)
	c.waiting[d] = append(c.waiting[d], fired)
	c.changed.Broadcast()
	return fired
}

// expire ends all waits of length d, once there is one.
func (c *clock) expire(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting[d]) == 0 {
		c.changed.Wait()
	}
	for _, fired := range c.waiting[d] {
		fired <- time.Time{}
	}
	delete(c.waiting, d)
}

// awaitWait returns when there is a wait of length d.
func (c *clock) awaitWait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting[d]) == 0 {
		c.changed.Wait()
	}
}

// rig is a ledger of test children and what can be seen of it.
type rig struct {
	*task.Ledger
	*Runner
	t        *testing.T
	clock    *clock
	notes    tasktest.Notes
	reports  net.Listener
	children map[string]child
}

// child is one living process that has reported: what it says comes in order,
// its end is the end of the connection.
type child struct {
	net.Conn
	in    *bufio.Reader
	pid   int
	start string
}

func newRig(t *testing.T, adapt func(*Config)) *rig {
	t.Helper()
	r := newMachine(t, adapt)
	r.open()
	return r
}

// newMachine is a rig without a ledger. It has the test binary as every task's command.
func newMachine(t *testing.T, adapt func(*Config)) *rig {
	t.Helper()
	// Not t.TempDir, whose path may be too long for a socket's.
	sockets, err := os.MkdirTemp("", "process")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	reports, err := net.Listen("unix", filepath.Join(sockets, "reports"))
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, clock: newClock(), notes: make(tasktest.Notes, 1000), reports: reports, children: map[string]child{}}
	cfg := Config{
		Dir:     t.TempDir(),
		Command: []string{self},
		Env:     []string{reportVariable + "=" + reports.Addr().String(), "GORACE=atexit_sleep_ms=0"},
		Grace:   time.Minute,
		After:   r.clock.After,
	}
	if adapt != nil {
		adapt(&cfg)
	}
	if r.Runner, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reports.Close() })
	return r
}

// open opens the next ledger on the directory.
func (r *rig) open() {
	r.t.Helper()
	r.Ledger = tasktest.OpenFor(r.t, task.Config{
		Dir: r.cfg.Dir, Runner: r.Runner, Notify: func(task fleet.Task) { r.notes <- task }, Now: r.clock.Now,
	})
}

func spec(id, does string) task.Spec {
	return task.Spec{RunnerID: id, ClientToken: id + ".0", Env: map[string]string{doesVariable: does}}
}

func (r *rig) launch(id, does string) fleet.Task {
	r.t.Helper()
	task, err := r.Launch(context.Background(), spec(id, does))
	if err != nil {
		r.t.Fatal(err)
	}
	return task
}

func (r *rig) await(status string) fleet.Task {
	r.t.Helper()
	return r.notes.Await(r.t, status)
}

// meet waits for a child that reports under the name.
func (r *rig) meet(name string) child {
	r.t.Helper()
	for {
		if c, ok := r.children[name]; ok {
			return c
		}
		conn, err := r.reports.Accept()
		if err != nil {
			r.t.Fatal(err)
		}
		c := child{Conn: conn, in: bufio.NewReader(conn)}
		pid, name, _ := strings.Cut(c.line(r.t), " ")
		if c.pid, err = strconv.Atoi(pid); err != nil {
			r.t.Fatal(err)
		}
		c.start, _ = startTime(c.pid) // "" if it is dead by now
		r.children[name] = c
		r.t.Cleanup(func() { conn.Close() })
	}
}

func (c child) line(t *testing.T) string {
	t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		t.Fatalf("the child's report: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (c child) letGoOn() { _, _ = c.Write([]byte("\n")) }

// awaitDeath returns when the process is dead. Only that closes its connection, a moment before
// others see that it lives no more.
func (c child) awaitDeath(t *testing.T) {
	t.Helper()
	if rest, err := io.ReadAll(c.in); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the child's connection ended with %q, %v", rest, err)
	}
	<-leader{pid: c.pid, start: c.start}.exited(time.After)
}

func (r *rig) log(id string) string {
	r.t.Helper()
	path, err := task.LogPath(r.cfg.Dir, id)
	if err != nil {
		r.t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(content)
}

// wantCleared checks that nothing of a runner is left but its log and the record
// of how its task stopped.
func (r *rig) wantCleared(id string) {
	r.t.Helper()
	if _, err := os.Lstat(r.workDir(id)); !os.IsNotExist(err) {
		r.t.Errorf("the work directory of %s is still there (%v)", id, err)
	}
	if got := r.record(id).Task.LastStatus; got != fleet.TaskStopped {
		r.t.Errorf("the task of %s is recorded as %s", id, got)
	}
}

func (r *rig) recordPath(id string) string {
	return filepath.Join(r.cfg.Dir, string(task.Processes), id+".json")
}

func (r *rig) record(id string) task.Record {
	r.t.Helper()
	var found task.Record
	content, err := os.ReadFile(r.recordPath(id))
	if err == nil {
		err = json.Unmarshal(content, &found)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}
