package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

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
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

const (
	theKey      = "claim key"
	theClaimURL = "https://fleet.example"
	arnPrefix   = "arn:aws:lambda:us-east-1:123456789012:function:"
)

// play is a whole fleet of today's code in a simulated world: our engine with the
// real definition, the real steps, dispatch and claim.
//
// It has an engine for each definition. The last one takes new executions, as Step
// Functions starts them with the newest definition.
type play struct {
	clock
	table
	ctx      context.Context
	engines  []*engine.Engine
	stores   []oldestFirst
	steps    map[string]step
	dispatch dispatch.Handler
	claims   claim.Handler
	sweeper  sweep.Handler
	sweeping bool          // the next sweep is due
	late     time.Duration // of events, behind the golden: today a run may wait before it is tried again

	fault      launchFault
	launches   []launched // that the platform took, each once
	happened   []happening
	registered map[string]int64 // the ids that runners have on this play's GitHub, by their names
	calling    func(fleet.Call) // gets every call before it is made
	problems   []string
}

func newPlay(t *testing.T) *play {
	world := lifecycletest.New(t)
	p := &play{
		ctx: t.Context(), clock: clock{world: world}, fault: noFault, calling: func(fleet.Call) {}, registered: map[string]int64{},
		table: table{Records: world.Records, runs: map[string]bool{}, runners: map[string]bool{}, ended: map[string]int{}},
	}
	p.table.written = p.sweepSoon
	p.wire()
	return p
}

// wire connects today's functions. It is called again when a limit of the world has
// changed.
func (p *play) wire() {
	world := p.world
	home := world.Fleet()
	home.Records, home.Executions, home.Tasks = &p.table, p, platform{p}
	p.dispatch = dispatch.Handler{Fleet: home, Images: world.Images}
	p.sweeper = sweep.Handler{
		Fleet: home, Policy: world.Policy(), Records: &p.table, GitHub: world.GitHub, Executions: p, Platform: world.Tasks,
		Bus: world.Bus, NewID: world.NewID, Grace: time.Minute, Images: world.Images,
	}
	p.claims = claim.Handler{Fleet: home, GitHub: world.GitHub, Keys: [][]byte{[]byte(theKey)}, Log: world.Logger()}
	resolve := resolveimage.Step{Images: world.Images, Now: p.Now}
	p.steps = map[string]step{
		"Validate":               border(validate.Step{Fleet: home, Policy: world.Policy(), Budgets: world.GitHub, Images: resolve, Definitions: world.Definitions}.Run),
		"ResolveImage":           border(resolve.Run),
		"BuildImage":             border(buildimage.Step{Fleet: home, Images: world.Images, Builder: world.Images}.Run),
		"RegisterTaskDefinition": border(registertaskdefinition.Step{Fleet: home, Definitions: world.Definitions}.Run),
		"RunTask":                border(runtask.Step{Fleet: home, Launcher: platform{p}, ClaimURL: theClaimURL, ClaimKey: []byte(theKey)}.Run),
		"InspectRunner":          border(inspectrunner.Step{Fleet: home, Budgets: world.GitHub, Platform: world.Tasks}.Run),
		"RecordStatus":           border(recordstatus.Step{Fleet: home, Bus: world.Bus, NewID: world.NewID}.Run),
	}
}

// problem records what must not happen.
func (p *play) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

func (p *play) check(err error, format string, args ...any) {
	if err != nil {
		p.problem("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// step is a function behind its border: JSON in, JSON out.
type step func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)

// border names errors as Step Functions receives them.
func border[Out any](run func(context.Context, fleet.Call) (Out, error)) step {
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		var call fleet.Call
		if err := json.Unmarshal(payload, &call); err != nil {
			return nil, fmt.Errorf("read the call: %w", err)
		}
		out, err := run(ctx, call)
		if err != nil {
			if name := fleet.ErrorName(err); name != "" {
				return nil, &fleet.Error{Name: name, Message: err.Error()}
			}
			return nil, err
		}
		return json.Marshal(out)
	}
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z]+)FunctionArn\}`)

// run adds an engine for a definition, and these are its executions.
func (p *play) run(definition []byte, executions []engine.Record) {
	arns := map[string]string{}
	for _, m := range placeholder.FindAllSubmatch(definition, -1) {
		name := string(m[1])
		arns[name+"FunctionArn"] = arnPrefix + name
		if p.steps[name] == nil {
			p.problem("the definition calls the function %s, which there is not any more: keep it for two releases", name)
		}
	}
	if bytes.Contains(definition, []byte("${Partition}")) { // the releases before named it
		arns["Partition"] = statemachine.AWS
	}
	machine, err := engine.Parse(definition, arns)
	if err != nil {
		p.problem("the definition cannot be read: %v", err)
		return
	}
	store, n, tokens := oldestFirst{engine.NewMemoryStore()}, len(p.engines)+1, 0
	for _, record := range executions {
		record.Revision = 1
		p.check(store.Create(p.ctx, record, nil), "keep execution %s", record.Name)
	}
	e, err := engine.New(engine.Config{
		Machine: machine, Name: lifecycletest.Name, Store: store, Clock: &p.clock, Go: p.do, Invoke: p.invoke, OnEnd: p.executionEnded,
		Jitter: func() float64 { return 0.5 },
		NewToken: func() string {
			tokens++
			return fmt.Sprintf("%d-%d-%s", n, tokens, p.Now().Format("150405"))
		},
	})
	if err != nil {
		p.problem("%v", err)
		return
	}
	p.engines, p.stores = append(p.engines, e), append(p.stores, store)
	p.check(e.Resume(p.ctx), "resume")
}

// oldestFirst resumes executions in the order in which they began, so that a play goes
// on as before: the platform names tasks by their order.
type oldestFirst struct{ *engine.MemoryStore }

func (s oldestFirst) List(ctx context.Context, status engine.Status, limit int) ([]engine.Record, error) {
	records, err := s.MemoryStore.List(ctx, status, limit)
	slices.Reverse(records)
	return records, err
}

func (p *play) invoke(ctx context.Context, arn string, payload json.RawMessage) (json.RawMessage, error) {
	var call fleet.Call
	p.check(json.Unmarshal(payload, &call), "read a call")
	p.calling(call)
	run := p.steps[arn[len(arnPrefix):]]
	if run == nil {
		return nil, fmt.Errorf("there is no function %s", arn)
	}
	return run(ctx, payload)
}

// executionEnded is the rule for executions that end badly.
func (p *play) executionEnded(e engine.Execution) {
	if e.Status == engine.Succeeded {
		return
	}
	event := p.world.Event(fleet.ExecutionEvent, fleet.ExecutionEnded{Name: e.Name, Status: string(e.Status), Error: e.Error, Cause: e.Cause})
	p.do(func() { p.check(p.dispatch.Handle(p.ctx, event), "the end of execution %s", e.Name) })
}

// Start goes to the newest definition, unless an older one runs that name.
func (p *play) Start(ctx context.Context, name string, input []byte) error {
	for _, e := range p.engines {
		if _, err := e.Describe(ctx, name); err == nil {
			return nil
		}
	}
	_, err := p.engines[len(p.engines)-1].Start(ctx, name, input)
	return err
}

func (p *play) Succeed(ctx context.Context, token string, output []byte) error {
	return p.signal(func(e *engine.Engine) error { return e.SendTaskSuccess(ctx, token, output) })
}

func (p *play) Fail(ctx context.Context, token, name, cause string) error {
	return p.signal(func(e *engine.Engine) error { return e.SendTaskFailure(ctx, token, name, cause) })
}

func (p *play) Heartbeat(ctx context.Context, token string) error {
	return p.signal(func(e *engine.Engine) error { return e.SendTaskHeartbeat(ctx, token) })
}

// signal sends to the execution of a token, in any engine. A closed token is no error.
func (p *play) signal(send func(*engine.Engine) error) (err error) {
	for _, e := range p.engines {
		if err = send(e); !errors.Is(err, engine.ErrTaskDoesNotExist) {
			break
		}
	}
	if errors.Is(err, engine.ErrTaskTimedOut) {
		return nil
	}
	return err
}

// Running reports the state of an execution, in any engine.
func (p *play) Running(ctx context.Context, name string) (running, known bool, err error) {
	for _, e := range p.engines {
		if execution, err := e.Describe(ctx, name); err == nil {
			return execution.Status == engine.Running, true, nil
		}
	}
	return false, false, nil
}

// sweepSoon sweeps the fleet each minute as long as a run needs that to go on.
// Everything else must go on without sweeps.
func (p *play) sweepSoon() {
	runs, _ := p.records()
	if p.sweeping || !slices.ContainsFunc(runs, p.waitsForSweep) {
		return
	}
	p.sweeping = true
	p.AfterFunc(time.Minute, func() {
		p.do(func() {
			_, err := p.sweeper.Run(p.ctx)
			p.check(err, "sweep")
			p.sweeping = false
			p.sweepSoon()
		})
	})
}

// waitsForSweep reports whether a run waits for its next try, or was given up by a release
// that did so while GitHub has its job queued.
func (p *play) waitsForSweep(run fleet.Run) bool {
	return run.Retrying() || run.Status == fleet.RunFailed && p.world.GitHub.Has(run.Job.JobID).Status == fleet.JobQueued
}

// platform is the world's container platform, with its faults. A task that it is asked
// to stop has stopped half a minute later.
type platform struct{ *play }

func (p platform) Launch(ctx context.Context, l fleet.TaskLaunch) (fleet.Task, error) {
	if p.fault == noCapacity {
		return fleet.Task{}, fleet.Errorf(fleet.RunnerNoCapacity, "Fargate has no room")
	}
	before := p.world.Tasks.Count()
	task, err := p.world.Tasks.Launch(ctx, l)
	if err == nil && p.world.Tasks.Count() > before {
		p.launches = append(p.launches, launched{TaskLaunch: l})
	}
	if p.fault == answerLost {
		p.fault = noFault
		return fleet.Task{}, fleet.Errorf(fleet.RunnerLaunchUnclear, "no answer")
	}
	return task, err
}

func (p platform) Stop(ctx context.Context, arn, reason string) error {
	if err := p.world.Tasks.Stop(ctx, arn, reason); err != nil {
		return err
	}
	p.stops(arn)
	return nil
}

// stops lets a task that was asked to stop do so.
func (p *play) stops(arn string) {
	p.AfterFunc(30*time.Second, func() {
		task, known, err := p.world.Tasks.Describe(p.ctx, arn)
		if !known || err != nil || task.LastStatus == fleet.TaskStopped {
			return
		}
		exit := 143
		task.LastStatus, task.StopCode, task.StoppedAt = fleet.TaskStopped, fleet.StopUserInitiated, new(p.Now())
		task.Containers = []fleet.Container{{Name: "runner", ExitCode: &exit}}
		task.Version++
		p.world.Tasks.Edit(arn, func(t *fleet.Task) { *t = task })
		event := p.world.Event(fleet.TaskEvent, task)
		p.do(func() { p.check(p.dispatch.Handle(p.ctx, event), "the stop of %s", arn) })
	})
}

// happens lets an event happen when its time has come. If today's code starts a task
// later than the golden's did, the task's events happen that much later, and so do all
// that follow.
func (p *play) happens(h happening) {
	p.until(h.At.Add(p.late))
	for h.Task != nil && p.late < mostLate && !p.knows(h.Task.ARN) {
		p.late += time.Second
		p.until(h.At.Add(p.late))
	}
	p.happened = append(p.happened, h)
	p.world.Pass(max(0, h.At.Add(p.late).Sub(p.Now())))
	if h.Job != nil {
		job := p.asRegistered(*h.Job)
		p.world.GitHub.Set(job)
	}
	if r := h.Registration; r != nil {
		p.check(p.setRegistration(*r), "%s", h.What)
	}
	if h.Gone != "" {
		p.world.GitHub.Remove(h.Gone)
	}
	if h.Task != nil {
		p.check(p.setTask(*h.Task), "%s", h.What)
	}
	if h.LaunchFault != "" {
		p.fault = h.LaunchFault
	}
	if h.Event != nil {
		event, err := p.eventAsRegistered(*h.Event)
		p.check(err, "%s", h.What)
		p.check(p.dispatch.Handle(p.ctx, event), "%s", h.What)
	}
	if c := h.Claim; c != nil {
		reply := p.claims.Handle(p.ctx, claim.Request{RunnerID: c.RunnerID, Token: c.Token, Nonce: c.Nonce})
		if reply.Status != c.Status {
			p.problem("%s: the claim is answered with %d %s and not %d", h.What, reply.Status, reply.Body.Message, c.Status)
		}
	}
	p.until(p.Now())
}

// asRegistered is a job with the id that its runner has on this play's GitHub: today's
// code may have registered a different number of runners before.
func (p *play) asRegistered(job fleet.Job) fleet.Job {
	if r := p.world.GitHub.Runner(job.RunnerName); r != nil {
		p.registered[job.RunnerName] = r.ID
	}
	if id, ok := p.registered[job.RunnerName]; ok {
		job.RunnerID = id
	}
	return job
}

func (p *play) eventAsRegistered(event fleet.Event) (fleet.Event, error) {
	if event.DetailType != fleet.WorkflowJobEvent {
		return event, nil
	}
	var detail fleet.WorkflowJob
	err := json.Unmarshal(event.Detail, &detail)
	if err != nil {
		return event, err
	}
	detail.Job = p.asRegistered(detail.Job)
	event.Detail, err = json.Marshal(detail)
	return event, err
}

// mostLate is how much later a golden's run may go on.
const mostLate = 10 * time.Minute

func (p *play) knows(task string) bool {
	_, known, err := p.world.Tasks.Describe(p.ctx, task)
	return known && err == nil
}

func (p *play) setRegistration(r registration) error {
	was := p.world.GitHub.Runner(r.Name)
	if was == nil {
		return fmt.Errorf("GitHub has no runner %s", r.Name)
	}
	was.Online, was.Busy, was.Working = r.Online, r.Working, r.Working
	return nil
}

func (p *play) setTask(task fleet.Task) error {
	was, known, err := p.world.Tasks.Describe(p.ctx, task.ARN)
	switch {
	case err != nil:
		return err
	case !known:
		return fmt.Errorf("the platform has no task %s", task.ARN)
	}
	if was.StartedBy != task.StartedBy {
		return fmt.Errorf("task %s is of %s and not of %s", task.ARN, was.StartedBy, task.StartedBy)
	}
	if was.LastStatus != fleet.TaskStopped {
		p.world.Tasks.Edit(task.ARN, func(t *fleet.Task) { *t = task })
	}
	return nil
}

// toTheEnd lets time pass until nothing happens by itself any more.
func (p *play) toTheEnd() { p.until(p.Now().Add(9 * 24 * time.Hour)) }

// table is the world's table, which knows all its keys and counts how often a run
// ended.
type table struct {
	*lifecycletest.Records
	runs, runners map[string]bool
	ended         map[string]int
	written       func() // is called after each write
}

var _ lifecycle.Records = (*table)(nil)

func (r *table) Write(ctx context.Context, changes fleet.Changes) error {
	ended := map[string]int{}
	for _, run := range changes.Runs {
		was, _, err := r.Run(ctx, run.RunID)
		switch {
		case err != nil:
			return err
		case was.Status == fleet.RunFailed && !run.Status.Terminal(): // it had been given up, and goes on
			ended[run.RunID] = -1
		case run.Status.Terminal() && was.Status != run.Status:
			ended[run.RunID] = 1
		}
	}
	if err := r.Records.Write(ctx, changes); err != nil {
		return err
	}
	for _, run := range changes.Runs {
		r.runs[run.RunID] = true
		r.ended[run.RunID] += ended[run.RunID]
	}
	for _, runner := range changes.Runners {
		r.runners[runner.RunnerID] = true
	}
	r.written()
	return nil
}
