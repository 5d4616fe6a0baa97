package calls

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda/messages"

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
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	awsevents "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/identity"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/logs"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/params"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/queue"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// mains connect each function as its main does; the flow's tests count the calls of
// the mains themselves.
var mains = map[string]func(*world, *function.Function) handler{
	"webhook": func(_ *world, f *function.Function) handler {
		policy, signed, records, bus := params.Policy(f), secrets.WebhookOf(f), dynamo.Records(f), eventbus.Of(f)
		return over(func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			current, err := policy(ctx)
			if err != nil {
				return events.APIGatewayV2HTTPResponse{}, err
			}
			return webhook.Handler{Secrets: signed, Records: records, Bus: bus, Policy: current, Now: time.Now, NewID: rand.Text, Log: f.Log}.ServeAPIGateway(ctx, r)
		})
	},
	"dispatch": func(_ *world, f *function.Function) handler {
		records := dynamo.Records(f)
		lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), gitHubOf(f, records), ecsfleet.Tasks(f))
		listener, handler := awsevents.ListenerOf(f, logs.LastLines(f)), dispatch.Handler{Fleet: lc, Images: records, Cursors: records, Policy: f.Policy()}
		return over(func(ctx context.Context, e events.EventBridgeEvent) (any, error) {
			event, ours, err := listener.Hear(e)
			if err != nil || !ours {
				return nil, err
			}
			return nil, handler.Handle(ctx, event)
		})
	},
	"claim": func(_ *world, f *function.Function) handler {
		records := dynamo.Records(f)
		gh, keys, signers, tasks := gitHubOf(f, records), secrets.ClaimKeys(f), identity.Signers(f), ecsfleet.Tasks(f)
		signers.HTTP = clientOf(f)
		lc := operations.Fleet(f, records, stepfn.Signals(f), gh, nil)
		judge := claim.Judge{Policy: params.PolicyWhenAsked(f), GitHub: gh, Cursors: records, Bus: eventbus.Of(f), NewID: rand.Text}
		return over(func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			current, err := keys(ctx)
			if err != nil {
				return events.APIGatewayV2HTTPResponse{}, err
			}
			return claim.Handler{
				Fleet: lc, GitHub: gh, Keys: current, Log: f.Log, Signers: signers, Tasks: tasks, Enforce: f.Policy().EnforcePolicy, Judge: judge,
				JobLog: claim.JobLogOnAWS(f.Policy(), f.AWS.Region),
			}.ServeAPIGateway(ctx, r)
		})
	},
	"sweep": func(w *world, f *function.Function) handler {
		policy, records, tasks, bus := params.Policy(f), dynamo.Records(f), ecsfleet.Tasks(f), eventbus.Of(f)
		gh, executions, lines := gitHubOf(f, records), stepfn.ExecutionsOf(f), logs.LastLines(f)
		lc := operations.Fleet(f, records, executions, gh, tasks)
		failed, running, builder := queue.FailedEventsOf(f, awsevents.ListenerOf(f, lines).Hear), builds.Of(f, lines), builds.BuilderOf(f)
		registry, revisions := images.RegistryOf(f), images.RevisionsOf(f)
		dispatcher := dispatch.Handler{Fleet: lc, Images: records, Cursors: records, Policy: f.Policy()}
		notices, reruns := operations.Notices(f, gh, records), lifecycle.Reruns{GitHub: gh, Cursors: records}
		return over(func(ctx context.Context, _ json.RawMessage) (sweep.Repairs, error) {
			current, err := policy(ctx)
			if err != nil {
				return nil, err
			}
			return sweep.Handler{
				Fleet: lc.Informed(current), Policy: current, Records: records, GitHub: gh, Executions: executions, Platform: tasks, Bus: bus, NewID: rand.Text, Notices: notices, Reruns: reruns, Grace: time.Minute,
				FailedEvents: failed, Dispatch: dispatcher.Handle, Definitions: tasks,
				Images: records, Builds: running, Builder: builder, Registry: registry, Revisions: revisions,
				Lease: records, Time: 45 * time.Second,
			}.Run(ctx)
		})
	},
	"validate": func(_ *world, f *function.Function) handler {
		policy, records := params.Policy(f), dynamo.Records(f)
		gh := gitHubOf(f, records)
		lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), gh, ecsfleet.Tasks(f))
		resolve, definitions := resolveimage.Step{Images: records, Registry: images.RegistryOf(f), Now: time.Now}, ecsfleet.Definitions(f)
		return over(func(ctx context.Context, call fleet.Call) (fleet.Plan, error) {
			current, err := policy(ctx)
			if err != nil {
				return fleet.Plan{}, err
			}
			return validate.Step{Fleet: lc.Informed(current), Policy: current, Budgets: gh, Access: gh, Images: resolve, Definitions: definitions, LookFor: validate.LookFor, Together: operations.Together}.Run(ctx, call)
		})
	},
	"resolveimage": func(_ *world, f *function.Function) handler {
		return over(resolveimage.Step{Images: dynamo.Records(f), Registry: images.RegistryOf(f), Now: time.Now}.Run)
	},
	"buildimage": func(_ *world, f *function.Function) handler {
		records := dynamo.Records(f)
		lc := operations.Fleet(f, records, stepfn.Signals(f), nil, nil)
		return over(buildimage.Step{
			Fleet: lc, Images: records, Builder: builds.BuilderOf(f), Release: lifecycle.KeptRelease(records), Counts: records, OnDemandBuilds: f.Policy().OnDemandBuilds, BuildsOfRules: f.Policy().BuildsOfRules(),
		}.Run)
	},
	"registertaskdefinition": func(_ *world, f *function.Function) handler {
		return over(registertaskdefinition.Step{Fleet: operations.Fleet(f, dynamo.Records(f), nil, nil, nil), Definitions: ecsfleet.Definitions(f)}.Run)
	},
	"runtask": func(_ *world, f *function.Function) handler {
		records, launcher, url, keys, sts := dynamo.Records(f), ecsfleet.Launcher(f), f.APIURL(), secrets.ClaimKeys(f), identity.STS(f)
		lc := operations.Fleet(f, records, stepfn.Signals(f), nil, launcher)
		return over(func(ctx context.Context, call fleet.Call) (fleet.Wait, error) {
			current, err := keys(ctx)
			if err != nil {
				return fleet.Wait{}, err
			}
			return runtask.Step{
				Fleet: lc, Launcher: launcher, ClaimURL: url, ClaimKey: current[0], Signed: runtask.Signed{Host: sts.Host(), Region: sts.Region},
			}.Run(ctx, call)
		})
	},
	"inspectrunner": func(_ *world, f *function.Function) handler {
		records, tasks := dynamo.Records(f), ecsfleet.Tasks(f)
		gh := gitHubOf(f, records)
		lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), gh, tasks)
		return over(inspectrunner.Step{Fleet: lc, Budgets: gh, Platform: tasks}.Run)
	},
	"recordstatus": func(_ *world, f *function.Function) handler {
		records := dynamo.Records(f)
		gh := gitHubOf(f, records)
		lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), gh, ecsfleet.Tasks(f))
		return over(recordstatus.Step{Fleet: lc, Images: records, Notices: operations.Notices(f, gh, records), Bus: eventbus.Of(f), NewID: rand.Text}.Run)
	},
}

// clientOf is for requests that no client of the SDK makes.
func clientOf(f *function.Function) *http.Client { return f.AWS.HTTPClient.(*http.Client) }

// gitHubOf is githubapi.Of over this world's transport.
func gitHubOf(f *function.Function, shared *dynamo.Store) github.ForFleet {
	base, err := github.APIBase(f.Env(deployment.EnvGitHubURL))
	if err != nil {
		f.Problem("%v", err)
	}
	hub := github.NewForFleet(base, github.StoredPAT{Secret: secrets.Of(f, deployment.EnvGitHubPAT)}, clientOf(f))
	hub.Client.Shared = shared
	return hub
}

// over puts a function behind the border of Lambda.
func over[In, Out any](handle func(context.Context, In) (Out, error)) handler {
	wrapped := border.Wrap(handle)
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, err
		}
		out, err := wrapped(ctx, in)
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
