package container_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task/tasktest"
)

// bench is a ledger of containers on the engine of engine_test.go.
type bench struct {
	*tasktest.Fleet
	*engine
	cfg    container.Config
	notes  chan fleet.Task
	warns  *bytes.Buffer
	opened chan struct{} // doors, each of which opens at one gateway
}

// patience is the only wait that does not end at once: it is for the end of a log.
const patience = time.Hour

func pausesAreOver(d time.Duration) <-chan time.Time {
	if d == patience {
		return nil
	}
	over := make(chan time.Time)
	close(over)
	return over
}

func newConfig(t *testing.T) (*engine, container.Config) {
	t.Helper()
	e, connected := newEngine(t)
	t.Cleanup(func() { e.change(func() { e.down = false }) })
	return e, container.Config{
		Engine: connected, FleetName: "test", Dir: t.TempDir(), Network: "ecsrunner-test",
		Grace: 7 * time.Second, Patience: patience, After: pausesAreOver,
	}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{notes: make(chan fleet.Task, 100), warns: &bytes.Buffer{}}
	b.engine, b.cfg = newConfig(t)
	b.cfg.Log = slog.New(slog.NewTextHandler(b.warns, nil))
	b.restart()
	return b
}

// restart kills the fleet and opens the next one's ledger on the data directory.
func (b *bench) restart() {
	b.t.Helper()
	if b.Fleet != nil {
		b.Kill()
	}
	runner, err := container.New(b.cfg)
	if err == nil {
		b.Fleet, err = tasktest.Open(b.t.Context(), task.Config{Dir: b.cfg.Dir, Runner: runner, Notify: func(task fleet.Task) { b.notes <- task }})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	opened := b.Fleet
	b.t.Cleanup(func() { _ = opened.Close(context.Background()) })
}

func spec() task.Spec {
	return task.Spec{RunnerID: "test-7-1", ClientToken: "test-7-1.0", Image: "sha256:image", CPU: 1536, Memory: 2048, Env: map[string]string{"CLAIM_TOKEN": "once", "A": "b c"}}
}

func (b *bench) launch() fleet.Task {
	b.t.Helper()
	task, err := b.Launch(b.t.Context(), spec())
	if err != nil {
		b.t.Fatal(err)
	}
	return task
}

func (b *bench) await(status string) fleet.Task {
	b.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case task := <-b.notes:
			if task.LastStatus == status {
				return task
			}
		case <-limit:
			b.t.Fatalf("no task is %s within 30 s", status)
		}
	}
}

func (b *bench) logged() string {
	text, err := os.ReadFile(filepath.Join(b.cfg.Dir, "logs", "test-7-1.log"))
	if err != nil {
		b.t.Error(err)
	}
	return string(text)
}

// left are the containers that are there.
func (b *bench) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.containers)
}

func TestATasksLife(t *testing.T) {
	b := newBench(t)
	launched := b.launch()
	b.await(fleet.TaskRunning)
	b.exits(7, "ends\n")
	end := b.await(fleet.TaskStopped)
	if end.ARN != launched.ARN || *end.ExitCode() != 7 || end.StopCode != fleet.StopEssentialContainerExited || end.StoppedReason != "Essential container in task exited" {
		t.Errorf("it ended as %+v", end)
	}
	if b.logged() != "begins\nends\n" {
		t.Errorf("the log is %q", b.logged())
	}
	if err := b.Close(t.Context()); err != nil || b.left() != 0 || len(b.created) != 1 {
		t.Errorf("%v: %d containers are left of %d", err, b.left(), len(b.created))
	}
}

// What the engine is asked for: the class's limits, and nothing that would open this
// machine or put another process before the entrypoint.
func TestWhatAContainerGets(t *testing.T) {
	b := newBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	asked := b.created[0]
	host := asked["HostConfig"].(map[string]any)
	for key, want := range map[string]any{
		"NanoCpus": 1.5e9, "Memory": float64(2048 << 20), "MemorySwap": float64(2048 << 20), "PidsLimit": 4096.0, "Init": false, "NetworkMode": "ecsrunner-test",
	} {
		if host[key] != want {
			t.Errorf("%s is %v, want %v", key, host[key], want)
		}
	}
	for _, key := range []string{"Privileged", "Binds", "Mounts", "VolumesFrom", "CapAdd", "CapDrop", "Devices", "DeviceRequests", "SecurityOpt", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "PortBindings", "PublishAllPorts", "ExtraHosts", "Sysctls", "CgroupParent", "AutoRemove"} {
		switch value := host[key].(type) {
		case nil, bool:
			if value == true {
				t.Errorf("%s is %v", key, value)
			}
		case string:
			if value != "" {
				t.Errorf("%s is %q", key, value)
			}
		case []any:
			if len(value) > 0 {
				t.Errorf("%s is %v", key, value)
			}
		case map[string]any:
			if len(value) > 0 {
				t.Errorf("%s is %v", key, value)
			}
		}
	}
	env := asked["Env"].([]any)
	if len(env) != 2 || env[0] != "A=b c" || env[1] != "CLAIM_TOKEN=once" || asked["Volumes"] != nil {
		t.Errorf("environment %v, volumes %v", env, asked["Volumes"])
	}
}

// Docker isolates the containers of a network if asked to; Podman keeps networks apart.
func TestWhichNetworksAreIsolated(t *testing.T) {
	for component, want := range map[string]bool{"Engine": true, "Podman Engine": false} {
		_, e := newEngineOf(t, component)
		for range 2 { // made, and found
			if got, err := e.EnsureNetwork(t.Context(), "ecsrunner-test", nil); err != nil || got.Isolated != want || got.Apart == want || got.Gateway != "10.1.0.1" {
				t.Errorf("%s: %+v, %v", component, got, err)
			}
		}
	}
}

// Podman ends a followed log when the container ends, not when the log does, and leaves
// out lines before that. Docker drops the oldest lines of a log that is too long.
func TestTheLogIsMendedWhenTheContainerHasEnded(t *testing.T) {
	const whole = "begins\nmore\nthe end\n"
	for what, test := range map[string]struct {
		followed string
		rotated  int
	}{
		"all came":                      {followed: whole},
		"the end is missing":            {followed: "begins\nmore\n"},
		"a part of a line is missing":   {followed: "begins\nmore\nthe"},
		"lines before the end are":      {followed: "begins\nthe end\n"},
		"all is missing":                {followed: ""},
		"the engine's has no beginning": {followed: whole, rotated: len("begins\n")},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.followed, b.rotated = func(string) string { return test.followed }, test.rotated
			b.launch()
			b.await(fleet.TaskRunning)
			b.exits(0, "more\nthe end\n")
			b.await(fleet.TaskStopped)
			if b.logged() != whole {
				t.Errorf("the log is %q", b.logged())
			}
		})
	}
}

// The engine's copy of a log is bounded, and larger than what is read of it.
func TestTheEnginesLogIsBounded(t *testing.T) {
	b := newBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	got, want := b.created[0]["HostConfig"].(map[string]any)["LogConfig"], map[string]any{
		"Type": "json-file", "Config": map[string]any{"max-size": strconv.Itoa(4 * task.DefaultMaxLog), "max-file": "1"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the engine's log is %v, want %v", got, want)
	}
}

// An engine that bounds no disk is asked once, and a warning says so.
func TestTheDiskIsBoundedWhereTheEngineCan(t *testing.T) {
	for what, test := range map[string]struct {
		disk    int
		bounded bool // by the engine
		want    any
		asked   int
	}{
		"an engine that can":                 {21, true, map[string]any{"size": "21G"}, 2},
		"an engine that cannot":              {21, false, nil, 3},
		"a process's disk, which has no end": {0, true, nil, 2},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.quota = test.bounded
			for i, id := range []string{"test-7-1", "test-8-1"} {
				s := spec()
				s.RunnerID, s.ClientToken, s.DiskGiB = id, id, test.disk
				if _, err := b.Launch(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				b.await(fleet.TaskRunning)
				if got := b.created[i]["HostConfig"].(map[string]any)["StorageOpt"]; !reflect.DeepEqual(got, test.want) {
					t.Errorf("the disk of %s is %v, want %v", id, got, test.want)
				}
			}
			if n := strings.Count(b.warns.String(), "does not bound what a container writes"); b.asked != test.asked || (n == 1) == test.bounded {
				t.Errorf("asked %d times, %d warnings", b.asked, n)
			}
		})
	}
}

// A class that wants more than the machine has gets what it has, with one warning.
func TestAClassThatIsTooLarge(t *testing.T) {
	b := newBench(t)
	for i, id := range []string{"test-7-1", "test-8-1"} {
		s := spec()
		s.RunnerID, s.ClientToken, s.CPU, s.Memory = id, id, 4096, 8192
		if _, err := b.Launch(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		b.await(fleet.TaskRunning)
		host := b.created[i]["HostConfig"].(map[string]any)
		if host["NanoCpus"] != 2e9 || host["Memory"] != float64(4<<30) {
			t.Errorf("it gets %v and %v", host["NanoCpus"], host["Memory"])
		}
	}
	if n := strings.Count(b.warns.String(), "a class wants more than this machine has"); n != 2 { // processors, and memory
		t.Errorf("%d warnings: %s", n, b.warns)
	}
}

func TestStopIsTheEngines(t *testing.T) {
	b := newBench(t)
	launched := b.launch()
	b.await(fleet.TaskRunning)
	if err := b.Stop(t.Context(), launched.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	b.await(fleet.TaskStopped)
	if len(b.stops) != 1 || b.stops[0] != "t=7" {
		t.Errorf("stopped with %q", b.stops)
	}
}

// A container that was made and not started is started once; one that has ended is not
// started again.
func TestKilledBetweenCreateAndStart(t *testing.T) {
	for status, exit := range map[string]int{"created": 0, "exited": 3} {
		t.Run(status, func(t *testing.T) {
			b := newBench(t)
			b.launch()
			b.await(fleet.TaskRunning)
			b.Kill()
			path := filepath.Join(b.cfg.Dir, "containers", "test-7-1.json")
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, bytes.Replace(text, []byte(`"lastStatus":"RUNNING"`), []byte(`"lastStatus":"PENDING"`), 1), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			b.change(func() {
				for _, c := range b.containers {
					c.Status, c.Exit = status, exit
				}
			})
			b.restart()
			if err := b.Resume(); err != nil {
				t.Fatal(err)
			}
			b.await(fleet.TaskRunning)
			b.exits(0, "")
			if end := b.await(fleet.TaskStopped); end.ExitCode() == nil || *end.ExitCode() != exit || len(b.created) != 1 {
				t.Errorf("it ended as %+v after %d creates", end, len(b.created))
			}
		})
	}
}

func TestRemovedByAnotherProgram(t *testing.T) {
	b := newBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	b.Kill()
	b.change(func() { clear(b.containers) })
	b.restart()
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	if end := b.await(fleet.TaskStopped); end.ExitCode() != nil || end.StoppedReason != "Essential container in task exited: its container was removed while the fleet was down" {
		t.Errorf("it ended as %+v", end)
	}
}

// Containers that name a data directory, but no task that can be a fleet's, are left
// alone, as are those of other directories.
func TestContainersOfOthersStay(t *testing.T) {
	b := newBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	b.Kill()
	b.change(func() {
		ours := b.runs("test-7-1").Labels
		for name, change := range map[string][2]string{
			"no task": {"ecsrunner.task-arn", ""}, "another's task": {"ecsrunner.task-arn", "local:task/test-1-1/0"},
			"a path": {"ecsrunner.runner-id", "../test"}, "another folder": {"ecsrunner.data-dir", "another"},
		} {
			labels := maps.Clone(ours)
			labels[change[0]] = change[1]
			b.containers[name] = &box{ID: name, Name: name, Status: "running", Labels: labels}
		}
	})
	b.restart()
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	if list := b.List(""); b.left() != 5 || len(list) != 1 {
		t.Errorf("%d containers are left; known are %+v", b.left(), list)
	}
}

// An engine that does not answer for a while has not ended a task.
func TestAnEngineThatIsDown(t *testing.T) {
	b := newBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	b.change(func() { b.down = true })
	for range 3 {
		b.change(func() {})
	}
	b.change(func() { b.down = false })
	b.exits(4, "")
	if end := b.await(fleet.TaskStopped); *end.ExitCode() != 4 {
		t.Errorf("it ended as %+v", end)
	}
}

// An engine that is down when the fleet starts may still have its containers.
func TestAnEngineThatIsDownAtTheStart(t *testing.T) {
	e, cfg := newConfig(t)
	e.change(func() { e.down = true })
	runner, err := container.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := task.Open(t.Context(), task.Config{Dir: cfg.Dir, Runner: runner}); err == nil || !strings.Contains(err.Error(), "look for containers of an earlier process") {
		t.Errorf("opened with %v", err)
	}
}

// The answer to create may be lost: the container is there, and is the task's.
func TestALostAnswer(t *testing.T) {
	b := newBench(t)
	b.change(func() { b.loses["create"] = true })
	b.launch()
	b.await(fleet.TaskRunning)
	b.exits(0, "")
	if end := b.await(fleet.TaskStopped); *end.ExitCode() != 0 || len(b.created) != 1 {
		t.Errorf("it ended as %+v, after %d creates", end, len(b.created))
	}
}

// If the engine stops answering for good, the task is given up, and says why.
func TestNoAnswerAtAll(t *testing.T) {
	b := newBench(t)
	b.change(func() { b.down = true })
	b.launch()
	if end := b.await(fleet.TaskStopped); end.StopCode != fleet.StopTaskFailedToStart || !strings.Contains(end.StoppedReason, "the engine is down") {
		t.Errorf("it ended as %+v", end)
	}
}

func TestWhyAContainerEnded(t *testing.T) {
	b := newBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	b.change(func() {
		for _, c := range b.containers {
			c.OOM = true
		}
	})
	b.exits(137, "")
	if end := b.await(fleet.TaskStopped); end.Containers[0].Reason != "OutOfMemoryError: Container killed due to memory usage" {
		t.Errorf("it ended as %+v", end)
	}
	gone := spec()
	gone.ClientToken, gone.Image = "test-7-1.1", "sha256:gone"
	if _, err := b.Launch(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if end := b.await(fleet.TaskStopped); end.StopCode != fleet.StopTaskFailedToStart || end.StoppedReason != "CannotPullContainerError: image sha256:gone is not on this machine any more" {
		t.Errorf("it ended as %+v", end)
	}
}

func TestALogIsLimited(t *testing.T) {
	b := newBench(t)
	b.cfg.MaxLog = 100
	b.restart()
	for _, token := range []string{"test-7-1.0", "test-7-1.1"} {
		s := spec()
		s.ClientToken = token
		if _, err := b.Launch(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		b.await(fleet.TaskRunning)
		b.exits(0, strings.Repeat("x", 1000))
		b.await(fleet.TaskStopped)
	}
	const cut = "\necsrunner: the log was cut here: it is limited to 100 bytes\n"
	if got := b.logged(); strings.Count(got, cut) != 2 || len(got) != 2*(100+len(cut)) || strings.Count(got, "begins") != 2 {
		t.Errorf("the log is %q", got)
	}
}

func TestBuildsThatFail(t *testing.T) {
	for name, c := range map[string]struct{ says, want string }{
		"our own check": {
			`{"stream":"STEP 3/9: RUN check-base\n"}{"stream":"ecsrunner: the base image "}{"stream":"is built on musl\n"}{"stream":"more\n"}{"error":"exit status 1"}`, "the base image is built on musl"},
		"Docker's words": {
			`{"stream":"Step 2/9 : RUN apt-get update"}{"stream":"\n ---\u003e Running in 0a\n"}{"stream":"E: no network\n"}{"errorDetail":{"message":"x"},"error":"The command returned a non-zero code: 100"}`,
			`The command returned a non-zero code: 100 in step "RUN apt-get update": ---> Running in 0a / E: no network`},
		"before a step": {`{"error":"no such image: a\nb"}`, "no such image: a\nb"},
		"cut":           {`{"stream":"STEP 1/2: FROM x\n"}{"error":"` + strings.Repeat("x", 900) + `"}`, strings.Repeat("x", 299) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			e, connected := newEngine(t)
			e.builds = c.says
			var said bytes.Buffer
			_, err := connected.Build(t.Context(), container.BuildRequest{Context: strings.NewReader(""), Tag: "x", Output: &said})
			if failed := new(container.BuildError); !errors.As(err, &failed) || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestNoEngine(t *testing.T) {
	_, err := container.Connect(t.Context(), "unix:///nowhere/docker.sock")
	if err == nil || !strings.Contains(err.Error(), "no container engine answers at unix:///nowhere/docker.sock") || !strings.Contains(err.Error(), "set DOCKER_HOST") {
		t.Errorf("got %v", err)
	}
	_, connected := newEngine(t)
	if connected.Name() != "Podman 4.3.1" {
		t.Errorf("it is called %s", connected.Name())
	}
}
