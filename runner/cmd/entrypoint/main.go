// Command entrypoint is the first process of a runner container. Its arguments
// are the runner's command, by default ./run.sh.
//
// As "entrypoint check-base" it is a step of the image build: it says whether the
// runner can live in the base image. As "entrypoint job-started" and
// "entrypoint job-completed" it is a hook of the runner that it has started.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/basecheck"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/seal"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == basecheck.Command {
		os.Exit(basecheck.Main(os.Stderr))
	}
	if code, called := entrypoint.Hook(os.Args[1:], os.Environ(), os.Stdout, time.Now()); called {
		os.Exit(code)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	os.Exit(entrypoint.Run(context.Background(), entrypoint.Config{
		Environ: os.Environ(), Args: os.Args[1:], Self: self(), Stdout: os.Stdout, Seal: seal.Process, Signals: signals,
	}))
}

// self is this program, by a path that no variable changes.
func self() []string {
	path, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{path}
}
