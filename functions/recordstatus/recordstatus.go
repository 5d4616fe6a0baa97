// Package recordstatus records how a runner's life goes on and ends. It serves three
// states: AwaitCompletion (the runner has a job; wait for the end), RecordStatus (the
// runner ended) and RecordFailure (the fleet could not do its part).
//
// A runner's end is not its run's end. The run closes with GitHub's conclusion of the
// job, or with a failure that another runner would have as well. Otherwise it gets its
// next runner here.
//
// The refusal of a job is recorded here, and therefore shown to the job's developer from
// here. If GitHub refuses, the runner has ended all the same: the sweep tries again.
package recordstatus

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// The states that this function serves.
const (
	AwaitCompletion = "AwaitCompletion"
	RecordStatus    = "RecordStatus"
	RecordFailure   = "RecordFailure"
)

// bus takes one event for its listeners.
type bus interface {
	Put(ctx context.Context, event fleet.Event) error
}

// Step serves AwaitCompletion, RecordStatus and RecordFailure.
type Step struct {
	Fleet   lifecycle.Fleet
	Images  lifecycle.Images
	Notices lifecycle.Notices
	Bus     bus
	NewID   func() string
	Metrics metric.Recorder // nil measures nothing
}

// Run does what the call's state asks for. It may be repeated, and called late.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Result, error) {
	switch call.State {
	case AwaitCompletion:
		_, err := s.Fleet.StoreToken(ctx, call.RunnerID, call.TaskToken, fleet.WaitForStopped, fleet.RunnerRunning)
		return fleet.Result{}, err
	case RecordStatus:
		return s.close(ctx, call, "", "")
	case RecordFailure:
		name, cause, err := s.failure(ctx, call)
		if err != nil {
			return fleet.Result{}, err
		}
		if name == fleet.RunnerVersionDeprecated {
			if name, cause, err = s.deprecated(ctx, call.Document, cause); err != nil {
				return fleet.Result{}, err
			}
		}
		return s.close(ctx, call, name, cause)
	}
	return fleet.Result{}, fmt.Errorf("state %q is not one of recordstatus's", call.State)
}

func (s Step) close(ctx context.Context, call fleet.Call, name, cause string) (fleet.Result, error) {
	closed, next, err := s.Fleet.Finish(ctx, call.RunnerID, call.Document.Plan, name, cause)
	if err != nil {
		return fleet.Result{}, err
	}
	result := fleet.Result{RunnerStatus: closed.Runner.Status, Next: next, Error: name, Cause: cause}
	if closed.Run != nil {
		result.RunStatus, result.Conclusion = closed.Run.Status, closed.Run.Conclusion
	}
	if err := s.tell(ctx, closed); err != nil {
		return result, err
	}
	s.measure(closed, name)
	s.showRefusal(ctx, closed)
	return result, nil
}

// showRefusal shows the refusal of the run that has just been closed, if it was refused.
func (s Step) showRefusal(ctx context.Context, closed fleet.CloseResult) {
	if closed.Run == nil || closed.Run.Status != fleet.RunRefused {
		return
	}
	if err := s.Fleet.ShowRefusal(ctx, s.Notices, closed.Run.RunID); err != nil {
		s.Fleet.Log.WarnContext(ctx, "leaving it to the sweep to show a refusal", "run_id", closed.Run.RunID, "error", err.Error())
	}
}

// tell puts the runner.status event on the bus.
func (s Step) tell(ctx context.Context, closed fleet.CloseResult) error {
	runner := closed.Runner
	runner.TaskToken = ""
	detail, err := json.Marshal(struct {
		Runner fleet.Runner `json:"runner"`
		Run    *fleet.Run   `json:"run,omitempty"`
	}{runner, closed.Run})
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", runner.RunnerID, err)
	}
	return s.Bus.Put(ctx, fleet.Event{
		ID: s.NewID(), Source: fleet.StatusSource, DetailType: fleet.RunnerStatusEvent,
		Time: s.Fleet.Now(), Detail: detail,
	})
}

// failure is the error that the execution ends with. If a task stopped before its
// runner took a job, the record has more to say than the signal: see
// lifecycle.Fleet.Signal.
func (s Step) failure(ctx context.Context, call fleet.Call) (name, cause string, err error) {
	name, cause = documented(call.Document)
	if name != fleet.RunnerStoppedEarly {
		return name, cause, nil
	}
	runner, err := s.Fleet.ReadRunner(ctx, call.RunnerID)
	if err == nil && runner.Stopped() {
		name, cause = lifecycle.StoppedBeforeJob(runner)
	}
	return name, cause, err
}

// documented is what InspectRunner found, or what a Catch put into the document.
func documented(doc fleet.Document) (name, cause string) {
	if w := doc.Wait; w != nil && w.Outcome == fleet.OutcomeReaped && w.Error != "" {
		return w.Error, w.Cause
	}
	if doc.Error == nil {
		return "States.Runtime", "the state machine came to RecordFailure without an error"
	}
	if doc.Error.Cause == "" {
		// A time-out has no cause. The Fail state fails differently without one.
		return doc.Error.Error, doc.Error.Error + ", without a cause"
	}
	return doc.Error.Error, plainCause(doc.Error.Cause)
}

// plainCause takes the sentence out of the Lambda runtime's report: its causes are JSON
// with errorMessage and errorType.
func plainCause(cause string) string {
	var reported struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(cause), &reported) == nil && reported.Message != "" {
		return reported.Message
	}
	return cause
}
