// Package functions is what the deployment knows of each Lambda function: one value in
// one file for each.
//
// It is plain data, and does not import the CDK: tests and the simulated world read the
// same values. The functions' own code is in the folder functions/ at the top, and what
// both need at run time in internal/aws/deployment.
package functions

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// All are the fleet's Lambda functions: those that something outside calls, and the
// steps in the order of a runner's life.
var All = []Function{
	Webhook, Dispatch, Claim, Sweep,
	Validate, ResolveImage, BuildImage, RegisterTaskDefinition, RunTask, InspectRunner, RecordStatus,
}

// Function is one Lambda function, as it is deployed.
type Function struct {
	// Name is the function in the constructs, and a step in the state machine's
	// placeholder ${<Name>FunctionArn}.
	Name string
	// Step reports whether the state machine calls it.
	Step bool
	// EachRunner reports whether the execution of every runner that gets a job calls it.
	EachRunner bool
	// Seconds is its time-out, below the time that its caller waits.
	Seconds int
	// Memory is in MiB. Processor time comes with it.
	Memory int
	// Says describes it in the console.
	Says string
	// Reads are the environment variables that it gets: what its main reads, and no other.
	Reads []string
	// May are its permissions, beyond those that every function has.
	May []grants.Statement
	// Asynchronous is for a function that is called asynchronously; nil if every caller
	// waits for the answer.
	Asynchronous *Asynchronous
	// FailureAlarm is about its failed calls; nil if its caller repeats or reports them.
	FailureAlarm *Alarm
}

// Asynchronous is how Lambda treats calls that no caller waits for.
type Asynchronous struct {
	// OnFailure is the queue that gets a call which failed for good, by its name in
	// package grants. The function needs the permission to send to it.
	OnFailure string
	Retries   int
	MaxAge    time.Duration // after which a call is not tried any more
}

// Alarm is about five minutes with a failed call, or several of them in a row.
type Alarm struct {
	Periods int
	Says    string // what it means, then where to look
}

// A job waits for what has more memory: the TLS connections of a cold start take
// most of its time, and half as long with twice the processor.
const (
	unhurried = 256
	hurried   = 512
)

// Folder is the function's folder below functions/, and the end of its name on AWS.
func (f Function) Folder() string { return strings.ToLower(f.Name) }

// Runtime are the variables of its Go runtime. A start makes 5 to 8 MB that stay, most of
// them the SDK's. With the usual GOGC of 100 they would be looked through in the middle of it,
// which takes about a sixth of its processor time. GOMEMLIMIT is for calls that hold much.
func (f Function) Runtime() map[string]string {
	return map[string]string{"GOGC": "400", "GOMEMLIMIT": strconv.Itoa(f.Memory*3/4) + "MiB"}
}

// CallsGitHub reports whether the function asks GitHub's API.
func (f Function) CallsGitHub() bool { return slices.Contains(f.Reads, deployment.EnvGitHubURL) }

// Role is all that the function may do.
func (f Function) Role() grants.Role {
	may := f.May
	if f.CallsGitHub() {
		may = slices.Concat(may, inVPC())
	}
	return grants.Role{Name: f.Folder(), May: slices.Concat(may, []grants.Statement{
		grants.Imply("Lambda writes the function's log", grants.OwnLogs, "logs:CreateLogStream", "logs:PutLogEvents"),
		grants.Imply("active tracing; X-Ray has no resources for segments", grants.All, "xray:PutTraceSegments", "xray:PutTelemetryRecords"),
	})}
}

// Roles are all roles of a fleet: the functions', then those of AWS's services.
func Roles() (all []grants.Role) {
	for _, f := range All {
		all = append(all, f.Role())
	}
	return append(all, grants.Services...)
}
