package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var _ = sweep.Handler{FailedEvents: FailedEvents{}}

// messages is SQS: it has these bodies, and deleted has those that were deleted.
type messages struct {
	bodies             []string
	receiveErr, delErr error
	asked              []*sqs.ReceiveMessageInput
	deleted            []string
}

func (m *messages) ReceiveMessage(_ context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	m.asked = append(m.asked, in)
	if m.receiveErr != nil {
		return nil, m.receiveErr
	}
	out := &sqs.ReceiveMessageOutput{}
	for i, body := range m.bodies {
		out.Messages = append(out.Messages, types.Message{
			MessageId: aws.String(fmt.Sprintf("m-%d", i)), ReceiptHandle: aws.String(fmt.Sprintf("receipt-%d", i)), Body: &body,
		})
	}
	return out, nil
}

func (m *messages) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	m.deleted = append(m.deleted, *in.QueueUrl+" "+*in.ReceiptHandle)
	return &sqs.DeleteMessageOutput{}, m.delErr
}

const cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/ci"

// claimToken is in the overrides of a task and must not get into a log.
const claimToken = "c2VjcmV0LWNsYWltLXRva2Vu"

func event(source, detailType, detail string) string {
	return `{"version":"0","id":"c3a1f0d2","detail-type":"` + detailType + `","source":"` + source + `","account":"123456789012",` +
		`"time":"2026-03-04T05:09:41Z","region":"eu-west-1","resources":[],"detail":` + detail + `}`
}

func task(clusterARN string) string {
	return event("aws.ecs", "ECS Task State Change", `{"taskArn":"t-1","clusterArn":"`+clusterARN+`","startedBy":"ci-7-1","lastStatus":"STOPPED",`+
		`"overrides":{"containerOverrides":[{"environment":[{"name":"ECSRUNNER_CLAIM_TOKEN","value":"`+claimToken+`"}]}]},"version":6}`)
}

func queued() string {
	return event("ecsrunner.webhook", "workflow_job", `{"action":"queued","job":{"job_id":7}}`)
}

// failed is the record of an invocation that failed with an event.
func failed(event string) string {
	return `{"version":"1.0","timestamp":"2026-03-04T05:15:00.123Z","requestContext":{"requestId":"0f3b1f3a","functionArn":"arn:aws:lambda:eu-west-1:123456789012:function:ci-dispatch:$LATEST",` +
		`"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":` + event +
		`,"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage":"the table did not answer","errorType":"Records.Unavailable"}}`
}

func queueOf(m *messages, log *bytes.Buffer) FailedEvents {
	return FailedEvents{SQS: m, URL: "https://sqs/ci-failed", Hear: events.Listener{ClusterARN: cluster}.Hear, Log: slog.New(slog.NewJSONHandler(log, nil))}
}

func TestReceive(t *testing.T) {
	const (
		handled = "handled"
		deleted = "deleted"
		left    = "left"
	)
	tests := map[string]struct {
		body string
		want string
		kind string // of the event that is handled
		logs string
	}{
		"an event that dispatch could not handle":   {failed(queued()), handled, fleet.WorkflowJobEvent, ""},
		"an event that EventBridge could not bring": {queued(), handled, fleet.WorkflowJobEvent, ""},
		"a task that dispatch could not handle":     {failed(task(cluster)), handled, fleet.TaskEvent, ""},
		"a task that EventBridge could not bring":   {task(cluster), handled, fleet.TaskEvent, ""},
		"a task of another cluster":                 {failed(task("arn:aws:ecs:eu-west-1:123456789012:cluster/other")), deleted, "", ""},
		"an event of somebody else":                 {event("acme.ci", "workflow_job", `{}`), deleted, "", ""},
		"an event of its own that nobody handles":   {event("ecsrunner.status", "runner.status", `{}`), deleted, "", ""},
		"a task that is no task":                    {event("aws.ecs", "ECS Task State Change", `["`+claimToken+`"]`), left, "", "detail cannot be read"},
		"the same in a record":                      {failed(event("aws.ecs", "ECS Task State Change", `"`+claimToken+`"`)), left, "", "detail cannot be read"},
		"a record that lost its event":              {`{"version":"1.0","requestContext":{"requestId":"` + claimToken + `"},"responsePayload":null}`, left, "", "neither an event nor a record"},
		"a record of something else":                {failed(`"` + claimToken + `"`), left, "", "neither an event nor a record"},
		"an event without a source":                 {event("", "workflow_job", `{}`), left, "", "neither an event nor a record"},
		"an event without a type":                   {event("ecsrunner.webhook", "", `{}`), left, "", "neither an event nor a record"},
		"an event without a detail":                 {`{"source":"ecsrunner.webhook","detail-type":"workflow_job"}`, left, "", "neither an event nor a record"},
		"an event of which the time is none":        {strings.Replace(queued(), "2026-03-04T05:09:41Z", claimToken, 1), left, "", "neither an event nor a record"},
		"an object":                                 {`{}`, left, "", "neither an event nor a record"},
		"a list":                                    {`[1]`, left, "", "neither an event nor a record"},
		"half an event":                             {queued()[:40] + claimToken, left, "", "no JSON"},
		"nothing":                                   {``, left, "", "no JSON"},
		"an event that has a part like a record's":  {strings.Replace(queued(), `"version"`, `"requestPayload":{},"version"`, 1), handled, fleet.WorkflowJobEvent, ""},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			var log bytes.Buffer
			m := &messages{bodies: []string{test.body}}
			found, more, err := queueOf(m, &log).Receive(t.Context())
			if err != nil || !more {
				t.Fatalf("more %t, %v", more, err)
			}
			got := left
			switch {
			case len(found) == 1 && len(m.deleted) == 0:
				got = handled
			case len(found) == 0 && slices.Equal(m.deleted, []string{"https://sqs/ci-failed receipt-0"}):
				got = deleted
			}
			if got != test.want {
				t.Fatalf("%s, want %s: %+v, deleted %q\n%s", got, test.want, found, m.deleted, log.String())
			}
			if got == handled && (found[0].Receipt != "receipt-0" || found[0].Event.ID != "c3a1f0d2" || found[0].Event.DetailType != test.kind || !json.Valid(found[0].Event.Detail)) {
				t.Errorf("got %+v", found[0])
			}
			logged := log.String()
			if (logged != "") != (test.logs != "") || !strings.Contains(logged, test.logs) || test.logs != "" && !strings.Contains(logged, `"message_id":"m-0"`) {
				t.Errorf("logged %s, want %q", logged, test.logs)
			}
			if strings.Contains(logged, claimToken) || len(found) == 1 && strings.Contains(string(found[0].Event.Detail), claimToken) {
				t.Errorf("the token shows: %s %+v", logged, found)
			}
		})
	}
}

// A message that cannot be read blocks no other.
func TestReceiveABatch(t *testing.T) {
	var log bytes.Buffer
	m := &messages{bodies: []string{"poison", queued(), event("acme.ci", "x", `{}`), failed(task(cluster))}}
	found, more, err := queueOf(m, &log).Receive(t.Context())
	var receipts []string
	for _, e := range found {
		receipts = append(receipts, e.Receipt)
	}
	if err != nil || !more || !slices.Equal(receipts, []string{"receipt-1", "receipt-3"}) || len(m.deleted) != 1 {
		t.Errorf("got %q, more %t, %v, deleted %q", receipts, more, err, m.deleted)
	}
	if in := m.asked[0]; *in.QueueUrl != "https://sqs/ci-failed" || in.MaxNumberOfMessages != 10 || in.WaitTimeSeconds != 0 {
		t.Errorf("asked for %+v", in)
	}
	if _, more, err := queueOf(&messages{}, &log).Receive(t.Context()); more || err != nil {
		t.Errorf("an empty queue: more %t, %v", more, err)
	}
}

func TestTheQueueFails(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"a throttle":              {&smithy.GenericAPIError{Code: "ThrottlingException"}, fleet.AWSUnavailable},
		"a throttle of old":       {&smithy.GenericAPIError{Code: "RequestThrottled"}, fleet.AWSUnavailable},
		"too many in flight":      {&types.OverLimit{}, ""},
		"a mistake of SQS":        {&smithy.GenericAPIError{Code: "InternalFailure", Fault: smithy.FaultServer}, fleet.AWSUnavailable},
		"no time left":            {context.DeadlineExceeded, fleet.AWSUnavailable},
		"a queue that is not":     {&types.QueueDoesNotExist{}, ""},
		"a permission that lacks": {&smithy.GenericAPIError{Code: "AccessDenied"}, ""},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			var log bytes.Buffer
			_, more, err := queueOf(&messages{receiveErr: test.err}, &log).Receive(t.Context())
			if err == nil || more || fleet.ErrorName(err) != test.want || !strings.Contains(err.Error(), "receive from queue https://sqs/ci-failed") {
				t.Errorf("receive: %v", err)
			}
			err = queueOf(&messages{delErr: test.err}, &log).Done(t.Context(), "receipt")
			if err == nil || fleet.ErrorName(err) != test.want {
				t.Errorf("delete: %v", err)
			}
			m := &messages{bodies: []string{event("acme.ci", "x", `{}`), queued()}, delErr: test.err}
			if found, _, err := queueOf(m, &log).Receive(t.Context()); len(found) != 1 || err != nil || !strings.Contains(log.String(), "still in the queue") {
				t.Errorf("one that cannot be deleted: got %+v, %v", found, err)
			}
		})
	}
}

// No message is handled that is not the fleet's, whatever is in it.
func FuzzRead(f *testing.F) {
	for _, body := range []string{queued(), task(cluster), failed(queued()), failed(task(cluster)), `{"requestContext":{}}`, ""} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		event, ours, err := queueOf(nil, nil).read(body)
		if ours && (err != nil || event.Source == "" || event.DetailType == "") {
			t.Errorf("%+v, %v", event, err)
		}
	})
}
