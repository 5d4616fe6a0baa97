package engine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Names of the errors that the engine itself reports, and of the wildcards.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
const (
	errAll             = "States.ALL"
	errTaskFailed      = "States.TaskFailed"
	errTimeout         = "States.Timeout"
	errHeartbeat       = "States.HeartbeatTimeout"
	errRuntime         = "States.Runtime"
	errDataLimit       = "States.DataLimitExceeded"
	errParameterPath   = "States.ParameterPathFailure"
	errResultPath      = "States.ResultPathMatchFailure"
	errNoChoice        = "States.NoChoiceMatched"
	errFunctionUnknown = "Lambda.Unknown"
	errFunctionExited  = "Runtime.ExitError"
)

// Step Functions' limits, in bytes.
const (
	maxErrorName = 256
	maxCause     = 32768
	maxData      = 262144
)

// reservedErrors are the names with the prefix States. that exist.
var reservedErrors = []string{
	errAll, errTaskFailed, errTimeout, errHeartbeat, errRuntime, errDataLimit, errParameterPath, errResultPath, errNoChoice,
	"States.BranchFailed", "States.ExceedToleratedFailureThreshold", "States.Http.Socket", "States.IntrinsicFailure",
	"States.ItemReaderFailed", "States.Permissions", "States.QueryEvaluationError", "States.ResultWriterFailed",
}

// failure is an error that a state reports.
type failure struct {
	name, cause string
	// heartbeat: the time-out is a missed heartbeat. Step Functions shows it as
	// States.Timeout everywhere; States.HeartbeatTimeout exists only as something
	// that a Retry or Catch can ask for.
	heartbeat bool
}

// matches reports whether a Retry or Catch with these names applies.
//
// States.Runtime is final. Only its own name matches States.DataLimitExceeded.
// States.TaskFailed matches no time-out, and no missed heartbeat.
func (f *failure) matches(names []string) bool {
	if f.name == errRuntime {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool {
		switch name {
		case f.name:
			return true
		case errAll:
			return f.name != errDataLimit
		case errTaskFailed:
			return f.name != errTimeout && f.name != errDataLimit
		case errHeartbeat:
			return f.heartbeat
		}
		return false
	})
}

// object is what a Catch puts into the state data.
func (f *failure) object() json.RawMessage {
	out := append([]byte(`{"Error":`), quote(f.name)...)
	out = append(append(out, `,"Cause":`...), quote(f.cause)...)
	return append(out, '}')
}

// functionFailure is the failure that AWS Lambda's Go runtime would have made of
// err. Only the outermost error counts: a method ErrorName() string names it, or
// else its type does, so what fmt.Errorf has wrapped with %w is a "wrapError",
// whatever is inside. The cause is Lambda's JSON text.
// https://github.com/aws/aws-lambda-go/blob/main/lambda/errors.go
func functionFailure(err error) *failure {
	if named, ok := err.(interface{ ErrorName() string }); ok {
		return lambdaFailure(named.ErrorName(), err.Error())
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return lambdaFailure(t.Name(), err.Error())
}

func lambdaFailure(name, message string) *failure {
	cause, err := json.Marshal(struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{message, name})
	if err != nil {
		panic("engine: marshal two strings: " + err.Error()) // no string does that
	}
	return &failure{name: clip(name, maxErrorName), cause: clip(string(cause), maxCause)}
}

// clip shortens s to at most n bytes, at the border of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// tooLarge reports data over the limit of a state's input, payload or output.
func tooLarge(what string, st *state, data json.RawMessage) *failure {
	if len(data) <= maxData {
		return nil
	}
	return &failure{name: errDataLimit, cause: fmt.Sprintf("the %s of state %q has %d bytes; the limit is %d", what, st.name, len(data), maxData)}
}
