//go:build moto

package statemachine_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// moto is a server with moto's Step Functions interpreter. Its functions are ours:
// the interpreter looks for AWS Lambda where we say.
//
// It speaks the JSON protocol of Step Functions, so net/http is client enough.
type moto struct {
	url     string
	mu      sync.Mutex
	scripts map[string]*script // by runner id
}

// startMoto needs Python with the packages of secondopinion/requirements.txt first
// on the PATH: `make test-asl` sees to that.
func startMoto(t *testing.T) *moto {
	t.Helper()
	m := &moto{scripts: map[string]*script{}}
	lambda := httptest.NewServer(http.HandlerFunc(m.lambda))
	t.Cleanup(lambda.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(lambda.URL, "http://"), ":")

	cmd := exec.Command("python", "secondopinion/serve.py")
	environ := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cmd.Env = append(environ, "MOTO_PORT="+port, "NO_PROXY=*", "no_proxy=*", "PYTHONUNBUFFERED=1", "NO_COLOR=1")
	stdin, err := cmd.StdinPipe() // The server ends when this does.
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start moto: %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	address := make(chan string, 1)
	go func() {
		var said strings.Builder
		running := regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if at := running.FindStringSubmatch(lines.Text()); at != nil {
				address <- at[1]
				_, _ = io.Copy(io.Discard, stderr) // its log of requests
				return
			}
			said.WriteString(lines.Text() + "\n")
		}
		t.Log(said.String())
		close(address)
	}()
	select {
	case m.url = <-address:
	case <-time.After(30 * time.Second):
	}
	if m.url == "" {
		t.Fatal("moto did not start")
	}
	return m
}

// lambda answers Invoke for every function, by the script of the execution.
func (m *moto) lambda(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var c call
	_ = json.Unmarshal(payload, &c) // The script says what is wrong.
	m.mu.Lock()
	s := m.scripts[c.RunnerID]
	m.mu.Unlock()
	if s == nil {
		http.Error(w, "no execution "+c.RunnerID, http.StatusNotFound)
		return
	}
	out, err := s.invoke(r.Context(), "", payload)
	if err != nil {
		named := &report{Name: "errorString", Cause: err.Error()}
		errors.As(err, &named)
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		out = fmt.Appendf(nil, `{"errorMessage":%q,"errorType":%q}`, named.Cause, named.Name)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out)
}

// awsError is an error by the name that the API gives it.
type awsError struct{ name, message string }

func (e *awsError) Error() string { return e.name + ": " + e.message }

// call tries again after a 5xx, as every client of AWS does: moto fails a signal
// that comes in the very moment that another execution starts.
func (m *moto) call(ctx context.Context, action string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := m.post(ctx, action, body, out)
		if !errors.Is(err, errServer) || try == 5 {
			return err
		}
		time.Sleep(time.Duration(try) * 100 * time.Millisecond)
	}
}

var errServer = errors.New("moto failed")

func (m *moto) post(ctx context.Context, action string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+action)
	// moto finds the service and region here, and checks nothing.
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=none/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=none")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("%s: %w: %s: %.300s", action, errServer, response.Status, text)
	}
	if response.StatusCode != http.StatusOK {
		var said struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if json.Unmarshal(text, &said) != nil || said.Type == "" {
			return fmt.Errorf("%s: %s: %.300s", action, response.Status, text)
		}
		_, name, found := strings.Cut(said.Type, "#")
		if !found {
			name = said.Type
		}
		return &awsError{strings.TrimSuffix(name, "Exception"), said.Message}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// motoMachine is one state machine in moto.
type motoMachine struct {
	*moto
	arn string
}

type document map[string]any

func (m *moto) machine(t *testing.T, name string, definition []byte, s *script, runner string) *motoMachine {
	t.Helper()
	m.mu.Lock()
	m.scripts[runner] = s
	m.mu.Unlock()
	var made struct{ StateMachineArn string }
	in := document{"name": name, "definition": string(definition), "roleArn": "arn:aws:iam::123456789012:role/none"}
	if err := m.call(t.Context(), "CreateStateMachine", in, &made); err != nil {
		t.Fatal(err)
	}
	return &motoMachine{m, made.StateMachineArn}
}

func (m *motoMachine) execution(name string) string {
	return strings.Replace(m.arn, ":stateMachine:", ":execution:", 1) + ":" + name
}

func (m *motoMachine) start(name string, input json.RawMessage) error {
	return m.call(context.Background(), "StartExecution", document{"stateMachineArn": m.arn, "name": name, "input": string(input)}, nil)
}

func (m *motoMachine) stop(name string) error {
	in := document{"executionArn": m.execution(name), "error": "Stopped", "cause": "by the test"}
	return m.call(context.Background(), "StopExecution", in, nil)
}

func (m *motoMachine) SendTaskSuccess(ctx context.Context, token string, output json.RawMessage) error {
	return m.call(ctx, "SendTaskSuccess", document{"taskToken": token, "output": string(output)}, nil)
}

func (m *motoMachine) SendTaskFailure(ctx context.Context, token, errorName, cause string) error {
	return m.call(ctx, "SendTaskFailure", document{"taskToken": token, "error": errorName, "cause": cause}, nil)
}

func (m *motoMachine) SendTaskHeartbeat(ctx context.Context, token string) error {
	return m.call(ctx, "SendTaskHeartbeat", document{"taskToken": token}, nil)
}

func (m *motoMachine) describe(name string) (execution, error) {
	var x struct{ Status, Output, Error, Cause string }
	if err := m.call(context.Background(), "DescribeExecution", document{"executionArn": m.execution(name)}, &x); err != nil {
		return execution{}, err
	}
	var history struct {
		Events []struct {
			Type                     string
			StateEnteredEventDetails struct{ Name string }
		}
	}
	if err := m.call(context.Background(), "GetExecutionHistory", document{"executionArn": m.execution(name), "maxResults": 1000}, &history); err != nil {
		return execution{}, err
	}
	found := execution{status: x.Status, output: json.RawMessage(x.Output), err: x.Error, cause: x.Cause}
	for _, ev := range history.Events {
		found.types = append(found.types, ev.Type)
		if strings.HasSuffix(ev.Type, "StateEntered") {
			found.path = append(found.path, ev.StateEnteredEventDetails.Name)
		}
	}
	return found, nil
}
