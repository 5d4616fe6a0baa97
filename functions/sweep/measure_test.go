package sweep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// measurable has counts, or does not answer.
type measurable struct{ err error }

func (m measurable) Capacity(context.Context) (fleet.Capacity, error) {
	return fleet.Capacity{Open: 3}, m.err
}
func (m measurable) WaitingForRoom(context.Context, int) ([]string, error) {
	return []string{"job-1"}, m.err
}
func (m measurable) Cursor(context.Context, string) (string, error) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	usage, err := json.Marshal(fleet.GitHubUsage{At: at, Last: map[string]int{"runs": 4}, Budgets: []fleet.Budget{{Limit: 5000, Remaining: 2500, Reset: at.Add(time.Hour)}}})
	return string(usage), errors.Join(err, m.err)
}

// recorded keeps what was measured.
type recorded struct{ values []string }

func (r *recorded) Put(name metric.Name, value float64, labels metric.Labels) {
	r.values = append(r.values, strings.TrimSuffix(fmt.Sprintf("%s %g %v", name, value, labels), " map[]"))
}

// Each sweep reports zero deliveries for its minute; those that came are added to that.
func TestASweepIsMeasured(t *testing.T) {
	for sentence, test := range map[string]struct {
		records error
		want    []string
	}{
		"as usual": {nil, []string{
			"github_put_off 4 map[kind:runs]", "github_requests_left_percent 50", "open_runners 3", "repairs 2 map[cause:capacity_miscounted]", "waiting_runs 1", "webhook_accepted 0",
		}},
		"while the table is throttled": {errors.New("throttled"), []string{"repairs 2 map[cause:capacity_miscounted]", "webhook_accepted 0"}},
	} {
		var r recorded
		failed := errors.New("sweep jobs: GitHub is down")
		err := sweep.Measure(t.Context(), &r, measurable{test.records}, sweep.Repairs{sweep.Miscounted: 2}, failed)
		if !errors.Is(err, failed) || test.records != nil && !errors.Is(err, test.records) {
			t.Errorf("%s: %v", sentence, err)
		}
		if slices.Sort(r.values); !slices.Equal(r.values, test.want) {
			t.Errorf("%s: measured %q, want %q", sentence, r.values, test.want)
		}
	}
}
