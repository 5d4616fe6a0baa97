package sweep

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// mostWaiting limits how many runs that wait for room are counted.
const mostWaiting = 1000

// counted is the part of the records that a sweep's metrics are read from.
type counted interface {
	Capacity(ctx context.Context) (fleet.Capacity, error)
	WaitingForRoom(ctx context.Context, limit int) ([]string, error)
	Cursor(ctx context.Context, name string) (string, error)
}

// Measure counts what a sweep repaired and put off, and what it found: open runners, runs
// that wait, and what is left of GitHub's limits. It returns all errors of the sweep as one.
func Measure(ctx context.Context, to metric.Recorder, records counted, repairs Repairs, failed ...error) error {
	// A minute without a delivery is a zero. Without that zero an alarm could not
	// distinguish a fleet that receives nothing from one that was deployed just now.
	to.Put(metric.WebhookAccepted, 0, nil)
	for cause, n := range repairs {
		to.Put(metric.Repairs, float64(n), metric.Labels{metric.ByCause: string(cause)})
	}
	usage, err := MeasureLevels(ctx, to, records)
	for kind, n := range usage.Last {
		to.Put(metric.PutOff, float64(n), metric.Labels{metric.ByKind: kind})
	}
	return errors.Join(append(failed, err)...)
}

// MeasureLevels measures what the records have at this moment, and returns what a sweep has
// kept there of its requests.
func MeasureLevels(ctx context.Context, to metric.Recorder, records counted) (usage fleet.GitHubUsage, err error) {
	capacity, err := records.Capacity(ctx)
	if err != nil {
		return usage, err
	}
	waiting, err := records.WaitingForRoom(ctx, mostWaiting)
	if err != nil {
		return usage, err
	}
	text, err := records.Cursor(ctx, fleet.GitHubUsageCursor)
	if err != nil {
		return usage, err
	}
	if json.Unmarshal([]byte(text), &usage) != nil {
		usage = fleet.GitHubUsage{} // no sweep has ended yet
	}
	for _, b := range usage.Budgets {
		to.Put(metric.GitHubLeft, 100*float64(b.Left(usage.At))/float64(b.Limit), nil)
	}
	to.Put(metric.OpenRunners, float64(capacity.Open), nil)
	to.Put(metric.WaitingRuns, float64(len(waiting)), nil)
	return usage, nil
}
