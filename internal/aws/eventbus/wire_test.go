//go:build aws

package eventbus

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

// An archive of the bus counts what it got.
func TestMotoPut(t *testing.T) {
	client := eventbridge.NewFromConfig(awstest.Config(t))
	bus, err := client.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("events")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateArchive(t.Context(), &eventbridge.CreateArchiveInput{
		ArchiveName: aws.String("events"), EventSourceArn: bus.EventBusArn,
		EventPattern: aws.String(`{"source":["ecsrunner.webhook"],"detail-type":["workflow_job"],"detail":{"action":["queued"]}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := Bus{EventBridge: client, Name: "events"}
	if err := b.Put(t.Context(), queued()); err != nil {
		t.Error(err)
	}
	broken := queued()
	broken.Detail = json.RawMessage(`{`)
	if err := b.Put(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "MalformedDetail") {
		t.Errorf("a broken detail, in a 200: %v", err)
	}
	archive, err := client.DescribeArchive(t.Context(), &eventbridge.DescribeArchiveInput{ArchiveName: aws.String("events")})
	if err != nil || archive.EventCount != 1 {
		t.Errorf("the bus got %+v, %v", archive, err)
	}
}
