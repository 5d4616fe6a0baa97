// Package eventbus puts events on the fleet's bus on EventBridge.
//
// PutEvents answers 200 even for an entry that it refused, and for a bus that does not
// exist. Put looks for the first in every answer; the second cannot be seen.
package eventbus

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// client is the part of EventBridge's API that the bus needs.
type client interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus is one event bus.
type Bus struct {
	EventBridge client
	Name        string // or ARN
}

// maxEntry is how many bytes an entry may have, less than 1 MiB
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html).
const maxEntry = 1<<20 - 1

// Put returns nil only when EventBridge has the event. EventBridge gives it an id of
// its own, so an event that is put again is another event. Errors that may pass have
// the name fleet.AWSUnavailable; that of an event which is too large has none.
func (b Bus) Put(ctx context.Context, event fleet.Event) error {
	what := fmt.Sprintf("put event %s (%s) on bus %s", event.ID, event.DetailType, b.Name)
	if size := entrySize(event); size > maxEntry {
		return fmt.Errorf("%s: it has %d bytes and EventBridge takes %d", what, size, maxEntry)
	}
	out, err := b.EventBridge.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: aws.String(b.Name),
		Source:       aws.String(event.Source),
		DetailType:   aws.String(event.DetailType),
		Detail:       aws.String(string(event.Detail)),
		Time:         aws.Time(event.Time),
	}}})
	if err != nil {
		return awserr.CallError(err, "%s", what)
	}
	return entryError(out, what)
}

// entrySize counts as EventBridge does: a time is 14 bytes.
func entrySize(e fleet.Event) int {
	return len(e.Source) + len(e.DetailType) + len(e.Detail) + 14
}

func entryError(out *eventbridge.PutEventsOutput, what string) error {
	if len(out.Entries) != 1 {
		return fleet.Errorf(fleet.AWSUnavailable, "%s: EventBridge answered for %d entries", what, len(out.Entries))
	}
	entry := out.Entries[0]
	code, message := aws.ToString(entry.ErrorCode), aws.ToString(entry.ErrorMessage)
	switch code {
	case "":
		if out.FailedEntryCount > 0 || aws.ToString(entry.EventId) == "" {
			return fleet.Errorf(fleet.AWSUnavailable, "%s: EventBridge did not take it and does not say why", what)
		}
		return nil
	case "InternalFailure", "InternalException", "ThrottlingException":
		return fleet.Errorf(fleet.AWSUnavailable, "%s: %s: %s", what, code, message)
	}
	return fmt.Errorf("%s: %s: %s", what, code, message)
}
