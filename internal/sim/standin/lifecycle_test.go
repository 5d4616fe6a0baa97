//go:build unix

package standin_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
)

func TestExitStatusWithoutAJob(t *testing.T) {
	used := func(w *world) string {
		config := w.register("used", "x").EncodedJITConfig
		w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}})
		w.run(t.Context(), config)
		return config
	}
	deleted := func(w *world) string {
		config := w.register("deleted", "x")
		if err := w.client.DeleteRunner(t.Context(), w.repo, config.Runner.ID); err != nil {
			t.Fatal(err)
		}
		return config.EncodedJITConfig
	}
	for name, tc := range map[string]struct {
		config func(*world) string
		code   int
		say    string
	}{
		"no config":             {func(*world) string { return "" }, standin.ExitError, "no JIT config: set " + variable + " or give --jitconfig"},
		"a config that is none": {func(*world) string { return "?" }, standin.ExitError, "decode the JIT config: it is not base64"},
		"a config of GitHub": {func(*world) string {
			return "eyIucnVubmVyIjoiZXlKaFoyVnVkRTVoYldVaU9pSnlJbjA9IiwiLmNyZWRlbnRpYWxzIjoiZTMwPSJ9"
		}, standin.ExitError, "JIT config of runner r is not from the simulated GitHub"},
		"a config that was used": {used, standin.ExitOK, "registration used was not found"},
		"a deleted registration": {deleted, standin.ExitOK, "registration deleted was not found"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sim.Config{})
			code, out := w.run(t.Context(), tc.config(w))
			if want := "simulated runner: " + tc.say + "\n"; code != tc.code || out != want {
				t.Errorf("exit status %d with %q, want %d with %q", code, out, tc.code, want)
			}
		})
	}
}

func TestTheConfigIsTakenOutOfTheEnvironment(t *testing.T) {
	w := newWorld(t, sim.Config{})
	w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}})
	var unset []string
	code, _ := w.run(t.Context(), "ignored", func(c *standin.Config) {
		c.Args = []string{"--jitconfig", w.register("r", "x").EncodedJITConfig}
		c.Unsetenv = func(name string) error { unset = append(unset, name); return nil }
	})
	if diff := cmp.Diff([]string{variable}, unset); diff != "" || code != standin.ExitOK {
		t.Errorf("exit status %d: %s", code, diff)
	}
}

// background runs a stand-in until the test has seen enough.
func (w *world) background(ctx context.Context, config string) <-chan string {
	done := make(chan string, 1)
	go func() {
		code, out := w.run(ctx, config)
		done <- fmt.Sprintf("%d\n%s", code, out)
	}()
	return done
}

func (w *world) await(holds func() bool) {
	w.t.Helper()
	if err := w.Wait(w.t.Context(), holds); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) logged(id int64, line string) func() bool {
	return func() bool { return slices.Contains(w.JobLog(id), line) }
}

// lifeline is a script's first line, after which all of its processes hold a
// pipe open, and a function that returns when the last of them is gone.
func lifeline(t *testing.T) (script string, gone func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lifeline")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipe.Close() })
	return "exec 3> " + path + "\n", func() {
		if _, err := io.ReadAll(pipe); err != nil {
			t.Error(err)
		}
	}
}

// sleeper never ends by itself, in two processes.
const sleeper = "sleep 1000 & echo asleep; wait"

func TestCancelledByGitHub(t *testing.T) {
	hold, gone := lifeline(t)
	w := newWorld(t, sim.Config{})
	id := w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}, Steps: []sim.StepSpec{
		sh(hold + sleeper), sh("echo never"), {Run: "echo cleaned up", Shell: "sh", If: "always()"},
	}})
	done := w.background(t.Context(), w.register("r", "x").EncodedJITConfig)
	w.await(w.logged(id, "asleep"))
	if err := w.Cancel(id); err != nil {
		t.Fatal(err)
	}
	out := <-done
	if !strings.HasPrefix(out, "0\n") || !strings.Contains(out, "Job j completed with result: Canceled") {
		t.Errorf("the stand-in ends with %s", out)
	}
	job, _ := w.Job(id)
	if got, want := conclusions(job), "cancelled: cancelled skipped success"; got != want {
		t.Errorf("conclusions are %q, want %q", got, want)
	}
	gone()
}

func TestTerminatedWithAJob(t *testing.T) {
	hold, gone := lifeline(t)
	w := newWorld(t, sim.Config{})
	id := w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}, Steps: []sim.StepSpec{
		sh(hold + sleeper), {Run: "echo never", Shell: "sh", If: "always()"},
	}})
	ctx, terminate := context.WithCancel(t.Context())
	done := w.background(ctx, w.register("r", "x").EncodedJITConfig)
	w.await(w.logged(id, "asleep"))
	terminate()
	if out := <-done; !strings.HasPrefix(out, "143\n") {
		t.Errorf("the stand-in ends with %s", out)
	}
	job, _ := w.Job(id)
	if got, want := conclusions(job), "cancelled: cancelled skipped"; got != want {
		t.Errorf("conclusions are %q, want %q", got, want)
	}
	gone()
}

// stopAt calls stop when the line is written.
type stopAt struct {
	line string
	stop func()
}

func (s stopAt) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.line) {
		s.stop()
	}
	return len(p), nil
}

func TestTerminatedWithoutAJob(t *testing.T) {
	w := newWorld(t, sim.Config{})
	ctx, terminate := context.WithCancel(t.Context())
	out := stopAt{"Listening for Jobs", terminate}
	code, _ := w.run(ctx, w.register("r", "x").EncodedJITConfig, func(c *standin.Config) { c.Stdout = out })
	if code != standin.ExitTerminated {
		t.Errorf("exit status %d, want %d", code, standin.ExitTerminated)
	}
	if r := w.Runners(); len(r) != 1 || r[0].Online {
		t.Errorf("runners are %+v, want one that is offline", r)
	}
}

func TestDeletedWhileItListens(t *testing.T) {
	w := newWorld(t, sim.Config{})
	config := w.register("r", "x")
	done := w.background(t.Context(), config.EncodedJITConfig)
	w.await(func() bool { return w.Runners()[0].Online })
	if err := w.client.DeleteRunner(t.Context(), w.repo, config.Runner.ID); err != nil {
		t.Fatal(err)
	}
	if out := <-done; !strings.HasPrefix(out, "0\n") || !strings.HasSuffix(out, "The runner registration has been deleted\n") {
		t.Errorf("the stand-in ends with %s", out)
	}
}

func TestWhatAStepLeavesLivesAsLongAsTheJob(t *testing.T) {
	hold, gone := lifeline(t)
	w := newWorld(t, sim.Config{})
	job, log := w.job(
		sh(hold+"sleep 1000 >/dev/null 2>&1 &\necho PID=$! >> $GITHUB_ENV"),
		sh("kill -0 $PID && echo still there"),
	)
	if job.Conclusion != "success" || output(log) != "still there" {
		t.Errorf("job ends with %s: %s", job.Conclusion, output(log))
	}
	gone()
}
