//go:build !unix

package process

import (
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// Runner runs nothing: there are no sessions of processes here.
type Runner struct{ task.Runner }

// New fails.
func New(Config) (*Runner, error) {
	return nil, errors.New("runners are plain processes on Linux and macOS only: on Windows use WSL")
}
