package main

import (
	"runtime"

	"github.com/spf13/cobra"
)

// onlyOnUnix makes a command report on Windows that it cannot run there.
func onlyOnUnix(cmd *cobra.Command) *cobra.Command {
	if runtime.GOOS == "windows" {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return notHere(cmd.Name()) }
	}
	return cmd
}

func notHere(command string) error {
	return usagef("ecsrunner %s runs on Linux and macOS: on Windows use WSL. The commands that look at a fleet on AWS and operate it run here", command)
}
