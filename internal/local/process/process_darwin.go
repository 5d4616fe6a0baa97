package process

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
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

// belongs tells whether a process is in the leader's session. The mark is not
// looked for here, so a daemon with a session of its own is missed.
func belongs(pid, leader int, _ string) bool {
	session, err := syscall.Getsid(pid)
	return err == nil && session == leader
}

// startTime tells processes apart that had the same id one after the other. Its
// text has no further meaning.
func startTime(pid int) (string, error) {
	out, err := exec.Command("/bin/ps", "-o", "lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return "", fmt.Errorf("ask ps for process %d: %w", pid, err)
	}
	return strings.TrimSpace(string(out)), nil
}
