package console

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/why"
)

func (c *Console) fleetPage(ctx context.Context) (page, error) {
	s, err := c.snapshot(ctx)
	if err != nil {
		return page{}, err
	}
	c.account(ctx, &s)
	p := page{Title: "Fleet", Nav: "/", Lead: shorten(s.settings.Serves(), 160)}
	if s.settings.FleetName == "" {
		p.Regions = []region{{ID: "trouble", Template: "trouble", Wide: true, Data: problem{
			Says: "The fleet has not noted anything yet.", Do: []string{"It does so when it has started: run: ecsrunner doctor" + c.Flags},
		}}}
		return p, nil
	}
	queue, runners := queueChart(s), runnerChart(s)
	queue.Ticks = spanOf(s).ticks(s.now, c.Zone)
	runners.Ticks = queue.Ticks
	p.Regions = slices.Concat([]region{
		{ID: "notices", Template: "notices", Data: s.notices(c), Wide: true},
		{ID: "figures", Template: "figures", Data: append(s.figures(), s.costToday(c.Region, c.Zone)), Wide: true},
		{ID: "machine", Template: "machine", Data: c.machine(s)},
		{ID: "waits", Template: "waits", Data: s.waits(c.Flags)},
		{ID: "budget", Template: "budget", Data: s.budget()},
	}, c.pools(s), []region{
		{ID: "queue", Template: "chart", Data: queue},
		{ID: "open", Template: "chart", Data: runners},
		{ID: "failures", Template: "failures", Data: s.failures()},
		{ID: "latest", Template: "latest", Data: rowsOf(s.latest), Wide: true},
	})
	return p, nil
}

// notices are what concerns the whole fleet.
type notices struct {
	Paused   string
	PausedAt time.Time
	Failed   string // what the last sweep could not do
	FailedAt time.Time
	Token    string
	Stopped  bool // nothing serves the records
	Changes  bool
	Flags    string
}

func (s snapshot) notices(c *Console) notices {
	n := notices{Paused: s.capacity.Paused, PausedAt: s.capacity.PausedAt, Token: c.token, Changes: c.Operator != nil, Flags: c.Flags, Stopped: c.Serves != nil && !c.Serves()}
	if s.usage != nil {
		n.Failed, n.FailedAt = s.usage.Failed, s.usage.At
	}
	return n
}

// figure is a number that says how the fleet is.
type figure struct {
	Name, Value, Of, Tone, Href string
	Note                        string
}

func (s snapshot) figures() []figure {
	count := map[string]int{}
	failed, waits := 0, 0
	more := "" // than were read
	if len(s.waiting) == report.MostListed {
		more = "+"
	}
	hour := "in the last hour"
	if reaches, cut := s.reach(); cut && reaches < time.Hour {
		hour = fmt.Sprintf("of the newest %d runs", len(s.runs))
	}
	var queued []int64
	for _, r := range s.waiting {
		if r.RunnerID == "" && r.RanOn == "" {
			waits++
		} else {
			count[stateOf(r.Shown()).Tone]++
		}
	}
	for _, r := range s.runs {
		if stateOfRun(r.Shown(), r.Conclusion).Tone == toneBad && s.now.Sub(lastChange(r)) < time.Hour {
			failed++
		}
		if ms := queuedFor(r); ms != nil && s.now.Sub(r.At(fleet.StageJobStarted)) < time.Hour {
			queued = append(queued, *ms)
		}
	}
	figures := []figure{
		{Name: "Running", Value: fmt.Sprint(count[toneRun], more), Tone: toneRun, Href: "/runs?status=" + string(fleet.RunRunning), Note: "jobs on a runner"},
		{Name: "Getting ready", Value: fmt.Sprint(count[toneReady], more), Tone: toneReady, Href: "/runs?status=ready", Note: "no job yet"},
		{Name: "Waiting", Value: fmt.Sprint(waits, more), Tone: toneQuiet, Href: "/runs?status=waiting", Note: "without a runner"},
		{Name: "Jobs failed", Value: fmt.Sprint(failed), Tone: toneBad, Href: "/runs?status=failure", Note: hour},
		{Name: "Median queue", Value: "–", Href: "/runs?since=1h", Note: "no job in the last hour"},
		{Name: "Open runners", Value: fmt.Sprint(s.capacity.Open), Href: "/runners?phase=open", Note: "of " + plural(s.settings.MaxRunners, "place", "places")},
	}
	if failed == 0 {
		figures[3].Tone = toneQuiet
	}
	if len(queued) > 0 {
		slices.Sort(queued)
		p50, p95 := percentile(queued, 50), percentile(queued, 95)
		figures[4].Value, figures[4].Note = tookText(&p50), "95 % within "+tookText(&p95)
	}
	return figures
}

// queuedFor is how long GitHub had the job of a run queued, nil if it has no runner yet.
func queuedFor(r fleet.Run) *int64 {
	from, to := r.At(fleet.StageQueued), r.At(fleet.StageJobStarted)
	if from.IsZero() || to.IsZero() {
		return nil
	}
	ms := max(0, to.Sub(from).Milliseconds())
	return &ms
}

// percentile is of sorted values, of which there is one at least.
func percentile(sorted []int64, p int) int64 {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func lastChange(r fleet.Run) time.Time {
	last := time.Time{}
	for _, at := range r.Times {
		if at.After(last) {
			last = at
		}
	}
	return last
}

// machineView is the state machine with the runners that are in each state.
type machineView struct {
	Graph
	States []stateCount // of those that runners are in, or may be
	Total  int
}

type stateCount struct {
	Node
	Count int
	Tone  string
}

func (c *Console) machine(s snapshot) machineView {
	in := map[string]int{}
	for _, r := range s.open {
		in[stands(r)]++
	}
	v := machineView{Graph: c.graph, Total: len(s.open)}
	for _, n := range c.graph.Nodes {
		tone := toneReady
		switch n.Name {
		case "AwaitCompletion":
			tone = toneRun
		case "RecordFailure", "Failed":
			tone = toneBad
		}
		v.States = append(v.States, stateCount{n, in[n.Name], tone})
	}
	return v
}

// wait is what a group of runs waits for.
type wait struct {
	Runs   int
	Oldest string // a run's id
	Since  time.Time
	Answer why.Answer
	Until  time.Time
	Tone   string
	Retry  string // a run that may be tried now
	Token  string
}

// waits groups the runs without a runner by what they wait for, and has the answer of
// `ecsrunner why` about the oldest of each group.
func (s snapshot) waits(flags string) []wait {
	groups := map[string][]fleet.Run{}
	for _, r := range s.waiting {
		if r.Status.Terminal() || r.RanOn != "" || r.RunnerID != "" && r.Status != fleet.RunImageCreating {
			continue
		}
		key, _ := r.WaitList()
		if r.Status == fleet.RunImageCreating {
			key = "image " + r.ImageTag
		}
		key = cmp.Or(key, string(r.Status))
		groups[key] = append(groups[key], r)
	}
	waits := []wait{}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		runs := groups[key]
		oldest := slices.MinFunc(runs, func(a, b fleet.Run) int { return a.QueuedSince().Compare(b.QueuedSince()) })
		facts := why.Facts{Now: s.now, Run: &oldest, Capacity: s.capacity, Policy: s.policy, Flags: flags}
		facts.Subject.JobID = oldest.Job.JobID
		for i, h := range s.holds {
			if oldest.Setback != nil && h.Key == oldest.Setback.Hold {
				facts.Hold = &s.holds[i]
			}
		}
		for _, r := range slices.Concat(s.open, s.runners) {
			known := slices.ContainsFunc(facts.Runners, func(k fleet.Runner) bool { return k.RunnerID == r.RunnerID })
			if !known && (r.RunID == oldest.RunID || r.RunnerID == oldest.RunnerID) {
				facts.Runners = append(facts.Runners, r)
			}
		}
		w := wait{Runs: len(runs), Oldest: oldest.RunID, Since: oldest.QueuedSince(), Answer: why.Of(facts), Tone: stateOf(oldest.Shown()).Tone}
		if w.Answer.Waits != nil {
			w.Until = w.Answer.Waits.Until
		}
		waits = append(waits, w)
	}
	slices.SortStableFunc(waits, func(a, b wait) int { return a.Since.Compare(b.Since) })
	return waits
}

// failureCount is how often runners failed with a name lately.
type failureCount struct {
	Name  string
	Count int
	Last  time.Time
	Says  string // the last one
	Part  int    // of the most frequent one's, in thousandths
}

const failuresOf = 24 * time.Hour

func (s snapshot) failures() []failureCount {
	by := map[string]*failureCount{}
	for _, r := range s.runners {
		at := r.At(fleet.StageClosed)
		if r.FailureName == "" || s.now.Sub(at) > failuresOf {
			continue
		}
		f := by[r.FailureName]
		if f == nil {
			f = &failureCount{Name: r.FailureName}
			by[r.FailureName] = f
		}
		f.Count++
		if at.After(f.Last) {
			f.Last, f.Says = at, r.Failure
		}
	}
	all, most := []failureCount{}, 1
	for _, f := range by {
		most = max(most, f.Count)
	}
	for _, f := range by {
		f.Part = f.Count * 1000 / most
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b failureCount) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Name, b.Name)) })
	return all
}

// budgetView is what is left of GitHub's limits.
type budgetView struct {
	At       time.Time
	Budgets  []budgetLine
	Failed   string
	MaxOpen  int
	Open     int
	OpenPart int // in thousandths
	Shares   []shareLine
	VCPUs    []vcpuLine
	NoVCPUs  string // why they are not known
}

type vcpuLine struct {
	Name, InUse, Of, Tone string
	Part                  int
}

type budgetLine struct {
	Name, Tone string
	Left, Of   int
	Part       int // in thousandths
	Reset      time.Time
	Expires    time.Time // of the token, if that is soon
}

type shareLine struct {
	Name     string
	Open, Of int
	Part     int
}

func (s snapshot) budget() budgetView {
	v := budgetView{MaxOpen: s.settings.MaxRunners, Open: s.capacity.Open, OpenPart: part(s.capacity.Open, s.settings.MaxRunners)}
	most := s.policy.MaxOfRules()
	for _, rule := range s.policy.Rules {
		if n := most[rule.Name]; n > 0 {
			open := s.capacity.OpenOfRule[rule.Name]
			v.Shares = append(v.Shares, shareLine{rule.Name, open, n, part(open, n)})
		}
	}
	for _, a := range s.vcpus {
		line := vcpuLine{Name: "Fargate", InUse: number(a.InUse), Of: number(a.Allowed), Part: part(int(a.InUse*1000), int(a.Allowed*1000)), Tone: toneRun}
		if a.Provider == fleet.FargateSpot {
			line.Name = "Fargate Spot"
		}
		if line.Part >= 900 {
			line.Tone = toneBad
		}
		v.VCPUs = append(v.VCPUs, line)
	}
	v.NoVCPUs = s.noVCPUs
	if s.usage == nil {
		return v
	}
	v.At, v.Failed = s.usage.At, s.usage.Failed
	for _, b := range s.usage.Budgets {
		left := b.Left(s.now)
		line := budgetLine{Name: cmp.Or(b.Name, b.Credential), Left: left, Of: b.Limit, Part: part(left, b.Limit), Reset: b.Reset, Tone: toneRun}
		switch {
		case line.Part < 100:
			line.Tone = toneBad
		case line.Part < 300:
			line.Tone = toneHeld
		}
		if b.ExpiresSoon(s.now) {
			line.Expires = b.Expires
		}
		v.Budgets = append(v.Budgets, line)
	}
	return v
}

// part is a share in thousandths.
func part(n, of int) int {
	if of <= 0 {
		return 0
	}
	return min(1000, max(0, n)*1000/of)
}
