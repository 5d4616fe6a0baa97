//go:build aws

package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/lambdahost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
)

// serveAPI is a stand-in for API Gateway: the template's routes, as events of
// its payload format 2.0.
func (w *world) serveAPI(rw http.ResponseWriter, r *http.Request) {
	name, route, params := "", "POST /webhook", map[string]string{}
	switch path := strings.Trim(r.URL.Path, "/"); {
	case path == "webhook":
		name = "webhook"
	case strings.HasPrefix(path, "runners/"):
		var what string
		params["id"], what, _ = strings.Cut(strings.TrimPrefix(path, "runners/"), "/")
		if what != "claim" && what != "job" {
			http.NotFound(rw, r)
			return
		}
		name, route = "claim", "POST /runners/{id}/"+what
	default:
		http.NotFound(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: route, RawPath: r.URL.Path, Headers: map[string]string{}, PathParameters: params, Body: string(body)}
	for header, values := range r.Header {
		event.Headers[strings.ToLower(header)] = strings.Join(values, ",")
	}
	event.RequestContext.HTTP.Method = r.Method
	payload, err := json.Marshal(event)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	answer, err := w.invoke(name, payload)
	var out events.APIGatewayV2HTTPResponse
	if err == nil {
		err = json.Unmarshal(answer, &out)
	}
	if err != nil { // API Gateway's answer to a function that failed
		http.Error(rw, `{"message":"Internal Server Error"}`, http.StatusInternalServerError)
		return
	}
	for header, value := range out.Headers {
		rw.Header().Set(header, value)
	}
	rw.WriteHeader(out.StatusCode)
	_, _ = io.WriteString(rw, out.Body)
}

// functionError is what Step Functions sees of a failed function.
type functionError struct{ of *lambdahost.Error }

func (e functionError) ErrorName() string { return e.of.ErrorType }
func (e functionError) Error() string     { return e.of.ErrorMessage }

func (w *world) startEngine() {
	w.t.Helper()
	id := w.stack.tpl.of("AWS::StepFunctions::StateMachine")[0]
	properties := w.stack.tpl.Resources[id].Properties
	substitutions := map[string]string{}
	for name, value := range properties["DefinitionSubstitutions"].(map[string]any) {
		substitutions[name] = w.stack.text(value)
	}
	machine, err := engine.Parse([]byte(w.stack.text(properties["DefinitionString"])), substitutions)
	if err != nil {
		w.t.Fatal(err)
	}
	w.engine, err = engine.New(engine.Config{
		Machine: machine, Store: engine.NewMemoryStore(), OnEnd: w.executionEnded,
		Jitter: func() float64 { return 0.05 }, // of retries: a test has no time for more
		Invoke: func(_ context.Context, arn string, payload json.RawMessage) (json.RawMessage, error) {
			out, err := w.invoke(w.byARN[arn], payload)
			var failed *lambdahost.Error
			if errors.As(err, &failed) {
				return nil, functionError{failed}
			}
			return out, err
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = w.engine.Close(ctx) // the functions are being killed
	})
}

func (w *world) stepFunctions() *stepFunctions {
	id := w.stack.tpl.of("AWS::StepFunctions::StateMachine")[0]
	return &stepFunctions{machineARN: w.stack.identity(id).ref, engine: w.engine}
}

// callStepFunctions answers calls of states from the stand-in.
func (w *world) callStepFunctions(r *faultproxy.Request, _ func() faultproxy.Answer) faultproxy.Answer {
	call := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(r.Body))
	call.Header.Set("X-Amz-Target", targetPrefix+r.Operation)
	rec := httptest.NewRecorder()
	w.stepFunctions().ServeHTTP(rec, call)
	return faultproxy.Answer{Status: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes()}
}

// executionEnded is Step Functions' event about an execution.
func (w *world) executionEnded(x engine.Execution) {
	w.mu.Lock()
	w.tell()
	w.mu.Unlock()
	w.done.Go(func() {
		w.putEvent("aws.states", "Step Functions Execution Status Change", w.stepFunctions().describe(x))
	})
}

// putEvent puts an event of an AWS service on the default bus, where such events
// arrive. On AWS only the service itself can do that.
func (w *world) putEvent(source, detailType string, detail any) {
	if w.ctx.Err() != nil {
		return
	}
	text, err := json.Marshal(detail)
	if err != nil {
		w.t.Error(err)
		return
	}
	w.stack.moto.json("events", "AWSEvents.PutEvents", map[string]any{"Entries": []any{
		map[string]any{"Source": source, "DetailType": detailType, "Detail": string(text)},
	}})
	w.look()
}
