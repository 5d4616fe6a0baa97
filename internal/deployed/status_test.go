package deployed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var discard = slog.New(slog.DiscardHandler)

// bus is EventBridge as far as it takes events, or does not.
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
			b := StatusBus{
				Bus:     eventbus.Bus{EventBridge: bus{test.err}, Name: "ci"},
				Metrics: &metrics.Writer{Out: &out, FleetName: "ci", Now: func() time.Time { return at }},
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

// table has counts, or answers nothing.
type table struct{ err error }

func (t table) Capacity(context.Context) (fleet.Capacity, error) {
	return fleet.Capacity{Open: 3}, t.err
}
func (t table) WaitingForRoom(context.Context, int) ([]string, error) {
	return []string{"job-1"}, t.err
}
func (t table) Cursor(context.Context, string) (string, error) { return "", t.err }

// Each sweep says that no delivery came in its minute: those that did are added to that.
func TestASweepIsMeasured(t *testing.T) {
	for sentence, test := range map[string]struct {
		records error
		want    []string
	}{
		"as usual":                     {nil, []string{`"webhook_accepted":0`, `"repairs":2`, `"open_runners":3`, `"waiting_runs":1`}},
		"while the table is throttled": {errors.New("throttled"), []string{`"webhook_accepted":0`, `"repairs":2`}},
	} {
		var out bytes.Buffer
		failed := errors.New("sweep jobs: GitHub is down")
		err := measureSweep(&metrics.Writer{Out: &out, FleetName: "ci", Now: time.Now}, table{test.records})(t.Context(), sweep.Repairs{sweep.Miscounted: 2}, failed)
		if !errors.Is(err, failed) || test.records != nil && !errors.Is(err, test.records) {
			t.Errorf("%s: %v", sentence, err)
		}
		if got := strings.Count(out.String(), "\n"); got != len(test.want) {
			t.Errorf("%s: %d lines: %s", sentence, got, out.String())
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: measured %s, without %s", sentence, out.String(), want)
			}
		}
	}
}

func TestDeliveriesAreCounted(t *testing.T) {
	for outcome, want := range map[webhook.Outcome]string{
		webhook.Accepted: `"webhook_accepted":1`, webhook.Refused: `"webhook_accepted":1`, webhook.Ignored: `"webhook_accepted":1`, webhook.Pong: `"webhook_accepted":1`,
		webhook.Unauthorized: `"webhook_rejected":1`, webhook.Forbidden: `"webhook_rejected":1`,
		webhook.Invalid: "", webhook.Failed: "", webhook.Unavailable: "",
	} {
		var out bytes.Buffer
		countDelivery(&metrics.Writer{Out: &out, FleetName: "ci", Now: time.Now}, outcome)
		if (want == "") != (out.Len() == 0) || !strings.Contains(out.String(), want) {
			t.Errorf("%s: measured %q, want %q", outcome, out.String(), want)
		}
	}
}
