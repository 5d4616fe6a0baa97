package deployment

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// Of the events of the default bus, the fleet's rules lead to dispatch those with these
// statuses: a task's lastStatus, and the status of an execution that may have left its runner open.
var (
	TaskStatuses      = []string{fleet.TaskPending, fleet.TaskRunning, fleet.TaskStopped}
	ExecutionStatuses = []string{"FAILED", "TIMED_OUT", "ABORTED"}
)
