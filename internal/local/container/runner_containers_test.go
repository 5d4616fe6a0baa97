//go:build containers

package container_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task/tasktest"
)

// base is an image with sh that scripts/test-containers has loaded.
const base = "docker.io/bases/bookworm:1"

// rig is a ledger of containers on a real engine.
type rig struct {
	*tasktest.Fleet
	t      *testing.T
	engine *container.Engine
	cfg    container.Config
	notes  chan fleet.Task
}

func newRig(t *testing.T) *rig {
	t.Helper()
	engine, err := container.Connect(t.Context(), "")
	if err != nil {
		t.Fatalf("%v: `make test-containers` starts one", err)
	}
	r := &rig{t: t, engine: engine, notes: make(chan fleet.Task, 100)}
	network, err := engine.EnsureNetwork(t.Context(), "ecsrunner-test", map[string]string{"ecsrunner.fleet": "test"})
	if err != nil {
		t.Fatal(err)
	}
	r.cfg = container.Config{
		Engine: engine, FleetName: "test", Dir: t.TempDir(), Network: network.Name, Grace: 5 * time.Second,
	}
	r.restart()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = r.Close(ctx)
	})
	return r
}

// restart opens the next ledger on the data directory, as after a crash.
func (r *rig) restart() {
	r.t.Helper()
	runner, err := container.New(r.cfg)
	if err == nil {
		r.Fleet, err = tasktest.Open(r.t.Context(), task.Config{Dir: r.cfg.Dir, Runner: runner, Notify: func(task fleet.Task) { r.notes <- task }})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) launch(script string) fleet.Task {
	r.t.Helper()
	task, err := r.Launch(r.t.Context(), task.Spec{
		RunnerID: "test-7-1", ClientToken: "test-7-1.0", Image: base, CPU: 512, Memory: 256, Env: map[string]string{"GIVEN": "a value"}, Command: []string{"sh", "-c", script},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return task
}

// await is the first notice of a status.
func (r *rig) await(status string) fleet.Task {
	r.t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case task := <-r.notes:
			if task.LastStatus == status {
				return task
			}
		case <-limit:
			r.t.Fatalf("no task is %s within a minute; the log: %s", status, r.log())
		}
	}
}

func (r *rig) log() string { return r.logOf("test-7-1") }

func (r *rig) logOf(runnerID string) string {
	text, err := os.ReadFile(filepath.Join(r.cfg.Dir, "logs", runnerID+".log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Error(err)
	}
	return string(text)
}

// run runs a script to its end and returns what it printed.
func (r *rig) run(script string) (fleet.Task, string) {
	r.t.Helper()
	r.launch(script)
	task := r.await(fleet.TaskStopped)
	return task, r.log()
}

func wantExit(t *testing.T, task fleet.Task, code int) {
	t.Helper()
	if got := task.ExitCode(); got == nil || *got != code || task.StopCode != fleet.StopEssentialContainerExited {
		t.Errorf("it stopped as %+v", task)
	}
}

// A container has the engine's default capabilities, its class's limits, no process before
// its own, and nothing of this machine's.
func TestContainerOfATask(t *testing.T) {
	r := newRig(t)
	secret := filepath.Join(r.cfg.Dir, "claim.key")
	if err := os.WriteFile(secret, []byte("the claim key"), 0o600); err != nil {
		t.Fatal(err)
	}
	task, said := r.run(`
		grep CapEff /proc/self/status; grep CapBnd /proc/self/status
		echo init $(cat /proc/1/comm)
		echo memory $(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes)
		echo cpu $(cat /sys/fs/cgroup/cpu.max 2>/dev/null || echo $(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us) $(cat /sys/fs/cgroup/cpu/cpu.cfs_period_us))
		echo processes $(cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max)
		echo given $GIVEN and of others "$DOCKER_HOST$CONTAINERS_CONF$HOME_OF_THE_FLEET"
		ls ` + r.cfg.Dir + ` ` + secret + ` /var/run/docker.sock /run/podman 2>&1 | sed 's/^/ls: /'
		find / -xdev -name '*.sock' 2>/dev/null | sed 's/^/socket: /'
		cut -d' ' -f1-3 /proc/self/mounts | sed 's/^/mount: /'
	`)
	wantExit(t, task, 0)
	for _, kind := range []string{"CapEff", "CapBnd"} {
		const byDefault = 0xa80425fb // Docker's default set
		caps, err := strconv.ParseUint(strings.TrimSpace(after(said, kind+":")), 16, 64)
		if err != nil || caps&^uint64(byDefault) != 0 {
			t.Errorf("%s is %x, %v: more than the default", kind, caps, err)
		}
	}
	quota, period := 0, 0
	fmt.Sscan(after(said, "cpu "), &quota, &period)
	if period == 0 || quota*2 != period {
		t.Errorf("half a processor is %d of %d", quota, period)
	}
	for name, want := range map[string]string{"memory ": "268435456", "processes ": "4096", "given ": "a value and of others"} {
		if got := strings.TrimSpace(after(said, name)); got != want {
			t.Errorf("%sis %q, want %q", name, got, want)
		}
	}
	if first := strings.TrimSpace(after(said, "init ")); first != "sh" {
		t.Errorf("process 1 is %q", first)
	}
	if strings.Contains(said, "socket: ") || strings.Contains(said, "the claim key") {
		t.Errorf("it sees what it should not: %s", said)
	}
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "ls: ") && !strings.Contains(line, "No such file") {
			t.Errorf("it sees %s", line)
		}
		if mount, ok := strings.CutPrefix(line, "mount: "); ok {
			at := strings.Fields(mount)
			if strings.Contains(mount, r.cfg.Dir) || len(at) > 2 && (at[2] == "ext4" || at[2] == "xfs" || at[2] == "btrfs") && !strings.HasPrefix(at[1], "/etc/") && !strings.HasPrefix(at[1], "/dev/") && !strings.HasPrefix(at[1], "/run/") {
				t.Errorf("it has mounted %s", mount)
			}
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

// The engine's copy of a container's log is bounded while the container runs, however
// much it writes.
func TestContainerEngineLogIsBounded(t *testing.T) {
	r := newRig(t)
	r.cfg.MaxLog = 1 << 20
	r.restart()
	engine, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	r.launch("yes | head -c 100000000; yes | tr -d '\\n' | head -c 100000000")
	largest, path := int64(0), ""
	for stopped := false; !stopped; {
		select {
		case task := <-r.notes:
			stopped = task.LastStatus == fleet.TaskStopped
		default:
		}
		if path == "" {
			path = logPath(t, engine)
			continue
		}
		if info, err := os.Stat(path); err == nil {
			largest = max(largest, info.Size())
		}
	}
	if largest == 0 || largest > 4<<20+64<<10 {
		t.Errorf("the engine's log %s had up to %d bytes", path, largest)
	}
	if text := r.log(); len(text) == 0 || len(text) > 1<<20+200 {
		t.Errorf("the fleet's log has %d bytes", len(text))
	}
}

// logPath is where the engine writes the log of the only container, "" if there is none.
func logPath(t *testing.T, engine *client.Client) string {
	t.Helper()
	list, err := engine.ContainerList(t.Context(), client.ContainerListOptions{Filters: client.Filters{}.Add("label", "ecsrunner.runner-id=test-7-1")})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Items {
		if got, err := engine.ContainerInspect(t.Context(), c.ID, client.ContainerInspectOptions{}); err == nil {
			return got.Container.LogPath
		}
	}
	return ""
}

func after(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return rest
		}
	}
	return ""
}

func TestContainerThatUsesTooMuchMemory(t *testing.T) {
	r := newRig(t)
	task, _ := r.run("head -c 1000000000 /dev/zero | tail >/dev/null; exec sh -c 'a=$(head -c 900000000 /dev/zero | tr \"\\0\" x); echo ${#a}'")
	if code := task.ExitCode(); code == nil || *code == 0 {
		t.Errorf("it stopped as %+v", task)
	}
}

func TestContainerIsStopped(t *testing.T) {
	r := newRig(t)
	launched := r.launch("trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.1; done")
	r.await(fleet.TaskRunning)
	r.awaitLog("ready")
	if err := r.Stop(t.Context(), launched.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context(), launched.ARN, "another reason"); err != nil {
		t.Fatal(err)
	}
	end := r.await(fleet.TaskStopped)
	if end.StopCode != fleet.StopUserInitiated || end.StoppedReason != "no longer wanted" || end.ExitCode() == nil || *end.ExitCode() != 3 {
		t.Errorf("it stopped as %+v", end)
	}
	if said := r.log(); !strings.HasSuffix(said, "told\n") {
		t.Errorf("the log is %q", said)
	}
	if again, err := r.Launch(t.Context(), task.Spec{RunnerID: "test-7-1", ClientToken: "test-7-1.0", Image: base}); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
		t.Errorf("the token with other parameters: %+v, %v", again, err)
	}
}

// awaitLog waits until the log contains a text. The engine hands it over at a time of
// its own.
func (r *rig) awaitLog(text string) {
	r.t.Helper()
	for range 600 {
		if strings.Contains(r.log(), text) {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	r.t.Fatalf("the log is %q", r.log())
}

func TestContainerThatDefiesIsKilled(t *testing.T) {
	r := newRig(t)
	r.cfg.Grace = time.Second
	r.restart()
	task := r.launch("trap '' TERM; echo ready; while :; do sleep 0.1; done")
	r.awaitLog("ready")
	if err := r.Stop(t.Context(), task.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	if end := r.await(fleet.TaskStopped); end.ExitCode() == nil || *end.ExitCode() != 137 {
		t.Errorf("it stopped as %+v", end)
	}
}

// A container outlives its fleet. The next launcher takes it over with its log, and
// learns how it ended, even if it ended meanwhile.
func TestContainerIsTakenOver(t *testing.T) {
	r := newRig(t)
	launched := r.launch("echo before; while [ ! -e /go ]; do sleep 0.1; done; echo after; exit 5")
	r.awaitLog("before")
	r.Kill()
	r.restart()
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	if task, ok := r.Describe(launched.ARN); !ok || task.LastStatus != fleet.TaskRunning {
		t.Errorf("taken over as %+v, %t", task, ok)
	}
	same, err := r.Launch(t.Context(), task.Spec{
		RunnerID: "test-7-1", ClientToken: "test-7-1.0", Image: base, CPU: 512, Memory: 256, Env: map[string]string{"GIVEN": "a value"},
		Command: []string{"sh", "-c", "echo before; while [ ! -e /go ]; do sleep 0.1; done; echo after; exit 5"},
	})
	if err != nil || same.ARN != launched.ARN {
		t.Errorf("launched again as %+v, %v", same, err)
	}
	if err := r.Stop(t.Context(), launched.ARN, "enough"); err != nil {
		t.Fatal(err)
	}
	end := r.await(fleet.TaskStopped)
	if end.ARN != launched.ARN || end.ExitCode() == nil || strings.Count(r.log(), "before") != 1 {
		t.Errorf("it ended as %+v, the log is %q", end, r.log())
	}
}

// A container whose record is lost is taken over by its labels.
func TestContainerWithoutARecordIsTakenOver(t *testing.T) {
	r := newRig(t)
	launched := r.launch("echo ready; while :; do sleep 0.1; done")
	r.awaitLog("ready")
	r.Kill()
	if err := os.RemoveAll(filepath.Join(r.cfg.Dir, "containers")); err != nil {
		t.Fatal(err)
	}
	other := newRig(t) // of another data directory
	kept := other.launch("sleep 600")
	other.await(fleet.TaskRunning)
	r.restart()
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	if task := r.await(fleet.TaskRunning); task.ARN != launched.ARN || task.StartedBy != "test-7-1" {
		t.Errorf("taken over as %+v", task)
	}
	if list := r.List(""); len(list) != 1 {
		t.Errorf("known are %+v", list)
	}
	if task, ok := other.Describe(kept.ARN); !ok || task.LastStatus != fleet.TaskRunning {
		t.Errorf("another directory's is %+v", task)
	}
}

func TestContainerWithoutItsImage(t *testing.T) {
	r := newRig(t)
	if _, err := r.Launch(t.Context(), task.Spec{RunnerID: "test-7-1", Image: "sha256:" + strings.Repeat("0", 64), CPU: 512, Memory: 256}); err != nil {
		t.Fatal(err)
	}
	end := r.await(fleet.TaskStopped)
	if end.StopCode != fleet.StopTaskFailedToStart || !strings.HasPrefix(end.StoppedReason, "CannotPullContainerError: image sha256:0") {
		t.Errorf("it stopped as %+v", end)
	}
}

// A container reaches this machine at its network's gateway.
func TestContainerReachesTheFleet(t *testing.T) {
	r := newRig(t)
	network, err := r.engine.EnsureNetwork(t.Context(), "ecsrunner-test", nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := container.ListenOn(t.Context(), net.JoinHostPort(network.Gateway, "0"))
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { asked <- req.URL.Path })}
	go server.Serve(listener) // ends with Close
	defer server.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	task, said := r.run(fmt.Sprintf("exec bash -c 'exec 3<>/dev/tcp/%s/%s && printf \"GET /hello HTTP/1.0\\r\\n\\r\\n\" >&3 && cat <&3'", network.Gateway, port))
	wantExit(t, task, 0)
	select {
	case path := <-asked:
		if path != "/hello" {
			t.Errorf("asked for %s", path)
		}
	default:
		t.Errorf("nobody asked; it said %s", said)
	}
}
