//go:build aws

package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

// fargate is a stand-in for what moto's tasks lack, a container: the real entrypoint in
// this process, with the environment of the task's overrides, and the simulated runner
// as its child. It reports the task in ECS's events.
type fargate struct {
	w *world

	mu      sync.Mutex
	cancel  map[string]context.CancelFunc
	started int
	output  bytes.Buffer
	gate    chan struct{} // containers wait for it while there is one
	held    int
}

func newFargate(w *world) *fargate { return &fargate{w: w, cancel: map[string]context.CancelFunc{}} }

// Write collects the containers' output.
func (f *fargate) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.Write(p)
}

// change gets the tasks that RunTask started and StopTask stopped.
func (f *fargate) change(task faultproxy.Task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if task.Stopped {
		if cancel := f.cancel[task.ARN]; cancel != nil {
			cancel()
		}
		return
	}
	ctx, cancel := context.WithCancel(f.w.ctx)
	f.cancel[task.ARN] = cancel
	f.started++
	f.w.done.Go(func() { f.run(ctx, task) })
}

// hold keeps containers from being started until release is called.
func (f *fargate) hold() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	gate := make(chan struct{})
	f.gate = gate
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.gate, f.held = nil, 0
		close(gate)
	}
}

// waiting is how many containers are held.
func (f *fargate) waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}

// pass waits at the gate, if there is one.
func (f *fargate) pass() {
	f.mu.Lock()
	gate := f.gate
	if gate != nil {
		f.held++
	}
	f.mu.Unlock()
	if gate != nil {
		f.w.mu.Lock()
		f.w.tell()
		f.w.mu.Unlock()
		<-gate
	}
}

// said is everything that containers have written.
func (f *fargate) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.String()
}

// count is how many tasks were started.
func (f *fargate) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.started
}

// task is the part of a task that the stand-in reads.
type overrides struct {
	Overrides struct {
		ContainerOverrides []struct {
			Environment []struct{ Name, Value string } `json:"environment"`
		} `json:"containerOverrides"`
	} `json:"overrides"`
}

func (f *fargate) run(ctx context.Context, task faultproxy.Task) {
	f.tell(task, 2, map[string]any{"lastStatus": "PENDING", "desiredStatus": "RUNNING"})
	f.pass()
	f.tell(task, 3, map[string]any{"lastStatus": "RUNNING", "desiredStatus": "RUNNING", "startedAt": time.Now()})
	var o overrides
	if err := json.Unmarshal(task.JSON, &o); err != nil || len(o.Overrides.ContainerOverrides) != 1 {
		f.w.t.Errorf("task %s has no container override: %v: %s", task.ARN, err, task.JSON)
		return
	}
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.w.t.TempDir(), "GORACE=atexit_sleep_ms=0"}
	for _, v := range o.Overrides.ContainerOverrides[0].Environment {
		environ = append(environ, v.Name+"="+v.Value)
	}
	self, err := os.Executable()
	if err != nil {
		f.w.t.Error(err)
		return
	}
	environ = append(environ, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="+simsts.CredentialsPath+task.ARN[strings.LastIndex(task.ARN, "/")+1:])
	exit := entrypoint.Run(ctx, entrypoint.Config{
		Environ: environ, Args: []string{"--", self, "simulated-runner"}, Self: []string{self}, Stdout: f, HTTP: &http.Client{Timeout: 30 * time.Second, Transport: inTask{f.w}},
	})
	stopCode := "EssentialContainerExited"
	if ctx.Err() != nil {
		stopCode = "UserInitiated"
	}
	if f.w.ctx.Err() != nil {
		return
	}
	f.w.stack.moto.json("ecs", "AmazonEC2ContainerServiceV20141113.StopTask", map[string]any{"cluster": task.ClusterARN, "task": task.ARN, "reason": "the container has ended"})
	f.tell(task, 4, map[string]any{
		"lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": stopCode, "stoppedReason": "Essential container in task exited",
		"containers": []any{map[string]any{"name": "runner", "lastStatus": "STOPPED", "exitCode": exit}}, "stoppedAt": time.Now(),
	})
}

// inTask is the network of a container: ECS gives out the credentials of its task there.
type inTask struct{ w *world }

func (n inTask) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "169.254.170.2" {
		return n.w.sts.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// tell is an ECS Task State Change event about the task.
func (f *fargate) tell(task faultproxy.Task, version int, changes map[string]any) {
	detail := map[string]any{}
	if err := json.Unmarshal(task.JSON, &detail); err != nil {
		f.w.t.Error(err)
		return
	}
	for key, value := range detail { // moto writes times as numbers, events have texts
		if number, ok := value.(float64); ok && strings.HasSuffix(key, "At") {
			detail[key] = time.UnixMilli(int64(number * 1000)).UTC()
		}
	}
	for key, value := range changes {
		detail[key] = value
	}
	detail["version"] = version
	f.w.putEvent("aws.ecs", "ECS Task State Change", detail)
}
