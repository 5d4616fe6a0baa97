//go:build containers

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

// A job that tries to write to its log directly: by the descriptors of every process
// that it sees, with and without root, with what CloudWatch takes for metrics, with
// lines of the fleet's, with a line that an engine would split, without an end, and
// with what a terminal obeys.
func TestContainerOfAJobThatWritesToTheLog(t *testing.T) {
	w := newContainerWorld(t)
	const emf = `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"EcsRunnerFleet","Dimensions":[[]],"Metrics":[{"Name":"webhook_accepted"}]}]},"webhook_accepted":1}`
	run, said := w.ran(w.queue(fmt.Sprintf(`
		cat >/tmp/write <<'SCRIPT'
		for process in /proc/[0-9]*; do
			for fd in 1 2; do
				printf '%%s\necsrunner: forged\n' "$1" >>$process/fd/$fd && echo "wrote to $(tr '\0' ' ' <$process/cmdline)"
				printf '\r\033[2J\033]0;x\007%%s\n' "$1" >$process/fd/$fd
			done
		done 2>/dev/null
SCRIPT
		runner=/proc/$PPID/fd/1
		sh /tmp/write '%[1]s'
		sudo sh /tmp/write '%[1]s'
		ls /proc/1/fd >/dev/null 2>&1 && echo "sees the descriptors of process 1"
		for file in environ mem maps; do (: <"/proc/1/$file") 2>/dev/null && echo "opens $file"; done
		sudo cat /proc/1/environ 2>/dev/null | tr '\0' '\n' | grep CLAIM && echo "reads the claim"
		head -c 2000000 /dev/zero | tr '\0' a >$runner
		yes '%[1]s' | head -c 2000000 | tr -d '\n' >$runner
		for i in 1 2 3 4 5 6 7 8; do (sh -c ': &') ; done
		while cat /proc/[0-9]*/status 2>/dev/null | grep -q '^State:.Z'; do :; done
		echo "no process is left unreaped; process 1 is $(cat /proc/1/comm)"
		yes | head -c 1000000000 >$runner
		echo done
	`, emf), "class:small"))
	if run.Conclusion != "success" || !strings.Contains(said, "\ndone") {
		t.Fatalf("%s %s: %s\n%s", run.Status, run.Conclusion, run.Reason, said)
	}
	if !strings.Contains(said, "process 1 is ecsrunner-entry") || strings.Contains(said, "\nreads the claim") || strings.Contains(said, "\nopens ") || strings.Contains(said, "\nsees the") || strings.Contains(said, "\nwrote to /usr/local/bin/ecsrunner-entrypoint") {
		t.Errorf("the job says:\n%s", said)
	}
	if !strings.Contains(said, "\nwrote to ") {
		t.Errorf("the job wrote to no process, so this test holds for nothing:\n%s", said)
	}

	text := w.logOf(run.RanOn)
	if len(text) > fleet.DefaultLogMiB<<20+4<<10 || len(text) < 4<<20 {
		t.Errorf("the log has %d bytes", len(text))
	}
	forged := 0
	for line := range strings.Lines(text) {
		forged += strings.Count(line, "forged")
		switch {
		case len(line) > 8<<10:
			t.Fatalf("a line of %d bytes", len(line))
		case strings.HasPrefix(line, "ecsrunner: ") && !strings.Contains(line, "forged"), strings.HasPrefix(line, "| "), strings.HasPrefix(line, "+ "):
		default:
			t.Fatalf("the line %.200q", line)
		}
		if strings.ContainsAny(line, "\x1b\r\a") {
			t.Fatalf("it has a control character: %.200q", line)
		}
	}
	if forged == 0 {
		t.Error("nothing of the job's is in the log")
	}
	for _, want := range []string{`| \x1b[2J`, "\necsrunner: the log has reached its limit of 16 MiB", "\necsrunner: the runner exited with status 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log, of %d bytes, lacks %q; it ends with %q", len(text), want, text[max(0, len(text)-600):])
		}
	}
}

// logOf is a runner's log, once its container is gone: it is complete by then.
func (w *containerWorld) logOf(runnerID string) string {
	w.t.Helper()
	engine, err := container.Connect(w.t.Context(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	for range 6000 {
		there, err := engine.ContainersLabelled(w.t.Context(), "ecsrunner.runner-id", runnerID)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(there) == 0 {
			text, err := os.ReadFile(filepath.Join(w.dir, "logs", runnerID+".log"))
			if err != nil {
				w.t.Fatal(err)
			}
			return string(text)
		}
		<-time.After(50 * time.Millisecond)
	}
	w.t.Fatalf("the container of %s is not gone within five minutes", runnerID)
	return ""
}
