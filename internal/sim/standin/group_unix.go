//go:build unix

package standin

import (
	"os/exec"
	"syscall"
)

func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends every process of a group. A group that is gone is no error.
func killGroup(id int) { _ = syscall.Kill(-id, syscall.SIGKILL) }

func groupLives(id int) bool { return syscall.Kill(-id, 0) == nil }
