package seal

import (
	"fmt"
	"syscall"
)

// Process closes /proc/<pid>/{environ,mem,maps,fd} and ptrace(2) of this process to all
// but those that have CAP_SYS_PTRACE, which containers do not have by default
// (PR_SET_DUMPABLE(2const)). Programs that it starts are open again.
func Process() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return fmt.Errorf("close this process to others of its user: %w", errno)
	}
	return nil
}
