package table_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/table"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/storetest"
)

// BenchmarkQuestions asks the store in memory what people ask a fleet.
func BenchmarkQuestions(b *testing.B) {
	const n = 1000
	b.Run(fmt.Sprintf("runs=%d", n), func(b *testing.B) {
		store := table.NewShared()
		for i := range n {
			run, runner := storetest.Past(i, n)
			if err := store.Write(b.Context(), fleet.Changes{Runs: []fleet.Run{run}, Runners: []fleet.Runner{runner}}); err != nil {
				b.Fatal(err)
			}
		}
		storetest.BenchmarkQuestions(b, withoutExecutions{store}, n, nil)
	})
}

// withoutExecutions is a report.Source without Step Functions.
type withoutExecutions struct{ *table.Store }

func (withoutExecutions) Execution(context.Context, string) (execution.Execution, bool, error) {
	return execution.Execution{}, false, nil
}

func (withoutExecutions) ExecutionList(context.Context, int) ([]execution.Execution, error) {
	return nil, nil
}

func (withoutExecutions) History(context.Context, string) ([]execution.Event, error) {
	return nil, nil
}
