//go:build aws

package flow

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
)

// stepFunctions is a stand-in for the API of Step Functions: the wire protocol and the
// errors, in front of our own engine. statemachine/secondopinion compares moto's state
// machines with the same engine.
type stepFunctions struct {
	machineARN string
	engine     *engine.Engine
}

// targetPrefix begins the operation's name in a request.
const targetPrefix = "AWSStepFunctions."

func (s *stepFunctions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	var in struct {
		StateMachineARN string `json:"stateMachineArn"`
		ExecutionARN    string `json:"executionArn"`
		Name            string `json:"name"`
		Input           string `json:"input"`
		TaskToken       string `json:"taskToken"`
		Output          string `json:"output"`
		Error           string `json:"error"`
		Cause           string `json:"cause"`
		StatusFilter    string `json:"statusFilter"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.fail(w, "SerializationException", err)
		return
	}
	name := in.ExecutionARN[strings.LastIndex(in.ExecutionARN, ":")+1:]
	var out any = map[string]any{}
	var err error
	ctx := context.WithoutCancel(r.Context()) // an accepted call is carried out
	switch operation {
	case "StartExecution":
		if in.StateMachineARN != s.machineARN {
			s.fail(w, "StateMachineDoesNotExist", errors.New(in.StateMachineARN))
			return
		}
		var x engine.Execution
		x, err = s.engine.Start(ctx, in.Name, json.RawMessage(in.Input))
		out = map[string]any{"executionArn": s.executionARN(in.Name), "startDate": seconds(x.StartedAt)}
	case "DescribeExecution":
		var x engine.Execution
		x, err = s.engine.Describe(ctx, name)
		out = s.describe(x)
	case "StopExecution":
		err = s.engine.Stop(ctx, name, in.Error, in.Cause)
		out = map[string]any{"stopDate": 0}
	case "SendTaskSuccess":
		err = s.engine.SendTaskSuccess(ctx, in.TaskToken, json.RawMessage(in.Output))
	case "SendTaskFailure":
		err = s.engine.SendTaskFailure(ctx, in.TaskToken, in.Error, in.Cause)
	case "SendTaskHeartbeat":
		err = s.engine.SendTaskHeartbeat(ctx, in.TaskToken)
	case "ListExecutions":
		var list []engine.Execution
		list, err = s.engine.List(ctx, engine.Status(in.StatusFilter), 0)
		executions := []any{}
		for _, x := range list {
			executions = append(executions, s.describe(x))
		}
		out = map[string]any{"executions": executions}
	case "GetExecutionHistory":
		out, err = s.history(ctx, name)
	default:
		s.fail(w, "UnknownOperationException", errors.New(operation))
		return
	}
	if err != nil {
		s.fail(w, errorCode(err), err)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(out)
}

func (s *stepFunctions) executionARN(name string) string {
	return strings.Replace(s.machineARN, ":stateMachine:", ":execution:", 1) + ":" + name
}

func (s *stepFunctions) describe(x engine.Execution) map[string]any {
	out := map[string]any{
		"executionArn": s.executionARN(x.Name), "stateMachineArn": s.machineARN, "name": x.Name, "status": string(x.Status),
		"startDate": seconds(x.StartedAt), "input": string(x.Input),
	}
	if !x.StoppedAt.IsZero() {
		out["stopDate"] = seconds(x.StoppedAt)
	}
	for key, text := range map[string]string{"output": string(x.Output), "error": x.Error, "cause": x.Cause} {
		if text != "" {
			out[key] = text
		}
	}
	return out
}

// errorCode is Step Functions' name for an error of the engine.
func errorCode(err error) string {
	for code, is := range map[string]error{
		"ExecutionAlreadyExists": engine.ErrExecutionAlreadyExists, "ExecutionDoesNotExist": engine.ErrExecutionDoesNotExist,
		"InvalidName": engine.ErrInvalidName, "InvalidExecutionInput": engine.ErrInvalidInput, "InvalidOutput": engine.ErrInvalidOutput,
		"TaskTimedOut": engine.ErrTaskTimedOut, "TaskDoesNotExist": engine.ErrTaskDoesNotExist, "InvalidToken": engine.ErrInvalidToken,
	} {
		if errors.Is(err, is) {
			return code
		}
	}
	return "InternalFailure"
}

func (s *stepFunctions) fail(w http.ResponseWriter, code string, err error) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": err.Error()})
}
