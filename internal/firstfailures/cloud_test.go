package firstfailures

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// cloud answers for AWS and GitHub, in bytes and without a network. It is a
// stand-in that knows as much as one job needs; tests script its answers.
type cloud struct {
	t *testing.T

	mu       sync.Mutex
	answers  map[string]reply // by operation, in place of the usual one
	gitHub   func(*http.Request) (int, string)
	taskEnds stopped
	labels   []string // of the job
	status   string   // of the job
	runner   string   // that has it
	works    bool     // builds succeed, and tasks run the job
	calls    map[string]int
	tasks    int
	hear     func(events.EventBridgeEvent)
}

type reply struct {
	status int
	body   string
}

// stopped is how every task ends, a minute after its start.
type stopped struct {
	code, reason string
	exit         *int
}

const (
	theToken   = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
	theCluster = "arn:aws:ecs:us-east-1:123456789012:cluster/ci"
	theDigest  = "sha256:0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d"
	theJob     = `{"id":7,"run_id":70,"status":"queued","conclusion":null,"name":"build","labels":["self-hosted"],"created_at":"2000-01-01T00:00:00Z","started_at":"2000-01-01T00:00:00Z","completed_at":null,"runner_id":0,"runner_name":"","workflow_name":"ci","run_attempt":1,"html_url":"https://github.com/octo-org/app/actions/runs/70/job/7","head_branch":"main"}`
)

func newCloud(t *testing.T) *cloud {
	return &cloud{t: t, labels: []string{"self-hosted"}, status: fleet.JobQueued, answers: map[string]reply{}, calls: map[string]int{}}
}

// config is the SDK's configuration for it. It signs nothing, and tries a call once: what is
// retried here is retried by the state machine.
func (c *cloud) config() aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: c},
		Credentials: aws.AnonymousCredentials{},
		Retryer:     func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) },
	}
}

// RoundTrip answers one request.
func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	operation := r.Header.Get("X-Amz-Target")
	operation = operation[strings.LastIndex(operation, ".")+1:]
	var got reply
	switch scripted, ok := c.answers[operation]; {
	case operation == "":
		got.status, got.body = c.forGitHub(r)
	case ok:
		c.calls[operation]++
		got = scripted
	default:
		c.calls[operation]++
		got = reply{http.StatusOK, c.usual(operation, body)}
	}
	return &http.Response{
		StatusCode: got.status, Request: r, Body: io.NopCloser(strings.NewReader(got.body)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
	}, nil
}

// correct undoes every mistake.
func (c *cloud) correct() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers, c.gitHub, c.works = map[string]reply{}, nil, true
}

// job is the job as GitHub has it.
func (c *cloud) job() string {
	text := strings.Replace(theJob, `"self-hosted"`, `"`+strings.Join(c.labels, `","`)+`"`, 1)
	text = strings.Replace(text, `"queued"`, `"`+c.status+`"`, 1)
	if c.status == fleet.JobCompleted {
		text = strings.Replace(text, `"conclusion":null`, `"conclusion":"success"`, 1)
	}
	return strings.Replace(text, `"runner_name":""`, `"runner_name":"`+c.runner+`"`, 1)
}

func (c *cloud) forGitHub(r *http.Request) (int, string) {
	if c.gitHub != nil {
		return c.gitHub(r)
	}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/actions/jobs/7"):
		return 200, c.job()
	case strings.HasSuffix(path, "/actions/runs"):
		if r.URL.Query().Get("status") != "queued" {
			return 200, `{"total_count":0,"workflow_runs":[]}`
		}
		return 200, `{"total_count":1,"workflow_runs":[{"id":70,"status":"queued","created_at":"2000-01-01T00:00:00Z"}]}`
	case strings.HasSuffix(path, "/actions/runs/70/jobs"):
		return 200, `{"total_count":1,"jobs":[` + c.job() + `]}`
	case strings.HasSuffix(path, "/actions/runners"):
		return 200, `{"total_count":0,"runners":[]}`
	}
	c.t.Errorf("GitHub is asked for %s %s", r.Method, r.URL)
	return 404, `{"message":"Not Found"}`
}

func (c *cloud) usual(operation string, body []byte) string {
	switch operation {
	case "GetSecretValue":
		if bytes.Contains(body, []byte("AWSPREVIOUS")) {
			return `{"SecretString":"before","CreatedDate":0}`
		}
		return `{"SecretString":"` + theToken + `","CreatedDate":0}`
	case "DescribeTaskDefinition":
		return `{"taskDefinition":{}}`
	case "RegisterTaskDefinition":
		return `{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:us-east-1:123456789012:task-definition/ci-0a1b:1"}}`
	case "RunTask":
		return c.start(body)
	case "StartBuild":
		return c.build(body)
	case "ListTasks":
		return `{"taskArns":[]}`
	case "StopTask":
		return `{}`
	case "DescribeTasks":
		return `{"tasks":[],"failures":[{"reason":"MISSING"}]}`
	}
	c.t.Errorf("AWS is asked for %s", operation)
	return `{}`
}

// start starts a task, which will end as the test says.
func (c *cloud) start(body []byte) string {
	var asked struct {
		StartedBy string `json:"startedBy"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		c.t.Error(err)
	}
	c.tasks++
	arn := fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/ci/%032d", c.tasks)
	if c.works {
		time.AfterFunc(time.Minute, func() { c.runs(arn, asked.StartedBy) })
	} else {
		time.AfterFunc(time.Minute, func() { c.ends(arn, asked.StartedBy, c.taskEnds) })
	}
	return fmt.Sprintf(`{"tasks":[{"taskArn":%q,"startedBy":%q,"lastStatus":"PROVISIONING"}],"failures":[]}`, arn, asked.StartedBy)
}

// runs lets a task run the job, for a minute.
func (c *cloud) runs(arn, runnerID string) {
	detail, err := json.Marshal(map[string]any{
		"taskArn": arn, "clusterArn": theCluster, "startedBy": runnerID, "lastStatus": "RUNNING", "desiredStatus": "RUNNING", "version": 3,
		"createdAt": time.Now(), "startedAt": time.Now(),
	})
	if err != nil {
		c.t.Error(err)
	}
	c.hear(events.EventBridgeEvent{ID: "3", Source: "aws.ecs", DetailType: "ECS Task State Change", Time: time.Now(), Detail: detail})
	c.jobIs(fleet.JobInProgress, fleet.RunnerName(runnerID, 1))
	time.Sleep(time.Minute)
	c.jobIs(fleet.JobCompleted, fleet.RunnerName(runnerID, 1))
	c.ends(arn, runnerID, stopped{code: "EssentialContainerExited", exit: new(int)})
}

// jobIs is a job's way on GitHub, with the webhook that tells of it.
func (c *cloud) jobIs(status, runner string) {
	c.mu.Lock()
	c.status, c.runner = status, runner
	c.mu.Unlock()
	job := fleet.Job{JobID: 7, WorkflowRunID: 70, Repository: "octo-org/app", Private: true, Name: "build", Labels: c.labels, Status: status, RunnerName: runner, StartedAt: new(time.Now())}
	if status == fleet.JobCompleted {
		job.Conclusion, job.CompletedAt = "success", new(time.Now())
	}
	detail, err := json.Marshal(fleet.WorkflowJob{Action: status, Delivery: status, ReceivedAt: time.Now(), Job: job})
	if err != nil {
		c.t.Error(err)
	}
	c.hear(events.EventBridgeEvent{ID: status, Source: fleet.WebhookSource, DetailType: fleet.WorkflowJobEvent, Time: time.Now(), Detail: detail})
}

func (c *cloud) ends(arn, startedBy string, end stopped) {
	container := map[string]any{"name": "runner", "lastStatus": "STOPPED"}
	if end.exit != nil {
		container["exitCode"] = *end.exit
	}
	detail, err := json.Marshal(map[string]any{
		"taskArn": arn, "clusterArn": theCluster, "startedBy": startedBy, "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "version": 4,
		"stopCode": end.code, "stoppedReason": end.reason, "containers": []any{container},
		"createdAt": time.Now(), "stoppedAt": time.Now(),
	})
	if err != nil {
		c.t.Error(err)
	}
	c.hear(events.EventBridgeEvent{ID: "1", Source: "aws.ecs", DetailType: "ECS Task State Change", Time: time.Now(), Detail: detail})
}

// build starts a build, which ends a minute and a half later. What one that fails says is
// the answer of GetLogEvents.
func (c *cloud) build(body []byte) string {
	var asked struct {
		Project   string              `json:"projectName"`
		Variables []map[string]string `json:"environmentVariablesOverride"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		c.t.Error(err)
	}
	status, exported := "FAILED", []any{}
	if c.works {
		status, exported = "SUCCEEDED", append(exported, map[string]string{"name": "IMAGE_DIGEST", "value": theDigest})
	}
	detail, err := json.Marshal(map[string]any{
		"build-id": "arn:aws:codebuild:us-east-1:123456789012:build/" + asked.Project + ":1", "project-name": asked.Project, "build-status": status,
		"additional-information": map[string]any{
			"exported-environment-variables": exported,
			"environment":                    map[string]any{"environment-variables": asked.Variables},
			"logs":                           map[string]any{"group-name": "/ecsrunner/ci/builds", "stream-name": "1"},
			"phases":                         []any{map[string]any{"phase-type": "BUILD", "phase-status": status}},
		},
	})
	if err != nil {
		c.t.Error(err)
	}
	time.AfterFunc(90*time.Second, func() {
		c.hear(events.EventBridgeEvent{ID: "2", Source: "aws.codebuild", DetailType: "CodeBuild Build State Change", Time: time.Now(), Detail: detail})
	})
	return `{"build":{}}`
}
