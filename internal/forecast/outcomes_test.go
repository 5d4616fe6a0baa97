package forecast

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

// text is what people read of a plan, without what it rests on.
func text(t *testing.T, p Plan) (Result, string) {
	t.Helper()
	report, r := NewReport(p, "", NoFaults), played(t, p).Result()
	report.Results = append(report.Results, r)
	var b strings.Builder
	if err := report.Text(&b, readable.Screen{}, p.Config.MaxRunners); err != nil {
		t.Fatal(err)
	}
	said, _, _ := strings.Cut(b.String(), "\nWhat this rests on:")
	return r, said
}

func rows(r Result) (n int) {
	return sum(r.Conclusions) + sumOf(r.NotRan) + r.NotOurs + r.NotServed + r.Unheard
}

func sumOf[K comparable](counts map[K]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// The rows of what became of the jobs add up to the jobs, however they ended.
func TestOutcomesAddUp(t *testing.T) {
	mixed := few(4, "self-hosted")
	mixed.Jobs = append(mixed.Jobs,
		workload.Job{Repository: "octo/app", Labels: []string{"self-hosted"}, Queued: time.Minute, Cancelled: 10 * time.Second},
		workload.Job{Repository: "octo/app", Labels: []string{"self-hosted"}, Queued: time.Minute, Cancelled: 110 * time.Second}, // it runs by then
		workload.Job{Repository: "octo/app", Labels: []string{"self-hosted", "class:huge"}, Queued: time.Minute, Takes: time.Minute},
		workload.Job{Repository: "octo/app", Labels: []string{"ubuntu-latest"}, Queued: time.Minute, Takes: time.Minute},
		workload.Job{Repository: "octo/other", Labels: []string{"self-hosted"}, Queued: time.Minute, Takes: time.Minute},
	)
	spot := "{github_repo: octo/app, spot_retry: 1, default_class: small, runner_class_sizes: {small: {cpu: 512, memory: 1024, spot: true}}}"
	for name, p := range map[string]Plan{
		"of all kinds":        {Config: configured(t, "{github_repo: octo/app}"), Workload: mixed, Seed: 1},
		"with jobs run again": {Config: configured(t, spot), Workload: few(8, "self-hosted"), Faults: []kernel.Fault{{Kind: "ecs.spot_interrupted", Rate: 0.5, For: kernel.Duration{Duration: time.Minute}}}, Seed: 1},
	} {
		r, said := text(t, p)
		if rows(r) != len(p.Workload.Jobs) {
			t.Errorf("%s: the rows are %d jobs together of %d:\n%s", name, rows(r), len(p.Workload.Jobs), said)
		}
		if again := strings.Contains(said, "run again, since Spot took the runner back"); again != (name == "with jobs run again") || again != (r.Reruns > 0) {
			t.Errorf("%s: %d jobs ran again:\n%s", name, r.Reruns, said)
		}
		if r.Ran > len(p.Workload.Jobs) || r.Requests.MostAnHour > r.Requests.Counted {
			t.Errorf("%s: %d ran, %d requests in an hour of %d", name, r.Ran, r.Requests.MostAnHour, r.Requests.Counted)
		}
		if refused := r.Outcomes["REFUSED"]; sum(r.Refusals) != refused || refused > 0 && !strings.Contains(said, "REFUSED BECAUSE") {
			t.Errorf("%s: %d refused, for %v:\n%s", name, refused, r.Refusals, said)
		}
		if r.Conclusions["cancelled"] > 0 && strings.Count(said, "cancelled") != 2 {
			t.Errorf("%s: a job that ran and was cancelled, and one that did not run:\n%s", name, said)
		}
	}
}

func TestOneOfAThingIsOne(t *testing.T) {
	w := few(1, "self-hosted")
	_, said := text(t, Plan{Config: configured(t, "{github_repo: octo/app, max_runners: 1}"), Workload: w, Seed: 1})
	for _, want := range []string{"SIMULATED: 1 job of the made workload few within a minute, on", "1 for 3.0", " minutes; 1 runner open and 1 job waiting at most", "1 runner was open at most"} {
		if !strings.Contains(said, want) {
			t.Errorf("it lacks %q:\n%s", want, said)
		}
	}
}

// A simulation that ends before its jobs says so, with each value that is varied too.
func TestWhatWasCutOffIsSaid(t *testing.T) {
	r := Result{Varied: "7", Open: 3, Lasted: (26 * time.Hour).Milliseconds()}
	var one, all strings.Builder
	if err := r.Text(&one); err != nil {
		t.Fatal(err)
	}
	if err := RowsText(&all, readable.Screen{}, "max_runners", []Result{r}); err != nil {
		t.Fatal(err)
	}
	want := "the simulation ended after 1d 2h with 3 jobs not ended\n"
	if !strings.Contains(one.String(), want) || !strings.Contains(all.String(), "max_runners 7: "+want) {
		t.Errorf("%s%s", one.String(), all.String())
	}
}

// Reasons have strangers' labels in them, and there may be many.
func TestRefusalsAreFewAndPlain(t *testing.T) {
	r := Result{Refusals: map[string]int{"\x1b[31mred": 30}}
	for i := range 12 {
		r.Refusals[fmt.Sprintf("reason %02d", i)] = 1
	}
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	if said := b.String(); strings.Contains(said, "\x1b") || !strings.Contains(said, "3     of 3 other reasons") || !strings.Contains(said, "reason 08") || strings.Contains(said, "reason 09") {
		t.Error(said)
	}
}
