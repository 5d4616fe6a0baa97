package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
)

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
