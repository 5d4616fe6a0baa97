// Package tasktest holds both runners of tasks to what the ledger promises over them:
// processes and containers.
//
// Surprisingly, most of it is about fleets that are killed. Where tasks are processes,
// that fleet is a process of its own too, so that its tasks have lost their parent.
package tasktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// Machine is a machine that runs tasks of one kind.
type Machine interface {
	Dir() string         // the data directory
	Runner() task.Runner // of the next fleet on it

	// Spec is of a task whose program runs until Exit, or until SIGTERM.
	Spec(runnerID string) task.Spec

	// KillFleet makes a fleet of its own launch tasks, and kills it at a point. Tasks
	// that are to have stopped by then exit with 7.
	KillFleet(point Point, runnerIDs ...string)

	// Exit makes a task's program exit, and returns when it is gone.
	Exit(runnerID string, code int)

	// Remains is what exists of a runner's task beside its record and log, "" if
	// nothing.
	Remains(runnerID string) string

	FindsMarks() bool     // tasks whose record cannot be used
	KeepsExitCodes() bool // of tasks whose fleet was killed
}

// Run runs the suite, each test on a new machine.
func Run(t *testing.T, on func(*testing.T) Machine) {
	for name, test := range map[string]func(*testing.T, *bench){
		"a task runs from its start to its end":                          startToEnd,
		"a client token gives one task":                                  idempotent,
		"many callers with one client token get one task":                concurrent,
		"a runner's next task continues its log":                         nextTask,
		"a stopped task is forgotten after a day":                        forgotten,
		"a runner id is no path":                                         noPath,
		"a record has no secret":                                         noSecret,
		"a task is stopped with the first reason":                        stop,
		"a task that is to stop is not started":                          stopBeforeStart,
		"the last words of a task do not replace the record of the next": lastWords,
		"close stops what runs, and launches no more":                    closed,
		"killed before the start":                                        killedBeforeStart,
		"killed after the start, before the record":                      func(t *testing.T, b *bench) { takenOver(t, b, Started) },
		"killed while the task runs":                                     func(t *testing.T, b *bench) { takenOver(t, b, Running) },
		"killed twice while the task runs":                               takenOverTwice,
		"killed before STOPPED was notified":                             stoppedAgain,
		"killed when all was done":                                       stoppedOnce,
		"killed before a task that was to stop was started":              stopOutlives,
		"a task ends while the fleet is down":                            endsMeanwhile,
		"one task lives, and one is gone":                                oneOfTwo,
		"a client token gives one task over a restart":                   idempotentOverRestart,
		"a task that was taken over is stopped":                          stopTakenOver,
		"a stop that was asked for before the take-over":                 stopBeforeResume,
		"close stops what was taken over, and leaves the rest":           closeTakenOver,
		"what is left of no task is cleared":                             cleared,
		"a record that cannot be used, and no task":                      unusableAndGone,
		"a task whose record is missing":                                 missing,
		"a running task that the previous release recorded":              previousRunning,
		"a stopped task that the previous release recorded":              previousStopped,
		"a record that cannot be used, and a running task":               func(t *testing.T, _ *bench) { unusable(t, on) },
	} {
		t.Run(name, func(t *testing.T) { test(t, newBench(t, on(t))) })
	}
}

const id, other = "demo-7-1", "demo-8-1"

var begin = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// bench is a fleet's ledger on a machine, and what is seen of it.
type bench struct {
	Machine
	*task.Ledger
	t     *testing.T
	notes Notes
	hear  func(fleet.Task)

	mu    sync.Mutex
	later time.Duration
}

func newBench(t *testing.T, m Machine) *bench {
	b := &bench{Machine: m, t: t, notes: make(Notes, 1000), hear: func(fleet.Task) {}}
	b.open()
	return b
}

// open opens the next ledger on the machine.
func (b *bench) open() {
	b.t.Helper()
	b.Ledger = OpenFor(b.t, task.Config{
		Dir: b.Dir(), Runner: b.Runner(), Now: b.now,
		Notify: func(task fleet.Task) { b.notes <- task; b.hear(task) },
	})
}

// killed makes another fleet launch tasks, kills it, and opens the next ledger.
func (b *bench) killed(point Point, runnerIDs ...string) {
	b.t.Helper()
	b.KillFleet(point, runnerIDs...)
	b.open()
}

func (b *bench) resume() {
	b.t.Helper()
	if err := b.Resume(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return begin.Add(b.later)
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.later += d
}

func (b *bench) launch(runnerID string) fleet.Task {
	b.t.Helper()
	launched, err := b.Launch(context.Background(), b.Spec(runnerID))
	if err != nil {
		b.t.Fatal(err)
	}
	return launched
}

func (b *bench) await(status string) fleet.Task {
	b.t.Helper()
	return b.notes.Await(b.t, status)
}

func (b *bench) path() string {
	return filepath.Join(b.Dir(), string(b.Runner().Kind()), id+".json")
}

// recorded reads the record of the runner.
func (b *bench) recorded() task.Record {
	b.t.Helper()
	var r task.Record
	content, err := os.ReadFile(b.path())
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) write(content string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// wantOver closes the ledger and checks that nothing is left of the runner but its log
// and how its task stopped, and that nothing more is notified.
func (b *bench) wantOver() {
	b.t.Helper()
	if err := b.Close(context.Background()); err != nil {
		b.t.Error(err)
	}
	if left := b.Remains(id); left != "" {
		b.t.Errorf("there is still %s", left)
	}
	if got := b.recorded().Task.LastStatus; got != fleet.TaskStopped {
		b.t.Errorf("the task is recorded as %s", got)
	}
	select {
	case task := <-b.notes:
		b.t.Errorf("notified again: %+v", task)
	default:
	}
}

// wantExit checks how a task stopped that ended by itself.
func wantExit(t *testing.T, got fleet.Task, arn string, code int) {
	t.Helper()
	if got.ARN != arn || got.LastStatus != fleet.TaskStopped || got.StopCode != fleet.StopEssentialContainerExited ||
		got.StoppedReason != "Essential container in task exited" || got.ExitCode() == nil || *got.ExitCode() != code || got.StoppedAt == nil {
		t.Errorf("stopped as %+v, want %s with exit code %d", got, arn, code)
	}
}

// wantExitOf is wantExit for a task whose fleet was killed.
func (b *bench) wantExitOf(got fleet.Task, arn string, code int) {
	b.t.Helper()
	if b.KeepsExitCodes() {
		wantExit(b.t, got, arn, code)
		return
	}
	if got.ARN != arn || got.LastStatus != fleet.TaskStopped || got.StopCode != fleet.StopEssentialContainerExited ||
		!strings.Contains(got.StoppedReason, "its exit code is not known, because") || got.ExitCode() != nil || got.Containers[0].Reason == "" || got.StoppedAt == nil {
		b.t.Errorf("stopped as %+v, want %s without an exit code", got, arn)
	}
}

// wantStopped checks how a task stopped that was asked to.
func wantStopped(t *testing.T, got fleet.Task) {
	t.Helper()
	if got.LastStatus != fleet.TaskStopped || got.StopCode != fleet.StopUserInitiated || got.StoppedReason != "no longer wanted" {
		t.Errorf("stopped as %+v", got)
	}
}

func startToEnd(t *testing.T, b *bench) {
	launched := b.launch(id)
	if !strings.HasPrefix(launched.ARN, "local:task/"+id+"/") || launched.StartedBy != id || launched.LastStatus != fleet.TaskPending {
		t.Errorf("launched %+v", launched)
	}
	var seen []string
	var last fleet.Task
	for last.LastStatus != fleet.TaskStopped {
		next := <-b.notes
		if next.ARN != launched.ARN || next.Version <= last.Version {
			t.Errorf("%+v came after %+v", next, last)
		}
		if next.LastStatus == fleet.TaskRunning {
			if got := b.recorded(); got.Task.ARN != launched.ARN || got.Task.LastStatus != fleet.TaskRunning || got.ClientToken != b.Spec(id).ClientToken {
				t.Errorf("recorded %+v", got)
			}
			b.Exit(id, 7)
		}
		seen, last = append(seen, next.LastStatus), next
	}
	if want := []string{fleet.TaskPending, fleet.TaskRunning, fleet.TaskStopped}; !slices.Equal(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
	wantExit(t, last, launched.ARN, 7)
	if last.CreatedAt == nil || last.StartedAt == nil {
		t.Errorf("times are missing in %+v", last)
	}
	if now, ok := b.Describe(launched.ARN); !ok || now.Version != last.Version {
		t.Errorf("described as %+v, %v", now, ok)
	}
	b.wantOver()
}

func idempotent(t *testing.T, b *bench) {
	first := b.launch(id)
	b.await(fleet.TaskRunning)
	if again := b.launch(id); again.ARN != first.ARN {
		t.Errorf("launched %s, then %s", first.ARN, again.ARN)
	}
	b.refused(id)
	b.Exit(id, 0)
	b.await(fleet.TaskStopped)
	if again := b.launch(id); again.ARN != first.ARN || again.LastStatus != fleet.TaskStopped {
		t.Errorf("after %s stopped, launched %+v", first.ARN, again)
	}
	next := b.Spec(id)
	next.ClientToken += ".next"
	if task, err := b.Launch(context.Background(), next); err != nil || task.ARN == first.ARN {
		t.Errorf("a further task after the first stopped gives %+v, %v", task, err)
	}
}

// refused launches what is refused while a runner has a task.
func (b *bench) refused(runnerID string) {
	b.t.Helper()
	for name, change := range map[string]func(*task.Spec){
		"the same client token with another environment": func(s *task.Spec) { s.Env["CLAIM_TOKEN"] = "another" },
		"the same client token with another size":        func(s *task.Spec) { s.CPU++ },
		"a second task": func(s *task.Spec) { s.ClientToken += ".second" },
	} {
		s := b.Spec(runnerID)
		change(&s)
		if task, err := b.Launch(context.Background(), s); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
			b.t.Errorf("%s gives %+v, %v", name, task, err)
		}
	}
}

func concurrent(t *testing.T, b *bench) {
	const runners, callers = 8, 4
	arns := make([][callers]string, runners)
	var wg sync.WaitGroup
	for i := range runners {
		for k := range callers {
			wg.Go(func() {
				task, err := b.Launch(context.Background(), b.Spec(fmt.Sprintf("demo-%d-1", i+1)))
				if err != nil {
					t.Error(err)
				}
				arns[i][k] = task.ARN
			})
		}
	}
	wg.Wait()
	distinct := map[string]bool{}
	for _, of := range arns {
		for _, arn := range of {
			distinct[arn] = true
		}
	}
	if len(distinct) != runners || len(b.List("")) != runners {
		t.Errorf("%d runners have %d tasks", runners, len(distinct))
	}
	if mine := b.List("demo-3-1"); len(mine) != 1 || mine[0].ARN != arns[2][0] {
		t.Errorf("listed %+v", mine)
	}
}

func nextTask(t *testing.T, b *bench) {
	path, err := task.LogPath(b.Dir(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("of an earlier task\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.launch(id)
	b.await(fleet.TaskRunning)
	b.Exit(id, 0)
	b.await(fleet.TaskStopped)
	if got, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(got), "of an earlier task\n") {
		t.Errorf("the log is %q, %v", got, err)
	}
}

// aDay is how long a stopped task is remembered, and a little longer.
const aDay = 24*time.Hour + time.Second

func forgotten(t *testing.T, b *bench) {
	first := b.launch(id)
	b.await(fleet.TaskRunning)
	b.Exit(id, 0)
	b.await(fleet.TaskStopped)
	b.advance(aDay)
	b.launch(other)
	if task, ok := b.Describe(first.ARN); ok {
		t.Errorf("still knows %+v", task)
	}
}

func noPath(t *testing.T, b *bench) {
	for _, bad := range []string{"", ".", "..", "../x", "a/b", "a.b", "A", "-a", "a\x00", "ü", strings.Repeat("a", 129)} {
		if _, err := b.Launch(context.Background(), task.Spec{RunnerID: bad}); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
			t.Errorf("Launch(%q) gives %v", bad, err)
		}
		if path, err := task.LogPath("dir", bad); err == nil {
			t.Errorf("LogPath(%q) = %s", bad, path)
		}
	}
	if path, err := task.LogPath("dir", id); err != nil || path != filepath.Join("dir", "logs", id+".log") {
		t.Errorf("LogPath = %s, %v", path, err)
	}
}

func noSecret(t *testing.T, b *bench) {
	s := b.Spec(id)
	s.Env["CLAIM_TOKEN"] = "a-very-secret-value"
	if _, err := b.Launch(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	b.await(fleet.TaskRunning)
	content, err := os.ReadFile(b.path())
	if err != nil || strings.Contains(string(content), "secret") {
		t.Errorf("the record is %s, %v", content, err)
	}
}

func stop(t *testing.T, b *bench) {
	launched := b.launch(id)
	b.await(fleet.TaskRunning)
	for _, reason := range []string{"no longer wanted", "a later reason"} {
		if err := b.Stop(context.Background(), launched.ARN, reason); err != nil {
			t.Fatal(err)
		}
	}
	if now, _ := b.Describe(launched.ARN); now.DesiredStatus != fleet.TaskStopped {
		t.Errorf("described as %+v after Stop", now)
	}
	end := b.await(fleet.TaskStopped)
	if wantStopped(t, end); end.ExitCode() == nil || *end.ExitCode() != 143 {
		t.Errorf("stopped as %+v", end)
	}
	for _, arn := range []string{launched.ARN, "local:task/none/0"} {
		if err := b.Stop(context.Background(), arn, "again"); err != nil {
			t.Errorf("stop %s: %v", arn, err)
		}
	}
	if now, _ := b.Describe(launched.ARN); now.StoppedReason != "no longer wanted" {
		t.Errorf("described as %+v", now)
	}
	b.wantOver()
}

func stopBeforeStart(t *testing.T, b *bench) {
	asked := make(chan struct{})
	b.hear = func(task fleet.Task) {
		if task.LastStatus == fleet.TaskPending {
			<-asked
		}
	}
	launched := b.launch(id)
	if err := b.Stop(context.Background(), launched.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	close(asked)
	end := b.await(fleet.TaskStopped)
	if wantStopped(t, end); end.StartedAt != nil || end.ExitCode() != nil {
		t.Errorf("stopped as %+v", end)
	}
	b.wantOver()
}

func lastWords(t *testing.T, b *bench) {
	told := make(chan struct{})
	b.hear = func(task fleet.Task) {
		if task.LastStatus == fleet.TaskStopped {
			<-told
		}
	}
	b.launch(id)
	b.await(fleet.TaskRunning)
	b.Exit(id, 0)
	b.await(fleet.TaskStopped)
	next := b.Spec(id)
	next.ClientToken += ".next"
	second, err := b.Launch(context.Background(), next)
	if err != nil {
		t.Fatal(err)
	}
	b.await(fleet.TaskRunning)
	close(told)
	if err := b.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if got := b.recorded().Task; got.ARN != second.ARN {
		t.Errorf("recorded %+v, want %s", got, second.ARN)
	}
}

func closed(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Launch(ctx, b.Spec(id)); !errors.Is(err, context.Canceled) {
		t.Errorf("launched with a cancelled context: %v", err)
	}
	b.launch(id)
	b.await(fleet.TaskRunning)
	b.launch(other)
	if err := b.Close(context.Background()); err != nil {
		t.Error(err)
	}
	for _, task := range b.List("") {
		if task.LastStatus != fleet.TaskStopped || b.Remains(task.StartedBy) != "" {
			t.Errorf("left %+v, and %s", task, b.Remains(task.StartedBy))
		}
	}
	if _, err := b.Launch(context.Background(), b.Spec("demo-9-1")); !errors.Is(err, task.ErrClosed) {
		t.Errorf("launched on a closed ledger: %v", err)
	}
}
