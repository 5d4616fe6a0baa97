package events_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	lambdaevents "github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// A failed build's reason is the part of the end of its log that a person needs.
func TestWhyABuildFailed(t *testing.T) {
	const phase = "phase BUILD ended as FAILED: COMMAND_EXECUTION_ERROR: Error while executing command: docker build. Reason: exit status 1"
	for name, c := range map[string]struct {
		lines []string
		err   error
		want  string // the beginning of the reason
	}{
		"what passes by itself":      {[]string{"ecsrunner: try again: docker.io takes no more pulls", "[Container] Phase complete"}, nil, "docker.io takes no more pulls; read stream"},
		"a step that says it passes": {[]string{"#9 [checked 4/4] RUN check", "#9 0.312 ecsrunner: try again: for ever", "[Container] Phase complete: BUILD State: TIMED_OUT"}, nil, "for ever; read stream"},
		"our own word on it": {[]string{"Step 3/14 : RUN check", "ecsrunner: the base image is built on musl", "The command returned a non-zero code: 1", "ecsrunner: the runner could not be put into alpine:3", "[Container] Phase complete: BUILD State: FAILED"}, nil,
			"the runner could not be put into alpine:3; read stream"},
		"in an event of many lines": {[]string{"#9 ERROR: exit code: 1\necsrunner: the base image has no shell\nERROR"}, nil, "the base image has no shell; read stream"},
		"in a Dockerfile's own line": {[]string{"#9 0.3 tar: write error", "  30 | >>> RUN echo ecsrunner: not this", "ERROR: process \"echo ecsrunner: not this\" failed"}, nil,
			phase + ": #9 0.3 tar: write error / 30 | >>> RUN echo ecsrunner: not this"},
		"behind a builder's marks":  {[]string{"#9 0.312 \x1b[31mecsrunner: the base image has no shell\x1b[0m\r"}, nil, "the base image has no shell; read stream"},
		"the last lines":            {[]string{"one", "", "two", "three  ", "\x00four", "[Container] exit"}, nil, phase + ": two / three / four; read stream"},
		"only CodeBuild's own":      {[]string{"[Container] exit"}, nil, phase + "; read stream"},
		"nothing":                   {nil, nil, phase + "; read stream"},
		"a log that cannot be read": {nil, errors.New("no answer"), phase + "; read stream"},
		"a very long word":          {[]string{"ecsrunner: " + strings.Repeat("x", 900)}, nil, strings.Repeat("x", 100)},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "build_failed.json"))
			if err != nil {
				t.Fatal(err)
			}
			var e lambdaevents.EventBridgeEvent
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatal(err)
			}
			l := events.Listener{BuildProject: "ci-images", LastLines: func(group, stream string, most int) ([]string, error) {
				if group == "" || stream == "" || most < 10 {
					t.Errorf("asked for %d lines of %q %q", most, group, stream)
				}
				return c.lines, c.err
			}}
			heard, ok, err := l.Hear(e)
			var build fleet.Build
			if err != nil || !ok || json.Unmarshal(heard.Detail, &build) != nil {
				t.Fatalf("%t %v", ok, err)
			}
			if !strings.HasPrefix(build.Reason, c.want) || len([]rune(build.Reason)) > 300 || build.Status != fleet.BuildFailed {
				t.Errorf("%s: %s", build.Status, build.Reason)
			}
			if build.MayPass != (name == "what passes by itself") {
				t.Errorf("that it may pass is %t", build.MayPass)
			}
		})
	}
}

// What CodeBuild itself could not do says nothing about the image.
func TestABuildThatNeverRan(t *testing.T) {
	for phase, passes := range map[string]bool{"SUBMITTED": true, "QUEUED": true, "PROVISIONING": true, "DOWNLOAD_SOURCE": true, "INSTALL": false, "BUILD": false} {
		detail := `{"build-id":"arn:aws:codebuild:eu-west-1:123456789012:build/ci-images:1","project-name":"ci-images","build-status":"TIMED_OUT","additional-information":{` +
			`"environment":{"environment-variables":[{"name":"IMAGE_TAG","value":"a"}]},"phases":[{"phase-type":"` + phase + `","phase-status":"TIMED_OUT"}]}}`
		heard, ok, err := events.Listener{BuildProject: "ci-images"}.Hear(lambdaevents.EventBridgeEvent{Source: "aws.codebuild", DetailType: fleet.BuildEvent, Detail: json.RawMessage(detail)})
		var build fleet.Build
		if err != nil || !ok || json.Unmarshal(heard.Detail, &build) != nil || build.Status != fleet.BuildFailed || build.MayPass != passes {
			t.Errorf("%s: %t %v %+v", phase, ok, err, build)
		}
	}
}
