//go:build aws

package flow

import (
	"encoding/json"
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/lambdahost"
)

// startRules puts the template's event patterns on moto's buses. The target of each
// is a queue that stands for dispatch: moto runs no functions.
func (w *world) startRules() {
	w.t.Helper()
	m := w.stack.moto
	for _, r := range w.stack.rules() {
		out := m.json("sqs", "AmazonSQS.CreateQueue", map[string]any{"QueueName": "target-" + r.id})
		w.queueOf[r.id] = out["QueueUrl"].(string)
		m.json("events", "AWSEvents.PutRule", map[string]any{"Name": r.id, "EventBusName": r.bus, "EventPattern": r.pattern})
		m.json("events", "AWSEvents.PutTargets", map[string]any{"Rule": r.id, "EventBusName": r.bus, "Targets": []any{
			map[string]any{"Id": "queue", "Arn": arn("sqs", "target-"+r.id)},
		}})
	}
	if len(w.queueOf) == 0 {
		w.t.Fatal("the template has no rules")
	}
	w.done.Go(w.pump)
}

// look wakes the pump: there may be events.
func (w *world) look() {
	select {
	case w.events <- struct{}{}:
	default:
	}
}

// pump carries events from the rules to dispatch.
func (w *world) pump() {
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.events:
		}
		for _, queue := range w.queueOf {
			for w.ctx.Err() == nil && w.receive(queue) {
			}
		}
	}
}

// receive takes a batch from a rule's queue and invokes dispatch for each, at once.
func (w *world) receive(queue string) (some bool) {
	out := w.stack.moto.json("sqs", "AmazonSQS.ReceiveMessage", map[string]any{"QueueUrl": queue, "MaxNumberOfMessages": 10})
	messages, _ := out["Messages"].([]interface{})
	for _, m := range messages {
		m := m.(map[string]interface{})
		w.stack.moto.json("sqs", "AmazonSQS.DeleteMessage", map[string]interface{}{"QueueUrl": queue, "ReceiptHandle": m["ReceiptHandle"]})
		event := json.RawMessage(m["Body"].(string))
		w.done.Go(func() { w.deliver(event) })
	}
	return len(messages) > 0
}

// deliver invokes dispatch as Lambda does asynchronously: twice more if it fails,
// and then the event goes to the function's on-failure queue.
func (w *world) deliver(event json.RawMessage) {
	var err error
	for range 3 {
		if _, err = w.invoke("dispatch", event); err == nil || w.ctx.Err() != nil {
			return
		}
	}
	record := map[string]any{"version": "1.0", "requestContext": map[string]any{"condition": "RetriesExhausted"}, "requestPayload": event}
	var failed *lambdahost.Error
	if errors.As(err, &failed) {
		record["responsePayload"] = failed.Cause
	}
	body, err := json.Marshal(record)
	if err != nil {
		w.t.Error(err)
		return
	}
	w.stack.moto.json("sqs", "AmazonSQS.SendMessage", map[string]any{"QueueUrl": w.environment("sweep")["FAILED_EVENTS_QUEUE_URL"], "MessageBody": string(body)})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failedSent++
	w.tell()
}
