package events

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var listener = Listener{
	ClusterARN:      "arn:aws:ecs:eu-west-1:123456789012:cluster/ci",
	BuildProject:    "ci-images",
	StateMachineARN: "arn:aws:states:eu-west-1:123456789012:stateMachine:ci",
}

// recorded reads an event of testdata, with parts of its text replaced.
func recorded(t testing.TB, name string, changes ...string) events.EventBridgeEvent {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			t.Fatalf("%s has no %s", name, changes[i])
		}
	}
	changed := strings.NewReplacer(changes...).Replace(string(text))
	var e events.EventBridgeEvent
	if err := json.Unmarshal([]byte(changed), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestHear(t *testing.T) {
	const (
		task      = `{"taskArn":"arn:aws:ecs:eu-west-1:123456789012:task/ci/0f3b1f3a2d5e4c6f8a7b9c0d1e2f3a4b","clusterArn":"arn:aws:ecs:eu-west-1:123456789012:cluster/ci","startedBy":"ci-14541957942-1",`
		build     = `{"build_id":"arn:aws:codebuild:eu-west-1:123456789012:build/ci-images:2a6e7b8c-1d3f-4a5b-9c0d-1e2f3a4b5c6d","tag":"0123456789abcdef0123456789abcdef","owner":"fleet-7-1@1772600701000",`
		succeeded = build + `"status":"SUCCEEDED","digest":"123456789012.dkr.ecr.eu-west-1.amazonaws.com/ci@` + digest + `"}`
		readOn    = "; read stream 2a6e7b8c-1d3f-4a5b-9c0d-1e2f3a4b5c6d of log group /aws/codebuild/ci-images"
	)
	tests := map[string]struct {
		file    string
		changes []string
		kind    string // "" is not for the fleet
		detail  string
	}{
		"a queued job":                           {"workflow_job", nil, fleet.WorkflowJobEvent, ""},
		"one that the sweep found":               {"workflow_job", []string{"ecsrunner.webhook", "ecsrunner.sweep"}, fleet.WorkflowJobEvent, ""},
		"one of somebody else":                   {"workflow_job", []string{"ecsrunner.webhook", "acme.ci"}, "", ""},
		"one that claims to come from ECS":       {"workflow_job", []string{"ecsrunner.webhook", "aws.ecs"}, "", ""},
		"the fleet's own word about a runner":    {"workflow_job", []string{`"workflow_job"`, `"runner.status"`}, "", ""},
		"the word that the fleet is resumed":     {"workflow_job", []string{"ecsrunner.webhook", "ecsrunner.cli", `"workflow_job"`, `"fleet.resumed"`}, fleet.FleetResumedEvent, ""},
		"a task that runs":                       {"task_running", nil, fleet.TaskEvent, task + `"lastStatus":"RUNNING","desiredStatus":"RUNNING","containers":[{"name":"runner"}],"attachments":[{"details":[{"name":"subnetId","value":"subnet-1"}]}],"createdAt":"2026-03-04T05:06:01.123Z","pullStartedAt":"2026-03-04T05:06:12.1Z","pullStoppedAt":"2026-03-04T05:06:29.8Z","startedAt":"2026-03-04T05:06:31.5Z","version":3}`},
		"a task that has stopped":                {"task_stopped", nil, fleet.TaskEvent, task + `"lastStatus":"STOPPED","desiredStatus":"STOPPED","stopCode":"EssentialContainerExited","stoppedReason":"Essential container in task exited","containers":[{"name":"runner","exitCode":0}],"attachments":[{"details":[{"name":"subnetId","value":"subnet-1"}]}],"createdAt":"2026-03-04T05:06:01.123Z","startedAt":"2026-03-04T05:06:31.5Z","stoppingAt":"2026-03-04T05:09:30.1Z","stoppedAt":"2026-03-04T05:09:40.007Z","version":6}`},
		"a task that never started":              {"task_failed_to_start", nil, fleet.TaskEvent, task + `"lastStatus":"STOPPED","desiredStatus":"STOPPED","stopCode":"TaskFailedToStart","stoppedReason":"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref","containers":[{"name":"runner"}],"attachments":[{"details":[{"name":"subnetId","value":"subnet-1"}]}],"createdAt":"2026-03-04T05:06:01.123Z","stoppedAt":"2026-03-04T05:08:12.3Z","version":4}`},
		"a stopped task that the sweep tells of": {"task_stopped", []string{`"aws.ecs"`, `"ecsrunner.sweep"`}, fleet.TaskEvent, ""},
		"a task of another cluster":              {"task_stopped", []string{"cluster/ci", "cluster/other"}, "", ""},
		"another event of ECS":                   {"task_stopped", []string{"ECS Task State Change", "ECS Deployment State Change"}, "", ""},
		"a task event of another source":         {"task_stopped", []string{`"aws.ecs"`, `"acme.ecs"`}, "", ""},
		"a build that starts":                    {"build_in_progress", nil, fleet.BuildEvent, build + `"status":"IN_PROGRESS"}`},
		"a build that goes on":                   {"build_phase", nil, fleet.BuildEvent, build + `"status":"IN_PROGRESS"}`},
		"one as AWS shows it, without a status":  {"build_phase", []string{`"build-status": "IN_PROGRESS",`, ""}, fleet.BuildEvent, build + `"status":"IN_PROGRESS"}`},
		"the last phase, without a status":       {"build_phase", []string{`"build-status": "IN_PROGRESS",`, "", `"PROVISIONING"`, `"COMPLETED"`}, "", ""},
		"the last phase of a build":              {"build_phase", []string{`"build-status": "IN_PROGRESS"`, `"build-status": "SUCCEEDED"`}, "", ""},
		"a build that succeeded":                 {"build_succeeded", nil, fleet.BuildEvent, succeeded},
		"one with a bare digest":                 {"build_succeeded", []string{"123456789012.dkr.ecr.eu-west-1.amazonaws.com/ci@", ""}, fleet.BuildEvent, build + `"status":"SUCCEEDED","digest":"` + digest + `"}`},
		"one without a digest":                   {"build_succeeded", []string{"IMAGE_DIGEST", "OTHER"}, fleet.BuildEvent, build + `"status":"FAILED","reason":"the build succeeded and exported no IMAGE_DIGEST` + readOn + `"}`},
		"one with a digest that is none":         {"build_succeeded", []string{digest, "sha256:x"}, fleet.BuildEvent, build + `"status":"FAILED","reason":"the build succeeded and exported no IMAGE_DIGEST` + readOn + `"}`},
		"a build that failed":                    {"build_failed", nil, fleet.BuildEvent, build + `"status":"FAILED","reason":"phase BUILD ended as FAILED: COMMAND_EXECUTION_ERROR: Error while executing command: docker build. Reason: exit status 1` + readOn + `"}`},
		"a build that somebody stopped":          {"build_failed", []string{`"FAILED"`, `"STOPPED"`}, fleet.BuildEvent, build + `"status":"STOPPED","reason":"phase BUILD ended as STOPPED: COMMAND_EXECUTION_ERROR: Error while executing command: docker build. Reason: exit status 1` + readOn + `"}`},
		"a build started by hand":                {"build_succeeded", []string{"IMAGE_TAG", "OTHER"}, "", ""},
		"one of the previous release":            {"build_in_progress", []string{"IMAGE_OWNER", "OTHER"}, fleet.BuildEvent, strings.Replace(build, `"owner":"fleet-7-1@1772600701000",`, "", 1) + `"status":"IN_PROGRESS"}`},
		"a build of another project":             {"build_succeeded", []string{`"project-name": "ci-images"`, `"project-name": "evil"`}, "", ""},
		"an execution that failed":               {"execution_failed", nil, fleet.ExecutionEvent, `{"name":"ci-14541957942-1","status":"FAILED","error":"Runner.LaunchFailed","cause":"ECS refuses the task"}`},
		"an execution that somebody stopped":     {"execution_failed", []string{`"FAILED"`, `"ABORTED"`, `"Runner.LaunchFailed"`, "null", `"ECS refuses the task"`, "null"}, fleet.ExecutionEvent, `{"name":"ci-14541957942-1","status":"ABORTED"}`},
		"an execution whose time was over":       {"execution_failed", []string{`"FAILED"`, `"TIMED_OUT"`}, fleet.ExecutionEvent, `{"name":"ci-14541957942-1","status":"TIMED_OUT","error":"Runner.LaunchFailed","cause":"ECS refuses the task"}`},
		"an execution that starts":               {"execution_failed", []string{`"FAILED"`, `"RUNNING"`}, "", ""},
		"an execution that ended well":           {"execution_failed", []string{`"FAILED"`, `"SUCCEEDED"`}, "", ""},
		"one of another state machine":           {"execution_failed", []string{"stateMachine:ci", "stateMachine:other"}, "", ""},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			heard := recorded(t, test.file, test.changes...)
			got, ok, err := listener.Hear(heard)
			if err != nil || ok != (test.kind != "") {
				t.Fatalf("got %v, %v", ok, err)
			}
			if !ok {
				return
			}
			if got.DetailType != test.kind || got.ID != heard.ID || got.Source != heard.Source || !got.Time.Equal(heard.Time) {
				t.Errorf("got %+v", got)
			}
			if test.detail == "" {
				test.detail = string(heard.Detail)
			}
			if string(got.Detail) != test.detail {
				t.Errorf("got\n%s, want\n%s", got.Detail, test.detail)
			}
			if heard.Source != fleet.SweepSource && strings.Contains(string(got.Detail), "claim-token") {
				t.Error("the overrides go on")
			}
		})
	}
}

func TestAListenerThatIsToldNothingHearsNothingOfAWS(t *testing.T) {
	for name, mark := range map[string]string{
		"task_stopped":     listener.ClusterARN,
		"build_succeeded":  listener.BuildProject,
		"execution_failed": listener.StateMachineARN,
	} {
		for _, e := range []events.EventBridgeEvent{recorded(t, name), recorded(t, name, `"`+mark+`"`, `""`)} {
			if _, ok, err := (Listener{}).Hear(e); ok || err != nil {
				t.Errorf("%s: %v, %v", name, ok, err)
			}
		}
	}
}

func TestAnEventThatCannotBeRead(t *testing.T) {
	for _, name := range []string{"task_stopped", "build_succeeded", "execution_failed"} {
		e := recorded(t, name)
		e.Detail = json.RawMessage(`[]`)
		if _, ok, err := listener.Hear(e); ok || err == nil || !strings.Contains(err.Error(), e.ID) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestAReasonIsShort(t *testing.T) {
	e := recorded(t, "build_failed", "exit status 1", strings.Repeat("’ ", 500))
	got, _, err := listener.Hear(e)
	if err != nil {
		t.Fatal(err)
	}
	var b fleet.Build
	if err := json.Unmarshal(got.Detail, &b); err != nil {
		t.Fatal(err)
	}
	if n := utf8.RuneCountInString(b.Reason); n > 300 || !strings.HasSuffix(b.Reason, "log group /aws/codebuild/ci-images") {
		t.Errorf("%d characters: %s", n, b.Reason)
	}
}

// Strangers' events must not break the listener, and none that is not the fleet's gets
// through.
func FuzzHear(f *testing.F) {
	for _, name := range []string{"task_stopped", "build_failed", "build_succeeded", "execution_failed", "workflow_job"} {
		e := recorded(f, name)
		f.Add(e.Source, e.DetailType, []byte(e.Detail))
	}
	f.Fuzz(func(t *testing.T, source, detailType string, detail []byte) {
		got, ok, err := listener.Hear(events.EventBridgeEvent{Source: source, DetailType: detailType, Detail: detail})
		if ok && (err != nil || !own[got.DetailType]) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
