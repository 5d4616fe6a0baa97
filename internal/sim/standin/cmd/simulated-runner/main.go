// Command simulated-runner is the stand-in for GitHub's runner program as a small
// static program, for images in demonstrations and tests.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulated-runner:", err)
		os.Exit(1)
	}
	os.Exit(standin.Run(ctx, standin.Config{
		Args: os.Args[1:], Getenv: os.Getenv, Unsetenv: os.Unsetenv, Environ: os.Environ(), Stdout: os.Stdout, Dir: dir,
	}))
}
