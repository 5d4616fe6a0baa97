package calls

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamotest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// world is a fleet on AWS in one process.
type world struct {
	t       *testing.T
	policy  fleet.Policy
	db      *dynamotest.DB
	records *dynamo.Store // the test's own, whose calls are not counted
	engine  *engine.Engine
	github  *hub
	ecs     *cluster
	images  bool            // the registry has every image
	choices map[string]bool // states that a Choice follows

	last map[string]string // step of each execution

	mu      sync.Mutex
	warm    map[string]handler // functions that run, by folder
	calls   []call
	invoked []*invocation
}

// call is one request of a function.
type call struct {
	what        string // service and operation
	by          *invocation
	began, took time.Duration
	used        dynamotest.Units
}

// invocation is one of a function.
type invocation struct {
	function, what string // what is the state, or what was heard
	states         int    // that the execution entered for it
	cold           bool
	began, ended   time.Duration // since the world began
}

func (i *invocation) String() string { return i.function + " " + i.what }

// handler answers an invocation.
type handler func(ctx context.Context, payload []byte) ([]byte, error)

var discard = slog.New(slog.DiscardHandler)

// tokenLength is how long a task token of Step Functions is: it may have 2,048 characters,
// and those that people have shown have 650 to 750.
const tokenLength = 750

// epoch is when virtual time begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	region      = "us-east-1"
	account     = "123456789012"
	clusterARN  = "arn:aws:ecs:us-east-1:123456789012:cluster/ci"
	machineARN  = "arn:aws:states:us-east-1:123456789012:stateMachine:ci-runner"
	repository  = "octo-org/app"
	secretValue = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
	roleID      = "AROA0123456789ABCDEFG"
)

func thePolicy() fleet.Policy {
	return fleet.Policy{
		FleetName: "ci", Repositories: []string{repository}, BaseImage: "base", DefaultClass: "small", MaxRunners: 20, Limits: fleet.DefaultLimits(),
		OnDemandBuilds: 50, Registries: fleet.DefaultRegistries, RunnerVersion: fleet.LatestRunner,
	}
}

var theClasses = map[string]fleet.Class{
	"small": {CPU: 1024, Memory: 2048, Arch: fleet.X64},
	"spot":  {CPU: 1024, Memory: 2048, Arch: fleet.X64, Spot: true},
}

func newWorld(t *testing.T, p fleet.Policy) *world {
	t.Helper()
	w := &world{t: t, policy: p, db: dynamotest.New(dynamo.TableDefinition()), images: true, warm: map[string]handler{}}
	w.github, w.ecs = &hub{w: w, jobs: map[int64]*job{}}, &cluster{w: w}
	w.records = dynamo.Records(function.New(w.env, w.config(w.db), discard))
	w.choices, w.last = beforeChoices(t), map[string]string{}
	machine, err := engine.Parse(statemachine.Definition, statemachine.Values(statemachine.AWS, lambdaARN))
	if err != nil {
		t.Fatal(err)
	}
	w.engine, err = engine.New(engine.Config{
		Machine: machine, Store: engine.NewMemoryStore(), Jitter: func() float64 { return 0.5 }, OnEnd: w.executionEnded,
		NewToken: func() string { return rand.Text() + strings.Repeat("A", tokenLength-26) },
		Invoke: func(ctx context.Context, arn string, payload json.RawMessage) (json.RawMessage, error) {
			var c fleet.Call
			if err := json.Unmarshal(payload, &c); err != nil {
				return nil, err
			}
			states := w.enter(c.RunnerID, c.State)
			for range states {
				w.pass("Step Functions, a state")
			}
			name := strings.ToLower(arn[strings.LastIndex(arn, ":")+1:])
			return w.invokeStep(ctx, name, c.State, states, payload)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func lambdaARN(step string) string { return "arn:aws:lambda:us-east-1:123456789012:function:" + step }

// beforeChoices are the states that a Choice follows.
func beforeChoices(t *testing.T) map[string]bool {
	t.Helper()
	var machine struct {
		States map[string]struct{ Type, Next string }
	}
	if err := json.Unmarshal([]byte(statemachine.Definition), &machine); err != nil {
		t.Fatal(err)
	}
	before := map[string]bool{}
	for name, s := range machine.States {
		before[name] = machine.States[s.Next].Type == "Choice"
	}
	return before
}

// enter is how many states an execution enters from its last step to this one.
func (w *world) enter(execution, state string) (states int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	states = 1
	if w.choices[w.last[execution]] {
		states++
	}
	w.last[execution] = state
	return states
}

// close waits for the executions.
func (w *world) close() {
	if err := w.engine.Close(context.Background()); err != nil {
		w.t.Error(err)
	}
}

// since is the time since the world began.
func since() time.Duration { return time.Since(epoch) }

// pass lets the time of something pass.
func (w *world) pass(what string) { time.Sleep(latency(w.t, what)) }

// invoke calls a function, which starts first if it does not run yet.
func (w *world) invoke(ctx context.Context, name, what string, payload []byte) ([]byte, error) {
	return w.invokeStep(ctx, name, what, 0, payload)
}

func (w *world) invokeStep(ctx context.Context, name, what string, states int, payload []byte) ([]byte, error) {
	inv := &invocation{function: name, what: what, states: states}
	w.mu.Lock()
	handle, runs := w.warm[name]
	w.invoked = append(w.invoked, inv)
	w.mu.Unlock()
	inv.began, inv.cold = since(), !runs
	if runs {
		w.pass("Lambda, an invocation")
	} else {
		w.pass("Lambda, a cold start")
		handle = w.start(name)
		w.mu.Lock()
		w.warm[name] = handle
		w.mu.Unlock()
	}
	out, err := handle(context.WithValue(ctx, ofInvocation{}, inv), payload)
	inv.ended = since()
	return out, err
}

type ofInvocation struct{}

// start connects a function as its main does, and makes its first calls.
func (w *world) start(name string) handler {
	made := function.New(w.env, w.config(&wire{w: w, function: name}), discard)
	connect, ok := mains[name]
	if !ok {
		w.t.Fatalf("there is no function %s", name)
	}
	handle := connect(w, made)
	if err := made.Check(); err != nil {
		w.t.Fatal(err)
	}
	made.WarmUp()
	return handle
}

func (w *world) env(name string) string {
	policy, err := json.Marshal(w.policy)
	if err != nil {
		w.t.Fatal(err)
	}
	return map[string]string{
		deployment.EnvPolicy: string(policy), deployment.EnvTable: "records", deployment.EnvClassSizes: "/ci/classes",
		deployment.EnvStateMachine: machineARN, deployment.EnvCluster: clusterARN, deployment.EnvBus: "ci", deployment.EnvGitHubURL: "https://github.com",
		deployment.EnvGitHubPAT: "ci/pat", deployment.EnvWebhookSecret: "ci/webhook", deployment.EnvClaimKey: "ci/claim",
		deployment.EnvAPIURL: "https://api.example", deployment.EnvRepository: account + ".dkr.ecr.us-east-1.amazonaws.com/ci", deployment.EnvBuildProject: "ci-images",
		deployment.EnvExecutionRole: "arn:aws:iam::123456789012:role/x", deployment.EnvTaskRole: "arn:aws:iam::123456789012:role/t", deployment.EnvTaskRoleID: roleID,
		deployment.EnvRunnerLogs: "/ecsrunner/ci/runners", deployment.EnvSubnets: "subnet-0a1b2c3d", deployment.EnvSecurityGroups: "sg-0a1b2c3d", deployment.EnvAssignPublicIP: "true",
		deployment.EnvFailedEvents: "https://sqs.us-east-1.amazonaws.com/123456789012/failed",
	}[name]
}

// config is the SDK's configuration over a transport. It tries a call once: what is retried
// here is retried by the state machine.
func (w *world) config(transport http.RoundTripper) aws.Config {
	return aws.Config{
		Region: region, HTTPClient: &http.Client{Transport: transport}, Credentials: aws.AnonymousCredentials{},
		Retryer: func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) },
	}
}

// executionEnded is the rule for executions that end badly.
func (w *world) executionEnded(e engine.Execution) {
	if e.Status == engine.Succeeded {
		return
	}
	detail := fmt.Sprintf(`{"executionArn":"x:%s","stateMachineArn":%q,"name":%q,"status":%q,"error":%q,"cause":%q}`, e.Name, machineARN, e.Name, e.Status, e.Error, e.Cause)
	go w.hear("aws.states", fleet.ExecutionEvent, string(e.Status), []byte(detail))
}

// hear delivers an event to dispatch.
func (w *world) hear(source, detailType, what string, detail []byte) {
	w.pass("EventBridge, to its target")
	event, err := json.Marshal(map[string]any{"id": "1", "source": source, "detail-type": detailType, "time": time.Now().UTC(), "detail": json.RawMessage(detail)})
	if err == nil {
		_, err = w.invoke(context.Background(), "dispatch", detailType+" "+what, event)
	}
	if err != nil {
		w.t.Errorf("dispatch %s %s: %v", detailType, what, err)
	}
}

// record notes a call.
func (w *world) record(c call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
}

// stop ends all functions: each starts again when it is called.
func (w *world) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.warm)
}

// forget leaves out what was called until now.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls, w.invoked = nil, nil
}

// played is what was called since.
func (w *world) played() played {
	w.mu.Lock()
	defer w.mu.Unlock()
	return played{w.calls, w.invoked}
}

// run is the record of a job.
func (w *world) run(id int64) fleet.Run {
	w.t.Helper()
	run, _, err := w.records.Run(w.t.Context(), fleet.RunID(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// await lets time pass until a job's run has ended and its executions too.
func (w *world) await(ids ...int64) {
	w.t.Helper()
	for range 3600 {
		time.Sleep(time.Second)
		if !slices.ContainsFunc(ids, func(id int64) bool { return !w.run(id).Status.Terminal() }) && w.idle() {
			time.Sleep(30 * time.Second) // for what is still on its way
			return
		}
	}
	for _, id := range ids {
		w.t.Errorf("job %d: %s %s", id, w.run(id).Status, w.run(id).Reason)
	}
}

func (w *world) idle() bool {
	open, err := w.records.OpenRunners(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return len(open) == 0
}
