package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
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

// belongs reports whether a process lives in the leader's session, and whether it
// carries the task's mark. A zombie does not live.
func belongs(pid, leader int, mark string) (within, marked bool) {
	s, err := readStat(pid)
	if err != nil || !s.lives() {
		return false, false
	}
	// Session 0 is that of the kernel's own threads.
	return leader != 0 && s.session == leader, hasEntry(environ(pid), mark)
}

// findLeader finds the leader of a task whose process was not recorded, by its mark.
// This process may not be allowed to look at the leader, since one that runs a job is
// closed (runner/seal): then a process in its session, which the leader started, leads
// to it. Of several sessions, the first is the leader's. Only a process that has not
// executed its own program yet lacks its mark, and until then it holds the data
// directory's lock open.
func findLeader(mark string) (pid int, start string, ok bool) {
	var first stat
	for _, candidate := range processes() {
		s, err := readStat(candidate)
		if err != nil || !s.lives() || s.session == 0 || !hasEntry(environ(candidate), mark) {
			continue
		}
		leader, err := readStat(s.session)
		if err != nil || !leader.lives() {
			continue
		}
		if pid == 0 || leader.ticks < first.ticks || leader.ticks == first.ticks && s.session < pid {
			pid, first = s.session, leader
		}
	}
	return pid, first.start(), pid != 0
}

// findTasks finds the tasks whose work directories are in a directory, by the marks of
// processes that have one of those as HOME.
func findTasks(dir string) (found []task.Mark) {
	for _, pid := range processes() {
		entries := environ(pid)
		_, rest, _ := strings.Cut(entries, "\x00"+taskVariable+"=")
		arn, _, _ := strings.Cut(rest, "\x00")
		_, rest, _ = strings.Cut(entries, "\x00HOME="+dir+"/")
		id, _, _ := strings.Cut(rest, "\x00")
		if m := (task.Mark{ARN: arn, RunnerID: id}); m.Valid() && !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	return found
}

// awaitHandle returns when the process of a pidfd has exited, or when it cannot be
// waited for (pidfd_open(2), ppoll(2)).
func awaitHandle(pidfd uintptr) {
	const readable = 1 // POLLIN
	wait := struct {
		fd      int32
		events  int16
		revents int16
	}{fd: int32(pidfd), events: readable}
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&wait)), 1, 0, 0, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}

// startTime distinguishes processes that had the same id one after the other. Its
// text has no further meaning.
func startTime(pid int) (string, error) {
	s, err := readStat(pid)
	return s.start(), err
}

// alive reports whether the process of this id and start time lives.
func alive(pid int, start string) bool {
	s, err := readStat(pid)
	return err == nil && s.lives() && s.start() == start
}

type stat struct {
	state   string
	session int
	ticks   uint64 // from the start of the machine to that of the process
}

func (s stat) lives() bool { return s.state != "Z" && s.state != "X" }

// start includes the machine's start: ticks are counted from there.
func (s stat) start() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return fmt.Sprintf("%d after %s", s.ticks, bytes.TrimSpace(boot))
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
	session, err1 := strconv.Atoi(fields[3])
	ticks, err2 := strconv.ParseUint(fields[19], 10, 64)
	return stat{state: fields[0], session: session, ticks: ticks}, errors.Join(err1, err2)
}

// environ is a process's environment, each entry between two NULs; "" if that
// cannot be read.
func environ(pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	return "\x00" + string(content)
}

func hasEntry(environ, entry string) bool {
	return strings.Contains(environ, "\x00"+entry+"\x00")
}
