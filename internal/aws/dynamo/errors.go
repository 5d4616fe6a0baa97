package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Reasons for which DynamoDB cancels a transaction, as the page on
// TransactWriteItems has them.
const (
	reasonCondition = "ConditionalCheckFailed"
	reasonConflict  = "TransactionConflict"
)

var reasonsBusy = []string{"ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}

// named gives an error of the SDK its name, if it has one, and says which call failed.
func named(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf(format, args...)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", what, err)
	case isConflict(err):
		return fleet.Errorf(fleet.RecordsConflict, "%s: somebody else changed it first: %w", what, err)
	case isUnanswered(err):
		return fleet.Errorf(fleet.RecordsUnavailable, "%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// isConflict reports whether a record was not as it was read, or another transaction is
// changing it now.
func isConflict(err error) bool {
	if reasons, ok := cancelledFor(err); ok {
		return slices.Contains(reasons, reasonCondition) || slices.Contains(reasons, reasonConflict) && !isBusy(reasons)
	}
	return failedCondition(err) || hasCode(err, "TransactionConflictException")
}

// failedCondition reports whether a single item did not meet the condition.
func failedCondition(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}

// isUnanswered reports whether DynamoDB throttled, failed, or gave no answer that
// could be read.
func isUnanswered(err error) bool {
	if reasons, ok := cancelledFor(err); ok {
		return isBusy(reasons)
	}
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return true
	}
	var response *smithyhttp.ResponseError
	return answer.ErrorFault() == smithy.FaultServer ||
		errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError ||
		(retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}).IsErrorRetryable(err) == aws.TrueTernary ||
		(retry.RetryableErrorCode{Codes: retry.DefaultRetryableErrorCodes}).IsErrorRetryable(err) == aws.TrueTernary
}

func isBusy(reasons []string) bool {
	return slices.ContainsFunc(reasons, func(r string) bool { return slices.Contains(reasonsBusy, r) })
}

func cancelledFor(err error) (reasons []string, ok bool) {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return nil, false
	}
	for _, r := range cancelled.CancellationReasons {
		reasons = append(reasons, aws.ToString(r.Code))
	}
	return reasons, true
}

func hasCode(err error, code string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == code
}
