package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// world is a fleet in memory: what the decisions read, and what they wrote. It carries
// decisions out as internal/lifecycle does, one transaction at a time.
type world struct {
	t        *testing.T
	rand     *rand.Rand
	runs     map[string]fleet.Run
	runners  map[string]fleet.Runner
	capacity fleet.Capacity
	history  []string
}

const (
	worldJobs    = 5
	worldRunners = 4
)

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 0)), runs: map[string]fleet.Run{}, runners: map[string]fleet.Runner{}}
	for id := int64(1); id <= worldJobs; id++ {
		run := fleet.NewRun(jobOf(id, pick(w.rand, [][]string{{"linux"}, {"linux"}, {"linux", "team-a"}})...), now)
		w.runs[run.RunID] = run
	}
	return w
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (w *world) anyRun() fleet.Run {
	return w.runs[fleet.RunID(1+w.rand.Int64N(worldJobs))]
}

func (w *world) anyRunner() (fleet.Runner, bool) {
	if len(w.runners) == 0 {
		return fleet.Runner{}, false
	}
	ids := make([]string, 0, len(w.runners))
	for id := range w.runners {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return w.runners[pick(w.rand, ids)], true
}

// expecting is the run that expects the runner, nil if none does.
func (w *world) expecting(r fleet.Runner) *fleet.Run {
	if run, ok := w.runs[r.For]; ok && run.RunnerID == r.RunnerID {
		return &run
	}
	return nil
}

func (w *world) step() {
	switch runner, ok := w.anyRunner(); w.rand.IntN(15) {
	case 0, 1, 2:
		w.launch(w.anyRun().RunID)
	case 3, 4, 5:
		if run := w.anyRun(); ok && fleet.CanRun(runner.Labels, run.Job) {
			w.took(run, runner)
		}
	case 6, 7:
		if ok {
			w.close(runner)
		}
	case 8:
		if ok {
			w.end(runner.RunnerID)
		}
	case 9:
		if ok {
			w.reopen(runner)
		}
	case 10:
		run := w.anyRun()
		w.write("complete "+run.RunID, fleet.Changes{Runs: []fleet.Run{run.Complete(w.completed(run.Job), now)}})
	case 11:
		run := w.anyRun()
		requeued, _ := run.Requeue(run.Job, now)
		w.write("wait or requeue "+run.RunID, fleet.Changes{Runs: []fleet.Run{pick(w.rand, []fleet.Run{run.Wait(), requeued})}})
	case 13:
		w.takeBack(w.anyRun())
	case 14:
		if ok {
			w.judge(runner)
		}
	case 12:
		if run := w.anyRun(); run.Wanted() {
			w.write(run.RunID+" runs elsewhere", fleet.Changes{Runs: []fleet.Run{run.Move(fleet.RunRunning, "")}})
		}
	}
}

// judge answers a runner's hook, before or after an event reports the runner's job.
func (w *world) judge(runner fleet.Runner) {
	run := w.anyRun()
	if runner.Took != 0 {
		run = w.runs[fleet.RunID(runner.Took)]
	}
	if runner.Judged != nil || runner.Phase == fleet.Closed || !fleet.CanRun(runner.Labels, run.Job) {
		return
	}
	runner.Hook = fleet.HookAsks
	runner.Judged = &fleet.Judged{JobID: run.Job.JobID, Verdict: pick(w.rand, []fleet.Verdict{fleet.Admitted, fleet.Refused}), Rule: "a.rule"}
	w.write("judge "+runner.RunnerID+" with "+run.RunID, fleet.Changes{Runners: []fleet.Runner{runner}})
	w.took(run, runner)
	run = w.runs[run.RunID]
	if run.RanOn == runner.RunnerID && !run.Status.Terminal() && runner.Judged.Verdict == fleet.Refused {
		w.t.Errorf("%s is %s on %s, whose hook refused it", run.RunID, run.Status, run.RanOn)
	}
}

// takeBack makes GitHub queue a job again whose runner has closed.
func (w *world) takeBack(run fleet.Run) {
	had, ours := w.runners[run.RanOn]
	if run.Status != fleet.RunRunning || ours && had.Phase != fleet.Closed {
		return
	}
	changes := fleet.Changes{Runs: []fleet.Run{run.TakeBack(now)}}
	if ours && had.For == run.RunID {
		had.For = ""
		changes.Runners = []fleet.Runner{had}
	}
	w.write("take back "+run.RunID, changes)
}

func (w *world) completed(job fleet.Job) fleet.Job {
	job.Status, job.Conclusion = fleet.JobCompleted, pick(w.rand, []string{"success", "failure", "cancelled"})
	return job
}

func (w *world) launch(runID string) {
	res := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: worldRunners, Run: w.runs[runID], Capacity: w.capacity, Now: now})
	w.write("launch "+runID, res.Changes)
}

func (w *world) took(run fleet.Run, runner fleet.Runner) {
	facts := fleet.TookFacts{Run: run, Runner: runner, At: now}
	if meant, ok := w.runs[runner.For]; ok && meant.RunID != run.RunID {
		facts.Meant = &meant
	}
	if own, ok := w.runners[run.RunnerID]; ok && own.RunnerID != runner.RunnerID {
		facts.Expected = &own
	}
	res := fleet.Took(facts)
	w.write(fmt.Sprintf("%s took %s", runner.RunnerID, run.RunID), res.Changes)
	if res.Known && !res.Changes.Empty() && runner.Judged == nil {
		w.t.Errorf("a known fact changes %+v", res.Changes)
	}
	for _, id := range res.Relaunch {
		w.launch(id)
	}
	for _, id := range res.End {
		w.end(id)
	}
}

func (w *world) end(runnerID string) {
	runner := w.runners[runnerID]
	next, ok := runner.BeginEnd("not needed", now)
	if !ok || runner.Phase == fleet.Closing {
		return
	}
	changes := fleet.Changes{}
	if run := w.expecting(runner); run != nil && !run.Wanted() {
		run.RunnerID, next.For = "", ""
		changes.Runs = []fleet.Run{*run}
	}
	changes.Runners = []fleet.Runner{next}
	w.write("end "+runnerID, changes)
}

func (w *world) reopen(runner fleet.Runner) {
	changes, next := fleet.Changes{}, runner.Reopen()
	if run := w.expecting(runner); run != nil && runner.Phase == fleet.Closing && runner.Took == 0 {
		run.RunnerID, next.For = "", ""
		changes.Runs = []fleet.Run{*run}
	}
	changes.Runners = []fleet.Runner{next}
	w.write("reopen "+runner.RunnerID, changes)
}

func (w *world) close(runner fleet.Runner) {
	facts := fleet.CloseFacts{
		Runner: runner, Run: w.expecting(runner), Capacity: w.capacity, Now: now,
		Error: pick(w.rand, []string{"", fleet.RunnerIdleTimeout, fleet.RunnerIdleTimeout, fleet.RunnerLaunchFailed}),
		Plan:  pick(w.rand, []*fleet.Plan{nil, {Decision: fleet.Admitted}, {Decision: fleet.Refused, Rule: "a.rule", Reason: "no"}}),
	}
	if runner.Took != 0 {
		run := w.runs[fleet.RunID(runner.Took)]
		facts.Run = &run
	}
	if facts.Run != nil && w.rand.IntN(3) == 0 {
		job := w.completed(facts.Run.Job)
		facts.Job = &job
	}
	res := fleet.Close(facts)
	w.write("close "+runner.RunnerID, res.Changes)
	if res.Relaunch != "" {
		w.launch(res.Relaunch)
	}
}

// write carries out one transaction and checks what each transaction must keep.
func (w *world) write(what string, c fleet.Changes) {
	w.history = append(w.history, what)
	seen := map[string]bool{}
	for _, run := range c.Runs {
		before := w.runs[run.RunID]
		if seen[run.RunID] {
			w.t.Errorf("%s is written twice in one transaction", run.RunID)
		}
		takenBack := strings.HasPrefix(what, "take back")
		if before.Status != run.Status && !before.Status.CanMove(run.Status) && !takenBack {
			w.t.Errorf("%s goes from %s to %s", run.RunID, before.Status, run.Status)
		}
		if before.RanOn != "" && before.RanOn != run.RanOn && !takenBack {
			w.t.Errorf("%s ran on %s, and now on %s", run.RunID, before.RanOn, run.RanOn)
		}
		seen[run.RunID], w.runs[run.RunID] = true, run
	}
	for _, runner := range c.Runners {
		before := w.runners[runner.RunnerID]
		if seen[runner.RunnerID] {
			w.t.Errorf("%s is written twice in one transaction", runner.RunnerID)
		}
		if before.Took != 0 && before.Took != runner.Took || before.Phase == fleet.Closed && runner.Phase != fleet.Closed {
			w.t.Errorf("%s goes from %+v to %+v", runner.RunnerID, before, runner)
		}
		seen[runner.RunnerID], w.runners[runner.RunnerID] = true, runner
	}
	if c.Capacity != nil {
		w.capacity = *c.Capacity
	}
	w.check()
}

func (w *world) check() {
	expectedBy, open := map[string]int{}, 0
	for _, r := range w.runners {
		if r.Phase == fleet.Closed {
			continue
		}
		open++
		if r.CanTake() && r.For != "" {
			expectedBy[r.For]++
		}
		if r.For != "" && w.runs[r.For].RunnerID != r.RunnerID {
			w.t.Errorf("%s is for %s, which expects %q", r.RunnerID, r.For, w.runs[r.For].RunnerID)
		}
		if r.Took != 0 && w.runs[fleet.RunID(r.Took)].RanOn != r.RunnerID {
			w.t.Errorf("%s took job %d, which ran on %q", r.RunnerID, r.Took, w.runs[fleet.RunID(r.Took)].RanOn)
		}
	}
	for id, run := range w.runs {
		if r, ok := w.runners[run.RunnerID]; run.RunnerID != "" && (!ok || r.Phase != fleet.Closed && r.For != id) {
			w.t.Errorf("%s expects %s, which is for %q", id, run.RunnerID, r.For)
		}
		if r, ok := w.runners[run.RunnerID]; ok && r.Phase == fleet.Closed && run.Wanted() {
			w.t.Errorf("%s is stranded: it expects %s, which is closed", id, run.RunnerID)
		}
		if run.RanOn != "" && run.Wanted() {
			w.t.Errorf("%s ran on %s and is wanted", id, run.RanOn)
		}
		if expectedBy[id] > 1 {
			w.t.Errorf("%s has %d runners that could take its job", id, expectedBy[id])
		}
	}
	if w.capacity.Open != open || open > worldRunners {
		w.t.Errorf("%d runners are counted, and %d are open", w.capacity.Open, open)
	}
}

// TestAnySequenceOfDecisions mixes decisions in any order, with late and contradicting
// events among them.
func TestAnySequenceOfDecisions(t *testing.T) {
	for seed := range uint64(2000) {
		w := newWorld(t, seed)
		for range 60 {
			if w.step(); t.Failed() {
				t.Fatalf("seed %d: %q", seed, w.history)
			}
		}
	}
}

func TestDecisionsChangeNoRecordInPlace(t *testing.T) {
	run1, run2, runner1, runner2 := two(t)
	again1, again2, copy1, copy2 := two(t)
	facts := fleet.TookFacts{Run: run2, Runner: runner1, Meant: &run1, Expected: &runner2, At: started}
	fleet.Took(facts)
	fleet.Close(fleet.CloseFacts{Runner: runner1, Run: &run1, Error: fleet.RunnerIdleTimeout, Now: later})
	fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 9, Run: run1, Now: later})
	for _, diff := range []string{cmp.Diff(again1, run1), cmp.Diff(again2, run2), cmp.Diff(copy1, runner1), cmp.Diff(copy2, runner2)} {
		if diff != "" {
			t.Error(diff)
		}
	}
}
