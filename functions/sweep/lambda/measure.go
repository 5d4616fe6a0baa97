package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostWaiting limits how many runs that wait for room are counted.
const mostWaiting = 1000

// counted is the part of the records that a sweep's metrics are read from.
type counted interface {
	Capacity(ctx context.Context) (fleet.Capacity, error)
	WaitingForRoom(ctx context.Context, limit int) ([]string, error)
	Cursor(ctx context.Context, name string) (string, error)
}

// measure counts what a sweep repaired, and what it found: open runners, runs that
// wait, and what is left of GitHub's limits. It returns all errors of the sweep as one.
func measure(ctx context.Context, writer *metrics.Writer, records counted, repairs sweep.Repairs, failed ...error) error {
	// A minute without a delivery is a zero. Without that zero an alarm could not
	// distinguish a fleet that receives nothing from one that was deployed just now.
	writer.Put(deployment.MetricWebhookAccepted, 0, nil)
	for cause, n := range repairs {
		writer.Put(deployment.MetricRepairs, float64(n), metrics.Dimensions{deployment.DimensionCause: string(cause)})
	}
	capacity, err := records.Capacity(ctx)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	waiting, err := records.WaitingForRoom(ctx, mostWaiting)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	text, err := records.Cursor(ctx, fleet.GitHubUsageCursor)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	measureGitHub(writer, text)
	writer.Put(deployment.MetricOpenRunners, float64(capacity.Open), nil)
	writer.Put(deployment.MetricWaitingRuns, float64(len(waiting)), nil)
	return errors.Join(failed...)
}

// measureGitHub measures what the sweep has just kept.
func measureGitHub(writer *metrics.Writer, kept string) {
	var usage fleet.GitHubUsage
	if json.Unmarshal([]byte(kept), &usage) != nil {
		return // no sweep has ended yet
	}
	for _, b := range usage.Budgets {
		writer.Put(deployment.MetricGitHubLeft, 100*float64(b.Left(usage.At))/float64(b.Limit), nil)
	}
	for kind, n := range usage.Last {
		writer.Put(deployment.MetricPutOff, float64(n), metrics.Dimensions{deployment.DimensionKind: kind})
	}
}
