package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// function is a step behind its border: JSON in, JSON out.
type function func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)

// step puts a step's logic behind the border. Its error keeps its name however
// deep it was wrapped; the engine, like the Lambda runtime, sees the outermost only.
func step[Out any](run func(context.Context, fleet.Call) (Out, error)) function {
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		var call fleet.Call
		if err := json.Unmarshal(payload, &call); err != nil {
			return nil, fmt.Errorf("read the call: %w", err)
		}
		out, err := run(ctx, call)
		if err != nil {
			if name := fleet.ErrorName(err); name != "" {
				return nil, &fleet.Error{Name: name, Message: err.Error()}
			}
			return nil, err
		}
		return json.Marshal(out)
	}
}

// arnPrefix begins the name of every function on one machine: Step Functions' own form,
// with a region that does not exist.
const arnPrefix = "arn:aws:lambda:local:000000000000:function:"

// loadMachine reads the state machine and names its functions.
func loadMachine() (*engine.Machine, error) {
	return engine.Parse(statemachine.Definition, statemachine.Values(statemachine.AWS, func(step string) string { return arnPrefix + step }))
}

// executions is the engine as the steps see it: starting a name twice and
// completing a closed token are no errors.
type executions struct{ engine *engine.Engine }

func (e executions) Start(ctx context.Context, name string, input []byte) error {
	_, err := e.engine.Start(ctx, name, input)
	if errors.Is(err, engine.ErrExecutionAlreadyExists) {
		return nil
	}
	return err
}

func (e executions) Succeed(ctx context.Context, token string, output []byte) error {
	return closedIsFine(e.engine.SendTaskSuccess(ctx, token, output))
}

func (e executions) Fail(ctx context.Context, token, name, cause string) error {
	return closedIsFine(e.engine.SendTaskFailure(ctx, token, name, cause))
}

func (e executions) Heartbeat(ctx context.Context, token string) error {
	return closedIsFine(e.engine.SendTaskHeartbeat(ctx, token))
}

func closedIsFine(err error) error {
	if errors.Is(err, engine.ErrTaskTimedOut) || errors.Is(err, engine.ErrTaskDoesNotExist) {
		return nil
	}
	return err
}
