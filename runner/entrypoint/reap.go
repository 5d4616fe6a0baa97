//go:build unix

package entrypoint

import (
	"os"
	"syscall"
)

// reap waits for the end of a child; nothing else may wait for one. The first process
// of a container becomes the parent of all orphans, and reap collects those that end
// meanwhile.
func reap(child int) (syscall.WaitStatus, error) {
	waitFor := child
	if os.Getpid() == 1 {
		waitFor = -1
	}
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(waitFor, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || ended == child:
			return status, err
		}
	}
}
