package stats

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// ran is a run whose job waited, then ran for a minute.
func ran(id int64, class string, queued, waited int) report.Lived {
	run := fleet.Run{
		RunID: fleet.RunID(id), Job: fleet.Job{JobID: id, Repository: "octo/app", WorkflowName: "CI"}, ClassName: class, Image: "base",
		Status: fleet.RunCompleted, Conclusion: "success", RanOn: "f-1",
		Times: fleet.Times{
			fleet.StageQueued: at(queued), fleet.StageReceived: at(queued + 1), fleet.StageLaunched: at(queued + 2),
			fleet.StageJobStarted: at(queued + waited), fleet.StageJobCompleted: at(queued + waited + 60), fleet.StageClosed: at(queued + waited + 61),
		},
	}
	runner := fleet.Runner{RunnerID: "f-1", RunID: run.RunID, Took: id, Times: fleet.Times{fleet.StageLaunched: at(queued + 2), fleet.StageClosed: at(queued + waited + 62)}}
	return report.Lived{Run: run, Runners: []fleet.Runner{runner}, Seen: []fleet.Runner{runner}}
}

func TestTheNearestRank(t *testing.T) {
	// The example by which the method is usually shown: 15, 20, 35, 40, 50.
	sorted := []int64{15, 20, 35, 40, 50}
	for p, want := range map[int]int64{5: 15, 30: 20, 40: 20, 50: 35, 95: 50, 99: 50, 100: 50} {
		if got := nearestRank(sorted, p); got != want {
			t.Errorf("the %dth percentile is %d, want %d", p, got, want)
		}
	}
	if one := nearestRank([]int64{7}, 50); one != 7 {
		t.Errorf("of one value: %d", one)
	}
}

// TestTheNearestRankAsDefined compares with the definition, by counting.
func TestTheNearestRankAsDefined(t *testing.T) {
	for range 300 {
		values := make([]int64, 1+rand.IntN(300))
		for i := range values {
			values[i] = rand.Int64N(50)
		}
		slices.Sort(values)
		for _, p := range []int{50, 95, 99} {
			got := nearestRank(values, p)
			enough := func(v int64) bool {
				n := 0
				for _, other := range values {
					if other <= v {
						n++
					}
				}
				return n*100 >= p*len(values)
			}
			for _, v := range values {
				if enough(v) != (v >= got) {
					t.Fatalf("p%d of %v is %d", p, values, got)
				}
			}
		}
	}
}

func TestWhatIsCounted(t *testing.T) {
	failed := fleet.Runner{RunnerID: "f-0", RunID: "job-3", Phase: fleet.Closed, FailureName: fleet.RunnerNoCapacity, Times: fleet.Times{fleet.StageLaunched: at(3)}}
	waits := report.Lived{
		Run: fleet.Run{
			RunID: "job-3", Job: fleet.Job{JobID: 3, Repository: "octo/app", WorkflowName: "CI"}, ClassName: "small", Status: fleet.RunQueued, Launched: 1, LastRunner: "f-0", Displaced: 2,
			Setback: &fleet.Setback{Kind: fleet.SetbackCapacity, At: at(10)}, Times: fleet.Times{fleet.StageQueued: at(0), fleet.StageReceived: at(1), fleet.StageLaunched: at(3)},
		},
		Runners: []fleet.Runner{failed}, Seen: []fleet.Runner{failed},
	}
	cancelled := report.Lived{Run: fleet.Run{
		RunID: "job-4", Job: fleet.Job{JobID: 4, Repository: "octo/app"}, Status: fleet.RunCancelled, Conclusion: fleet.ConclusionCancelled,
		Times: fleet.Times{fleet.StageQueued: at(0), fleet.StageReceived: at(1), fleet.StageClosed: at(9)},
	}}
	c := NewCounter(ByClass, at(100), time.UTC)
	for _, l := range []report.Lived{ran(1, "small", 0, 10), ran(2, "small", 5, 30), waits, cancelled, ran(5, "large", 0, 7)} {
		c.Add(l)
	}
	got := c.Stats()
	names := []string{}
	for _, g := range got.Groups {
		names = append(names, g.Name)
	}
	if diff := cmp.Diff([]string{"small", "(none)", "large"}, names); diff != "" {
		t.Fatalf("groups (-want +got):\n%s", diff)
	}
	small := got.Groups[0]
	want := Group{
		Name: "small", Runs: 3, Open: 1, Outcomes: map[fleet.RunStatus]int{fleet.RunCompleted: 2, fleet.RunRetrying: 1}, Conclusions: map[string]int{"success": 2},
		Queue: &Percentiles{Count: 2, P50: 10_000, P95: 30_000, P99: 30_000, Max: 30_000}, Stages: small.Stages,
		Runners: 3, Fruitless: 1, Displaced: 2, Failures: map[string]int{fleet.RunnerNoCapacity: 1}, Setbacks: map[fleet.SetbackKind]int{fleet.SetbackCapacity: 1},
	}
	if diff := cmp.Diff(want, small); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, s := range small.Stages {
		switch s.Name {
		case stages.Webhook:
			if s.Count != 3 || s.P50 != 1000 {
				t.Errorf("%+v", s)
			}
		case stages.Job:
			if s.Count != 2 || s.P50 != 60_000 {
				t.Errorf("%+v", s)
			}
		case stages.NextTry:
			t.Errorf("a stage that goes on is counted: %+v", s)
		}
	}
	if got.All.Runs != 5 || got.All.Open != 1 || got.All.Queue.Count != 3 || got.Groups[1].Queue != nil {
		t.Errorf("%+v", got)
	}
}

func TestGroupings(t *testing.T) {
	l := ran(1, "small", 0, 10)
	unadmitted := report.Lived{Run: fleet.Run{RanOn: "f-2", Times: fleet.Times{fleet.StageReceived: at(0)}}, Runners: []fleet.Runner{{RunnerID: "f-2", ClassName: "large", Image: "tools"}}}
	tokyo := time.FixedZone("", 9*3600)
	for by, want := range map[By][2]string{
		ByClass: {"small", "large"}, ByImage: {"base", "tools"}, ByRepository: {"octo/app", "(none)"}, ByWorkflow: {"octo/app: CI", ": (none)"},
		ByDay: {"2026-07-01", "2026-07-01"}, ByHour: {"2026-07-01 21:00", "2026-07-01 21:00"},
	} {
		if got := [2]string{by.Of(l, tokyo), by.Of(unadmitted, tokyo)}; got != want {
			t.Errorf("by %s: %q, want %q", by, got, want)
		}
		if parsed, err := ParseBy(string(by)); err != nil || parsed != by {
			t.Errorf("%s is read as %q, %v", by, parsed, err)
		}
	}
	if _, err := ParseBy("owner"); err == nil {
		t.Error("owner is a grouping")
	}
}

// TestGroupsAreTheWhole: whatever runs are grouped by, the groups together have all.
func TestGroupsAreTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, by := range Groupings() {
		c := NewCounter(by, at(1e6), time.UTC)
		for id := range int64(500) {
			l := ran(id, []string{"small", "large", ""}[random.IntN(3)], random.IntN(1e6), 2+random.IntN(500))
			l.Run.Job.Repository = []string{"octo/app", "octo/lib"}[random.IntN(2)]
			c.Add(l)
		}
		s := c.Stats()
		runs, queued, runners := 0, 0, 0
		for _, g := range s.Groups {
			runs, runners = runs+g.Runs, runners+g.Runners
			queued += g.Queue.Count
		}
		if runs != s.All.Runs || runs != 500 || queued != s.All.Queue.Count || runners != s.All.Runners {
			t.Errorf("by %s: %d runs, %d queue times, %d runners; all are %+v", by, runs, queued, runners, s.All)
		}
	}
}

// TestPulls: a runner counts whose image's size and pull are both known.
func TestPulls(t *testing.T) {
	c := NewCounter(ByImage, at(100), time.UTC)
	for id, pull := range []struct {
		image            string
		size, pulled, ms int64
	}{{"base", 150_000_000, 9_000, 60}, {"base", 150_000_000, 15_000, 100}, {"tools", 2_000_000_000, 8_000, 4}, {"base", 0, 9_000, 0}, {"base", 150_000_000, 0, 0}} {
		l := ran(int64(id+1), "small", 0, 10)
		l.Run.Image, l.Runners[0].ImageSize, l.Runners[0].Pulled = pull.image, pull.size, pull.pulled
		c.Add(l)
	}
	got := c.Stats()
	if diff := cmp.Diff(&Percentiles{Count: 3, P50: 60, P95: 100, P99: 100, Max: 100}, got.All.Pull); diff != "" || got.All.PulledMB != 150 {
		t.Errorf("of %g MB (-want +got):\n%s", got.All.PulledMB, diff)
	}
	if tools := got.Groups[1]; tools.Name != "tools" || tools.Pull == nil || tools.Pull.Max != 4 || tools.PulledMB != 2000 {
		t.Errorf("%+v", tools)
	}
	none := NewCounter(ByImage, at(100), time.UTC)
	none.Add(ran(1, "small", 0, 10))
	if got := none.Stats(); got.All.Pull != nil {
		t.Errorf("%+v", got.All.Pull)
	}
}
