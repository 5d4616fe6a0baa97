package forecast

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

// every are jobs at equal distances.
func every(apart time.Duration, n int) workload.Workload {
	w := workload.Workload{Name: "every", Made: true}
	for i := range n {
		w.Jobs = append(w.Jobs, workload.Job{Repository: "octo/app", Labels: []string{"self-hosted"}, Queued: time.Duration(i) * apart, Takes: 2 * time.Minute})
	}
	return w
}

func TestIdleRunnersShortenWaitsAndCost(t *testing.T) {
	base := configured(t, "{github_repo: octo/app}")
	results := map[string]Result{}
	for _, n := range []string{"0", "2"} {
		c, err := Vary{Key: "warm"}.Warm(n, base)
		if err != nil {
			t.Fatal(err)
		}
		r := played(t, Plan{Config: c, Workload: every(5*time.Minute, 12), Seed: 1}).Result()
		r.Varied = n
		results[n] = r
		if r.Ran != 12 || r.Open != 0 || len(r.Violations) > 0 {
			t.Errorf("with %s: %d ran, %d open, %v", n, r.Ran, r.Open, r.Violations)
		}
	}
	none, two := results["0"], results["2"]
	if none.Warm != nil {
		t.Errorf("without pools: %+v", none.Warm)
	}
	w := two.Warm
	if w == nil || w.Jobs != 12 || w.Cold != nil || w.Wait.P95 > 10_000 || two.Wait.P95 >= none.Wait.P50 {
		t.Fatalf("%+v: they waited %+v, and without %+v", w, two.Wait, none.Wait)
	}
	if hours := float64(w.IdleSeconds) / 3600; hours < 1.5 || hours > 2.6 || w.Idle <= 0 || two.Cost.Total < none.Cost.Total+w.Idle/2 || two.Cost.Fargate < w.Idle {
		t.Errorf("idled %.1f h for %s, of %s; without %s", hours, w.Idle, two.Cost.Total, none.Cost.Total)
	}
	if two.Tasks.MostAtOnce < 3 || two.Tasks.Count != w.Launched {
		t.Errorf("%+v, %d launched by pools", two.Tasks, w.Launched)
	}
	var text bytes.Buffer
	if err := RowsText(&text, readable.Screen{}, "warm", []Result{none, two}); err != nil {
		t.Fatal(err)
	}
	if rows := strings.Split(text.String(), "\n"); !strings.HasSuffix(rows[0], "JOBS ON WARM  LOST IDLE  IDLING COST") || !strings.HasSuffix(rows[1], "$0") || !strings.HasSuffix(rows[2], w.Idle.String()) {
		t.Errorf("rows:\n%s", text.String())
	}
}

func TestGitHubDeletesIdleRunnersOfASimulation(t *testing.T) {
	c, err := Vary{Key: "warm.small"}.Warm("1", configured(t, "{github_repo: octo/app}"))
	if err != nil {
		t.Fatal(err)
	}
	faults := []kernel.Fault{{Kind: "github.idle_deleted", For: kernel.Duration{Duration: 3 * time.Minute}}}
	r := played(t, Plan{Config: c, Workload: every(20*time.Minute, 4), Faults: faults, Seed: 1}).Result()
	if r.Ran != 4 || r.Warm.Lost == 0 || len(r.Violations) > 0 {
		t.Errorf("%d ran, %+v, %v", r.Ran, r.Warm, r.Violations)
	}
}

// TestPoolsKeepTheirSchedules compares spans with the schedule of each minute.
func TestPoolsKeepTheirSchedules(t *testing.T) {
	monday := time.Date(2026, 6, 29, 0, 0, 0, 0, time.UTC)
	w := every(time.Hour, 24*3)
	w.Made, w.Start = false, monday
	spans := Plan{Workload: w}.wanted("mon,wed 08:00-18:00 Europe/Berlin")
	first := kernel.Epoch.Add(firstJob)
	want := [][2]time.Duration{{6 * time.Hour, 16 * time.Hour}, {54 * time.Hour, 64 * time.Hour}}
	if len(spans) != len(want) {
		t.Fatalf("spans %v", spans)
	}
	for i, span := range spans {
		if span.From.Sub(first) != want[i][0] || span.Until.Sub(first) != want[i][1] {
			t.Errorf("from %s until %s, want %v", span.From.Sub(first), span.Until.Sub(first), want[i])
		}
	}
	if spans := (Plan{Workload: w}).wanted("sat 08:00-18:00"); spans == nil || len(spans) != 0 {
		t.Errorf("a schedule of other days: %v", spans)
	}
	w.Made, w.Start = true, time.Time{}
	if spans := (Plan{Workload: w}).wanted("sat 08:00-18:00"); len(spans) != 1 {
		t.Errorf("made jobs, which have no date: %v", spans)
	}
}

func TestVaryIdleRunners(t *testing.T) {
	two := configured(t, `{github_repo: octo/app, enforce_policy: true, runner_class_sizes: {small: {cpu: 256, memory: 512}, big: {cpu: 1024, memory: 2048, warm: {count: 1, schedule: "mon-fri 08:00-18:00"}}}}`)
	for name, c := range map[string]struct {
		key, value string
		small, big int
		err        string
	}{
		"all that keep some":     {"warm", "3", 0, 3, ""},
		"none":                   {"warm", "0", 0, 0, ""},
		"one class":              {"warm.small", "2", 2, 1, ""},
		"a class that is none":   {"warm.huge", "2", 0, 0, "name one of the classes, as in warm.big=0,1,2; there are big, small"},
		"more than there may be": {"warm", "101", 0, 0, "warm.count 101"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Vary{Key: c.key}.Warm(c.value, two)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want it to say %q", err, c.err)
				}
				return
			}
			count := func(class string) int {
				if w := got.RunnerClassSizes[class].Warm; w != nil {
					return w.Count
				}
				return 0
			}
			if err != nil || count("small") != c.small || count("big") != c.big {
				t.Errorf("%v, small %d, big %d", err, count("small"), count("big"))
			}
			if two.RunnerClassSizes["big"].Warm.Count != 1 || c.big > 0 && got.RunnerClassSizes["big"].Warm.Schedule == "" {
				t.Error("the configuration is changed, or its schedule is lost")
			}
		})
	}
	for text, want := range map[string]string{"warm=0,1,2": "", "warm.small=0,4": "", "warm=1,1": "twice", "warm=-1": "negative", "warmth=1": "no key"} {
		if _, err := ParseVary(text); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
