package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// processes lists the ids of the processes that this one can see.
func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// belongs tells whether a process lives in the leader's session or carries the
// task's mark. A zombie does not live.
func belongs(pid, leader int, mark string) bool {
	s, err := readStat(pid)
	if err != nil || s.state == "Z" || s.state == "X" {
		return false
	}
	if s.session == leader {
		return true
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && hasEntry(string(environ), mark)
}

// startTime tells processes apart that had the same id one after the other. Its
// text has no further meaning.
func startTime(pid int) (string, error) {
	s, err := readStat(pid)
	return s.start, err
}

type stat struct {
	state   string
	session int
	start   string // in clock ticks since the machine started
}

// readStat reads /proc/<pid>/stat. The command's name, in parentheses, may hold
// blanks and parentheses itself (proc_pid_stat(5)).
func readStat(pid int) (stat, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields after the name, not 20", pid, len(fields))
	}
	session, err := strconv.Atoi(fields[3])
	return stat{state: fields[0], session: session, start: fields[19]}, err
}

// hasEntry tells whether a NUL-separated environment has the entry.
func hasEntry(environ, entry string) bool {
	return strings.Contains("\x00"+environ, "\x00"+entry+"\x00")
}
