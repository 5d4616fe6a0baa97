// Package events reads what AWS reports to the fleet over EventBridge: tasks from ECS,
// builds from CodeBuild, executions from Step Functions, and the events that the fleet
// itself put on its bus.
//
// EventBridge may deliver an event more than once, and out of order.
package events

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Sources of AWS's events. Only AWS can put events with a source that begins with
// "aws.".
const (
	sourceECS       = "aws.ecs"
	sourceCodeBuild = "aws.codebuild"
	sourceStates    = "aws.states"
)

// buildPhase is CodeBuild's event about a phase that has ended: the build goes on.
const buildPhase = "CodeBuild Build Phase Change"

// Listener knows which of AWS's events are about this fleet. Everything else belongs to
// others: a task in another cluster, a build of another project or an execution of
// another state machine may have any name.
type Listener struct {
	ClusterARN      string
	BuildProject    string // its name; deployment.Projects has those of the others
	StateMachineARN string
	// LastLines reads the end of a build's log, at most so many lines; nil if there is
	// no way to read it.
	LastLines func(group, stream string, most int) ([]string, error)
}

// Hear turns an event of EventBridge into one that dispatch understands. ok is
// false for an event that is not for the fleet. An error means that the event is of
// a known kind and cannot be read.
func (l Listener) Hear(e events.EventBridgeEvent) (event fleet.Event, ok bool, err error) {
	event = fleet.Event{ID: e.ID, Source: e.Source, DetailType: e.DetailType, Time: e.Time, Detail: e.Detail}
	switch e.Source {
	case fleet.WebhookSource, fleet.SweepSource, fleet.CLISource:
		return event, own[e.DetailType], nil
	case sourceECS:
		return translate(event, fleet.TaskEvent, e.DetailType == fleet.TaskEvent, l.task)
	case sourceCodeBuild:
		return translate(event, fleet.BuildEvent, e.DetailType == fleet.BuildEvent || e.DetailType == buildPhase, l.build)
	case sourceStates:
		return translate(event, fleet.ExecutionEvent, e.DetailType == fleet.ExecutionEvent, l.execution)
	}
	return event, false, nil
}

// own are the detail types that the fleet sends to itself, in its own form.
var own = map[string]bool{
	fleet.WorkflowJobEvent: true,
	fleet.TaskEvent:        true,
	fleet.BuildEvent:       true,
	fleet.ExecutionEvent:   true,

	fleet.FleetResumedEvent: true,
}

// translate replaces the detail by the fleet's form of it, which leaves out what is not
// needed and what must not be read: overrides have the claim token.
func translate[In, Out any](event fleet.Event, detailType string, known bool, read func(In) (Out, bool)) (fleet.Event, bool, error) {
	if !known {
		return event, false, nil
	}
	var in In
	if err := json.Unmarshal(event.Detail, &in); err != nil {
		return event, false, fmt.Errorf("read event %s (%s): %w", event.ID, event.DetailType, err)
	}
	out, ours := read(in)
	if !ours {
		return event, false, nil
	}
	detail, err := json.Marshal(out)
	if err != nil {
		return event, false, fmt.Errorf("encode event %s (%s): %w", event.ID, event.DetailType, err)
	}
	event.DetailType, event.Detail = detailType, detail
	return event, true, nil
}

// task is ECS's form already
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html).
func (l Listener) task(t fleet.Task) (fleet.Task, bool) {
	return t, l.ClusterARN != "" && t.ClusterARN == l.ClusterARN
}
