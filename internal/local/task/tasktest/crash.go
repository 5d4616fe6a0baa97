package tasktest

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

func killedBeforeStart(t *testing.T, b *bench) {
	b.killed(Pending, id)
	was := b.recorded().Task
	b.resume()
	end := b.await(fleet.TaskStopped)
	if end.ARN != was.ARN || end.Version <= was.Version || end.StopCode != fleet.StopTaskFailedToStart ||
		end.StoppedReason != "CannotStartContainerError: the fleet was killed while it started the task" || end.ExitCode() != nil {
		t.Errorf("%+v has become %+v", was, end)
	}
	if again := b.launch(id); again.ARN != was.ARN || again.LastStatus != fleet.TaskStopped {
		t.Errorf("the same client token gives %+v", again)
	}
	b.wantOver()
}

func takenOver(t *testing.T, b *bench, point Point) {
	if point == Started && !b.FindsMarks() {
		t.Skip("no marks are found here")
	}
	b.killed(point, id)
	was := b.recorded().Task
	b.resume()
	running := b.await(fleet.TaskRunning)
	if running.ARN != was.ARN || running.StartedAt == nil || running.ExitCode() != nil {
		t.Errorf("%+v has become %+v", was, running)
	}
	if now, ok := b.Describe(was.ARN); !ok || now.LastStatus != fleet.TaskRunning {
		t.Errorf("described as %+v, %v", now, ok)
	}
	if list := b.List(id); len(list) != 1 || list[0].ARN != was.ARN {
		t.Errorf("listed %+v", list)
	}
	b.Exit(id, 5)
	b.wantExitOf(b.await(fleet.TaskStopped), was.ARN, 5)
	b.wantOver()
}

func takenOverTwice(_ *testing.T, b *bench) {
	b.KillFleet(Running, id)
	b.killed(Running)
	arn := b.recorded().Task.ARN
	b.resume()
	b.resume()
	b.await(fleet.TaskRunning)
	b.Exit(id, 5)
	b.wantExitOf(b.await(fleet.TaskStopped), arn, 5)
	b.wantOver()
}

func stoppedAgain(t *testing.T, b *bench) {
	b.killed(Stopped, id)
	b.resume()
	wantExit(t, b.await(fleet.TaskStopped), b.recorded().Task.ARN, 7)
	b.wantOver()
}

func stoppedOnce(t *testing.T, b *bench) {
	b.killed(Done, id)
	was := b.recorded().Task
	b.resume()
	wantExit(t, b.launch(id), was.ARN, 7)
	b.wantOver()
	b.advance(aDay)
	b.open()
	if now, ok := b.Describe(was.ARN); ok {
		t.Errorf("after a day, described as %+v", now)
	}
	if _, err := os.Stat(b.path()); !os.IsNotExist(err) {
		t.Errorf("after a day, it has its record (%v)", err)
	}
}

func stopOutlives(t *testing.T, b *bench) {
	b.killed(Stopping, id)
	b.resume()
	wantStopped(t, b.await(fleet.TaskStopped))
	b.wantOver()
}

func endsMeanwhile(_ *testing.T, b *bench) {
	b.KillFleet(Running, id)
	b.Exit(id, 5)
	b.open()
	b.resume()
	arn := b.recorded().Task.ARN
	for task := range b.notes {
		if task.LastStatus == fleet.TaskStopped {
			b.wantExitOf(task, arn, 5)
			break
		}
	}
	b.wantOver()
}

func oneOfTwo(t *testing.T, b *bench) {
	b.KillFleet(Running, id, other)
	b.Exit(id, 5)
	b.open()
	b.resume()
	seen := map[string]string{}
	for seen[id] != fleet.TaskStopped || seen[other] == "" {
		task := <-b.notes
		seen[task.StartedBy] = task.LastStatus
	}
	if seen[other] != fleet.TaskRunning {
		t.Errorf("notified %v", seen)
	}
}

func idempotentOverRestart(t *testing.T, b *bench) {
	b.killed(Running, id)
	if again := b.launch(id); again.ARN != b.recorded().Task.ARN || again.LastStatus != fleet.TaskRunning { // without Resume
		t.Errorf("the same client token gives %+v", again)
	}
	b.refused(id)
	b.resume()
	b.await(fleet.TaskRunning)
}

func stopTakenOver(t *testing.T, b *bench) {
	b.killed(Running, id)
	b.resume()
	task := b.await(fleet.TaskRunning)
	if err := b.Stop(context.Background(), task.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	wantStopped(t, b.await(fleet.TaskStopped))
	b.wantOver()
}

func stopBeforeResume(t *testing.T, b *bench) {
	b.killed(Running, id)
	if err := b.Stop(context.Background(), b.recorded().Task.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	b.open() // the ledger of yet another fleet
	b.resume()
	wantStopped(t, b.await(fleet.TaskStopped))
	b.wantOver()
}

func closeTakenOver(t *testing.T, b *bench) {
	b.killed(Running, id)
	if err := b.Close(context.Background()); err != nil {
		t.Error(err)
	}
	b.resume() // does nothing any more
	if b.Remains(id) == "" {
		t.Error("a ledger that took nothing over ended the task")
	}
	b.open()
	b.resume()
	b.await(fleet.TaskRunning)
	if err := b.Close(context.Background()); err != nil {
		t.Error(err)
	}
	b.await(fleet.TaskStopped)
	b.wantOver()
}

func cleared(t *testing.T, b *bench) {
	folder := filepath.Dir(b.path())
	unfinished, foreign := filepath.Join(folder, id+".json.new"), filepath.Join(folder, "Not a record")
	for _, path := range []string{unfinished, foreign} {
		if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.open()
	b.resume()
	if _, err := os.Stat(unfinished); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", unfinished, err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("what is not ours is gone: %v", err)
	}
}

func unusableAndGone(t *testing.T, b *bench) {
	b.write("spoilt, and without a task")
	b.open()
	if err := b.Resume(); err == nil || !strings.Contains(err.Error(), b.path()) {
		t.Errorf("no word about the record: %v", err)
	}
	if list := b.List(""); len(list) != 0 {
		t.Errorf("knows %+v", list)
	}
	b.launch(id)
	b.await(fleet.TaskRunning)
}

// unusable spoils the record of a running task while the fleet is down. That never ends
// a task which may run a job: its mark says what it is.
func unusable(t *testing.T, on func(*testing.T) Machine) {
	for name, spoil := range map[string]*regexp.Regexp{
		"half":           regexp.MustCompile(`"lastStatus".*`),
		"empty":          regexp.MustCompile(`.*`),
		"later schema":   regexp.MustCompile(`(?P<schema>"schema":)\d`),
		"another's":      regexp.MustCompile(`"startedBy":"` + id),
		"no container":   regexp.MustCompile(`"containers":\[[^]]*\],`),
		"no such status": regexp.MustCompile(`"lastStatus":"RUNNING`),
		"stopped when?":  regexp.MustCompile(`"lastStatus":"(?P<running>RUNNING)`),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, on(t))
			b.KillFleet(Running, id)
			arn := b.recorded().Task.ARN
			content, err := os.ReadFile(b.path())
			if err != nil {
				t.Fatal(err)
			}
			b.write(spoil.ReplaceAllString(string(content), map[string]string{
				"later schema": "${schema}99", "another's": `"startedBy":"demo-8-1`,
				"no such status": `"lastStatus":"GONE`, "stopped when?": `"lastStatus":"STOPPED`,
			}[name]))
			b.open()
			if err := b.Resume(); err == nil || !strings.Contains(err.Error(), b.path()) {
				t.Errorf("no word about the record: %v", err)
			}
			if _, err := os.Stat(b.path() + ".unreadable"); err != nil {
				t.Errorf("it was not put aside: %v", err)
			}
			b.wantFoundByMark(arn)
		})
	}
}

func missing(t *testing.T, b *bench) {
	b.KillFleet(Running, id)
	arn := b.recorded().Task.ARN
	if err := os.Remove(b.path()); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.resume()
	b.wantFoundByMark(arn)
}

func (b *bench) wantFoundByMark(arn string) {
	b.t.Helper()
	if !b.FindsMarks() {
		return
	}
	if running := b.await(fleet.TaskRunning); running.ARN != arn || running.StartedBy != id {
		b.t.Errorf("took over %+v", running)
	}
	if _, err := b.Launch(context.Background(), b.Spec(id)); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
		b.t.Errorf("a second task for a runner gives %v", err)
	}
	b.Exit(id, 5)
	b.wantExitOf(b.await(fleet.TaskStopped), arn, 5)
	b.wantOver()
}

// previous are records as the release before the ledger wrote them: of a running task,
// and of one that has stopped. They differ in the process, and in how it stopped.
var previous = map[task.Kind][2]string{
	task.Processes: {
		`{"schema":2,"client_token":"demo-7-1.0","parameters":"P","pid":1,"start_time":"S","task":{"taskArn":"A","startedBy":"demo-7-1","lastStatus":"RUNNING","desiredStatus":"RUNNING","containers":[{"name":"runner"}],"createdAt":"2026-08-01T12:00:00Z","startedAt":"2026-08-01T12:00:00Z","version":2}}`,
		`{"schema":2,"client_token":"demo-7-1.0","parameters":"P","pid":29439,"start_time":"64584 after d45ad606-d549-44cb-b888-929f2f971476","task":{"taskArn":"local:task/demo-7-1/43f9eebac7c10861","startedBy":"demo-7-1","lastStatus":"STOPPED","desiredStatus":"STOPPED","stopCode":"EssentialContainerExited","stoppedReason":"Essential container in task exited","containers":[{"name":"runner","exitCode":3}],"createdAt":"2026-08-01T12:00:00Z","startedAt":"2026-08-01T12:00:00Z","stoppedAt":"2026-08-01T12:00:00Z","version":3}}`,
	},
	task.Containers: {
		`{"schema":1,"client_token":"demo-7-1.0","parameters":"P","log_from":0,"task":{"taskArn":"A","startedBy":"demo-7-1","lastStatus":"RUNNING","desiredStatus":"RUNNING","containers":[{"name":"runner"}],"createdAt":"2026-08-01T12:00:00.08339588Z","startedAt":"2026-08-01T12:00:00.085644431Z","version":2}}`,
		`{"schema":1,"client_token":"demo-7-1.0","parameters":"P","log_from":0,"task":{"taskArn":"local:task/demo-7-1/e0eab0b68477f52e","startedBy":"demo-7-1","lastStatus":"STOPPED","desiredStatus":"STOPPED","stopCode":"EssentialContainerExited","stoppedReason":"Essential container in task exited","containers":[{"name":"runner","exitCode":3}],"createdAt":"2026-08-01T12:00:00.08339588Z","startedAt":"2026-08-01T12:00:00.085644431Z","stoppedAt":"2026-08-01T12:00:00.088027127Z","version":3}}`,
	},
}

func previousRunning(t *testing.T, b *bench) {
	b.KillFleet(Running, id)
	is := b.recorded()
	b.write(strings.NewReplacer(
		`"parameters":"P"`, `"parameters":"`+is.Parameters+`"`,
		`"taskArn":"A"`, `"taskArn":"`+is.Task.ARN+`"`,
		`"pid":1,"start_time":"S"`, `"pid":`+strconv.Itoa(is.PID)+`,"start_time":"`+is.StartTime+`"`,
	).Replace(previous[b.Runner().Kind()][0]))
	b.open()
	b.resume()
	if running := b.await(fleet.TaskRunning); running.ARN != is.Task.ARN || running.Version != 2 {
		t.Errorf("took over %+v", running)
	}
	if again := b.launch(id); again.ARN != is.Task.ARN {
		t.Errorf("the same client token gives %+v", again)
	}
	b.Exit(id, 5)
	b.wantExitOf(b.await(fleet.TaskStopped), is.Task.ARN, 5)
	b.wantOver()
}

func previousStopped(t *testing.T, b *bench) {
	b.write(previous[b.Runner().Kind()][1])
	arn := b.recorded().Task.ARN
	b.open()
	b.resume()
	wantExit(t, b.await(fleet.TaskStopped), arn, 3)
	b.wantOver()
	b.open()
	b.resume()
	b.wantOver()
}
