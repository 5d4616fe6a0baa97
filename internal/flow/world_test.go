//go:build aws

package flow

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/lambdahost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

// The test binary is also GitHub's runner program, simulated.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "simulated-runner" {
		os.Exit(playRunner())
	}
	if code, called := entrypoint.Hook(os.Args[1:], os.Environ(), os.Stdout, time.Now()); called {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func playRunner() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "runner-")
	if err != nil {
		return 1
	}
	defer os.RemoveAll(dir)
	return standin.Run(ctx, standin.Config{Getenv: os.Getenv, Unsetenv: os.Unsetenv, Environ: os.Environ(), Stdout: os.Stdout, Dir: dir})
}

// repository is the one of the fleets that scripts/test-flow synthesises.
const repository = "octo-org/example"

// world is a deployed fleet and what is around it.
type world struct {
	t           *testing.T
	stack       *stack
	proxy       *faultproxy.Proxy
	github      *sim.Server
	engine      *engine.Engine
	records     *dynamo.Store
	functions   map[string]*lambdahost.Function
	credentials map[string]aws.Credentials // of functions, if moto checks them
	byARN       map[string]string          // function ARN → name
	fargate     *fargate
	sts         *simsts.World
	token       string
	queueOf     map[string]string // rule → URL of the queue that stands for its target
	events      chan struct{}     // makes the pump look
	done        sync.WaitGroup
	ctx         context.Context

	mu      sync.Mutex
	changed chan struct{}
	invoked []string
	failed  []string // invocations

	// buildEnds returns how a build ends, when it does: "" if no more events come. If
	// it is nil, a build succeeds at once.
	buildEnds func(context.Context) (status string)
	buildLog  map[string]string         // where a failed build says why, in a build event's words; nil is nowhere
	builtAs   map[string]map[string]any // the status of each build, by ARN; nil if it is not listed
	unlisted  bool                      // CodeBuild lists no build
	setup

	// refuses answers a request in GitHub's place, unless it returns false.
	refuses atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]

	failedSent int // events on their way to the on-failure queue
}

// start deploys the template and everything around it. It empties moto first, since
// there is only one.
func start(t *testing.T) *world {
	t.Helper()
	return startWith(t, setup{})
}

// setup is how a world differs from the usual one.
type setup struct {
	enforced   bool                              // moto enforces IAM's policies
	policy     func(*fleet.Policy)               // changes the deployed one before the functions start
	enterprise *enterprise                       // testdata/enterprise.yaml is deployed
	webhooks   func(sim.Delivery) []sim.Delivery // changes what GitHub delivers
}

// startWith is start in a world that differs.
func startWith(t *testing.T, as setup) *world {
	t.Helper()
	moto := moto{t: t, url: *awstest.Config(t).BaseEndpoint, credentials: admin}
	moto.reset()
	w := &world{
		builtAs: map[string]map[string]any{},
		t:       t, setup: as, token: "ghp_" + rand.Text() + rand.Text(), functions: map[string]*lambdahost.Function{}, credentials: map[string]aws.Credentials{}, byARN: map[string]string{},
		queueOf: map[string]string{}, events: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.ctx = ctx
	t.Cleanup(func() { cancel(); w.done.Wait() })

	api := httptest.NewServer(http.HandlerFunc(w.serveAPI))
	t.Cleanup(api.Close)
	secret := rand.Text()
	w.stack = &stack{moto: moto, apiURL: api.URL, queues: map[string]string{}, secrets: map[string]string{"pat": w.token, "webhook": secret}}
	assembly := envAssembly
	if as.enterprise != nil {
		assembly = envEnterprise
		as.enterprise.storeKey(moto)
	}
	w.stack.resolver = resolver{t: t, tpl: loadTemplate(t, assembly), make: w.stack.create, made: map[string]identity{}}
	w.stack.deploy()

	w.startGitHub(api.URL+"/webhook", secret)
	w.startProxy(moto.url)
	if as.enforced {
		for name, id := range w.functionIDs() {
			w.credentials[name] = w.assume(name, id)
		}
		w.makeAdmin()
		w.judge("0")
		t.Cleanup(func() { w.judge("inf") })
	}
	w.startFunctions()
	w.startEngine()
	w.startRules()
	w.putBaseImage()
	w.records = dynamo.New(dynamodb.NewFromConfig(w.config()), w.environment("dispatch")[deployment.EnvTable], dynamo.Options{Now: time.Now, NewID: rand.Text})
	return w
}

// config is that of the test's own clients.
func (w *world) config() aws.Config {
	cfg := awstest.Config(w.t)
	cfg.Credentials = credentials.StaticCredentialsProvider{Value: admin}
	return cfg
}

func (w *world) startGitHub(webhook, secret string) {
	w.t.Helper()
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if refuse := w.refuses.Load(); refuse != nil && (*refuse)(rw, r) {
			return
		}
		w.github.ServeHTTP(rw, r)
	}))
	config := sim.Config{Repository: repository, Private: true, Token: w.token, WebhookURL: webhook, WebhookSecret: secret, LostAfter: 2 * time.Second, Deliver: w.webhooks}
	if w.enterprise != nil {
		w.enterprise.serve(w.t, front, &config)
	} else {
		front.Start()
	}
	w.t.Cleanup(front.Close)
	config.URL = front.URL
	server, err := sim.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.github = server
	w.t.Cleanup(server.Close)
	pseudo["GITHUB_URL"] = front.URL
}

func (w *world) startProxy(upstream string) {
	w.t.Helper()
	proxy, err := faultproxy.Start(upstream)
	if err != nil {
		w.t.Fatal(err)
	}
	w.proxy = proxy
	w.t.Cleanup(proxy.Close)
	w.fargate = newFargate(w)
	w.sts = &simsts.World{Now: time.Now, Host: strings.TrimPrefix(proxy.URL(), "http://"), Region: region, RoleID: w.environment("claim")[deployment.EnvTaskRoleID]}
	proxy.Use(faultproxy.Rule{Name: "STS", Match: faultproxy.Match{Service: "sts"}, Act: w.callSTS})
	proxy.Use(faultproxy.UnknownTasks())
	proxy.Use(faultproxy.TaskTokens())
	proxy.Use(faultproxy.TaskChanges(w.fargate.change))
	proxy.Use(faultproxy.Rule{Name: "builds", Match: faultproxy.Match{Service: "codebuild", Operation: "StartBuild"}, Act: w.startBuild})
	proxy.Use(faultproxy.Rule{Name: "builds that are read", Match: faultproxy.Match{Service: "codebuild", Operation: "BatchGetBuilds"}, Act: w.readBuilds})
	proxy.Use(faultproxy.BuildTokens())
	proxy.Use(faultproxy.Rule{Name: "Step Functions", Match: faultproxy.Match{Service: "states"}, Act: w.callStepFunctions})
	proxy.Use(faultproxy.Rule{Name: "events", Match: faultproxy.Match{Service: "events", Operation: "PutEvents"}, Act: func(_ *faultproxy.Request, forward func() faultproxy.Answer) faultproxy.Answer {
		defer w.look()
		return forward()
	}})
}

// gitHubRefuses makes GitHub refuse requests whose path ends so, until off is called.
func (w *world) gitHubRefuses(path string, status int, body string) (off func()) {
	refuse := func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, path) {
			return false
		}
		rw.Header().Set("Retry-After", "1")
		http.Error(rw, body, status)
		return true
	}
	w.refuses.Store(&refuse)
	return func() { w.refuses.Store(nil) }
}

// program is a built function, for this machine.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "build", "functions", runtime.GOARCH, name, "bootstrap"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("function %s is not built: `make test-aws` does that: %v", name, err)
	}
	return path
}

// environment is the template's, except for what a configuration cannot know of a test:
// GitHub's address and authority, and moto's network.
func (w *world) environment(name string) map[string]string {
	env := w.stack.environment(w.functionIDs()[name])
	if env[deployment.EnvGitHubURL] != "" {
		env[deployment.EnvGitHubURL] = pseudo["GITHUB_URL"]
	}
	if env[deployment.EnvGitHubCA] != "" {
		env[deployment.EnvGitHubCA] = w.enterprise.authorityFile
	}
	if w.enterprise != nil && env[deployment.EnvSubnets] != "" {
		env[deployment.EnvSubnets], env[deployment.EnvSecurityGroups] = w.stack.ec2("DescribeSubnets", "subnetId"), w.stack.ec2("DescribeSecurityGroups", "groupId")
	}
	if text := env[deployment.EnvPolicy]; text != "" && w.policy != nil {
		var policy fleet.Policy
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			w.t.Fatal(err)
		}
		w.policy(&policy)
		changed, err := json.Marshal(policy)
		if err != nil {
			w.t.Fatal(err)
		}
		env[deployment.EnvPolicy] = string(changed)
	}
	return env
}

func (w *world) startFunctions() {
	w.t.Helper()
	for name, id := range w.functionIDs() {
		env := w.environment(name)
		w.addRuntime(name, env)
		seconds, _ := w.stack.tpl.Resources[id].Properties["Timeout"].(float64)
		f, err := lambdahost.New(lambdahost.Config{Name: name, Command: []string{program(w.t, name)}, Env: env, Timeout: time.Duration(seconds) * time.Second})
		if err != nil {
			w.t.Fatal(err)
		}
		w.functions[name] = f
		w.t.Cleanup(f.Close)
		w.byARN[w.stack.identity(id).attributes["Arn"]] = name
	}
}

// functionIDs are the functions' logical ids, by name.
func (w *world) functionIDs() map[string]string {
	return w.stack.tpl.functions(w.t)
}

// addRuntime adds what Lambda itself gives a function: the region, and credentials, by
// which the proxy recognizes the caller.
func (w *world) addRuntime(name string, env map[string]string) {
	c, ok := w.credentials[name]
	if !ok {
		c = aws.Credentials{AccessKeyID: "AKIA" + strings.ToUpper(name), SecretAccessKey: "test"}
	}
	w.proxy.Name(c.AccessKeyID, name)
	env["AWS_ENDPOINT_URL"], env["AWS_REGION"] = w.proxy.URL(), region
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"] = c.AccessKeyID, c.SecretAccessKey, c.SessionToken
}

// invoke calls a function and records it. It wakes those that wait for a change.
func (w *world) invoke(name string, payload json.RawMessage) (json.RawMessage, error) {
	out, err := w.functions[name].Invoke(w.ctx, payload)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.invoked = append(w.invoked, name)
	if err != nil {
		w.failed = append(w.failed, name+": "+err.Error())
	}
	w.tell()
	return out, err
}

// invocations is the number of invocations so far.
func (w *world) invocations() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.invoked)
}

// tell wakes those that wait for a change. The lock is held.
func (w *world) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// patience is how long a test waits for what takes some seconds, or half a minute if
// fifty jobs run at once.
const patience = 3 * time.Minute

// await waits until a condition holds. It looks whenever a function has run, and from
// time to time: GitHub records a delivery's result after that.
func (w *world) await(what string, holds func() bool) {
	w.t.Helper()
	limit := time.After(patience)
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		case <-limit:
			w.t.Fatalf("%s: not within %s\n%s", what, patience, w.state())
		}
	}
}

// awaitEnd waits until the runs of jobs have ended and all is quiet.
func (w *world) awaitEnd(jobs ...int64) {
	w.t.Helper()
	for _, id := range jobs {
		w.await("end of "+fleet.RunID(id), func() bool { return w.run(id).Status.Terminal() })
	}
	w.await("quiet", func() bool {
		running, err := w.engine.List(w.t.Context(), engine.Running, 0)
		return err == nil && len(running) == 0
	})
}

func (w *world) run(jobID int64) fleet.Run {
	w.t.Helper()
	run, _, err := w.records.Run(w.t.Context(), fleet.RunID(jobID))
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// state is what a test that gave up waiting shows.
func (w *world) state() string {
	var b strings.Builder
	runs, _ := w.records.Runs(context.Background(), 100)
	runners, _ := w.records.Runners(context.Background(), 100)
	executions, _ := w.engine.List(context.Background(), "", 0)
	for _, v := range []any{runs, runners, executions, w.github.Runners()} {
		text, _ := json.Marshal(v)
		b.Write(append(text, '\n'))
	}
	for _, d := range w.github.Deliveries() {
		b.WriteString("delivery " + d.Event + " " + d.Action + ": " + d.Status + " " + d.Response + "\n")
	}
	w.mu.Lock()
	b.WriteString("invoked: " + strings.Join(w.invoked, " ") + "\nfailed: " + strings.Join(w.failed, "\n") + "\n")
	w.mu.Unlock()
	for name, f := range w.functions {
		for _, line := range f.Logs() {
			if strings.Contains(line, `"ERROR"`) || strings.Contains(line, `"WARN"`) {
				b.WriteString(name + ": " + line + "\n")
			}
		}
	}
	return b.String()
}
