package calls

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamotest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
)

// wire answers the requests of one function, each after its time, and notes them.
type wire struct {
	w        *world
	function string
}

// services are AWS's, by the prefix of the header that names an operation.
var services = map[string]string{
	"DynamoDB_20120810": "dynamodb", "AWSStepFunctions": "states", "AmazonEC2ContainerServiceV20141113": "ecs", "AWSEvents": "events",
	"secretsmanager": "secretsmanager", "AmazonSSM": "ssm", "CodeBuild_20161006": "codebuild", "AmazonEC2ContainerRegistry_V20150921": "ecr",
	"Logs_20140328": "logs", "AmazonSQS": "sqs",
}

// RoundTrip answers one request.
func (x *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	what := services[service] + " " + operation
	switch {
	case service != "" && services[service] == "":
		return nil, fmt.Errorf("%s is a service that this test does not know", service)
	case service == "" && strings.HasPrefix(r.URL.Host, "sts."):
		what = "sts " + r.URL.Query().Get("Action")
	case service == "":
		what = "github " + r.Method + " " + routeOf(r.URL.Path)
	}
	by, ok := r.Context().Value(ofInvocation{}).(*invocation)
	if !ok {
		by = &invocation{function: x.function, what: "cold start", cold: true}
	}
	began := since()
	x.w.pass(what)
	status, answer, used := x.answer(what, operation, body, r)
	x.w.record(call{what: what, by: by, began: began, took: since() - began, used: used})
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
	if strings.HasPrefix(what, "github ") {
		header = x.w.github.header()
	}
	return &http.Response{StatusCode: status, Request: r, Body: io.NopCloser(bytes.NewReader(answer)), Header: header}, nil
}

var (
	numbers = regexp.MustCompile(`/[0-9]+(/|$)`)
	shas    = regexp.MustCompile(`/[0-9a-f]{40}(/|$)`)
	inRepo  = regexp.MustCompile(`^/repos/[^/]+/[^/]+/`)
)

// routeOf is a path of GitHub's API without its values.
func routeOf(path string) string {
	path = shas.ReplaceAllString(numbers.ReplaceAllString(path, "/N$1"), "/SHA$1")
	return inRepo.ReplaceAllString(path, "")
}

func (x *wire) answer(what, operation string, body []byte, r *http.Request) (status int, answer []byte, used dynamotest.Units) {
	service, _, _ := strings.Cut(what, " ")
	var out any
	var err error
	switch service {
	case "dynamodb":
		return x.w.db.Answer(operation, body)
	case "github":
		status, text := x.w.github.answer(r, body)
		return status, []byte(text), used
	case "sts":
		return http.StatusOK, []byte(simsts.GetCallerIdentity(x.w.ecs.session(r))), used
	case "states":
		out, err = x.w.states(operation, body)
	case "ecs":
		out, err = x.w.ecs.answer(operation, body)
	default:
		out, err = x.w.other(what, body)
	}
	if err != nil {
		refused, ok := errors.AsType[refusal](err)
		if !ok {
			x.w.t.Errorf("%s: %v", what, err)
			refused = refusal{"InternalFailure", err.Error()}
		}
		out = map[string]string{"__type": refused.code, "message": refused.message}
		answer, _ = json.Marshal(out)
		return http.StatusBadRequest, answer, used
	}
	if answer, err = json.Marshal(out); err != nil {
		x.w.t.Error(err)
	}
	return http.StatusOK, answer, used
}

// refusal is an error as AWS answers it.
type refusal struct{ code, message string }

func (r refusal) Error() string { return r.code + ": " + r.message }

// states is Step Functions, by our engine.
func (w *world) states(operation string, body []byte) (any, error) {
	var in struct{ Name, Input, TaskToken, Output, Error, Cause, ExecutionArn string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	ctx := context.Background()
	var err error
	switch operation {
	case "StartExecution":
		_, err = w.engine.Start(ctx, in.Name, json.RawMessage(in.Input))
		if errors.Is(err, engine.ErrExecutionAlreadyExists) {
			err = refusal{"ExecutionAlreadyExists", err.Error()}
		}
		return map[string]any{"executionArn": strings.Replace(machineARN, "stateMachine", "execution", 1) + ":" + in.Name, "startDate": 0}, err
	case "DescribeExecution":
		e, err := w.engine.Describe(ctx, in.ExecutionArn[strings.LastIndex(in.ExecutionArn, ":")+1:])
		if err != nil {
			return nil, refusal{"ExecutionDoesNotExist", err.Error()}
		}
		return map[string]any{"status": e.Status, "executionArn": in.ExecutionArn, "stateMachineArn": machineARN, "startDate": 0}, nil
	case "SendTaskSuccess":
		err = w.engine.SendTaskSuccess(ctx, in.TaskToken, json.RawMessage(in.Output))
	case "SendTaskFailure":
		err = w.engine.SendTaskFailure(ctx, in.TaskToken, in.Error, in.Cause)
	case "SendTaskHeartbeat":
		err = w.engine.SendTaskHeartbeat(ctx, in.TaskToken)
	default:
		err = fmt.Errorf("nobody answers")
	}
	if errors.Is(err, engine.ErrTaskTimedOut) || errors.Is(err, engine.ErrTaskDoesNotExist) {
		err = refusal{"TaskTimedOut", err.Error()}
	}
	return struct{}{}, err
}

// other is every other service, as far as a job needs it.
func (w *world) other(what string, body []byte) (any, error) {
	switch what {
	case "secretsmanager GetSecretValue":
		if bytes.Contains(body, []byte("AWSPREVIOUS")) {
			return nil, refusal{"ResourceNotFoundException", "there is no previous value"}
		}
		return map[string]any{"SecretString": secretValue, "CreatedDate": 0}, nil
	case "ssm GetParameter":
		value, err := json.Marshal(theClasses)
		return map[string]any{"Parameter": map[string]any{"Value": string(value)}}, err
	case "events PutEvents":
		return w.putEvents(body)
	case "ecr BatchGetImage":
		var in struct {
			ImageIDs []map[string]string `json:"imageIds"`
		}
		if err := json.Unmarshal(body, &in); err != nil || !w.images {
			return map[string]any{}, err
		}
		var found []any
		for _, id := range in.ImageIDs {
			found = append(found, map[string]any{"imageId": id})
		}
		return map[string]any{"images": found}, nil
	case "codebuild StartBuild":
		return w.build(body)
	case "codebuild BatchGetBuilds":
		return map[string]any{"builds": []any{}}, nil
	case "codebuild ListBuildsForProject":
		return map[string]any{"ids": []any{}}, nil
	case "sqs ReceiveMessage":
		return map[string]any{}, nil
	case "ecr DescribeImages":
		return map[string]any{"imageDetails": []any{}}, nil
	}
	return nil, fmt.Errorf("nobody answers: %s", body)
}

// putEvents takes events and delivers those that a rule of the fleet's bus wants.
func (w *world) putEvents(body []byte) (any, error) {
	var in struct {
		Entries []struct{ Source, DetailType, Detail string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	var ids []any
	for _, e := range in.Entries {
		ids = append(ids, map[string]string{"EventId": "1"})
		if e.DetailType == "runner.status" {
			continue // for whoever listens
		}
		var about struct{ Action string }
		_ = json.Unmarshal([]byte(e.Detail), &about) // not all have one
		go w.hear(e.Source, e.DetailType, about.Action, []byte(e.Detail))
	}
	return map[string]any{"FailedEntryCount": 0, "Entries": ids}, nil
}

// build runs a build that succeeds.
func (w *world) build(body []byte) (any, error) {
	var in struct {
		Project   string              `json:"projectName"`
		Variables []map[string]string `json:"environmentVariablesOverride"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	event := func(status string) {
		detail, err := json.Marshal(map[string]any{
			"build-id": "arn:aws:codebuild:us-east-1:123456789012:build/" + in.Project + ":1", "project-name": in.Project, "build-status": status,
			"additional-information": map[string]any{
				"environment":                    map[string]any{"environment-variables": in.Variables},
				"exported-environment-variables": []any{map[string]string{"name": "IMAGE_DIGEST", "value": theDigest}, map[string]string{"name": "RUNNER_RELEASE", "value": "2.340.0"}},
			},
		})
		if err != nil {
			w.t.Error(err)
		}
		w.hear("aws.codebuild", "CodeBuild Build State Change", status, detail)
	}
	go func() {
		event("IN_PROGRESS")
		time.Sleep(90 * time.Second)
		event("SUCCEEDED")
	}()
	return map[string]any{"build": map[string]any{}}, nil
}

const theDigest = "sha256:0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d"
