package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

// The faults of the program in the container.
const (
	runnerDeprecated = "runner.deprecated"
	runnerExits      = "runner.exits"
	runnerSilent     = "runner.never_connects"
)

var runnerKinds = []kernel.Kind{
	{Name: runnerDeprecated, Does: "lets the runner exit with 7: GitHub gives no jobs to its version", Source: "https://github.com/actions/runner/blob/main/src/Runner.Common/Constants.cs"},
	{Name: runnerExits, Does: "lets the runner exit with 0 without a job, as when its message was gone", Source: "https://github.com/actions/runner/blob/main/src/Misc/layoutroot/run-helper.sh.template"},
	{Name: runnerSilent, Does: "lets the runner start and never connect", Source: "no program always starts"},
}

// LeastRunnerStart and MostRunnerStart bound the time from the claim's answer until GitHub's
// runner connects: an assumption, for GitHub publishes none.
const (
	LeastRunnerStart = 2 * time.Second
	MostRunnerStart  = 8 * time.Second
)

// container is the program in one task: the entrypoint's real claim, and then GitHub's
// runner, which is simulated.
type container struct {
	w       *World
	arn     string
	about   string
	process *kernel.Process
	session *simgithub.Session
	job     int64 // that it has accepted
	over    bool
	// answered is the status of each answer to its claims.
	answered []int
}

// containerUp is the start of a task's container.
func (w *World) containerUp(start simaws.TaskStart) {
	c := &container{w: w, arn: start.ARN, about: start.StartedBy}
	w.containers[start.ARN] = c
	c.process = w.k.Go(&kernel.Process{Name: "container of " + start.StartedBy}, func() { c.run(start) }, nil)
}

func (c *container) run(start simaws.TaskStart) {
	var environ []string
	for _, name := range []string{fleet.EnvRunnerID, fleet.EnvClaimURL, fleet.EnvClaimToken, fleet.EnvIdentityHost, fleet.EnvIdentityRegion} {
		environ = append(environ, name+"="+start.Env[name])
	}
	environ = append(environ, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="+simsts.CredentialsPath+start.ARN[strings.LastIndex(start.ARN, "/")+1:])
	k := c.w.k
	claimed, code := entrypoint.Claim(context.Background(), entrypoint.Claiming{
		Environ: environ, Stdout: c, HTTP: &http.Client{Transport: gateway{c.w, c}}, Now: k.Clock,
		Sleep: func(_ context.Context, d time.Duration) error { k.Pause(d); return nil },
		Rand:  entropy{k},
	})
	if claimed.Credential == "" {
		c.exit(code)
		return
	}
	k.Pause(k.Between("runner start", LeastRunnerStart, MostRunnerStart))
	switch {
	case c.strikes(runnerDeprecated):
		c.exit(fleet.ExitVersionDeprecated)
	case c.strikes(runnerExits):
		c.exit(0)
	case c.strikes(runnerSilent):
		k.Pause(1000 * time.Hour)
	default:
		c.connect(claimed.Credential)
	}
}

func (c *container) strikes(kind string) bool {
	_, strikes := c.w.k.Strikes(kind, c.about)
	return strikes
}

// connect opens the session, as often as the runner's own start does.
func (c *container) connect(credential string) {
	for range 5 {
		session, err := c.w.GitHub.Connect(credential, simgithub.Events{Job: c.offered, Cancelled: c.cancelled, Deleted: c.deleted})
		if err == nil {
			c.session = session
			c.w.k.Log("runner %s is online", c.about)
			return
		}
		c.w.k.Log("runner %s cannot connect: %v", c.about, err)
		c.w.k.Pause(30 * time.Second)
	}
	c.exit(0) // run.sh hides the listener's own code: https://github.com/actions/runner/blob/main/src/Misc/layoutroot/run-helper.sh.template
}

// offered is a message of GitHub's with a job in it.
func (c *container) offered(jobID int64) {
	c.w.k.After(c.w.k.Between("accept", 200*time.Millisecond, 3*time.Second), func() {
		switch {
		case c.over:
		case !c.session.Accept():
			c.end(0, "") // the job is gone, and a runner for one job with it
		default:
			c.job = jobID
			job, _ := c.w.GitHub.Job(jobID)
			c.w.k.Log("runner %s accepts job %d", c.about, jobID)
			conclusion := "success"
			if job.Fails {
				conclusion = "failure"
			}
			c.w.k.After(job.Takes, func() { c.end(0, conclusion) })
		}
	})
}

func (c *container) cancelled(int64) {
	c.w.k.After(c.w.k.Between("cancel", time.Second, 10*time.Second), func() { c.end(0, fleet.ConclusionCancelled) })
}

func (c *container) deleted() {
	c.w.k.After(c.w.k.Between("deleted", time.Second, 30*time.Second), func() { c.end(0, "") })
}

// end is the runner's own end, with the conclusion of its job if it has one.
func (c *container) end(code int, conclusion string) {
	if c.over {
		return
	}
	if c.session != nil {
		if c.job != 0 && conclusion != "" {
			c.session.Finish(conclusion)
		} else {
			c.session.Close()
		}
	}
	c.job = 0
	c.exit(code)
}

// exit ends the program.
func (c *container) exit(code int) {
	if c.over {
		return
	}
	c.over = true
	c.w.k.Log("container of %s exits with %d", c.about, code)
	c.w.ECS.Exit(c.arn, code)
}

// containerSignalled is SIGTERM: the runner cancels its job and goes.
func (w *World) containerSignalled(arn string) {
	c := w.containers[arn]
	if c == nil || c.over {
		return
	}
	w.judge.stopping(c)
	w.k.After(w.k.Between("terminate", 100*time.Millisecond, 5*time.Second), func() {
		c.process.Kill("SIGTERM")
		c.end(143, fleet.ConclusionCancelled)
	})
}

// containerKilled is SIGKILL, or the loss of the machine.
func (w *World) containerKilled(arn string) {
	c := w.containers[arn]
	if c == nil || c.over {
		return
	}
	c.over = true
	c.process.Kill("SIGKILL")
	if c.session != nil {
		c.session.Close()
	}
	c.job = 0
}

// Write takes what the entrypoint says.
func (c *container) Write(p []byte) (int, error) {
	if c.w.k.Trace != nil {
		for line := range strings.Lines(string(p)) {
			c.w.k.Log("%s says %s", c.about, strings.TrimSpace(line))
		}
	}
	return len(p), nil
}

// entropy is what a container makes its nonce from.
type entropy struct{ k *kernel.Kernel }

func (e entropy) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e.k.Random("nonce") * 256)
	}
	return len(p), nil
}

// gateway is the HTTP API in front of the claim function, as a container reaches it.
type gateway struct {
	w *World
	c *container
}

// RoundTrip is one claim, or the task's credentials.
func (g gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, simsts.CredentialsPath) {
		return g.w.identities.RoundTrip(r)
	}
	k := g.w.k
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	k.Pause(k.Between("api", 5*time.Millisecond, 80*time.Millisecond))
	g.w.claims++
	reply := events.APIGatewayV2HTTPResponse{StatusCode: http.StatusInternalServerError, Body: `{"message":"Internal Server Error"}`}
	if fault, strikes := k.Strikes(apiRefuses, "claim"); strikes {
		reply.StatusCode, _ = strconv.Atoi(fault.With)
		return response(r, reply), nil
	}
	id := strings.Split(r.URL.Path, "/")[2]
	failure := g.w.lambdas.await("claim", id, func(env *environment) {
		reply, err = env.claim.ServeAPIGateway(context.Background(), events.APIGatewayV2HTTPRequest{
			PathParameters: map[string]string{"id": id}, Headers: map[string]string{"authorization": r.Header.Get("Authorization")}, Body: string(body),
		})
	})
	if failure != "" || err != nil { // API Gateway says no more than this
		reply = events.APIGatewayV2HTTPResponse{StatusCode: http.StatusServiceUnavailable, Body: `{"message":"Service Unavailable"}`}
	}
	if _, strikes := k.Strikes(claimAnswerLost, strconv.Itoa(reply.StatusCode)+" "+id); strikes {
		return nil, errNoAnswer
	}
	g.c.answered = append(g.c.answered, reply.StatusCode)
	return response(r, reply), nil
}

func response(r *http.Request, reply events.APIGatewayV2HTTPResponse) *http.Response {
	header := http.Header{}
	for name, value := range reply.Headers {
		header.Set(name, value)
	}
	return &http.Response{StatusCode: reply.StatusCode, Header: header, Body: io.NopCloser(bytes.NewReader([]byte(reply.Body))), Request: r}
}

// action is that of a webhook's payload. GitHub writes it first, so the rest is not read.
func action(payload []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	var tokens [3]any // {, "action" and the action
	for i := range tokens {
		token, err := dec.Token()
		if err != nil {
			return "", fmt.Errorf("read the action of a webhook: %w", err)
		}
		tokens[i] = token
	}
	text, ok := tokens[2].(string)
	if !ok || tokens[1] != "action" {
		return "", errors.New("the action of a webhook does not come first")
	}
	return text, nil
}

// delivered is GitHub's webhook at the HTTP API.
func (w *World) delivered(header http.Header, body []byte, answered func(status int)) {
	if fault, strikes := w.k.Strikes(apiRefuses, "webhook"); strikes {
		status, _ := strconv.Atoi(fault.With)
		answered(status)
		return
	}
	does, err := action(body)
	if err != nil {
		panic(err) // the simulated GitHub writes it so
	}
	w.webhooks[does]++
	lower := map[string]string{}
	for name := range header {
		lower[strings.ToLower(name)] = header.Get(name)
	}
	request := events.APIGatewayV2HTTPRequest{Headers: lower, Body: string(body)}
	request.RequestContext.HTTP.Method = http.MethodPost
	status := http.StatusServiceUnavailable
	w.lambdas.invoke("webhook", header.Get("X-GitHub-Delivery"), func(env *environment) {
		reply, err := env.webhook.ServeAPIGateway(context.Background(), request)
		if err == nil {
			status = reply.StatusCode
		}
	}, func(failure string) {
		if failure != "" {
			status = http.StatusServiceUnavailable
		}
		answered(status)
	})
}
