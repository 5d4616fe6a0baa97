//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/basecheck"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/seal"
)

// newEntrypoint is runner/cmd/entrypoint as a command, so that a fleet on one
// machine needs no second program.
func newEntrypoint() *cobra.Command {
	return &cobra.Command{
		Use:                "entrypoint [--] [COMMAND...]",
		Short:              "What runs in a runner's container: claim the credential, start the runner",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == basecheck.Command {
				return exitWith(basecheck.Main(os.Stderr))
			}
			if code, called := entrypoint.Hook(args, os.Environ(), os.Stdout, time.Now()); called {
				return exitWith(code)
			}
			self, err := entrypointCommand(cmd.Name())
			if err != nil {
				return err
			}
			signals := make(chan os.Signal, 4)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
			return exitWith(entrypoint.Run(context.WithoutCancel(cmd.Context()), entrypoint.Config{
				Environ: os.Environ(), Args: args, Self: self, Stdout: os.Stdout, Seal: seal.Process, Signals: signals,
			}))
		},
	}
}

// entrypointCommand is this program as the entrypoint, by a path that no variable changes.
func entrypointCommand(name string) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if calledAs(self) != "" {
		return []string{self}, nil
	}
	return []string{self, name}, nil
}
