package local_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAJobIsMeasured reads /metrics once a job has run.
func TestAJobIsMeasured(t *testing.T) {
	w := newWorld(t)
	w.awaitEnd(w.github.Queue(jobThat("true")))
	w.await("the runner's end is measured", func() bool {
		return strings.Contains(w.get("/metrics"), `ecsrunner_queue_time_seconds_count{fleet_name="test"} 1`)
	})
	text := w.get("/metrics")
	for _, want := range []string{
		`ecsrunner_runs_ended_total\{fleet_name="test",status="COMPLETED"\} 1`,
		`ecsrunner_job_time_seconds_count\{fleet_name="test"\} 1`,
		`ecsrunner_webhook_accepted_total\{fleet_name="test"\} [1-9]\d*`,
		`ecsrunner_webhook_rejected_total\{fleet_name="test"\} 0`,
		`ecsrunner_open_runners\{fleet_name="test"\} \d+`,
		`ecsrunner_waiting_runs\{fleet_name="test"\} 0`,
		`ecsrunner_max_runners\{fleet_name="test"\} \d+`,
		`ecsrunner_runners\{fleet_name="test",status="RUNNING"\} 0`,
		`ecsrunner_holds\{fleet_name="test",kind="capacity"\} 0`,
		`go_goroutines \d+`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(text) {
			t.Errorf("/metrics has no %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "warm_runners") {
		t.Errorf("/metrics of a fleet without pools has some of pools:\n%s", text)
	}
	w.stop(time.Second)
}
