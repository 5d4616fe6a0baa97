package simulation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/registertaskdefinition"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	awsevents "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/identity"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/queue"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
)

// functions are the fleet's Lambda functions as one execution environment has them,
// connected as their mains connect them. Secrets are kept between invocations, and so
// each environment has its own.
type functions struct {
	webhook  webhook.Handler
	claim    claim.Handler
	dispatch dispatch.Handler
	listener awsevents.Listener
	sweep    sweep.Handler
	steps    map[string]step
}

// step is a step behind Lambda's border: JSON in, JSON or a named error out.
type step func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)

const (
	tokenSecret   = "fleet/github_pat"
	webhookSecret = "fleet/webhook_secret"
	apiURL        = "https://api.simulated.example"
	gitHubURL     = "https://github.com"
)

func (w *World) functions() functions {
	base, err := github.APIBase(gitHubURL)
	if err != nil {
		panic(err)
	}
	endpoint, err := identity.EndpointOf(aws.Config{Region: simsts.Region})
	if err != nil {
		panic(err)
	}
	token := &secrets.Secret{SecretsManager: w.secretStore, ID: tokenSecret, Now: w.k.Clock}
	var credential github.Credential = github.StoredPAT{Secret: token}
	if w.policy.GitHubApp {
		credential = github.Apps{List: []github.App{{ID: "Iv1.simulated", Keys: appKey{}}}, Organization: true, Now: w.k.Clock}
	}
	gh := github.NewForFleet(base, credential, &http.Client{Transport: watched{w}})
	gh.Client.Shared = w.Table
	gh.Scope = github.Scope{Place: w.policy.SharedPlace(), Group: w.policy.RunnerGroup}
	executions := stepfn.Executions{SFN: states{w}, StateMachineARN: w.stateMachineARN()}
	platform := ecsfleet.Platform{
		ECS: w.ECS, Cluster: w.clusterARN(), FleetName: w.policy.FleetName,
		Network:    ecsfleet.Network{Subnets: w.subnets, SecurityGroups: []string{"sg-0a1b2c3d"}},
		Definition: ecsfleet.Definition{Repository: w.repositoryURI(), ExecutionRole: "arn:aws:iam::123456789012:role/execution", TaskRole: "arn:aws:iam::123456789012:role/task", LogGroup: "/ecsrunner/fleet/runners", Region: region},
	}
	running := builds.Builds{CodeBuild: w.CodeBuild, Project: buildProject, Now: w.k.Clock, LastLines: w.CodeBuild.LastLines}
	builder := builds.Builder{CodeBuild: w.CodeBuild, Project: buildProject}
	registry := images.Registry{ECR: w.ECR, Repository: imageRepository}
	resolve := resolveimage.Step{Images: w.Table, Registry: registry, Now: w.k.Clock}
	listener := awsevents.Listener{ClusterARN: w.clusterARN(), BuildProject: buildProject, StateMachineARN: w.stateMachineARN()}
	eventBus := eventbus.Bus{EventBridge: bus{w}, Name: "fleet"}
	newID := func() string { return w.id("fleet") }
	classless := w.policy // as functions have it that do not read the class sizes
	classless.Classes = nil
	lc := lifecycle.Of(classless)
	lc.Records, lc.Executions, lc.GitHub, lc.Tasks = w.Table, executions, gh, platform
	lc.TasksSign = true
	lc.Backoff, lc.Now, lc.Log = w.backoff, w.k.Clock, w.log
	notices := lifecycle.Notices{GitHub: gh, Cursors: w.Table, URL: w.policy.RefusalURL}
	dispatcher := dispatch.Handler{Fleet: lc, Images: w.Table, Cursors: w.Table, Policy: w.policy}
	return functions{
		webhook: webhook.Handler{
			Secrets: secrets.Webhook{&secrets.Secret{SecretsManager: w.secretStore, ID: webhookSecret, Now: w.k.Clock}},
			Records: w.Table, Bus: eventBus, Policy: w.policy, Now: w.k.Clock, NewID: newID, Log: w.log,
		},
		claim: claim.Handler{
			Fleet: lc, GitHub: gh, Keys: [][]byte{claimKey}, Log: w.log, Tasks: platform,
			Signers: identity.Service{
				HTTP: &http.Client{Transport: sts{w}}, Endpoint: endpoint, Now: w.k.Clock,
				Role: identity.Role{Partition: "aws", Account: simsts.Account, UniqueID: simsts.RoleID},
			},
		},
		dispatch: dispatcher,
		listener: listener,
		sweep: sweep.Handler{
			Fleet: lc.Informed(w.policy), Policy: w.policy, Records: w.Table, GitHub: gh, Executions: executions, Platform: platform, Bus: eventBus, NewID: newID, Notices: notices, Reruns: lifecycle.Reruns{GitHub: gh, Cursors: w.Table}, Grace: time.Minute,
			FailedEvents: queue.FailedEvents{SQS: w.deadLetters, URL: "failed-events", Hear: listener.Hear, Log: w.log},
			Dispatch:     dispatcher.Handle, Definitions: platform, Images: w.Table, Builds: running, Builder: builder, Registry: registry,
			Lease: w.Table, Time: timeOut("sweep") - sweep.Overhead,
		},
		steps: map[string]step{
			"Validate":               border(validate.Step{Fleet: lc.Informed(w.policy), Policy: w.policy, Budgets: gh, Access: gh, Images: resolve, Definitions: platform}.Run),
			"ResolveImage":           border(resolve.Run),
			"BuildImage":             border(buildimage.Step{Fleet: lc, Images: w.Table, Builder: builder, Release: lifecycle.KeptRelease(w.Table), Counts: w.Table, OnDemandBuilds: cmp.Or(w.policy.OnDemandBuilds, 50), BuildsOfRules: w.policy.BuildsOfRules()}.Run),
			"RegisterTaskDefinition": border(registertaskdefinition.Step{Fleet: lc, Definitions: platform}.Run),
			"RunTask":                border(runtask.Step{Fleet: lc, Launcher: platform, ClaimURL: apiURL, ClaimKey: claimKey, Signed: runtask.Signed{Host: endpoint.Host(), Region: endpoint.Region}}.Run),
			"InspectRunner":          border(inspectrunner.Step{Fleet: lc, Budgets: gh, Platform: platform}.Run),
			"RecordStatus":           border(recordstatus.Step{Fleet: lc, Images: w.Table, Notices: notices, Bus: eventBus, NewID: newID}.Run),
		},
	}
}

// backoff waits for a random part of a time.
func (w *World) backoff(_ context.Context, most time.Duration) error {
	w.k.Pause(w.k.Between("backoff", 0, most))
	return nil
}

// border is a step whose errors have the names that Lambda reports to Step Functions.
// A panic is a mistake of ours: it ends the history.
func border[Out any](run func(context.Context, fleet.Call) (Out, error)) step {
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		var call fleet.Call
		if err := json.Unmarshal(payload, &call); err != nil {
			return nil, err
		}
		out, err := run(ctx, call)
		if err != nil {
			return nil, reported(err)
		}
		return json.Marshal(out)
	}
}

// reported is an error as Step Functions gets it: with border's name, or the
// runtime's.
func reported(err error) error {
	if name := fleet.ErrorName(err); name != "" {
		return &fleet.Error{Name: name, Message: err.Error()}
	}
	return messages.InvokeResponse_Error{Type: "errorString", Message: err.Error()}
}

// invokeStep is the engine's Invoke.
func (w *World) invokeStep(ctx context.Context, arn string, payload json.RawMessage) (out json.RawMessage, err error) {
	name := arn[len(functionPrefix):]
	about := ""
	if w.k.Trace != nil || name == "InspectRunner" {
		about = callOf(payload)
	}
	if name == "InspectRunner" {
		w.inspects(about[strings.LastIndexByte(about, ' ')+1:])
	}
	folder := strings.ToLower(name)
	failure := w.lambdas.await(folder, about, func(env *environment) {
		out, err = env.steps[name](context.Background(), payload)
	})
	if failure != "" {
		return nil, &fleet.Error{Name: failure, Message: "the function " + folder + " did not answer: " + failure}
	}
	return out, err
}

// callOf names an invocation by its runner.
func callOf(payload json.RawMessage) string {
	var call struct {
		RunnerID string `json:"runner_id"`
		State    string `json:"state"`
	}
	_ = json.Unmarshal(payload, &call)
	return call.State + " of " + call.RunnerID
}

// dispatchEvent is an event's way to dispatch, which a rule calls asynchronously.
func (w *World) dispatchEvent(e events.EventBridgeEvent) {
	w.events[e.DetailType]++
	if made := e.Time.Truncate(time.Second); made.Before(w.newest) { // AWS's own have no fractions
		w.overtaken++
	} else {
		w.newest = made
	}
	w.lambdas.async("dispatch", e.DetailType+" "+e.ID, 2, func(env *environment) error {
		event, ours, err := env.listener.Hear(e)
		if err != nil || !ours {
			return err
		}
		return env.dispatch.Handle(context.Background(), event)
	}, func() {
		body, err := json.Marshal(map[string]any{"requestContext": map[string]any{"condition": "RetriesExhausted"}, "requestPayload": e})
		if err != nil {
			panic(err)
		}
		w.deadLetters.add(string(body))
	})
}

// sweepNow is a tick of the schedule.
func (w *World) sweepNow() {
	w.lambdas.async("sweep", "", 0, func(env *environment) error {
		repairs, err := env.sweep.Run(context.Background())
		for cause, n := range repairs {
			w.repaired[string(cause)] += n
		}
		if err != nil {
			w.k.Log("the sweep left something: %v", err)
		}
		return nil
	}, nil)
}

// errNoAnswer is what a client gets whose connection breaks.
var errNoAnswer = errors.New("connection reset by peer")
