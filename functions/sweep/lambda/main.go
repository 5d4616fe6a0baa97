// Command lambda is the function sweep on AWS: the target of the schedule.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/logs"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/params"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/queue"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

func main() {
	f := border.New()
	policy, records, tasks, bus := params.Policy(f), dynamo.Records(f), ecsfleet.Tasks(f), eventbus.Of(f)
	gh, executions, lines := githubapi.Of(f, records), stepfn.ExecutionsOf(f), logs.LastLines(f)
	lc := operations.Fleet(f, records, executions, gh, tasks)
	failed, running, builder := queue.FailedEventsOf(f, events.ListenerOf(f, lines).Hear), builds.Of(f, lines), builds.BuilderOf(f)
	registry, revisions, measured := images.RegistryOf(f), images.RevisionsOf(f), metrics.Of(f)
	dispatcher := dispatch.Handler{Fleet: lc, Images: records, Cursors: records, Policy: f.Policy()}
	notices, reruns := operations.Notices(f, gh, records), lifecycle.Reruns{GitHub: gh, Cursors: records}
	set := settings{records: records, gitHubURL: f.Env(deployment.EnvGitHubURL), gitHubCA: githubapi.Authorities(f), now: time.Now}
	border.Start(f, func(ctx context.Context, _ json.RawMessage) (sweep.Repairs, error) {
		current, err := policy(ctx)
		if err != nil {
			return nil, err
		}
		deadline, _ := ctx.Deadline()
		repairs, err := sweep.Handler{
			Fleet: lc.Informed(current), Policy: current, Records: records, GitHub: gh, Executions: executions, Platform: tasks, Bus: bus, NewID: rand.Text, Notices: notices, Reruns: reruns, Grace: time.Minute,
			FailedEvents: failed, Dispatch: dispatcher.Handle, Definitions: tasks,
			Images: records, Builds: running, Builder: builder, Registry: registry, Revisions: revisions,
			Lease: records, Time: time.Until(deadline) - sweep.Overhead,
		}.Run(ctx)
		return repairs, sweep.Measure(ctx, measured, records, repairs, set.tell(ctx, current), err)
	})
}
