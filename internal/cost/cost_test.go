package cost

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

var classes = map[string]fleet.Class{
	"small": {CPU: 1024, Memory: 2048, Arch: fleet.X64},
	"arm":   {CPU: 2048, Memory: 4096, Arch: fleet.ARM64, Spot: true, EphemeralStorage: 100},
	"huge":  {CPU: 32768, Memory: 249856, Arch: fleet.ARM64},
}

func counter(by By) *Counter { return NewCounter(by, price.In(""), classes, at(1000), time.UTC) }

func runner(class string, rung, from, to int) fleet.Runner {
	r := fleet.Runner{RunnerID: "f-1-1", RunID: "job-1", ClassName: class, Rung: rung, Times: fleet.Times{fleet.StageTaskStarted: at(from), fleet.StageContainerUp: at(from)}}
	if to > 0 {
		r.Times[fleet.StageTaskStopped] = at(to)
	}
	return r
}

func TestWhatARunCosts(t *testing.T) {
	noRoom := runner("arm", 0, 0, 0)
	noRoom.FailureName, noRoom.Times = fleet.RunnerNoCapacity, fleet.Times{fleet.StageTaskStarted: at(0), fleet.StageClosed: at(900)}
	unlaunched := fleet.Runner{ClassName: "small", Times: fleet.Times{fleet.StageLaunched: at(0)}}
	lost := runner("small", 0, 0, 0)
	lost.Times[fleet.StageClosed] = at(120)
	job := func(took int) fleet.Run {
		return fleet.Run{RunID: "job-1", RanOn: "f-1-1", Times: fleet.Times{fleet.StageJobStarted: at(0), fleet.StageJobCompleted: at(took)}}
	}
	// By hand, in billionths of a dollar: a second of small is (0.04048 + 2*0.004445)/3600,
	// one of arm on demand (2*0.03238 + 4*0.00356 + 80*0.000111)/3600, on Spot 0.3 of all but storage.
	for name, c := range map[string]struct {
		lived report.Lived
		want  Line
	}{
		"no runner": {report.Lived{}, Line{}},
		"a task of ten minutes": {
			report.Lived{Runners: []fleet.Runner{runner("small", 0, 0, 600)}},
			Line{Runners: 1, TaskSeconds: 600, Fargate: 8_228_333},
		},
		"a task of a second: a minute is billed": {
			report.Lived{Runners: []fleet.Runner{runner("small", 0, 0, 1)}},
			Line{Runners: 1, TaskSeconds: 60, Fargate: 822_833},
		},
		"on Spot": {
			report.Lived{Runners: []fleet.Runner{runner("arm", 0, 0, 100)}},
			Line{Runners: 1, TaskSeconds: 100, SpotSeconds: 100, Fargate: 905_000},
		},
		"a class on Spot, on demand": {
			report.Lived{Runners: []fleet.Runner{runner("arm", 1, 0, 100)}},
			Line{Runners: 1, TaskSeconds: 100, Fargate: 2_441_111},
		},
		"a task that still runs": {
			report.Lived{Runners: []fleet.Runner{runner("small", 0, 400, 0)}},
			Line{Runners: 1, TaskSeconds: 600, Fargate: 8_228_333, Open: 1},
		},
		"a task whose end nobody saw, of a runner that was closed": {
			report.Lived{Runners: []fleet.Runner{lost}},
			Line{Runners: 1, TaskSeconds: 120, Fargate: 1_645_667},
		},
		"tasks that never had room, or were never asked for": {
			report.Lived{Runners: []fleet.Runner{noRoom, unlaunched}},
			Line{Runners: 2},
		},
		"a class that is no more": {
			report.Lived{Runners: []fleet.Runner{runner("gone", 0, 0, 600)}},
			Line{Runners: 1, Unpriced: 1},
		},
		"a job, beside GitHub's runners": {
			report.Lived{Run: job(61), Runners: []fleet.Runner{runner("small", 0, 0, 600)}},
			Line{Runners: 1, TaskSeconds: 600, Fargate: 8_228_333, HostedMinutes: 2, Hosted: 4_000_000},
		},
		"a job for which GitHub has no runner": {
			report.Lived{Run: job(61), Runners: []fleet.Runner{runner("huge", 0, 0, 0)}},
			Line{Runners: 1, TaskSeconds: 1000, Fargate: 0, Open: 1, NotCompared: 1},
		},
	} {
		got := counter(ByRun).Of(c.lived)
		c.want.Runs, c.want.Name = 1, c.lived.Run.RunID
		c.want.ControlPlane = price.Amount(c.want.Runners) * price.In("").Runner()
		if name == "a job for which GitHub has no runner" {
			c.want.Fargate = got.Fargate
		}
		c.want.Total = c.want.Fargate + c.want.ControlPlane
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// rates reads the file of prices by itself.
func rates(t *testing.T) map[string]float64 {
	t.Helper()
	raw, err := os.ReadFile("../price/prices.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Prices []struct {
			Name string
			USD  float64
		}
		Runner []struct {
			Price    string
			Quantity float64
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	rates := map[string]float64{}
	for _, p := range file.Prices {
		rates[p.Name] = p.USD
	}
	for _, part := range file.Runner {
		rates["runner"] += part.Quantity * rates[part.Price]
	}
	return rates
}

// FuzzCosts compares any history with a computation of its own, and any grouping with the
// total.
func FuzzCosts(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint(50))
	}
	f.Fuzz(func(t *testing.T, seed uint64, runs uint) {
		random := rand.New(rand.NewPCG(seed, 7))
		history := historyOf(random, int(runs%200))
		rates, dollars, runners := rates(t), 0.0, 0
		for _, l := range history {
			for _, r := range l.Runners {
				runners++
				dollars += rates["runner"] + taskDollars(rates, r)
			}
		}
		for _, by := range Groupings() {
			c := counter(by)
			for _, l := range history {
				c.Add(l)
			}
			got, sum := c.Report(), Line{Name: "total"}
			for _, line := range got.Lines {
				sum.add(line)
			}
			if diff := cmp.Diff(got.Total, sum); diff != "" {
				t.Errorf("by %s: the lines are not the total (-total +lines):\n%s", by, diff)
			}
			if d := math.Abs(got.Total.Total.Dollars() - dollars); d > 1e-9*float64(2*runners+1) || got.Total.Runners != runners || got.Total.Runs != len(history) {
				t.Errorf("by %s: $%.9f for %d runners, computed $%.9f for %d", by, got.Total.Total.Dollars(), got.Total.Runners, dollars, runners)
			}
		}
	})
}

func historyOf(random *rand.Rand, runs int) (history []report.Lived) {
	names := []string{"small", "arm", "huge", "gone"}
	for i := range runs {
		l := report.Lived{Run: fleet.Run{
			RunID: fleet.RunID(int64(i)), Job: fleet.Job{JobID: int64(i), Repository: []string{"octo/app", "octo/lib"}[random.IntN(2)], WorkflowName: "CI"},
			Times: fleet.Times{fleet.StageReceived: at(random.IntN(1e6))},
		}}
		for n := range random.IntN(4) {
			r := runner(names[random.IntN(4)], random.IntN(3), random.IntN(900), 0)
			if r.RunnerID = fleet.RunnerID("f", int64(i), n+1); random.IntN(4) > 0 {
				r.Times[fleet.StageTaskStopped] = r.At(fleet.StageTaskStarted).Add(time.Duration(random.IntN(4e6)) * time.Millisecond)
			}
			l.Run.RanOn = r.RunnerID
			l.Runners = append(l.Runners, r)
		}
		history = append(history, l)
	}
	return history
}

// taskDollars is another way to the price of a task.
func taskDollars(rates map[string]float64, r fleet.Runner) float64 {
	class, ok := classes[r.ClassName]
	if !ok {
		return 0
	}
	end, stopped := r.Times[fleet.StageTaskStopped]
	if !stopped {
		end = at(1000)
	}
	seconds := math.Max(60, math.Ceil(end.Sub(r.Times[fleet.StageTaskStarted]).Seconds()))
	factor := 1.0
	if class.Spot && r.Rung == 0 {
		factor = rates["fargate/spot"]
	}
	vcpu, memory := rates["fargate/x64/vcpu"], rates["fargate/x64/memory"]
	if class.Arch == fleet.ARM64 {
		vcpu, memory = rates["fargate/arm64/vcpu"], rates["fargate/arm64/memory"]
	}
	storage := math.Max(0, float64(class.EphemeralStorage)-20) * rates["fargate/storage"]
	return seconds / 3600 * (factor*(float64(class.CPU)/1024*vcpu+float64(class.Memory)/1024*memory) + storage)
}
