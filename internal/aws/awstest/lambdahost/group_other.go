//go:build !unix

package lambdahost

import "os/exec"

func ownGroup(*exec.Cmd) {}

// killGroup ends the process itself only: here are no process groups.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
