package history

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
)

// events maps a history. Step Functions names the state only in the events of entering
// and leaving it; no states of the fleet run side by side, so those in between belong
// to that state too.
func events(history []types.HistoryEvent, partition string) []execution.Event {
	all := make([]execution.Event, 0, len(history))
	state := ""
	var shown redaction
	for _, h := range history {
		e := eventOf(h, partition)
		switch {
		case e.State != "":
			state = e.State
		case !strings.HasPrefix(e.Type, "Execution"):
			e.State = state
		}
		if scheduled := h.TaskScheduledEventDetails; scheduled != nil {
			e.Input = shown.parameters(aws.ToString(scheduled.Resource), aws.ToString(scheduled.Parameters))
		}
		all = append(all, e)
	}
	for i := range all {
		shown.redact(&all[i])
	}
	return all
}

// eventOf maps one event, with the details that the engine's own history has. It leaves
// a task's input to the caller: it may have a token.
func eventOf(h types.HistoryEvent, partition string) execution.Event {
	e := execution.Event{ID: h.Id, PreviousEventID: h.PreviousEventId, Timestamp: utc(h.Timestamp), Type: string(h.Type)}
	failed := func(name, cause *string) { e.Error, e.Cause = aws.ToString(name), aws.ToString(cause) }
	switch {
	case h.ExecutionStartedEventDetails != nil:
		e.Input = data(h.ExecutionStartedEventDetails.Input)
	case h.ExecutionSucceededEventDetails != nil:
		e.Output = data(h.ExecutionSucceededEventDetails.Output)
	case h.ExecutionFailedEventDetails != nil:
		failed(h.ExecutionFailedEventDetails.Error, h.ExecutionFailedEventDetails.Cause)
	case h.ExecutionTimedOutEventDetails != nil:
		failed(h.ExecutionTimedOutEventDetails.Error, h.ExecutionTimedOutEventDetails.Cause)
	case h.ExecutionAbortedEventDetails != nil:
		failed(h.ExecutionAbortedEventDetails.Error, h.ExecutionAbortedEventDetails.Cause)

	case h.StateEnteredEventDetails != nil:
		e.State, e.Input = aws.ToString(h.StateEnteredEventDetails.Name), data(h.StateEnteredEventDetails.Input)
	case h.StateExitedEventDetails != nil:
		e.State, e.Output = aws.ToString(h.StateExitedEventDetails.Name), data(h.StateExitedEventDetails.Output)
	case h.EvaluationFailedEventDetails != nil:
		e.State = aws.ToString(h.EvaluationFailedEventDetails.State)
		failed(h.EvaluationFailedEventDetails.Error, h.EvaluationFailedEventDetails.Cause)

	case h.LambdaFunctionScheduledEventDetails != nil:
		d := h.LambdaFunctionScheduledEventDetails
		e.Resource, e.Input, e.TimeoutSeconds = aws.ToString(d.Resource), data(d.Input), aws.ToInt64(d.TimeoutInSeconds)
	case h.LambdaFunctionSucceededEventDetails != nil:
		e.Output = data(h.LambdaFunctionSucceededEventDetails.Output)
	case h.LambdaFunctionFailedEventDetails != nil:
		failed(h.LambdaFunctionFailedEventDetails.Error, h.LambdaFunctionFailedEventDetails.Cause)
	case h.LambdaFunctionTimedOutEventDetails != nil:
		failed(h.LambdaFunctionTimedOutEventDetails.Error, h.LambdaFunctionTimedOutEventDetails.Cause)
	case h.LambdaFunctionScheduleFailedEventDetails != nil:
		failed(h.LambdaFunctionScheduleFailedEventDetails.Error, h.LambdaFunctionScheduleFailedEventDetails.Cause)
	case h.LambdaFunctionStartFailedEventDetails != nil:
		failed(h.LambdaFunctionStartFailedEventDetails.Error, h.LambdaFunctionStartFailedEventDetails.Cause)

	case h.TaskScheduledEventDetails != nil:
		d := h.TaskScheduledEventDetails
		e.Resource = resourceARN(partition, d.ResourceType, d.Resource)
		e.TimeoutSeconds, e.HeartbeatSeconds = aws.ToInt64(d.TimeoutInSeconds), aws.ToInt64(d.HeartbeatInSeconds)
	case h.TaskSubmittedEventDetails != nil:
		// The function's answer does not matter: the signal is the result.
		e.Resource = resourceARN(partition, h.TaskSubmittedEventDetails.ResourceType, h.TaskSubmittedEventDetails.Resource)
	case h.TaskSucceededEventDetails != nil:
		e.Output = data(h.TaskSucceededEventDetails.Output)
	case h.TaskFailedEventDetails != nil:
		failed(h.TaskFailedEventDetails.Error, h.TaskFailedEventDetails.Cause)
	case h.TaskTimedOutEventDetails != nil:
		failed(h.TaskTimedOutEventDetails.Error, h.TaskTimedOutEventDetails.Cause)
	case h.TaskStartFailedEventDetails != nil:
		failed(h.TaskStartFailedEventDetails.Error, h.TaskStartFailedEventDetails.Cause)
	case h.TaskSubmitFailedEventDetails != nil:
		failed(h.TaskSubmitFailedEventDetails.Error, h.TaskSubmitFailedEventDetails.Cause)
	}
	return e
}

// resourceARN is a task's resource as the definition has it.
func resourceARN(partition string, kind, resource *string) string {
	return "arn:" + partition + ":states:::" + aws.ToString(kind) + ":" + aws.ToString(resource)
}

// data is JSON as it is, and anything else as a string of JSON.
func data(text *string) json.RawMessage {
	if text == nil || *text == "" {
		return nil
	}
	if json.Valid([]byte(*text)) {
		return json.RawMessage(*text)
	}
	quoted, _ := json.Marshal(*text) // a string cannot fail
	return quoted
}

func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
