//go:build aws

package dynamo_test

import (
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func runner(id string) fleet.Runner {
	return fleet.Runner{RunnerID: id, RunID: "job-1", Phase: fleet.Open, Times: fleet.Times{fleet.StageLaunched: start}}
}

// ids are those of a list's records.
func ids[T any](list []T) string {
	var ids []string
	for _, record := range list {
		switch r := any(record).(type) {
		case fleet.Run:
			ids = append(ids, r.RunID)
		case fleet.Runner:
			ids = append(ids, r.RunnerID)
		}
	}
	return strings.Join(ids, " ")
}
