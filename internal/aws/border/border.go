// Package border is where a function meets Lambda: its environment, its invocations, and
// its errors, which get the names that the state machine matches.
//
// A state machine picks a Retry or Catch clause by the errorType that a function
// reports. The Lambda runtime takes it from the outermost error, so wrapping hides
// it (aws-lambda-go, lambda/errors.go). Wrap restores it.
package border

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Crashed is the error name of a step that panicked. It is what Step Functions
// reports of a function whose process ended, so the same retriers match it.
const Crashed = "Runtime.ExitError"

// Wrap puts a step behind the border: its error is reported under the first name
// in its chain, with the whole text as the message. An error without a name is
// reported as the runtime would report it. A panic is logged with its stack and
// becomes the error Crashed; the process lives on and serves the next call.
func Wrap[In, Out any](step func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		defer func() {
			if p := recover(); p != nil {
				slog.ErrorContext(ctx, "panic in a step", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				var none Out
				out, err = none, messages.InvokeResponse_Error{Type: Crashed, Message: awserr.Cause(fmt.Sprintf("this is a mistake in the fleet; its log has the stack: %v", p))}
			}
		}()
		out, err = step(ctx, in)
		return out, named(err)
	}
}

// named is err as the runtime must get it: a value, not a pointer, of this very
// type, and not wrapped.
func named(err error) error {
	name := fleet.ErrorName(err)
	if name == "" {
		return err
	}
	return messages.InvokeResponse_Error{Type: awserr.Name(name), Message: awserr.Cause(err.Error())}
}
