package lambdahost

import (
	"encoding/json"
	"fmt"
	"time"
)

// Names of errors that come from Lambda, not from the function.
const (
	ExitError = "Runtime.ExitError"
	Timedout  = "Sandbox.Timedout"
)

// Error is a failed invocation, as the caller of a function sees it.
type Error struct {
	ErrorType    string
	ErrorMessage string
	// Cause is the whole answer, {"errorType": …, "errorMessage": …}: Step Functions
	// has it as the cause, and ErrorType as the error.
	Cause json.RawMessage
	// Init is true if the process failed before it asked for its first invocation.
	// Output is then what it wrote.
	Init   bool
	Output string
}

func (e *Error) Error() string {
	if e.Init {
		return fmt.Sprintf("%s before the first invocation: %s\n%s", e.ErrorType, e.ErrorMessage, e.Output)
	}
	return e.ErrorType + ": " + e.ErrorMessage
}

// reported is the error that a function sent.
func reported(body []byte) *Error {
	var said struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return madeUp("Runtime.BadError", fmt.Sprintf("the function reported an error that is no JSON: %v", err))
	}
	return &Error{ErrorType: said.ErrorType, ErrorMessage: said.ErrorMessage, Cause: body}
}

func exited(id, how string) *Error {
	return madeUp(ExitError, fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", id, how))
}

func timedOut(id string, after time.Duration) *Error {
	return madeUp(Timedout, fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, after.Seconds()))
}

// madeUp is an error that Lambda reports for the function.
func madeUp(name, message string) *Error {
	cause, err := json.Marshal(map[string]string{"errorType": name, "errorMessage": message})
	if err != nil {
		panic(err) // two strings are always JSON
	}
	return &Error{ErrorType: name, ErrorMessage: message, Cause: cause}
}
