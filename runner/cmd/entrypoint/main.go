// Command entrypoint is the first process of a runner container. Its arguments
// are the runner's command, by default ./run.sh.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	os.Exit(entrypoint.Run(context.Background(), entrypoint.Config{
		Environ: os.Environ(), Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Signals: signals,
	}))
}
