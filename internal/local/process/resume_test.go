package process

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestKilledBeforeTheFork(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(fleet.TaskPending, "wait")
	was := r.recorded("demo-7-1")
	r.resume()
	task := r.await(fleet.TaskStopped)
	wantEnded(t, task, fleet.StopTaskFailedToStart, reasonNeverForked)
	if task.ARN != was.ARN || task.StartedBy != "demo-7-1" || task.Version <= was.Version {
		t.Errorf("%+v has become %+v", was, task)
	}
	r.wantCleared("demo-7-1")
	if again := r.launch("demo-7-1", "wait"); again.ARN != task.ARN || again.LastStatus != fleet.TaskStopped {
		t.Errorf("the same client token gives %+v", again)
	}
	r.onlyOnce()
}

func TestTasksThatLiveAreTakenOver(t *testing.T) {
	for _, point := range []string{pointForked, fleet.TaskRunning} {
		t.Run(point, func(t *testing.T) {
			if point == pointForked && !findsDaemons {
				t.Skip("no marks are found here")
			}
			r := newRig(t, nil)
			r.killFleet(point, "wait", "wait")
			was := r.recorded("demo-7-1")
			r.resume()
			running := r.await(fleet.TaskRunning)
			if running.ARN != was.ARN || running.StartedAt == nil || running.ExitCode() != nil {
				t.Errorf("%+v has become %+v", was, running)
			}
			if now, ok := r.Describe(context.Background(), was.ARN); !ok || now.LastStatus != fleet.TaskRunning {
				t.Errorf("described as %+v, %v", now, ok)
			}
			if list := r.List(context.Background(), "demo-7-1"); len(list) != 1 || list[0].ARN != was.ARN {
				t.Errorf("listed %+v", list)
			}
			if found := r.record("demo-7-1"); !alive(found.PID, found.StartTime) {
				t.Errorf("recorded %+v", found)
			}
			r.meet("wait").letGoOn()
			wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonTakenOver)
			r.wantCleared("demo-7-1")
			r.onlyOnce()
		})
	}
}

func TestKilledBeforeStoppedWasNotified(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(fleet.TaskStopped, "exit 7")
	r.resume()
	wantStopped(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, "Essential container in task exited", 7)
	r.wantCleared("demo-7-1")
	r.onlyOnce()
}

func TestStoppedTasksAreKnownAfterARestart(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(pointDone, "exit 7")
	was := r.recorded("demo-7-1")
	r.resume()
	if again := r.launch("demo-7-1", "exit 7"); again.ARN != was.ARN || again.ExitCode() == nil || *again.ExitCode() != 7 {
		t.Errorf("the same client token gives %+v, want %+v", again, was)
	}
	r.onlyOnce()
	r.clock.advance(remembered + time.Second)
	r.restart()
	if now, ok := r.Describe(context.Background(), was.ARN); ok {
		t.Errorf("after a day, described as %+v", now)
	}
	if _, err := os.Stat(r.recordPath("demo-7-1")); !os.IsNotExist(err) {
		t.Errorf("after a day, it has its record (%v)", err)
	}
}

func TestLaunchIsIdempotentOverARestart(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(fleet.TaskRunning, "wait", "wait")
	was := r.recorded("demo-7-1")
	r.restart() // Launch need not wait for Resume
	if again := r.launch("demo-7-1", "wait"); again.ARN != was.ARN || again.LastStatus != fleet.TaskRunning {
		t.Errorf("the same client token gives %+v", again)
	}
	for name, change := range map[string]func(*Spec){
		"the same client token with another environment": func(s *Spec) { s.Env["CLAIM_TOKEN"] = "another" },
		"the same client token with another size":        func(s *Spec) { s.CPU = "512" },
		"a second task": func(s *Spec) { s.ClientToken = "demo-7-1.1" },
	} {
		s := spec("demo-7-1", "wait")
		change(&s)
		if task, err := r.Launch(context.Background(), s); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
			t.Errorf("%s gives %+v, %v", name, task, err)
		}
	}
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	r.await(fleet.TaskRunning)
}

func TestStopOfATaskTakenOver(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(fleet.TaskRunning, "wait", "wait")
	r.resume()
	task := r.await(fleet.TaskRunning)
	if err := r.Stop(context.Background(), task.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopUserInitiated, "no longer wanted")
	r.meet("wait").awaitDeath(t)
	r.wantCleared("demo-7-1")
}

func TestStopOutlivesTheFleet(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(fleet.TaskRunning, "defy", "defy")
	r.restart()
	if err := r.Stop(context.Background(), r.recorded("demo-7-1").ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	r.resume() // of yet another launcher
	r.clock.expire(r.cfg.Grace)
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopUserInitiated, "no longer wanted")
	r.meet("defy").awaitDeath(t)
	r.wantCleared("demo-7-1")
	if got, want := r.log("demo-7-1"), "ecsrunner: the task did not end within 1m0s of SIGTERM: killed\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestStopBeforeTheForkOutlivesTheFleet(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(pointStopping, "defy")
	r.resume()
	task := r.await(fleet.TaskStopped)
	if task.StopCode != fleet.StopUserInitiated || task.StoppedReason != "no longer wanted" {
		t.Errorf("stopped as %+v", task)
	}
	r.wantCleared("demo-7-1")
}

func TestWhatOutlivesALeaderTakenOverIsEnded(t *testing.T) {
	r := newRig(t, nil)
	left := leftovers()
	r.killFleet(fleet.TaskRunning, "leave", append(left, "leave")...)
	r.resume()
	r.await(fleet.TaskRunning)
	r.meet("leave").letGoOn()
	r.clock.expire(leftoverGrace)
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonTakenOver)
	for _, name := range left {
		r.meet(name).awaitDeath(t)
	}
	r.wantCleared("demo-7-1")
}

// All of the task's processes that lead a session carry its mark.
func TestLeaderThatWasNotRecordedIsFoundAmongDaemons(t *testing.T) {
	if !findsDaemons {
		t.Skip("no marks are found here")
	}
	r := newRig(t, nil)
	left := leftovers()
	r.killFleet(pointForked, "leave", append(left, "leave")...)
	r.resume()
	r.await(fleet.TaskRunning)
	r.meet("leave").letGoOn()
	r.clock.expire(leftoverGrace)
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonTakenOver)
	for _, name := range left {
		r.meet(name).awaitDeath(t)
	}
}

func TestWhatOutlivesALeaderThatIsGoneIsEnded(t *testing.T) {
	if !findsDaemons {
		t.Skip("no marks are found here")
	}
	r := newRig(t, nil)
	left := leftovers()
	r.killFleet(fleet.TaskRunning, "leave", append(left, "leave")...)
	r.meet("leave").letGoOn()
	r.meet("leave").awaitDeath(t)
	r.resume()
	r.clock.expire(leftoverGrace)
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonWhileDown)
	for _, name := range left {
		r.meet(name).awaitDeath(t)
	}
	r.wantCleared("demo-7-1")
	r.onlyOnce()
}

// One process with the mark proves that the session is the task's. Without its
// leader's id, only the mark leads to what is left.
func TestSessionOfALeaderThatIsGone(t *testing.T) {
	if !findsDaemons {
		t.Skip("no marks are found here")
	}
	for point, test := range map[string]struct {
		code, reason string
		left         []string
	}{
		fleet.TaskRunning: {fleet.StopEssentialContainerExited, reasonWhileDown, []string{"wait marked", "wait unmarked"}},
		pointForked:       {fleet.StopTaskFailedToStart, reasonNeverForked, []string{"wait marked"}},
	} {
		t.Run(point, func(t *testing.T) {
			r := newRig(t, nil)
			r.killFleet(point, "leave-two", "leave-two", "wait marked", "wait unmarked")
			r.meet("leave-two").letGoOn()
			r.meet("leave-two").awaitDeath(t)
			r.resume()
			wantEnded(t, r.await(fleet.TaskStopped), test.code, test.reason)
			for _, name := range test.left {
				r.meet(name).awaitDeath(t)
			}
			r.wantCleared("demo-7-1")
		})
	}
}

func leftovers() []string {
	left := []string{"wait in-group", "defy in-group", "defy own-group"}
	if findsDaemons {
		left = append(left, "defy daemon")
	}
	return left
}

func TestOneLivesAndOneIsGone(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(pointTwoRun, "wait,defy", "wait", "defy")
	r.meet("wait").letGoOn()
	r.meet("wait").awaitDeath(t)
	r.resume()
	seen := map[string]string{}
	for len(seen) < 2 {
		task := <-r.notes
		seen[task.StartedBy] = task.LastStatus
	}
	if seen["demo-7-1"] != fleet.TaskStopped || seen["demo-8-1"] != fleet.TaskRunning {
		t.Errorf("notified %v", seen)
	}
	r.wantCleared("demo-7-1")
}

func TestTakenOverTwice(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(fleet.TaskRunning, "wait", "wait")
	r.killFleet(fleet.TaskRunning, "")
	r.resume()
	if err := r.Resume(); err != nil {
		t.Error(err)
	}
	r.await(fleet.TaskRunning)
	r.meet("wait").letGoOn()
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonTakenOver)
	r.wantCleared("demo-7-1")
	r.onlyOnce()
}

func TestCloseEndsWhatWasTakenOver(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(fleet.TaskRunning, "wait", "wait")
	r.restart()
	if err := r.Close(context.Background()); err != nil { // of what was not
		t.Error(err)
	}
	if err := r.Resume(); err != nil {
		t.Error(err)
	}
	if found := r.record("demo-7-1"); !alive(found.PID, found.StartTime) {
		t.Errorf("a launcher that took nothing over ended %+v", found)
	}
	r.resume()
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
	r.meet("wait").awaitDeath(t)
	r.wantCleared("demo-7-1")
}

func TestLogOfATaskTakenOverIsLimited(t *testing.T) {
	const limit = 10_000
	r := newRig(t, func(c *Config) { c.MaxLog = limit })
	r.killFleet(fleet.TaskRunning, "print 1000000", "print 1000000")
	child := r.meet("print 1000000")
	child.line(t)
	r.resume()
	r.await(fleet.TaskRunning)
	r.clock.expire(trimInterval)
	r.clock.expire(trimInterval) // waited for when the log has been trimmed
	if got := r.log("demo-7-1"); len(got) > limit+100 || !strings.Contains(got, "limited to 10000 bytes") {
		t.Errorf("the log has %d bytes", len(got))
	}
	child.letGoOn()
	r.await(fleet.TaskStopped)
}

// rewrite changes the record of a runner.
func (r *rig) rewrite(id string, change func(*record)) {
	r.t.Helper()
	found := r.record(id)
	change(&found)
	content, err := json.Marshal(found)
	if err == nil {
		err = os.WriteFile(r.recordPath(id), content, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// The record names a process which has the id by now, but not the start time. It
// leads a session, too.
func TestIDThatIsAnothersByNow(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(fleet.TaskRunning, "wait", "wait")
	r.meet("wait").letGoOn()
	r.meet("wait").awaitDeath(t)
	other := stranger(t, r, "leave")
	r.rewrite("demo-7-1", func(found *record) { found.PID, found.StartTime = other.Process.Pid, "another" })
	r.resume()
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonWhileDown)
	r.wantCleared("demo-7-1")
	r.meet("leave").letGoOn()
	_ = other.Wait()
	if code := other.ProcessState.ExitCode(); code != 3 {
		t.Errorf("the other process ended with %v", other.ProcessState)
	}
}

func TestSessionIsOnlyTheTasksOwn(t *testing.T) {
	r := newRig(t, nil)
	other := stranger(t, r, "leave")
	for _, name := range leftovers() {
		r.meet(name)
	}
	start, err := startTime(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		leader leader
		want   int
	}{
		"seen alive":                {leader{pid: other.Process.Pid, start: start, seen: true}, 3},
		"its id is another's":       {leader{pid: other.Process.Pid, start: start + "0", seen: true}, 0},
		"gone before one looked":    {leader{pid: other.Process.Pid, start: start}, 0},
		"never known, so session 0": {leader{}, 0},
	} {
		if got, _ := session(test.leader, taskVariable+"=none"); len(got) != test.want {
			t.Errorf("%s: %v, want %d", name, got, test.want)
		}
	}
}

func TestEndIsNoticedWithoutHandles(t *testing.T) {
	r := newRig(t, nil)
	other := stranger(t, r, "wait")
	start, err := startTime(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		awaitGone(other.Process.Pid, start, r.clock.After)
	}()
	r.clock.expire(goneInterval)
	r.clock.awaitWait(goneInterval) // so it was seen to live
	r.meet("wait").letGoOn()
	awaitExit(other.Process.Pid) // now a zombie
	r.clock.expire(goneInterval)
	<-gone
	awaitGone(other.Process.Pid, start, immediately)
}

func TestRecordsThatCannotBeUsed(t *testing.T) {
	tests := map[string]func(*rig){
		"half":           func(r *rig) { write(r.t, r.recordPath("demo-7-1"), `{"schema":2,"task":{"taskArn":`) },
		"empty":          func(r *rig) { write(r.t, r.recordPath("demo-7-1"), "") },
		"later schema":   func(r *rig) { r.rewrite("demo-7-1", func(f *record) { f.Schema = 99 }) },
		"another's":      func(r *rig) { r.rewrite("demo-7-1", func(f *record) { f.Task.StartedBy = "demo-8-1" }) },
		"all processes":  func(r *rig) { r.rewrite("demo-7-1", func(f *record) { f.PID = -1 }) },
		"no container":   func(r *rig) { r.rewrite("demo-7-1", func(f *record) { f.Task.Containers = nil }) },
		"no such status": func(r *rig) { r.rewrite("demo-7-1", func(f *record) { f.Task.LastStatus = "GONE" }) },
		"stopped when?":  func(r *rig) { r.rewrite("demo-7-1", func(f *record) { f.Task.LastStatus = fleet.TaskStopped }) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.killFleet(fleet.TaskRunning, "wait", "wait")
			was := r.recorded("demo-7-1")
			spoil(r)
			r.restart()
			if err := r.Resume(); err == nil || !strings.Contains(err.Error(), r.recordPath("demo-7-1")) {
				t.Errorf("no word about the record: %v", err)
			}
			if _, err := os.Stat(r.recordPath("demo-7-1") + unreadable); err != nil {
				t.Errorf("it was not put aside: %v", err)
			}
			if !findsDaemons {
				return
			}
			if task := r.await(fleet.TaskRunning); task.ARN != was.ARN {
				t.Errorf("took over %+v", task)
			}
			if _, err := r.Launch(context.Background(), spec("demo-7-1", "wait")); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
				t.Errorf("a second task for a runner gives %v", err)
			}
			r.meet("wait").letGoOn()
			wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonTakenOver)
			r.wantCleared("demo-7-1")
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatNobodyKnowsIsCleared(t *testing.T) {
	r := newRig(t, nil)
	if err := os.MkdirAll(filepath.Join(r.workDir("demo-9-1"), "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(r.cfg.Dir, runnersDir, "Not a runner")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, r.recordPath("demo-9-1")+unfinished, "{")
	write(t, r.recordPath("demo-8-1"), "spoilt, and without a process")
	r.restart()
	if err := r.Resume(); err == nil {
		t.Error("no word about the record")
	}
	for _, path := range []string{r.workDir("demo-9-1"), r.recordPath("demo-9-1") + unfinished, r.recordPath("demo-8-1")} {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there (%v)", path, err)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("what is not ours is gone: %v", err)
	}
	if list := r.List(context.Background(), ""); len(list) != 0 {
		t.Errorf("knows %+v", list)
	}
	r.launch("demo-8-1", "exit 0")
	r.await(fleet.TaskStopped)
}

// A task's last words come late, when its runner has the next one.
func TestRecordIsOfTheLastTask(t *testing.T) {
	told := make(chan struct{})
	r := newRig(t, func(c *Config) {
		note := c.Notify
		c.Notify = func(task fleet.Task) {
			note(task)
			if task.LastStatus == fleet.TaskStopped {
				<-told
			}
		}
	})
	first := r.launch("demo-7-1", "exit 0")
	r.await(fleet.TaskStopped)
	next := spec("demo-7-1", "wait")
	next.ClientToken = "demo-7-1.1"
	second, err := r.Launch(context.Background(), next)
	if err != nil {
		t.Fatal(err)
	}
	r.await(fleet.TaskRunning)
	close(told)
	<-r.tasks[first.ARN].done
	if got := r.recorded("demo-7-1"); got.ARN != second.ARN {
		t.Errorf("recorded %+v, want %s", got, second.ARN)
	}
}

func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
