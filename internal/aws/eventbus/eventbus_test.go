package eventbus

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var (
	_ = webhook.Handler{Bus: Bus{}}
	_ = sweep.Handler{Bus: Bus{}}
)

// bridge is EventBridge: it gives one answer and keeps its requests.
type bridge struct {
	out   *eventbridge.PutEventsOutput
	err   error
	asked []*eventbridge.PutEventsInput
}

func (b *bridge) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	b.asked = append(b.asked, in)
	return b.out, b.err
}

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func queued() fleet.Event {
	return fleet.Event{ID: "e-1", Source: fleet.WebhookSource, DetailType: fleet.WorkflowJobEvent, Time: at, Detail: json.RawMessage(`{"action":"queued"}`)}
}

func TestPut(t *testing.T) {
	const plain = "plain" // an error without a name
	answer := func(failed int32, entries ...types.PutEventsResultEntry) *eventbridge.PutEventsOutput {
		return &eventbridge.PutEventsOutput{FailedEntryCount: failed, Entries: entries}
	}
	no := func(code string) *eventbridge.PutEventsOutput {
		return answer(1, types.PutEventsResultEntry{ErrorCode: aws.String(code), ErrorMessage: aws.String("because")})
	}
	taken := answer(0, types.PutEventsResultEntry{EventId: aws.String("x")})
	tests := map[string]struct {
		out  *eventbridge.PutEventsOutput
		err  error
		want string
	}{
		"it is taken":                         {taken, nil, ""},
		"a throttled entry in a 200":          {no("ThrottlingException"), nil, fleet.AWSUnavailable},
		"a mistake of EventBridge's in a 200": {no("InternalFailure"), nil, fleet.AWSUnavailable},
		"an entry that is refused in a 200":   {no("NotAuthorizedForSourceException"), nil, plain},
		"an entry that is broken, in a 200":   {no("MalformedDetail"), nil, plain},
		"a failure that is only counted":      {answer(1, types.PutEventsResultEntry{}), nil, fleet.AWSUnavailable},
		"an entry without an id":              {answer(0, types.PutEventsResultEntry{}), nil, fleet.AWSUnavailable},
		"an answer without the entry":         {answer(0), nil, fleet.AWSUnavailable},
		"a mistake of EventBridge's":          {nil, &types.InternalException{}, fleet.AWSUnavailable},
		"a throttle":                          {nil, &smithy.GenericAPIError{Code: "ThrottlingException"}, fleet.AWSUnavailable},
		"a permission that lacks":             {nil, &smithy.GenericAPIError{Code: "AccessDeniedException"}, plain},
		"no time left":                        {nil, &aws.RequestCanceledError{Err: context.DeadlineExceeded}, fleet.AWSUnavailable},
		"an error nobody has thought about":   {nil, errors.New("what is this"), plain},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			b := &bridge{out: test.out, err: test.err}
			err := Bus{EventBridge: b, Name: "ci"}.Put(t.Context(), queued())
			got := fleet.ErrorName(err)
			if got == "" && err != nil {
				got = plain
			}
			if got != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			e := b.asked[0].Entries[0]
			if *e.EventBusName != "ci" || *e.Source != "ecsrunner.webhook" || *e.DetailType != "workflow_job" || *e.Detail != `{"action":"queued"}` || !e.Time.Equal(at) {
				t.Errorf("put %+v", e)
			}
		})
	}
}

func TestPutKnowsTheLimit(t *testing.T) {
	room := maxEntry - entrySize(fleet.Event{Source: fleet.WebhookSource, DetailType: fleet.WorkflowJobEvent})
	for sentence, test := range map[string]struct {
		size int
		puts int
	}{
		"as large as allowed": {room, 1},
		"one byte more":       {room + 1, 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			b := &bridge{out: &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{EventId: aws.String("x")}}}}
			e := queued()
			e.Detail = json.RawMessage(`"` + strings.Repeat("x", test.size-2) + `"`)
			err := Bus{EventBridge: b, Name: "ci"}.Put(t.Context(), e)
			if len(b.asked) != test.puts || (err == nil) != (test.puts == 1) || err != nil && !strings.Contains(err.Error(), "1048576 bytes") {
				t.Errorf("%d puts, %v", len(b.asked), err)
			}
		})
	}
}
