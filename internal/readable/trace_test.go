package readable

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// secondsApart makes events a second apart.
func secondsApart(events ...execution.Event) []execution.Event {
	for i := range events {
		events[i].Timestamp = noon.Add(time.Duration(i) * time.Second)
	}
	return events
}

func TestVisits(t *testing.T) {
	type stay struct {
		State string
		Took  time.Duration // -1: not left
		Notes []string
	}
	for name, c := range map[string]struct {
		events []execution.Event
		want   []stay
	}{
		"an execution that has only begun": {
			secondsApart(execution.Event{Type: "ExecutionStarted"}), nil,
		},
		"a state with a task that was tried again": {
			secondsApart(
				execution.Event{Type: "ExecutionStarted"},
				execution.Event{Type: "TaskStateEntered", State: "Validate"},
				execution.Event{Type: "TaskFailed", Error: "GitHub.RateLimited", Cause: `{"errorMessage":"no calls left","errorType":"GitHub.RateLimited"}`},
				execution.Event{Type: "TaskScheduled"},
				execution.Event{Type: "TaskSucceeded", Output: json.RawMessage(`{"decision":"admitted","class_name":"small","secret_of_theirs":"x"}`)},
				execution.Event{Type: "TaskStateExited"},
				execution.Event{Type: "ChoiceStateEntered", State: "IsAdmitted"},
			),
			[]stay{
				{"Validate", 4 * time.Second, []string{"GitHub.RateLimited: no calls left", "decision admitted, class_name small"}},
				{"IsAdmitted", -1, nil},
			},
		},
		"a state that says what was there already": {
			secondsApart(
				execution.Event{Type: "TaskStateEntered", State: "Validate"},
				execution.Event{Type: "TaskSucceeded", Output: json.RawMessage(`{"decision":"admitted","ready":{"image":{"outcome":"ready","tag":"0a","digest":"sha256:1"},"task_definition":{"arn":"arn:1"}}}`)},
				execution.Event{Type: "TaskStateExited"},
			),
			[]stay{{"Validate", 2 * time.Second, []string{"decision admitted, outcome ready, digest sha256:1, arn arn:1"}}},
		},
		"an execution that fails leaves its last state": {
			secondsApart(
				execution.Event{Type: "FailStateEntered", State: "Failed"},
				execution.Event{Type: "ExecutionFailed", Error: "Runner.NoCapacity", Cause: "no room"},
			),
			[]stay{{"Failed", time.Second, nil}},
		},
		"a state that is entered twice": {
			secondsApart(
				execution.Event{Type: "TaskStateEntered", State: "RunTask"}, execution.Event{Type: "TaskTimedOut", Error: "States.HeartbeatTimeout"}, execution.Event{Type: "TaskStateExited"},
				execution.Event{Type: "TaskStateEntered", State: "RunTask"}, execution.Event{Type: "TaskSucceeded", Output: json.RawMessage(`no JSON`)}, execution.Event{Type: "TaskStateExited"},
			),
			[]stay{{"RunTask", 2 * time.Second, []string{"States.HeartbeatTimeout"}}, {"RunTask", 2 * time.Second, nil}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []stay
			for _, v := range visits(report.Execution{Events: c.events}) {
				took := time.Duration(-1)
				if !v.left.IsZero() {
					took = v.left.Sub(v.entered)
				}
				got = append(got, stay{v.state, took, v.notes})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestALongFieldIsCut(t *testing.T) {
	var out bytes.Buffer
	Fields(&out, [][2]string{{"job", strings.Repeat("é", 800_000)}, {"reason", "short"}})
	if got := out.String(); len(got) > 2100 || !utf8.ValidString(got) || !strings.Contains(got, "… (1600000 bytes; --json has them all)\n") || !strings.Contains(got, "short\n") {
		t.Errorf("%d bytes: %.100q", len(got), got)
	}
}

func TestTraceOfAFailure(t *testing.T) {
	var out bytes.Buffer
	err := trace(&out, report.Execution{
		Execution: execution.Execution{Name: "fleet-1-1", Status: execution.Failed, Error: "Image.BuildFailed", Cause: "the build\x1b[31m failed"},
		Events:    secondsApart(execution.Event{Type: "FailStateEntered", State: "Failed"}),
	}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	if want := "execution fleet-1-1: FAILED with Image.BuildFailed: the build [31m failed"; first != want {
		t.Errorf("got  %s\nwant %s", first, want)
	}
}
