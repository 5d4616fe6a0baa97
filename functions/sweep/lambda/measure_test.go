package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// table has counts, or does not answer.
type table struct{ err error }

func (t table) Capacity(context.Context) (fleet.Capacity, error) {
	return fleet.Capacity{Open: 3}, t.err
}
func (t table) WaitingForRoom(context.Context, int) ([]string, error) {
	return []string{"job-1"}, t.err
}
func (t table) Cursor(context.Context, string) (string, error) { return "", t.err }

// Each sweep reports zero deliveries for its minute; those that came are added to that.
func TestASweepIsMeasured(t *testing.T) {
	for sentence, test := range map[string]struct {
		records error
		want    []string
	}{
		"as usual":                     {nil, []string{`"webhook_accepted":0`, `"repairs":2`, `"open_runners":3`, `"waiting_runs":1`}},
		"while the table is throttled": {errors.New("throttled"), []string{`"webhook_accepted":0`, `"repairs":2`}},
	} {
		var out bytes.Buffer
		failed := errors.New("sweep jobs: GitHub is down")
		writer := &metrics.Writer{Out: &out, FleetName: "ci", Now: time.Now}
		err := measure(t.Context(), writer, table{test.records}, sweep.Repairs{sweep.Miscounted: 2}, failed)
		if !errors.Is(err, failed) || test.records != nil && !errors.Is(err, test.records) {
			t.Errorf("%s: %v", sentence, err)
		}
		if got := strings.Count(out.String(), "\n"); got != len(test.want) {
			t.Errorf("%s: %d lines: %s", sentence, got, out.String())
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: measured %s, without %s", sentence, out.String(), want)
			}
		}
	}
}
