//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// goneInterval is how often one looks for a process that cannot be waited for.
const goneInterval = time.Second

// leader is a task's first process. Its id is also that of the task's session
// and process group.
type leader struct {
	pid   int    // 0 if it was never known
	start string // what startTime says of it

	child *exec.Cmd // if this process started it
	seen  bool      // it lived when this process first looked
}

// exited is closed when the leader has exited.
func (p leader) exited(after func(time.Duration) <-chan time.Time) <-chan struct{} {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		if p.child != nil {
			awaitExit(p.pid)
			return
		}
		if held, err := os.FindProcess(p.pid); err == nil {
			if alive(p.pid, p.start) { // so it is this one that is held
				_ = held.WithHandle(awaitHandle) // or there are no handles here
			}
			_ = held.Release()
		}
		awaitGone(p.pid, p.start, after)
	}()
	return exited
}

// awaitGone looks for a process every second until it is gone.
func awaitGone(pid int, start string, after func(time.Duration) <-chan time.Time) {
	for alive(pid, start) {
		<-after(goneInterval)
	}
}

// namesSession reports whether the leader's id still names the task's session, and not
// a later process or session of others. A child keeps its id until it is waited for.
// Any other process's id is free once its whole session is gone: it is trusted only if
// this process saw the leader alive, and if no other process has it now.
func (p leader) namesSession() bool {
	switch {
	case p.child != nil:
		return true
	case !p.seen:
		return false
	}
	start, err := startTime(p.pid)
	return err != nil || start == p.start
}

// signalGroup signals the leader's process group, if it is certain that it is the
// leader's.
func (p leader) signalGroup(sig syscall.Signal) {
	if p.child != nil || p.pid != 0 && alive(p.pid, p.start) {
		_ = syscall.Kill(-p.pid, sig) // fails only if nothing but a zombie is left
	}
}

// exitCode is that of a leader which has exited, 128+n for signal n. Only the parent
// learns it: if another process started the leader, it is nil.
func (p leader) exitCode() *int {
	if p.child == nil {
		return nil
	}
	_ = p.child.Wait() // ProcessState says it all
	status := p.child.ProcessState.Sys().(syscall.WaitStatus)
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return &code
}
