// Package simulation is a fleet in a simulated world: the real state machine on the real
// engine, the real steps, webhook, dispatch, claim and sweep, and the entrypoint's real
// claim, over GitHub and AWS as their makers describe them.
//
// Nothing in it is fast or slow, late or lost by accident. Virtual time passes from
// event to event, every call into the world is a point where others act and where the
// caller may die, and one seed gives one history, equal to the byte on every machine.
package simulation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/table"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

const (
	account         = "123456789012"
	region          = "eu-west-1"
	buildProject    = "fleet-images"
	imageRepository = "fleet-images"
	functionPrefix  = "arn:aws:lambda:" + region + ":" + account + ":function:"
	credentialName  = "fleet"
	firstToken      = "ghp_simulated0000000000000000000000000000"
	hookSecret      = "a secret of the simulated webhook"
)

var claimKey = []byte("the claim key of the simulated fleet")

// World is one history under way.
type World struct {
	GitHub    *simgithub.GitHub
	ECS       *simaws.ECS
	CodeBuild *simaws.CodeBuild
	ECR       *simaws.ECR
	Table     *table.Store

	k           *kernel.Kernel
	scenario    Scenario
	policy      fleet.Policy
	subnets     []string
	engine      *engine.Engine
	store       engine.Store
	lambdas     *lambdas
	secretStore *secretStore
	identities  *simsts.World // STS and the credentials of tasks
	deadLetters *deadLetters
	log         *slog.Logger
	containers  map[string]*container
	judge       *judge

	held      map[string]time.Time
	hotSecond time.Time
	hot       int
	ids       map[string]int
	repaired  map[string]int
	redEnds   map[string]int // executions that ended red, by error
	claims    int
	reaps     Reaps
	webhooks  map[string]int // that arrived, by action
	events    map[string]int // that arrived at dispatch, by type
	newest    time.Time      // of the events that arrived
	overtaken int            // events that a younger one was before
	sightings sightings
	// forNumbers says that the history is played for its numbers alone: see Play.
	forNumbers bool
}

// newWorld builds a world in which nothing has happened yet.
func newWorld(s Scenario, seed uint64, trace func(at time.Time, line string), forNumbers bool) *World {
	k := kernel.New(seed, s.Faults)
	k.Trace = trace
	looks := lookFor(s.Expect)
	if looks != nil {
		k.Trace = func(at time.Time, line string) {
			looks.look(at, line)
			if trace != nil {
				trace(at, line)
			}
		}
	}
	w := &World{
		k: k, scenario: s, policy: s.policy(), subnets: []string{"subnet-0a", "subnet-0b"},
		containers: map[string]*container{}, held: map[string]time.Time{}, ids: map[string]int{},
		repaired: map[string]int{}, redEnds: map[string]int{}, log: slog.New(slog.DiscardHandler),
		webhooks: map[string]int{}, events: map[string]int{}, sightings: looks, forNumbers: forNumbers,
	}
	if k.Trace != nil {
		w.log = slog.New(traceHandler{w})
	}
	w.lambdas = &lambdas{w: w, idle: map[string][]*environment{}, Invocations: map[string]int{}}
	w.deadLetters = &deadLetters{w: w}
	w.secretStore = &secretStore{w: w, current: map[string]string{}, previous: map[string]string{}, replaced: map[string]time.Time{}}
	w.identities = &simsts.World{Now: k.Clock}
	w.secretStore.put(tokenSecret, firstToken)
	w.secretStore.put(webhookSecret, hookSecret)
	w.Table = table.New()
	w.judge = newJudge(w)
	w.newGitHub()
	w.newAWS()
	w.prepare()
	w.Table.Call, w.Table.Busy, w.Table.Index, w.Table.Wrote = w.tableCall, w.busy, w.index, w.judge.wrote
	w.newEngine()
	return w
}

func (w *World) newGitHub() {
	cfg := simgithub.Config{
		HookSecret: hookSecret, HookURL: apiURL + "/webhook",
		Credentials: []simgithub.Credential{{Name: credentialName, Token: firstToken, Limit: w.scenario.Fleet.RequestsPerHour, NoStatuses: w.scenario.Fleet.NoStatuses, NoReruns: w.scenario.Fleet.NoReruns}},
	}
	if organization := w.scenario.Fleet.Organization; organization != "" {
		cfg.Organizations, cfg.App = []string{organization}, w.scenario.Fleet.GitHubApp
		if group := w.scenario.Fleet.RunnerGroup; group != "" {
			cfg.RunnerGroups = []string{group}
		}
	}
	for _, name := range w.scenario.repositories() {
		cfg.Repositories = append(cfg.Repositories, simgithub.Repository{Name: name, Private: true})
	}
	w.GitHub = simgithub.New(w.k, cfg)
	w.GitHub.Deliver = w.delivered
}

func (w *World) newAWS() {
	cfg := simaws.Config{
		Cluster: "fleet", Account: account, Region: region, Subnets: w.subnets, Project: buildProject, Repository: imageRepository,
		BuildTakes: w.scenario.Fleet.BuildTakes.Duration, ConcurrentBuilds: cmp.Or(w.scenario.Fleet.BuildsAtOnce, 2),
	}
	w.ECR = simaws.NewECR(w.k, cfg)
	w.ECS = simaws.NewECS(w.k, cfg)
	w.ECS.Images = w.ECR
	w.ECS.OnEvent = bus{w}.matched
	w.ECS.OnStart, w.ECS.OnSignal, w.ECS.OnKill = w.containerUp, w.containerSignalled, w.containerKilled
	w.CodeBuild = simaws.NewCodeBuild(w.k, cfg, w.ECR)
	w.CodeBuild.OnEvent = bus{w}.matched
}

func (w *World) clusterARN() string {
	return "arn:aws:ecs:" + region + ":" + account + ":cluster/fleet"
}

func (w *World) stateMachineARN() string {
	return "arn:aws:states:" + region + ":" + account + ":stateMachine:fleet-runner"
}

func (w *World) repositoryURI() string {
	return account + ".dkr.ecr." + region + ".amazonaws.com/" + imageRepository
}

// machine is the state machine, read once: it is the same in every history.
var machine = func() *engine.Machine {
	m, err := engine.Parse(statemachine.Definition, statemachine.Values(statemachine.AWS, func(step string) string { return functionPrefix + step }))
	if err != nil {
		panic(err)
	}
	return m
}()

// withoutHistories keeps executions, and forgets how they came to be as they are.
type withoutHistories struct{ *engine.MemoryStore }

func (s withoutHistories) Create(ctx context.Context, r engine.Record, _ []engine.Event) error {
	return s.MemoryStore.Create(ctx, r, nil)
}

func (s withoutHistories) Save(ctx context.Context, r engine.Record, _ []engine.Event) error {
	return s.MemoryStore.Save(ctx, r, nil)
}

func (w *World) newEngine() {
	memory := engine.NewMemoryStore()
	w.store = memory
	if w.forNumbers {
		w.store = withoutHistories{memory}
	}
	e, err := engine.New(engine.Config{
		Machine: machine, Name: "fleet-runner", Store: w.store, Clock: engineClock{w.k},
		Invoke:   w.invokeStep,
		NewToken: func() string { return w.id("token") },
		Jitter:   func() float64 { return w.k.Random("jitter") },
		Go:       func(f func()) { w.k.Go(&kernel.Process{Name: "states"}, f, nil) },
		OnEnd:    w.executionEnded,
	})
	if err != nil {
		panic(err)
	}
	w.engine = e
}

// engineClock is virtual time for the engine.
type engineClock struct{ k *kernel.Kernel }

func (c engineClock) Now() time.Time { return c.k.Now() }

func (c engineClock) AfterFunc(d time.Duration, f func()) engine.Timer { return c.k.After(d, f) }

// executionEnded puts an execution's end on the default bus, as Step Functions does.
func (w *World) executionEnded(e engine.Execution) {
	w.k.Log("execution %s ended %s %s %s", e.Name, e.Status, e.Error, e.Cause)
	if !slices.Contains(deployment.ExecutionStatuses, string(e.Status)) {
		return
	}
	w.redEnds[e.Error]++
	detail, err := json.Marshal(map[string]any{
		"executionArn":    strings.Replace(w.stateMachineARN(), ":stateMachine:", ":execution:", 1) + ":" + e.Name,
		"stateMachineArn": w.stateMachineARN(), "name": e.Name, "status": e.Status, "error": e.Error, "cause": e.Cause,
	})
	if err != nil {
		panic(err)
	}
	bus{w}.happened(events.EventBridgeEvent{ID: w.id("event"), Source: "aws.states", DetailType: fleet.ExecutionEvent, Time: w.k.Now(), Detail: detail})
}

// id is a name that was not there before in this history.
func (w *World) id(kind string) string {
	w.ids[kind]++
	return fmt.Sprintf("%s-%d", kind, w.ids[kind])
}

// traceHandler writes the fleet's log into the trace.
type traceHandler struct{ w *World }

func (h traceHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h traceHandler) Handle(_ context.Context, r slog.Record) error {
	if p := h.w.k.Current(); p != nil && p.Dead() {
		return nil // it was killed, and says no more
	}
	var b strings.Builder
	b.WriteString("log: " + r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	h.w.k.Log("%s", b.String())
	return nil
}

func (h traceHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h traceHandler) WithGroup(string) slog.Handler      { return h }

// Kinds are all faults that there are.
var Kinds = slices.Concat(kernel.Kinds, simgithub.Kinds, simaws.Kinds, lambdaKinds, cloudKinds, runnerKinds)
