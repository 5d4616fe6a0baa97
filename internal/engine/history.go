package engine

// historyLimit is the number of events at which Step Functions fails an execution.
const historyLimit = 25000

const (
	executionStarted   = "ExecutionStarted"
	executionSucceeded = "ExecutionSucceeded"
	executionFailed    = "ExecutionFailed"
	executionTimedOut  = "ExecutionTimedOut"
	executionAborted   = "ExecutionAborted"
)

// taskEvents are the types that one way of calling a function leaves behind.
type taskEvents struct {
	scheduled, started, submitted, succeeded, failed, timedOut string
}

var (
	functionEvents = taskEvents{
		scheduled: "LambdaFunctionScheduled",
		started:   "LambdaFunctionStarted",
		succeeded: "LambdaFunctionSucceeded",
		failed:    "LambdaFunctionFailed",
		timedOut:  "LambdaFunctionTimedOut",
	}
	tokenEvents = taskEvents{
		scheduled: "TaskScheduled",
		started:   "TaskStarted",
		submitted: "TaskSubmitted",
		succeeded: "TaskSucceeded",
		failed:    "TaskFailed",
		timedOut:  "TaskTimedOut",
	}
)

func (st *state) events() taskEvents {
	if st.token {
		return tokenEvents
	}
	return functionEvents
}
