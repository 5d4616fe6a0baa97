package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// bus is EventBridge, which takes events or fails.
type bus struct{ err error }

func (b bus) PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{EventId: aws.String("1")}}}, b.err
}

func TestStatusIsMeasured(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	runner := fleet.Runner{RunnerID: "ci-7-1"}
	ran := fleet.Run{RunID: "job-7", RanOn: "ci-7-1", Times: fleet.Times{fleet.StageQueued: at, fleet.StageJobStarted: at.Add(42 * time.Second)}}
	waits := fleet.Run{RunID: "job-7", Times: fleet.Times{fleet.StageQueued: at}}
	elsewhere := ran
	elsewhere.RanOn = "ci-8-1"
	tests := map[string]struct {
		run  *fleet.Run
		err  error
		want string
	}{
		"a job that ran":                   {&ran, nil, `"queue_time_ms":42000`},
		"a job that still waits":           {&waits, nil, ""},
		"a job that ran on another runner": {&elsewhere, nil, ""},
		"a runner without a run":           {nil, nil, ""},
		"an event that was not taken":      {&ran, errors.New("no bus"), ""},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			var out bytes.Buffer
			b := statusBus{
				bus:     eventbus.Bus{EventBridge: bus{test.err}, Name: "ci"},
				metrics: &metrics.Writer{Out: &out, FleetName: "ci", Now: func() time.Time { return at }},
			}
			detail, err := json.Marshal(map[string]any{"runner": runner, "run": test.run})
			if err != nil {
				t.Fatal(err)
			}
			err = b.Put(t.Context(), fleet.Event{ID: "1", DetailType: fleet.RunnerStatusEvent, Detail: detail})
			if (err != nil) != (test.err != nil) {
				t.Errorf("got %v", err)
			}
			if (test.want == "") != (out.Len() == 0) || !strings.Contains(out.String(), test.want) {
				t.Errorf("measured %q, want %q", out.String(), test.want)
			}
		})
	}
}
