//go:build aws

package flow

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/lambdahost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// setMaxRunners restarts the functions with another limit than the template's.
func (w *world) setMaxRunners(n int) {
	w.t.Helper()
	for name, id := range w.functionIDs() {
		env := w.environment(name)
		if env[deployment.EnvPolicy] == "" {
			continue
		}
		policy := map[string]any{}
		if err := json.Unmarshal([]byte(env[deployment.EnvPolicy]), &policy); err != nil {
			w.t.Fatal(err)
		}
		if _, ok := policy["max_runners"]; !ok {
			w.t.Fatalf("the policy of %s has no max_runners: %v", name, policy)
		}
		policy["max_runners"] = n
		text, err := json.Marshal(policy)
		if err != nil {
			w.t.Fatal(err)
		}
		env[deployment.EnvPolicy] = string(text)
		w.addRuntime(name, env)
		seconds, _ := w.stack.tpl.Resources[id].Properties["Timeout"].(float64)
		f, err := lambdahost.New(lambdahost.Config{Name: name, Command: []string{program(w.t, name)}, Env: env, Timeout: time.Duration(seconds) * time.Second})
		if err != nil {
			w.t.Fatal(err)
		}
		w.functions[name].Close()
		w.functions[name] = f
		w.t.Cleanup(f.Close)
	}
}

// longBuilds are builds that go on until they are stopped.
type longBuilds struct {
	mu      sync.Mutex
	started map[string]map[string]any // events about them
	stopped map[string]bool
	over    bool // builds end by themselves again
}

func (w *world) holdBuilds() *longBuilds {
	b := &longBuilds{started: map[string]map[string]any{}, stopped: map[string]bool{}}
	w.proxy.Use(faultproxy.Rule{Name: "builds that last", Match: faultproxy.Match{Service: "codebuild", Operation: "StartBuild"}, Act: func(r *faultproxy.Request, forward func() faultproxy.Answer) faultproxy.Answer {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.over {
			return forward()
		}
		var asked struct {
			ProjectName string
			Variables   []any `json:"environmentVariablesOverride"`
		}
		if err := json.Unmarshal(r.Body, &asked); err != nil {
			w.t.Error(err)
		}
		out := w.stack.moto.json("codebuild", "CodeBuild_20161006.StartBuild", json.RawMessage(bytes.Clone(r.Body)))
		made := out["build"].(map[string]any)
		b.started[made["id"].(string)] = map[string]any{
			"build-status": "STOPPED", "project-name": asked.ProjectName, "build-id": made["arn"],
			"additional-information": map[string]any{"environment": map[string]any{"environment-variables": asked.Variables}},
		}
		text, err := json.Marshal(out)
		if err != nil {
			w.t.Error(err)
		}
		return faultproxy.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: text}
	}})
	w.proxy.Use(faultproxy.Rule{Name: "builds that are stopped", Match: faultproxy.Match{Service: "codebuild", Operation: "StopBuild"}, Act: func(r *faultproxy.Request, forward func() faultproxy.Answer) faultproxy.Answer {
		var in struct{ ID string }
		if err := json.Unmarshal(r.Body, &in); err != nil {
			w.t.Error(err)
		}
		b.mu.Lock()
		b.stopped[in.ID] = true
		event := b.started[in.ID]
		b.mu.Unlock()
		w.done.Go(func() { w.putEvent("aws.codebuild", "CodeBuild Build State Change", event) })
		return forward()
	}})
	w.proxy.Use(faultproxy.BuildStatuses(func(id string) string {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.stopped[id] {
			return "STOPPED"
		}
		return "IN_PROGRESS"
	}))
	return b
}

func (b *longBuilds) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// operator is the command line's, behind the proxy.
func (w *world) operator() operate.Operator {
	w.t.Helper()
	const key = "AKIAOPERATOR"
	w.proxy.Name(key, "operator")
	cfg := w.config()
	cfg.BaseEndpoint = aws.String(w.proxy.URL())
	cfg.Credentials = credentials.NewStaticCredentialsProvider(key, "test", "")
	env := w.environment("dispatch")
	machine := w.stack.identity(w.stack.tpl.of("AWS::StepFunctions::StateMachine")[0]).ref
	var policy fleet.Policy
	if err := json.Unmarshal([]byte(env[deployment.EnvPolicy]), &policy); err != nil {
		w.t.Fatal(err)
	}
	base, err := github.APIBase(pseudo["GITHUB_URL"])
	if err != nil {
		w.t.Fatal(err)
	}
	hub := github.NewForFleet(base, github.PAT(func(context.Context) (string, error) { return w.token, nil }), &http.Client{})
	records := dynamo.New(dynamodb.NewFromConfig(cfg), env[deployment.EnvTable], dynamo.Options{Now: time.Now, NewID: rand.Text})
	platform := ecsfleet.Platform{ECS: ecs.NewFromConfig(cfg), Cluster: env[deployment.EnvCluster], FleetName: policy.FleetName}
	steps := sfn.NewFromConfig(cfg)
	return operate.Operator{
		Fleet: lifecycle.Fleet{
			Name: policy.FleetName, MaxRunners: policy.MaxRunners, Limits: policy.Limits, Records: records,
			Executions: stepfn.Executions{SFN: steps, StateMachineARN: machine}, GitHub: hub, Tasks: platform, Now: time.Now,
			Log: slog.New(slog.DiscardHandler),
		},
		Repositories: []string{repository}, WebhookURL: w.stack.apiURL + "/webhook",
		Records: records, GitHub: hub, Bus: eventbus.Bus{EventBridge: eventbridge.NewFromConfig(cfg), Name: w.stack.identity(w.stack.tpl.of("AWS::Events::EventBus")[0]).ref},
		Executions: stepfn.Control{SFN: steps, StateMachineARN: machine, FleetName: policy.FleetName}, Platform: platform,
		Builds:      builds.Builds{CodeBuild: codebuild.NewFromConfig(cfg), Project: w.environment("buildimage")[deployment.EnvBuildProject], Now: time.Now},
		Definitions: platform, NewID: rand.Text, Wait: w.waitForChange,
	}
}

// waitForChange waits until a function was called, or for a second: an operator also
// waits for changes that call no function.
func (w *world) waitForChange(ctx context.Context, _ time.Duration) error {
	w.mu.Lock()
	changed := w.changed
	w.mu.Unlock()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	}
	return ctx.Err()
}

// Ten jobs run, five wait and an image is being built when the operator drains the
// fleet.
func TestDrainNow(t *testing.T) {
	w := start(t)
	w.setMaxRunners(11)
	building := w.holdBuilds()
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(gate, os.O_RDWR, 0) // does not wait for a reader
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()

	image := w.github.Queue(job("image:node:22"))
	w.await("image that is being built", func() bool { return w.run(image).Status == fleet.RunImageCreating })
	var running, waiting []int64
	for range 10 { // one after the other: the machine is small, and GitHub gives slow runners up
		id := w.github.Queue(jobThat("head -c 1 " + gate))
		w.await("job that runs", func() bool { return w.run(id).Status == fleet.RunRunning })
		running = append(running, id)
	}
	for range 5 {
		waiting = append(waiting, w.github.Queue(job()))
	}
	for _, id := range waiting {
		w.await("run that waits for room", func() bool { return w.run(id).WaitsForRoom })
	}

	o := w.operator()
	res, err := o.Drain(t.Context(), true, fleet.Operator{By: "ada"}, func(line string) { t.Log(line) })
	if err != nil || !res.Complete() || res.JobsStopped != 10 || res.RunnersEnded != 1 || res.Builds != 1 || res.Waiting != 6 || res.Deregistered == 0 || res.Deleted < res.Deregistered {
		t.Fatalf("%+v, %v\n%s", res, err, w.state())
	}
	if len(res.Hooks) != 1 || !strings.HasPrefix(res.Hooks[0].Command, "gh api -X DELETE repos/"+repository+"/hooks/") {
		t.Errorf("hooks %+v", res.Hooks)
	}
	w.awaitEnd(running...)
	w.nothingRuns(o)
	for _, id := range append(waiting, image) {
		if run := w.run(id); run.Status != fleet.RunQueued || run.Reason != "the fleet is paused: drained" {
			t.Errorf("%+v", run)
		}
	}
	if again, err := o.Drain(t.Context(), true, fleet.Operator{By: "ada"}, func(line string) { t.Log(line) }); err != nil || !again.Already {
		t.Errorf("again: %+v, %v", again, err)
	}

	building.end()
	if resumed, err := o.Resume(t.Context(), fleet.Operator{By: "ada"}); err != nil || resumed.Already || resumed.Waiting != 6 {
		t.Errorf("%+v, %v", resumed, err)
	}
	w.awaitEnd(append(waiting, image)...)
	for _, id := range append(waiting, image) {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("%+v", run)
		}
	}
	w.leftNothing()
}

// nothingRuns is what a drain promises.
func (w *world) nothingRuns(o operate.Operator) {
	w.t.Helper()
	ctx := w.t.Context()
	w.leftNothing()
	if names, err := o.Executions.Running(ctx); err != nil || len(names) > 0 {
		w.t.Errorf("executions: %q, %v", names, err)
	}
	if left, err := o.Builds.Running(ctx); err != nil || len(left) > 0 {
		w.t.Errorf("builds: %+v, %v", left, err)
	}
	tasks, err := o.Platform.Tasks(ctx)
	if err != nil {
		w.t.Error(err)
	}
	for _, task := range tasks {
		if task.LastStatus != fleet.TaskStopped {
			w.t.Errorf("task %+v", task)
		}
	}
	for d, err := range o.Definitions.Definitions(ctx) {
		w.t.Errorf("task definition %+v, %v", d, err)
	}
}
