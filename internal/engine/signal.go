package engine

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
)

// SendTaskSuccess ends a task with its result. The token may be used before the
// task's function has answered. It fails with ErrTaskTimedOut if the task is over,
// ErrTaskDoesNotExist if no execution ever had such a token, ErrInvalidToken if it
// is no token, and ErrInvalidOutput if output is not JSON or over 262,144 bytes.
// It returns an error of the Store as it is; repeating the call is safe.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
func (e *Engine) SendTaskSuccess(ctx context.Context, token string, output json.RawMessage) error {
	output, err := ingest(output)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidOutput, err)
	}
	if len(output) > maxData {
		return fmt.Errorf("%w: it has %d bytes; the limit is %d", ErrInvalidOutput, len(output), maxData)
	}
	return e.signal(ctx, token, func(s *step) { s.succeed(s.state(), output) })
}

// SendTaskFailure ends a task with an error, which the state's Retry and Catch see
// by its name. It fails as SendTaskSuccess does. It keeps 256 bytes of the name,
// and 32,768 of the cause.
func (e *Engine) SendTaskFailure(ctx context.Context, token, errorName, cause string) error {
	f := &failure{name: clip(errorName, maxErrorName), cause: clip(cause, maxCause)}
	return e.signal(ctx, token, func(s *step) { s.taskFailed(s.state(), f) })
}

// SendTaskHeartbeat restarts the time between heartbeats. It adds no event to the
// history, and does not move the task's own time-out. It fails as SendTaskSuccess
// does.
func (e *Engine) SendTaskHeartbeat(ctx context.Context, token string) error {
	return e.signal(ctx, token, (*step).beat)
}

// signal makes a step of the execution that waits for this token.
func (e *Engine) signal(ctx context.Context, token string, decide func(*step)) error {
	name, err := executionOf(token)
	if err != nil {
		return err
	}
	r, err := e.find(ctx, name)
	if err == nil {
		err = e.change(ctx, r, func(s *step) error {
			if subtle.ConstantTimeCompare([]byte(s.rec.Token), []byte(token)) != 1 {
				return ErrTaskTimedOut
			}
			if s.due() { // Too late is too late, even if the timer has not come round yet.
				return ErrTaskTimedOut
			}
			decide(s)
			return nil
		})
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errOver):
		err = ErrTaskTimedOut
	case errors.Is(err, ErrExecutionDoesNotExist):
		err = ErrTaskDoesNotExist
	}
	return fmt.Errorf("task of execution %s: %w", name, err)
}
