package main

import (
	"syscall"
	"testing"
)

// dumpable is what PR_GET_DUMPABLE says of this process: 0 closes its memory and
// environment to the other processes of its user.
func dumpable(t *testing.T) uintptr {
	t.Helper()
	got, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return got
}

// The process with the token is closed to jobs that are plain processes of its user.
func TestCloseOff(t *testing.T) {
	was := dumpable(t)
	t.Cleanup(func() { _, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, was, 0) })
	if err := closeOff(); err != nil || dumpable(t) != 0 {
		t.Errorf("%v; dumpable is %d", err, dumpable(t))
	}
}
