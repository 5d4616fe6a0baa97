// Command lambda is the function sweep on AWS: the target of the schedule.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	policy, home, records, gh, tasks, bus := f.Policy(), f.Fleet(), f.Records(), f.GitHub(), f.Tasks(), f.Bus()
	executions := f.Executions()
	home.Executions, home.GitHub, home.Tasks = executions, gh, tasks
	failed, measure, builds, builder, registry := f.FailedEvents(), f.MeasureSweep(records), f.Builds(), f.Builder(), f.Registry()
	revisions := f.Revisions()
	settings := deployed.Settings{Records: records, GitHubURL: f.GitHubURL(), Now: time.Now}
	deployed.Start(f, func(ctx context.Context, _ json.RawMessage) (sweep.Repairs, error) {
		current, err := policy(ctx)
		if err != nil {
			return nil, err
		}
		deadline, _ := ctx.Deadline()
		repairs, err := sweep.Handler{
			Fleet: home, Policy: current, Records: records, GitHub: gh, Executions: executions, Platform: tasks, Bus: bus, NewID: rand.Text, Grace: time.Minute,
			FailedEvents: failed, Dispatch: dispatch.Handler{Fleet: home, Images: records, Cursors: records, Policy: f.Repositories()}.Handle, Definitions: tasks,
			Images: records, Builds: builds, Builder: builder, Registry: registry, Revisions: revisions,
			Lease: records, Time: time.Until(deadline) - sweep.Overhead,
		}.Run(ctx)
		return repairs, measure(ctx, repairs, settings.Tell(ctx, current), err)
	})
}
