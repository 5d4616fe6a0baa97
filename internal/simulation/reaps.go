package simulation

import (
	"fmt"
	"net/http"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Reaping draws a scenario in which the fleet often has to decide whether a runner has a
// job, and is lied to: of the in_progress webhooks 30 % are lost, and of the answers 5 %
// show a busy runner as idle. Limits are short, so that it decides every minute.
func Reaping(seed uint64) Scenario {
	d := &dice{seed: seed}
	minute := func(m float64) kernel.Duration {
		return kernel.Duration{Duration: time.Duration(m * float64(time.Minute))}
	}
	s := Scenario{Name: fmt.Sprintf("reaping, seed %d", seed)}
	s.Fleet = FleetConfig{
		MaxRunners: 30, Idle: minute(1), Inspect: minute(1), MaxRuntime: minute(90), RequestsPerHour: 1_000_000,
	}
	for range 4 {
		s.Jobs = append(s.Jobs, Job{At: d.minutes(0, 10), Count: d.between(5, 10), Every: kernel.Duration{Duration: time.Duration(d.between(0, 30)) * time.Second}, Takes: d.minutes(5, 40)})
	}
	s.Jobs = append(s.Jobs, Job{At: d.minutes(0, 10), Count: 3, Run: "matrix", MaxParallel: 1, Takes: d.minutes(2, 6)})
	s.Faults = []kernel.Fault{
		{Kind: "github.in_progress_lost", Rate: 0.3},
		{Kind: "github.busy_lies", Rate: 0.05},
		{Kind: "github.stale_job", Rate: 0.05, For: minute(3)},
		{Kind: "github.list_lags", Rate: 0.05, For: minute(1)},
		{Kind: kernel.Killed, Rate: 0.002},
		{Kind: kernel.KilledAfter, Rate: 0.002},
		{Kind: "github.webhook_late", Of: "completed", Rate: 0.1, For: minute(3)},
	}
	return s
}

// Reaps counts the decisions about whether a runner may be ended.
type Reaps struct {
	Decisions int // of InspectRunner, and attempts to delete a registration
	Unknown   int // of them, about a runner whose job the records did not have
	Refused   int // of them, that GitHub refused because the runner was busy
}

// inspects counts an inspection of a runner.
func (w *World) inspects(runnerID string) {
	w.reaps.Decisions++
	if runner, known := w.Table.RunnerNow(runnerID); known && runner.Took == 0 {
		if c := w.containers[runner.TaskARN]; c != nil && c.job != 0 {
			w.reaps.Unknown++
		}
	}
}

// watched is GitHub, with a count of the attempts to delete a runner.
type watched struct{ w *World }

// RoundTrip passes a request on.
func (t watched) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.w.GitHub.RoundTrip(r)
	if r.Method == http.MethodDelete {
		t.w.reaps.Decisions++
		if err == nil && response.StatusCode == http.StatusUnprocessableEntity {
			t.w.reaps.Refused++
		}
	}
	return response, err
}
