// Package awserr names errors of AWS's API, for the state machine that retries by name,
// and cuts names and causes to what Step Functions takes.
//
// Services have codes of their own for failures that pass by themselves, and the SDK
// retries only some of them: MayPass knows the others.
package awserr

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// CallError says which call of AWS's API err came from; nil stays nil. If a repeated
// call may succeed, the error has the name AWS.Unavailable, so that the state machine
// repeats it. Otherwise it has no name.
func CallError(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf(format, args...)
	if MayPass(err) {
		return fleet.Errorf(fleet.AWSUnavailable, "%s: AWS did not answer, or asked to slow down: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// passing are error codes of AWS's services that pass and that the SDK does not count
// as throttles: its own list is added.
var passing = retry.RetryableErrorCode{Codes: map[string]struct{}{
	"ExecutionLimitExceeded":      {}, // Step Functions: too many open executions
	"ExpiredTokenException":       {}, // credentials of a process that was frozen
	"InternalException":           {}, // EventBridge
	"InternalFailure":             {},
	"InternalServerError":         {}, // SSM
	"InternalServiceError":        {}, // Secrets Manager
	"KmsThrottlingException":      {}, // Step Functions
	"RequestExpired":              {},
	"ServerException":             {}, // ECS
	"ServiceUnavailable":          {},
	"ServiceUnavailableException": {},
	"TooManyUpdates":              {}, // SSM
}}

// MayPass reports whether an SDK call failed for a reason that may be gone when it is
// repeated: a throttle, a 5xx, no answer, or no time left to wait for one. A caller
// that gave up is no such reason.
func MayPass(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorFault() == smithy.FaultServer {
		return true
	}
	checks := append(retry.IsErrorRetryables{passing}, retry.DefaultRetryables...)
	return checks.IsErrorRetryable(err) == aws.TrueTernary
}
