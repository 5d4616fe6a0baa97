package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Runner starts tasks of one kind and watches them. Contexts end when the ledger leaves
// its tasks to the next one on the data directory: then nothing is stopped or removed.
type Runner interface {
	// Kind is how the ledger keeps the runner's records.
	Kind() Kind

	// Start starts a new task and returns its handle when it runs. It fails with one of
	// ECS's errors, such as CannotStart, and then nothing of the task is left. A task
	// that is to stop is not started any more.
	Start(ctx context.Context, t Task) (Handle, error)

	// Adopt returns the handle of a task that an earlier process launched, and reports
	// whether it runs. If it is gone, Wait returns at once, or when what it left is
	// cleared. The record of the task may lack all but its ARN and runner id.
	Adopt(ctx context.Context, t Task) (h Handle, runs bool)

	// Marked lists the tasks that exist by the marks which they carry, the oldest
	// first. After an error there may be others.
	Marked(ctx context.Context) ([]Mark, error)

	// Clear removes what is left of tasks, except of those that are open.
	Clear(ctx context.Context, open []Mark) error
}

// Handle is a task that was started.
type Handle interface {
	// Process is how the task is found again, zero if it is found by its mark.
	Process() Process

	// Wait returns how the task ended, once it has. When Task.Stopping ends it stops the
	// task, by force after the grace; when Task.Killing ends, at once by force. It fails
	// only if ctx ends, and then leaves the task alone.
	Wait(ctx context.Context) (Ending, error)

	// Clear removes what the end of the task is read from. It is called once, when that
	// end is recorded.
	Clear(ctx context.Context) error
}

// Task is one task, as its runner gets it.
type Task struct {
	Spec    // of an adopted task, only the runner id is known
	ARN     string
	Started bool    // RUNNING was recorded
	Process Process // that was recorded

	Log     *os.File // the runner's; nil, which refuses every write, if it cannot be opened
	LogFrom int64    // where this task's part of it begins

	Stopping context.Context // ends when the task is to stop
	Killing  context.Context // ends when it is to be killed
}

// Spec is one task to launch.
type Spec struct {
	RunnerID    string
	ClientToken string // makes Launch idempotent, unless ""
	Env         map[string]string
	Image       string   // for containers its id, or a reference that the engine has
	CPU         int      // in ECS's units: 1024 are a processor; 0 is no limit
	Memory      int      // in MiB; 0 is no limit
	DiskGiB     int      `json:"-"` // of a container's writable layer; 0 is no limit
	Command     []string // of a container, in place of the image's
	Entrypoint  []string // of a container, in place of the image's
}

// Mark is what a task carries itself.
type Mark struct{ ARN, RunnerID string }

// Valid reports whether it may be one of a task of ours.
func (m Mark) Valid() bool {
	random, ours := strings.CutPrefix(m.ARN, arnPrefix(m.RunnerID))
	return ours && random != "" && CheckRunnerID(m.RunnerID) == nil
}

// Process is the first process of a task.
type Process struct {
	PID       int    `json:"pid,omitempty"`
	StartTime string `json:"start_time,omitempty"` // distinguishes it from a later one of the same id
}

// Defaults of the runners' configurations.
const (
	DefaultGrace  = 120 * time.Second // from SIGTERM to SIGKILL
	DefaultMaxLog = 16 << 20          // bytes
)

// ECS's names for why a task did not start. An error of Runner.Start begins with one.
const (
	ResourceInitialization = "ResourceInitializationError"
	CannotPull             = "CannotPullContainerError"
	CannotCreate           = "CannotCreateContainerError"
	CannotStart            = "CannotStartContainerError"
)

// Ending says how a task ended by itself; a task that was stopped keeps that reason.
type Ending struct {
	ExitCode *int
	StopCode string
	Reason   string // of the task
	Why      string // of the container, "" if its exit code says all
}

// Exited is the ending of a task that ran. The exit code is nil if it is not known, and
// but says why.
func Exited(code *int, but string) Ending {
	e := Ending{ExitCode: code, StopCode: fleet.StopEssentialContainerExited, Reason: "Essential container in task exited"}
	if but != "" {
		e.Reason += ": " + but
	}
	return e
}

// NotStarted is the ending of a task that never ran.
func NotStarted(err error) Ending {
	return Ending{StopCode: fleet.StopTaskFailedToStart, Reason: err.Error()}
}

// Gone is the ending of an adopted task that no longer exists. Why says so of a task
// that ran.
func (t Task) Gone(why string) Ending {
	if !t.Started {
		return NotStarted(fmt.Errorf("%s: %w", CannotStart, errors.New("the fleet was killed while it started the task")))
	}
	return Exited(nil, why)
}
