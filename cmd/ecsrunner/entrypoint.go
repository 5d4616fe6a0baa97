package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
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
			signals := make(chan os.Signal, 4)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
			return exitWith(entrypoint.Run(context.WithoutCancel(cmd.Context()), entrypoint.Config{
				Environ: os.Environ(), Args: args, Stdout: os.Stdout, Seal: seal.Process, Signals: signals,
			}))
		},
	}
}

// newSimulatedRunner is the stand-in for GitHub's runner in demonstrations.
func newSimulatedRunner() *cobra.Command {
	return &cobra.Command{
		Use:                "simulated-runner",
		Short:              "A stand-in for GitHub's runner program, for the simulated GitHub",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := os.Getwd()
			if err != nil {
				return err
			}
			return exitWith(standin.Run(cmd.Context(), standin.Config{
				Args: args, Getenv: os.Getenv, Unsetenv: os.Unsetenv, Environ: os.Environ(), Stdout: os.Stdout, Dir: dir,
			}))
		},
	}
}

func exitWith(code int) error {
	if code == 0 {
		return nil
	}
	return exitCode(code)
}
