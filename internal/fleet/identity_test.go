package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// What the entrypoint of an image can do is a fact of the revision in use.
func TestTheRecordOfWhatAnEntrypointCanShow(t *testing.T) {
	record := fleet.ImageRecord{}
	for n, can := range []bool{true, false, true} {
		record = record.Built(fleet.Build{Revision: n + 1, Digest: "sha256:" + string(rune('a'+n)), Identity: can}, time.Time{})
		equal(t, record.Identity, can)
		equal(t, record.Built(fleet.Build{Revision: n + 1, Digest: "sha256:x", Identity: !can}, time.Time{}).Identity, can) // repeated
	}
}
