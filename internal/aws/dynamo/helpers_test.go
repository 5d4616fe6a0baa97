package dynamo_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const retention = 24 * time.Hour

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// writes numbers the writes and tables of all tests: a server remembers both.
var writes atomic.Int64

func options(now func() time.Time) dynamo.Options {
	return dynamo.Options{Retention: retention, Now: now, NewID: func() string { return fmt.Sprintf("write-%d", writes.Add(1)) }}
}

func run(id int64) fleet.Run {
	return fleet.NewRun(fleet.Job{JobID: id}, start.Add(time.Duration(id)*time.Second))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
