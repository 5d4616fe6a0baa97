//go:build darwin || linux

package process

import (
	"syscall"
	"unsafe"
)

// awaitExit returns when the child has exited. It does not collect the child's status:
// until that is collected, the child keeps its id.
func awaitExit(pid int) {
	const byPID = 1 // P_PID
	var info [16]uint64
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
