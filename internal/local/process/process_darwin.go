package process

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// processes lists the ids of all living processes.
func processes() []int {
	out, err := exec.Command("/bin/ps", "-A", "-o", "pid=,stat=").Output()
	if err != nil {
		return nil
	}
	var pids []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[1], "Z") {
			continue
		}
		if pid, err := strconv.Atoi(fields[0]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// belongs reports whether a process is in the leader's session. The mark is not
// looked for here, so a daemon with a session of its own is missed.
func belongs(pid, leader int, _ string) (within, marked bool) {
	session, err := syscall.Getsid(pid)
	return err == nil && leader != 0 && session == leader, false
}

// findLeader finds nothing: marks are not looked for here. So it misses a process that
// was started just before the fleet was killed, and that is not in a record yet.
func findLeader(string) (pid int, start string, ok bool) { return 0, "", false }

// findTasks finds nothing, as findLeader.
func findTasks(string) []task.Mark { return nil }

// awaitHandle is not called: there are no handles of processes here.
func awaitHandle(uintptr) {}

// startTime distinguishes processes that had the same id one after the other. Its
// text has no further meaning.
func startTime(pid int) (string, error) {
	return ask(pid, "lstart=")
}

// alive reports whether the process of this id and start time lives.
func alive(pid int, start string) bool {
	state, err := ask(pid, "stat=")
	if err != nil || strings.HasPrefix(state, "Z") {
		return false
	}
	now, err := startTime(pid)
	return err == nil && now == start
}

// ask has ps say the same in every language and time zone.
func ask(pid int, what string) (string, error) {
	cmd := exec.Command("/bin/ps", "-o", what, "-p", strconv.Itoa(pid))
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC0"}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask ps for process %d: %w", pid, err)
	}
	return strings.TrimSpace(string(out)), nil
}
