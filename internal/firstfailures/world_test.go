package firstfailures

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/registertaskdefinition"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/logs"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/table"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// world is a fleet on AWS in one process: the adapters of AWS as they are deployed,
// our engine in place of Step Functions and the simulated table in place of DynamoDB.
type world struct {
	cloud    *cloud
	store    *table.Store
	engine   *engine.Engine
	dispatch dispatch.Handler
	sweeper  sweep.Handler

	turn sync.Mutex // one thing acts at a time, so that every play of a fleet is the same

	mu                     sync.Mutex
	firstError, firstCause string
}

// inTurn does something while no step, event or sweep is under way.
func (w *world) inTurn(do func()) {
	w.turn.Lock()
	defer w.turn.Unlock()
	do()
}

var discard = slog.New(slog.DiscardHandler)

var theLimits = fleet.DefaultLimits()

func newFleet(t *testing.T, c *cloud) *world {
	t.Helper()
	store := table.NewShared()
	w := &world{cloud: c, store: store}
	f := c.function()
	policy := fleet.Policy{
		FleetName: "ci", Repositories: []string{"octo-org/app"}, BaseImage: "base", DefaultClass: "small", MaxRunners: 20, Limits: theLimits,
		Classes: map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Arch: fleet.X64}}, Registries: fleet.DefaultRegistries,
	}
	token := &secrets.Secret{SecretsManager: secretsmanager.NewFromConfig(c.config()), ID: "ci/github_pat", Now: time.Now}
	base, err := github.APIBase("https://github.com")
	if err != nil {
		t.Fatal(err)
	}
	gh := github.NewForFleet(base, github.PAT(token.Value), &http.Client{Transport: c})
	platform := ecsfleet.Platform{
		ECS: ecs.NewFromConfig(c.config()), Cluster: theCluster, FleetName: "ci",
		Network:    ecsfleet.Network{Subnets: []string{"subnet-0a1b2c3d"}, SecurityGroups: []string{"sg-0a1b2c3d"}},
		Definition: ecsfleet.Definition{Repository: "123456789012.dkr.ecr.us-east-1.amazonaws.com/ci", ExecutionRole: "arn:aws:iam::123456789012:role/x", TaskRole: "arn:aws:iam::123456789012:role/t", LogGroup: "ci", Region: "us-east-1"},
	}
	lc := lifecycle.Fleet{
		Name: "ci", MaxRunners: 20, Limits: theLimits, Deployment: policy.Fingerprint(), Records: store, Executions: w, GitHub: gh, Tasks: platform, Now: time.Now, Log: discard,
	}
	w.dispatch = dispatch.Handler{Fleet: lc, Images: store, Cursors: store, Policy: policy}
	w.sweeper = sweep.Handler{
		Fleet: lc, Policy: policy, Records: store, GitHub: gh, Executions: w, Platform: platform, Bus: w, NewID: rand.Text, Grace: time.Minute, Images: store,
	}
	spec := fleet.ImageSpec{Kind: fleet.BaseImage, Name: "base", Arch: fleet.X64}
	if err := store.PutImage(t.Context(), fleet.ImageRecord{Tag: spec.Tag(), Spec: spec, Revision: 1, Digest: "sha256:0a1b", UsedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	resolve := resolveimage.Step{Images: store, Now: time.Now}
	w.start(t, map[string]invoke{
		"Validate":               step(validate.Step{Fleet: lc, Policy: policy, Budgets: gh, Images: resolve, Definitions: platform}.Run),
		"ResolveImage":           step(resolve.Run),
		"BuildImage":             step(buildimage.Step{Fleet: lc, Images: store, Builder: builds.BuilderOf(f), Release: lifecycle.KeptRelease(store), Counts: store, OnDemandBuilds: 50}.Run),
		"RegisterTaskDefinition": step(registertaskdefinition.Step{Fleet: lc, Definitions: platform}.Run),
		"RunTask":                step(runtask.Step{Fleet: lc, Launcher: platform, ClaimURL: "https://api.example", ClaimKey: []byte("key")}.Run),
		"InspectRunner":          step(inspectrunner.Step{Fleet: lc, Budgets: gh, Platform: platform}.Run),
		"RecordStatus":           step(recordstatus.Step{Fleet: lc, Images: store, Bus: w, NewID: rand.Text}.Run),
	})
	listener := events.ListenerOf(f, logs.LastLines(f))
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	c.hear = func(e lambdaevents.EventBridgeEvent) {
		w.inTurn(func() {
			event, ours, err := listener.Hear(e)
			if err == nil && ours {
				err = w.dispatch.Handle(context.Background(), event)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	return w
}

// function is one that is connected as on AWS, to as much as this world has of it.
func (c *cloud) function() *function.Function {
	environment := map[string]string{
		deployment.EnvCluster: theCluster, deployment.EnvBuildProject: "ci-images",
		deployment.EnvStateMachine: "arn:aws:states:us-east-1:123456789012:stateMachine:ci-runner",
	}
	return function.New(func(name string) string { return environment[name] }, c.config(), discard)
}

type invoke func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)

// step puts a step behind the border of Lambda.
func step[Out any](run func(context.Context, fleet.Call) (Out, error)) invoke {
	wrapped := border.Wrap(run)
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		var call fleet.Call
		if err := json.Unmarshal(payload, &call); err != nil {
			return nil, err
		}
		out, err := wrapped(ctx, call)
		if err != nil {
			return nil, reported{err}
		}
		return json.Marshal(out)
	}
}

// reported is an error as Step Functions hears of it from Lambda.
type reported struct{ error }

func (r reported) ErrorName() string {
	if response, ok := r.error.(messages.InvokeResponse_Error); ok {
		return response.Type
	}
	return "errorString"
}

func (r reported) Error() string {
	if response, ok := r.error.(messages.InvokeResponse_Error); ok {
		return response.Message
	}
	return r.error.Error()
}

func (w *world) start(t *testing.T, steps map[string]invoke) {
	t.Helper()
	arn := func(step string) string { return "arn:aws:lambda:us-east-1:123456789012:function:" + step }
	byARN := map[string]invoke{}
	for name, run := range steps {
		byARN[arn(name)] = run
	}
	machine, err := engine.Parse(statemachine.Definition, statemachine.Values(statemachine.AWS, arn))
	if err != nil {
		t.Fatal(err)
	}
	w.engine, err = engine.New(engine.Config{
		Machine: machine, Store: engine.NewMemoryStore(), OnEnd: w.ended, Jitter: func() float64 { return 0.5 },
		Go: func(invocation func()) { go w.inTurn(invocation) },
		Invoke: func(ctx context.Context, arn string, payload json.RawMessage) (json.RawMessage, error) {
			return byARN[arn](ctx, payload)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ended is the rule for executions that end badly.
func (w *world) ended(e engine.Execution) {
	if e.Status == engine.Succeeded {
		return
	}
	w.mu.Lock()
	if w.firstError == "" {
		w.firstError, w.firstCause = e.Error, e.Cause
	}
	w.mu.Unlock()
}

func (w *world) close(t *testing.T) {
	t.Helper()
	if err := w.engine.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func (w *world) queue(t *testing.T) {
	t.Helper()
	now := time.Now()
	job := fleet.Job{JobID: 7, WorkflowRunID: 70, Repository: "octo-org/app", Private: true, Name: "build", Labels: w.cloud.labels, Status: fleet.JobQueued, CreatedAt: &now}
	w.inTurn(func() {
		if err := w.dispatch.Fleet.Queued(t.Context(), job, w.sweeper.Policy.Wants(job), now); err != nil {
			t.Fatal(err)
		}
	})
}

// sweep is let fail: GitHub may refuse it as well.
func (w *world) sweep(t *testing.T) {
	t.Helper()
	w.inTurn(func() {
		if _, err := w.sweeper.Run(t.Context()); err != nil && fleet.ErrorName(err) == "" {
			t.Errorf("sweep: %v", err)
		}
	})
	synctest.Wait()
}

func (w *world) run(t *testing.T) fleet.Run {
	t.Helper()
	run, ok, err := w.store.Run(t.Context(), "job-7")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return run
}

func (w *world) openRunners(t *testing.T) int {
	t.Helper()
	open, err := w.store.OpenRunners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// Put takes an event for dispatch, as the rule on the fleet's bus does.
func (w *world) Put(ctx context.Context, event fleet.Event) error {
	return w.dispatch.Handle(ctx, event)
}

func (w *world) Start(ctx context.Context, name string, input []byte) error {
	_, err := w.engine.Start(ctx, name, input)
	return err
}

func (w *world) Succeed(ctx context.Context, token string, output []byte) error {
	return closedIsFine(w.engine.SendTaskSuccess(ctx, token, output))
}

func (w *world) Fail(ctx context.Context, token, name, cause string) error {
	return closedIsFine(w.engine.SendTaskFailure(ctx, token, name, cause))
}

func (w *world) Heartbeat(ctx context.Context, token string) error {
	return closedIsFine(w.engine.SendTaskHeartbeat(ctx, token))
}

func (w *world) Running(ctx context.Context, name string) (running, known bool, err error) {
	execution, err := w.engine.Describe(ctx, name)
	return execution.Status == engine.Running, err == nil, nil
}

func closedIsFine(err error) error {
	if errors.Is(err, engine.ErrTaskTimedOut) || errors.Is(err, engine.ErrTaskDoesNotExist) {
		return nil
	}
	return err
}
