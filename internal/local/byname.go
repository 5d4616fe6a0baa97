package local

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// byName stands in for image builds while runners are plain processes: an image
// is known by its name only and nothing is built. Its build "succeeds" through
// the same event as a real one.
type byName struct {
	put   func(context.Context, fleet.Event) error
	now   func() time.Time
	newID func() string
}

func (b byName) Build(ctx context.Context, order fleet.BuildOrder) error {
	detail, err := json.Marshal(fleet.Build{
		BuildID: "by-name/" + order.Tag, Tag: order.Tag, Owner: order.Owner, Revision: order.Revision, Status: fleet.BuildSucceeded, Digest: "by-name:" + order.Spec.Name,
	})
	if err != nil {
		return fmt.Errorf("encode the build of %s for %s: %w", order.Tag, order.Owner, err)
	}
	return b.put(ctx, fleet.Event{ID: b.newID(), Source: fleet.LocalSource, DetailType: fleet.BuildEvent, Time: b.now(), Detail: detail})
}
