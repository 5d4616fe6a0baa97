package stats

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// tally counts the runs of one group.
type tally struct {
	g      Group
	queue  []int64
	warm   []int64 // of queue, those that warm runners ran, and cold the others
	cold   []int64
	stages map[stages.Name][]int64
	pulls  []int64 // milliseconds for each MB
	pulled []int64 // bytes
}

func newTally() *tally {
	return &tally{
		g: Group{
			Outcomes: map[fleet.RunStatus]int{}, Conclusions: map[string]int{}, Failures: map[string]int{}, Setbacks: map[fleet.SetbackKind]int{},
		},
		stages: map[stages.Name][]int64{},
	}
}

func (t *tally) add(l report.Lived, split stages.Split) {
	run := l.Run
	t.g.Runs++
	t.g.Displaced += run.Displaced
	t.g.Outcomes[run.Shown()]++
	if !run.Status.Terminal() {
		t.g.Open++
	}
	if run.Conclusion != "" && !run.At(fleet.StageJobStarted).IsZero() {
		t.g.Conclusions[run.Conclusion]++
	}
	if !run.At(fleet.StageJobStarted).IsZero() {
		waited := split.BeforeJob()
		t.queue = append(t.queue, waited)
		if onWarm(l) {
			t.warm = append(t.warm, waited)
		} else {
			t.cold = append(t.cold, waited)
		}
	}
	for _, name := range stages.Names() {
		ms, open := split.Took(name), split.Open() == name
		_, ran := run.JobTime() // it may be less than GitHub's whole second
		if !open && (ms > 0 || name == stages.Job && ran) {
			t.stages[name] = append(t.stages[name], ms)
		}
	}
	for _, r := range l.Runners {
		t.g.Runners++
		if r.Took == 0 && r.Phase == fleet.Closed {
			t.g.Fruitless++
		}
		if r.ImageSize > 0 && r.Pulled > 0 {
			t.pulls, t.pulled = append(t.pulls, r.Pulled*mb/r.ImageSize), append(t.pulled, r.ImageSize)
		}
		if r.FailureName != "" {
			t.g.Failures[r.FailureName]++
			t.g.Setbacks[fleet.KindOf(r.FailureName)]++
		}
	}
}

func (t *tally) group(name string) Group {
	g := t.g
	g.Name, g.Queue, g.Stages = name, percentiles(t.queue), []Stage{}
	if g.Warm = percentiles(t.warm); g.Warm != nil {
		g.Cold = percentiles(t.cold)
	}
	if g.Pull = percentiles(t.pulls); g.Pull != nil {
		g.PulledMB = float64(nearestRank(slices.Sorted(slices.Values(t.pulled)), 50)) / mb
	}
	for _, stage := range stages.Names() {
		if p := percentiles(t.stages[stage]); p != nil {
			g.Stages = append(g.Stages, Stage{stage, *p})
		}
	}
	return g
}

// PercentilesOf are those of times in milliseconds, nil for none.
func PercentilesOf(ms []int64) *Percentiles { return percentiles(ms) }

// mb is a megabyte, as registries and networks count them.
const mb = 1_000_000

// percentiles returns nil for no values.
func percentiles(values []int64) *Percentiles {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	return &Percentiles{Count: len(sorted), P50: nearestRank(sorted, 50), P95: nearestRank(sorted, 95), P99: nearestRank(sorted, 99), Max: sorted[len(sorted)-1]}
}

// nearestRank is the smallest of the sorted values of which at least p percent are not
// larger.
func nearestRank(sorted []int64, p int) int64 {
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
