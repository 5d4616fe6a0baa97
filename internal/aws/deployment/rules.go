package deployment

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// TaskStatuses are the lastStatus values that the rule of tasks matches. The others tell
// dispatch nothing.
var TaskStatuses = []string{fleet.TaskPending, fleet.TaskRunning, fleet.TaskStopped}

// ExecutionStatuses are those that the rule of executions matches: with them an execution
// may have left its runner open.
var ExecutionStatuses = []string{"FAILED", "TIMED_OUT", "ABORTED"}
