//go:build aws

package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// newQueue makes a queue, and returns its URL and ARN.
func newQueue(t *testing.T, client *sqs.Client, name string, attributes map[string]string) (url, arn string) {
	t.Helper()
	url = *must(client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes}))(t).QueueUrl
	has := must(client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"QueueArn"}}))(t)
	return url, has.Attributes["QueueArn"]
}

// A rule of moto's EventBridge brings one event, in EventBridge's own words; a
// record of Lambda's and a message that cannot be read lie beside it.
func TestMotoFailedEvents(t *testing.T) {
	config := awstest.Config(t)
	client := sqs.NewFromConfig(config)
	lost, lostARN := newQueue(t, client, "ci-lost", nil)
	url, arn := newQueue(t, client, "ci-failed", map[string]string{
		"VisibilityTimeout": "0", // at once, where the real one takes minutes
		"RedrivePolicy":     `{"deadLetterTargetArn":"` + lostARN + `","maxReceiveCount":"3"}`,
	})
	bridge := eventbridge.NewFromConfig(config)
	must(bridge.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("failing")}))(t)
	must(bridge.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("jobs"), EventBusName: aws.String("failing"), EventPattern: aws.String(`{"source":["ecsrunner.webhook"]}`)}))(t)
	must(bridge.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("jobs"), EventBusName: aws.String("failing"), Targets: []ebtypes.Target{{Id: aws.String("q"), Arn: &arn}}}))(t)
	put := fleet.Event{Source: fleet.WebhookSource, DetailType: fleet.WorkflowJobEvent, Time: time.Unix(1772600000, 0), Detail: json.RawMessage(`{"action":"queued"}`)}
	if err := (eventbus.Bus{EventBridge: bridge, Name: "failing"}).Put(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{failed(task(cluster)), "poison", event("acme.ci", "x", `{}`)} {
		must(client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}))(t)
	}

	var log bytes.Buffer
	q := queueOf(nil, &log)
	q.SQS, q.URL = client, url
	receive := func(ctx context.Context) (kinds, receipts []string) {
		t.Helper()
		found, _, err := q.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			kinds, receipts = append(kinds, e.Event.DetailType), append(receipts, e.Receipt)
		}
		slices.Sort(kinds)
		return kinds, receipts
	}
	both := []string{fleet.TaskEvent, fleet.WorkflowJobEvent}
	if kinds, _ := receive(t.Context()); !slices.Equal(kinds, both) {
		t.Errorf("got %q", kinds)
	}
	kinds, receipts := receive(t.Context()) // nothing was done with them
	if !slices.Equal(kinds, both) {
		t.Errorf("then got %q", kinds)
	}
	for _, receipt := range slices.Concat(receipts, receipts) {
		if err := q.Done(t.Context(), receipt); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		if kinds, _ := receive(t.Context()); len(kinds) != 0 {
			t.Errorf("in the end got %q", kinds)
		}
	}
	left := must(client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &lost, MaxNumberOfMessages: 10}))(t)
	if len(left.Messages) != 1 || *left.Messages[0].Body != "poison" {
		t.Errorf("given up: %+v", left.Messages)
	}
	if n := strings.Count(log.String(), "left an event in the queue"); n != 3 {
		t.Errorf("logged %d times: %s", n, log.String())
	}
}
