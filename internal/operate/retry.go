package operate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// RetryResult says what Retry did.
type RetryResult struct {
	RunID  string          `json:"run_id"`
	Retry  bool            `json:"retry"`  // the run is tried now
	Status fleet.RunStatus `json:"status"` // before
	Reason string          `json:"reason,omitempty"`
	// Message is why there was nothing to try again, and what to do, "" if there was.
	Message string `json:"message,omitempty"`
}

// Retry makes the fleet try a run now that waits after a setback. If the last step
// fails, the sweep repairs that within a minute.
func (o Operator) Retry(ctx context.Context, runID string, by fleet.Operator) (RetryResult, error) {
	run, known, err := o.Fleet.Records.Run(ctx, runID)
	if err != nil {
		return RetryResult{}, fmt.Errorf("read run %s: %w", runID, err)
	}
	if !known {
		return RetryResult{}, fmt.Errorf("there is no run %s; `ecsrunner runs list` prints those that there are", runID)
	}
	result := RetryResult{RunID: runID, Status: run.Shown(), Reason: run.Reason}
	if _, result.Retry, err = o.Fleet.TryAgain(ctx, runID, o.act(by, fleet.CommandRetry)); err != nil {
		return result, fmt.Errorf("try run %s again: %w", runID, err)
	}
	if !result.Retry {
		result.Message = nothingToRetry(run)
		return result, nil
	}
	detail, err := json.Marshal(fleet.Resumed{RunID: runID})
	if err != nil {
		return result, fmt.Errorf("encode the retry of %s: %w", runID, err)
	}
	return result, o.Bus.Put(ctx, fleet.Event{
		ID: o.NewID(), Source: fleet.CLISource, DetailType: fleet.FleetResumedEvent, Time: o.Fleet.Now(), Detail: detail,
	})
}

func nothingToRetry(run fleet.Run) string {
	switch {
	case run.Status == fleet.RunRefused:
		return "the policy refused it: change the labels of the job or the configuration, and run the job again on GitHub"
	case run.Status.Terminal():
		return "nothing is left to try; run its job again on GitHub"
	case run.WaitsForRoom:
		return "it waits for room and needs no retry: " + run.Reason
	case run.Status == fleet.RunWaiting:
		return "GitHub waits for the approval of its environment"
	case run.RanOn != "":
		return "its job runs on " + run.RanOn
	case run.RunnerID != "":
		return "it has a runner already: " + run.RunnerID
	}
	return "it is launched within a minute"
}
