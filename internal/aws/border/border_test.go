package border

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// runtimeAPI is Lambda's side of the border: the function asks it for calls and
// reports to it what Step Functions gets
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
type runtimeAPI struct {
	calls   chan []byte
	reports chan report
}

type report struct {
	failed bool
	body   []byte
}

func (a runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/next") {
		select {
		case call := <-a.calls:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id-1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			_, _ = w.Write(call)
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	a.reports <- report{failed: strings.HasSuffix(r.URL.Path, "/error"), body: body}
}

// start runs a function under the real runtime loop for the rest of the test
// process: lambda.Start never returns.
func start(t *testing.T, function any) func(payload string) report {
	t.Helper()
	api := runtimeAPI{calls: make(chan []byte), reports: make(chan report)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = http.Serve(listener, api) }()
	t.Setenv("AWS_LAMBDA_RUNTIME_API", listener.Addr().String())
	go lambda.Start(function)
	return func(payload string) report {
		api.calls <- []byte(payload)
		select {
		case r := <-api.reports:
			return r
		case <-time.After(time.Minute):
			t.Fatal("the function reported nothing")
			return report{}
		}
	}
}

type noCapacity struct{}

func (*noCapacity) Error() string     { return "no room" }
func (*noCapacity) ErrorName() string { return "Runner.NoCapacity" }

type typed struct{}

func (typed) Error() string { return "typed" }

type call struct {
	Case string `json:"case"`
}

// What Step Functions sees of a step's error, through aws-lambda-go itself.
func TestErrorsAtTheBorder(t *testing.T) {
	noRoom := fleet.Errorf(fleet.RunnerNoCapacity, "no room")
	var nilMap map[string]int
	tests := map[string]struct {
		step    func() (string, error)
		name    string
		message string
	}{
		"no error":                                 {func() (string, error) { return "done", nil }, "", `"done"`},
		"a named error":                            {func() (string, error) { return "", noRoom }, "Runner.NoCapacity", "no room"},
		"wrapped once":                             {func() (string, error) { return "", fmt.Errorf("start it: %w", noRoom) }, "Runner.NoCapacity", "start it: no room"},
		"wrapped twice":                            {func() (string, error) { return "", fmt.Errorf("a: %w", fmt.Errorf("b: %w", noRoom)) }, "Runner.NoCapacity", "a: b: no room"},
		"wrapped with another":                     {func() (string, error) { return "", fmt.Errorf("%w, %w", errors.New("x"), noRoom) }, "Runner.NoCapacity", "x, no room"},
		"joined with another":                      {func() (string, error) { return "", errors.Join(errors.New("x"), noRoom) }, "Runner.NoCapacity", "x\nno room"},
		"a named error around a named one":         {func() (string, error) { return "", fleet.Errorf("Run.Bad", "outer: %w", noRoom) }, "Run.Bad", "outer: no room"},
		"a named error of another type, wrapped":   {func() (string, error) { return "", fmt.Errorf("w: %w", &noCapacity{}) }, "Runner.NoCapacity", "w: no room"},
		"a name that is too long":                  {func() (string, error) { return "", fleet.Errorf(strings.Repeat("N", 300), "x") }, strings.Repeat("N", 256), "x"},
		"an error without a name":                  {func() (string, error) { return "", errors.New("x") }, "errorString", "x"},
		"one that is wrapped":                      {func() (string, error) { return "", fmt.Errorf("w: %w", errors.New("x")) }, "wrapError", "w: x"},
		"one of a type":                            {func() (string, error) { return "", typed{} }, "typed", "typed"},
		"no time left":                             {func() (string, error) { return "", context.DeadlineExceeded }, "deadlineExceededError", "context deadline exceeded"},
		"a panic with an error":                    {func() (string, error) { panic(noRoom) }, Crashed, "no room"},
		"a panic with words":                       {func() (string, error) { panic("words") }, Crashed, "words"},
		"a write to a nil map":                     {func() (string, error) { nilMap["a"] = 1; return "", nil }, Crashed, "nil map"},
		"an error text that is too long":           {func() (string, error) { return "", fleet.Errorf("A.B", "%s", strings.Repeat("x", 40000)) }, "A.B", strings.Repeat("x", 32768)},
		"an error text with a quote and a newline": {func() (string, error) { return "", fleet.Errorf("A.B", "say \"no\"\n") }, "A.B", "say \"no\"\n"},
	}
	log := capture(t)
	invoke := start(t, Wrap(func(_ context.Context, c call) (string, error) { return tests[c.Case].step() }))
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			payload, err := json.Marshal(call{Case: sentence})
			if err != nil {
				t.Fatal(err)
			}
			got := invoke(string(payload))
			if test.name == "" {
				if got.failed || string(got.body) != test.message {
					t.Errorf("reported %v %s", got.failed, got.body)
				}
				return
			}
			var failure struct {
				Type    string `json:"errorType"`
				Message string `json:"errorMessage"`
			}
			if err := json.Unmarshal(got.body, &failure); err != nil || !got.failed {
				t.Fatalf("reported %v %s: %v", got.failed, got.body, err)
			}
			if failure.Type != test.name || !strings.Contains(failure.Message, test.message) || len(failure.Message) > awserr.MaxCause {
				t.Errorf("reported %s: %.200s, want %s: %.200s", failure.Type, failure.Message, test.name, test.message)
			}
		})
	}
	t.Run("an input of another type never reaches the step", func(t *testing.T) {
		if got := invoke(`{"case": 5}`); !got.failed || !bytes.Contains(got.body, []byte(`"UnmarshalTypeError"`)) {
			t.Errorf("reported %s", got.body)
		}
	})
	t.Run("a panic is logged with its stack", func(t *testing.T) {
		if text := log.String(); strings.Count(text, "panic in a step") != 3 || !strings.Contains(text, "border_test.go") {
			t.Errorf("logged %s", text)
		}
	})
}

// capture collects what the default logger writes.
func capture(t *testing.T) *safeBuffer {
	var b safeBuffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&b, nil)))
	t.Cleanup(func() { slog.SetDefault(was) })
	return &b
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
