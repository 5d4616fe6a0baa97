package upgrade

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// furtherEnds are the goldens whose release gave a run up that today's code does not
// give up: what happens further, and how it ends then.
var furtherEnds = map[string]struct {
	tell func(*teller)
	end  ending
}{
	"8e94fe4/" + buildFailed: {tell: itIsBuilt, end: ending{
		Executions: map[string]string{"fleet-7-1": "FAILED Image.BuildFailed", "fleet-7-2": "SUCCEEDED"},
		Runs:       map[string]string{"job-7": `COMPLETED "success" on "fleet-7-2", launched 2`},
		Runners:    map[string]string{"fleet-7-1": "FAILED, took 0", "fleet-7-2": "OFFLINE, took 7"},
		Tasks:      1,
	}},
}

const buildFailed = "at-RecordFailure-the-build-failed.json"

// itIsBuilt lets the build succeed that failed at first.
func itIsBuilt(w *teller) {
	w.nextTry()
	w.builds(7, fleet.BuildSucceeded)
	w.works("fleet-7-2", 7)
}

// TestARunThatWasGivenUp takes up a run that an earlier release has already recorded as
// FAILED: if GitHub still has its job queued it runs in the end, otherwise it is left
// alone.
func TestARunThatWasGivenUp(t *testing.T) {
	failed := givenUp(t)
	for what, c := range map[string]struct {
		job     string // as GitHub has it
		further func(*teller)
		end     string
	}{
		"its job is still queued": {fleet.JobQueued, itIsBuilt, `COMPLETED "success" on "fleet-7-2", launched 2`},
		"its job has ended":       {fleet.JobCompleted, nil, `FAILED "" on "", launched 1`},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPlay(t)
			g := failed
			g.Jobs = slices.Clone(g.Jobs)
			g.Jobs[0].Status = c.job
			p.load(g, statemachine.Definition)
			if c.further != nil {
				c.further(&teller{play: p, calls: map[string]fleet.Call{}})
			}
			p.toTheEnd()
			for _, problem := range append(p.problems, p.leftovers()...) {
				t.Error(problem)
			}
			if got := p.ending().Runs["job-7"]; got != c.end {
				t.Errorf("the run ends as %s, want %s", got, c.end)
			}
		})
	}
}

// givenUp is the state that 8e94fe4 leaves once it has recorded a failed build.
func givenUp(t *testing.T) golden {
	t.Helper()
	releases, err := read(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range releases {
		for _, g := range r.Goldens {
			if r.Name != "8e94fe4" || g.fileName() != buildFailed {
				continue
			}
			run, runner := g.Runs[0], g.Runners[0]
			run.Status, run.Reason, run.RunnerID, run.Fruitless = fleet.RunFailed, "Image.BuildFailed: the base image does not exist", "", 1
			runner.Status, runner.Phase, runner.For = fleet.RunnerFailed, fleet.Closed, ""
			run, runner = run.Mark(fleet.StageClosed, g.At), runner.Forget().Mark(fleet.StageClosed, g.At)
			g.Runs, g.Runners, g.Executions, g.Builds = []fleet.Run{run}, []fleet.Runner{runner}, nil, nil
			g.Capacity.Open = 0
			return g
		}
	}
	t.Skip("nothing of 8e94fe4 can be running any more")
	return golden{}
}

// TestTheWayBack: the previous release finds every run that waits for its next try, and
// launches it. It does not know setbacks and holds.
func TestTheWayBack(t *testing.T) {
	w := &teller{play: newPlay(t), calls: map[string]fleet.Call{}}
	w.world.Images.Have(fleet.ImageSpec{Kind: fleet.BaseImage, Name: w.world.Policy().BaseImage, Arch: fleet.X64}, "sha256:base")
	w.run(statemachine.Definition, nil)
	w.platform(noCapacity)
	w.queued(7, "class:large")
	w.queued(8, "class:large")
	for range 12 {
		w.wait(10 * time.Minute)
		w.nextSetback()
		runs, _ := w.records()
		for _, run := range runs {
			if why := unlaunched(run); why != "" {
				t.Fatalf("the release before leaves %s: %s", run.RunID, why)
			}
		}
	}
	if n := w.world.Run("job-7").Setback.InARow + w.world.Run("job-8").Setback.InARow; n < 10 {
		t.Errorf("the runs had %d setbacks", n)
	}
}

// nextSetback waits until all runs wait for their next try.
func (w *teller) nextSetback() {
	for range 60 {
		runs, _ := w.records()
		if !slices.ContainsFunc(runs, func(r fleet.Run) bool { return !r.Retrying() }) {
			return
		}
		w.wait(15 * time.Second)
	}
	w.problem("the runs do not come to wait")
}

// unlaunched says why the previous release would leave a run without a runner that
// GitHub has queued: it checks what that release's fleet.Launch and sweep check.
func unlaunched(run fleet.Run) string {
	const maxFruitless = 5
	switch {
	case run.Status != fleet.RunQueued:
		return "it is " + string(run.Status)
	case run.RunnerID != "" || run.RanOn != "":
		return "it has a runner"
	case run.WaitsForRoom:
		return "it waits for room"
	case run.Fruitless >= maxFruitless:
		return "too many runners ended without a job"
	}
	return ""
}
