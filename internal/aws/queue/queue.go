// Package queue reads events that dispatch could not handle, or never got, from the one
// SQS queue where both kinds end.
//
// A message does not say of which kind it is: Lambda wraps the event into a record of
// the failed invocation, and EventBridge sends the event unchanged, with the reason in
// attributes that are not needed here. A message that cannot be read stays in the
// queue, which gives it up after some tries and leaves it to people; it is logged
// without its text, because events of ECS have claim tokens.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// client is the part of SQS's API that the queue needs.
type client interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
}

// FailedEvents is the queue. Its visibility time-out must be longer than its reader may
// run, or an event is handled twice at once.
type FailedEvents struct {
	SQS client
	URL string
	// Hear turns an event into the fleet's form. ok is false for one that is not
	// for the fleet.
	Hear func(events.EventBridgeEvent) (event fleet.Event, ok bool, err error)
	Log  *slog.Logger
}

// batch is the most messages that one request gets.
const batch = 10

// Receive returns up to ten events, without waiting for any. Until the visibility
// time-out, no other reader gets them. It deletes messages that are not for the fleet,
// and leaves those that cannot be read. more is false if the queue seems to be empty:
// SQS asks only some of its servers. Errors that may pass have the name
// fleet.AWSUnavailable.
func (q FailedEvents) Receive(ctx context.Context) (found []fleet.FailedEvent, more bool, err error) {
	out, err := q.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(q.URL), MaxNumberOfMessages: batch})
	if err != nil {
		return nil, false, awserr.CallError(err, "receive from queue %s", q.URL)
	}
	for _, m := range out.Messages {
		id, receipt := aws.ToString(m.MessageId), aws.ToString(m.ReceiptHandle)
		event, ours, err := q.read(aws.ToString(m.Body))
		switch {
		case err != nil:
			q.Log.ErrorContext(ctx, "left an event in the queue: "+err.Error(), "message_id", id)
		case ours:
			found = append(found, fleet.FailedEvent{Receipt: receipt, Event: event})
		default:
			if err := q.Done(ctx, receipt); err != nil {
				q.Log.WarnContext(ctx, "an event that is not for the fleet is still in the queue", "message_id", id, "error", err.Error())
			}
		}
	}
	return found, len(out.Messages) > 0, nil
}

// Done deletes a message. A missing one is no error.
func (q FailedEvents) Done(ctx context.Context, receipt string) error {
	_, err := q.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(q.URL), ReceiptHandle: aws.String(receipt)})
	return awserr.CallError(err, "delete a message from queue %s", q.URL)
}

// record is what Lambda sends of an asynchronous invocation that failed
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
type record struct {
	Context *struct{}       `json:"requestContext"`
	Payload json.RawMessage `json:"requestPayload"`
}

var (
	errNoJSON  = errors.New("it is no JSON")
	errNoEvent = errors.New("it is neither an event nor a record of a failed invocation")
	errDetail  = errors.New("the event's detail cannot be read")
)

// read returns the event in a message. Its errors repeat nothing of the text.
func (q FailedEvents) read(body string) (event fleet.Event, ours bool, err error) {
	text := []byte(body)
	if !json.Valid(text) {
		return fleet.Event{}, false, errNoJSON
	}
	var r record
	if json.Unmarshal(text, &r) == nil && r.Context != nil {
		text = r.Payload
	}
	var e events.EventBridgeEvent
	if json.Unmarshal(text, &e) != nil || e.Source == "" || e.DetailType == "" || len(e.Detail) == 0 {
		return fleet.Event{}, false, errNoEvent
	}
	event, ours, err = q.Hear(e)
	if err != nil {
		return fleet.Event{}, false, errDetail
	}
	return event, ours, nil
}
