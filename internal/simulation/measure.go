package simulation

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

// measures are what a scenario may compare; times are in seconds.
var measures = map[string]func(*World, Result) float64{
	"jobs":           func(_ *World, r Result) float64 { return float64(r.Jobs) },
	"jobs that ran":  func(_ *World, r Result) float64 { return float64(r.Ran) },
	"stolen runners": func(w *World, _ Result) float64 { return float64(w.stolen()) },
	"unneeded launches": func(w *World, r Result) float64 {
		return float64(r.Executions - w.oursThatRan() - w.stolen() - w.warmRunners(false) + w.warmRunners(true))
	},
	"swapped jobs":       func(w *World, _ Result) float64 { return float64(w.swapped()) },
	"tasks":              func(_ *World, r Result) float64 { return float64(r.Tasks) },
	"longest task":       func(w *World, _ Result) float64 { return w.longestTask().Seconds() },
	"builds":             func(_ *World, r Result) float64 { return float64(r.Builds) },
	"builds at once":     func(w *World, _ Result) float64 { return float64(w.buildsAtOnce()) },
	"executions":         func(_ *World, r Result) float64 { return float64(r.Executions) },
	"requests":           func(_ *World, r Result) float64 { return float64(r.Requests) },
	"claims":             func(w *World, _ Result) float64 { return float64(w.claims) },
	"signed claims":      func(w *World, _ Result) float64 { return float64(len(w.identities.Asked)) },
	"last start":         func(_ *World, r Result) float64 { return longest(r.Waits) },
	"p50 start":          func(_ *World, r Result) float64 { return percentile(r.Waits, 50) },
	"warm runners":       func(w *World, _ Result) float64 { return float64(w.warmRunners(false)) },
	"warm starts":        func(w *World, _ Result) float64 { return float64(w.warmRunners(true)) },
	"p95 start":          func(_ *World, r Result) float64 { return percentile(r.Waits, 95) },
	"red executions":     func(w *World, _ Result) float64 { return float64(sum(w.redEnds)) },
	"repairs":            func(w *World, _ Result) float64 { return float64(sum(w.repaired)) },
	"invocations":        func(w *World, _ Result) float64 { return float64(sum(w.lambdas.Invocations)) },
	"failed invocations": func(w *World, _ Result) float64 { return float64(w.lambdas.failed) },
	"failed events":      func(w *World, _ Result) float64 { return float64(len(w.deadLetters.messages)) },
	"received messages":  func(w *World, _ Result) float64 { return float64(w.deadLetters.received) },
	"overtaken events":   func(w *World, _ Result) float64 { return float64(w.overtaken) },
	"deliveries":         func(w *World, _ Result) float64 { return float64(w.GitHub.Deliveries().Attempts) },
	"failed deliveries":  func(w *World, _ Result) float64 { return float64(w.GitHub.Deliveries().Failed) },
	"requests an hour":   func(w *World, _ Result) float64 { return float64(w.GitHub.Usage()[credentialName].MaxUsed) },
	"registrations a minute": func(w *World, _ Result) float64 {
		return float64(w.GitHub.Usage()[credentialName].MaxRegistrations)
	},
	"cents":           func(_ *World, r Result) float64 { return 100 * r.Cost },
	"requests left":   func(w *World, _ Result) float64 { return float64(w.GitHub.Usage()[credentialName].LeastLeft) },
	"unchanged pages": func(w *World, _ Result) float64 { return float64(w.GitHub.Usage()[credentialName].NotModified) },
	"kept pages":      func(w *World, _ Result) float64 { return float64(w.Table.Cursors()) },
	"last round":      func(w *World, _ Result) float64 { return w.lastRound() },
	"largest record":  func(w *World, _ Result) float64 { return float64(w.Table.LargestCursor()) },
	"points a minute": func(w *World, _ Result) float64 { return float64(w.GitHub.Usage()[credentialName].MaxPoints) },
	"refused requests": func(w *World, _ Result) float64 {
		u := w.GitHub.Usage()[credentialName]
		return float64(u.RefusedPrimary + u.RefusedSecondary)
	},
	"failed statuses":    func(w *World, _ Result) float64 { return float64(len(w.GitHub.Statuses())) },
	"statuses a minute":  func(w *World, _ Result) float64 { return float64(w.GitHub.Usage()[credentialName].MaxContents) },
	"unresolved runners": func(w *World, _ Result) float64 { return float64(unresolved(w)) },
}

// counts are what a scenario may compare kind by kind: "repairs of signal_lost".
var counts = map[string]struct {
	kind string // what follows "of"
	of   func(*World, Result) map[string]int
}{
	"executions":     {"REPOSITORY", func(w *World, _ Result) map[string]int { return w.executionsOf() }},
	"faults":         {"KIND", func(_ *World, r Result) map[string]int { return r.Faults }},
	"repairs":        {"CAUSE", func(_ *World, r Result) map[string]int { return r.Repairs }},
	"red executions": {"ERROR", func(_ *World, r Result) map[string]int { return r.Red }},
	"requests":       {"OPERATION", func(_ *World, r Result) map[string]int { return r.Calls }},
	"counted":        {"OPERATION", func(_ *World, r Result) map[string]int { return r.Counted }},
	"invocations":    {"FUNCTION", func(w *World, _ Result) map[string]int { return w.lambdas.Invocations }},
	"webhooks":       {"ACTION", func(w *World, _ Result) map[string]int { return w.webhooks }},
	"events":         {"TYPE", func(w *World, _ Result) map[string]int { return w.events }},
	"jobs that ran":  {"REPOSITORY", func(_ *World, r Result) map[string]int { return r.RanOf }},
	"longest wait":   {"REPOSITORY", func(_ *World, r Result) map[string]int { return r.WaitOf }},
	"last start":     {"REPOSITORY", func(_ *World, r Result) map[string]int { return r.LastStartOf }},
	"jobs":           {"CONCLUSION", func(w *World, _ Result) map[string]int { return w.conclusions() }},
	"tasks":          {"STOP CODE OR CAPACITY PROVIDER", func(w *World, _ Result) map[string]int { return w.taskKinds() }},
	"exits":          {"CODE", func(w *World, _ Result) map[string]int { return w.exits() }},
	"builds":         {"STATUS", func(w *World, _ Result) map[string]int { return w.buildStatuses() }},
}

// measure finds a measure by its name.
func measure(name string) (func(*World, Result) float64, bool) {
	if of, known := measures[name]; known {
		return of, true
	}
	if s, known := parseSighting(name); known {
		return func(w *World, _ Result) float64 { return w.sightings.value(s) }, true
	}
	what, which, by := strings.Cut(name, " of ")
	if c, known := counts[what]; known && by {
		return func(w *World, r Result) float64 { return float64(c.of(w, r)[which]) }, true
	}
	return nil, false
}

func measureNames() []string {
	names := []string{linesOf + "TEXT", timeFrom + "TEXT" + timeTo + "TEXT"}
	for name := range measures {
		names = append(names, name)
	}
	for what, c := range counts {
		names = append(names, what+" of "+c.kind)
	}
	slices.Sort(names)
	return names
}

func longest(waits []time.Duration) float64 {
	if len(waits) == 0 {
		return 0
	}
	return slices.Max(waits).Seconds()
}

// percentile is the time that so many of a hundred waits do not exceed.
func percentile(waits []time.Duration, percent int) float64 {
	if len(waits) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(waits))
	return sorted[(len(sorted)*percent+99)/100-1].Seconds()
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func unresolved(w *World) (n int) {
	for _, r := range w.Table.AllRunners() {
		if r.Unresolved {
			n++
		}
	}
	return n
}

// swapped counts the jobs that ran on a runner that was launched for another.
func (w *World) swapped() (n int) {
	for _, job := range w.GitHub.Jobs() {
		if _, launchedFor, ours := fleet.ParseRunnerID(w.policy.FleetName, job.RunnerName); ours && !job.Foreign && launchedFor != job.ID && launchedFor != 0 {
			n++
		}
	}
	return n
}

// stolen counts the runners of the fleet that GitHub gave a job of others.
func (w *World) stolen() (n int) {
	for _, job := range w.GitHub.Jobs() {
		if _, _, ours := fleet.ParseRunnerID(w.policy.FleetName, job.RunnerName); ours && !job.Foreign && !w.judge.ours(job) {
			n++
		}
	}
	return n
}

// warmRunners counts the runners that pools launched, all or those that took a job.
func (w *World) warmRunners(took bool) (n int) {
	for _, r := range w.judge.runners {
		if r.IsWarm() && (!took || r.Took != 0) {
			n++
		}
	}
	return n
}

// executionsOf counts what was launched for the jobs of each repository.
func (w *World) executionsOf() map[string]int {
	n := map[string]int{}
	for _, r := range w.judge.runners {
		n[r.Repository]++
	}
	return n
}

func (w *World) oursThatRan() (n int) {
	for _, job := range w.GitHub.Jobs() {
		if !job.StartedAt.IsZero() && w.judge.ours(job) {
			n++
		}
	}
	return n
}

func (w *World) conclusions() map[string]int {
	n := map[string]int{}
	for _, job := range w.GitHub.Jobs() {
		n[job.Conclusion]++
	}
	return n
}

// taskKinds counts tasks by why they stopped, and by who gave them their machine.
func (w *World) taskKinds() map[string]int {
	n := map[string]int{}
	for _, task := range w.ECS.Tasks() {
		n[task.StopCode]++
		n[task.Provider]++
	}
	return n
}

// exits counts the programs that have ended by their exit code, "none" if ECS has none.
func (w *World) exits() map[string]int {
	n := map[string]int{}
	for _, task := range w.ECS.Tasks() {
		switch {
		case task.EndedAt.IsZero():
		case task.ExitCode == nil:
			n["none"]++
		default:
			n[strconv.Itoa(*task.ExitCode)]++
		}
	}
	return n
}

func (w *World) longestTask() (most time.Duration) {
	for _, task := range w.ECS.Tasks() {
		most = max(most, w.lived(task))
	}
	return most
}

func (w *World) lived(task simaws.TaskView) time.Duration {
	end := task.StoppedAt
	if end.IsZero() {
		end = w.k.Now()
	}
	return end.Sub(task.CreatedAt)
}

func (w *World) buildStatuses() map[string]int {
	n := map[string]int{}
	for _, b := range w.CodeBuild.Builds() {
		n[b.Status]++
	}
	return n
}

// buildsAtOnce is the most builds of one project that were under way at a time, without
// those in its queue.
func (w *World) buildsAtOnce() (most int) {
	builds := w.CodeBuild.Builds()
	for _, b := range builds {
		n := 0
		for _, other := range builds {
			if other.Project == b.Project && !other.BegunAt.IsZero() && !b.BegunAt.IsZero() && !other.BegunAt.After(b.BegunAt) && (other.EndedAt.IsZero() || other.EndedAt.After(b.BegunAt)) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// lastRound is how long the sweep's last whole round through an organization took, in
// seconds; 0 if there was none.
func (w *World) lastRound() float64 {
	text, err := w.Table.Cursor(w.ctx(), "organization/round")
	if err != nil {
		panic(err)
	}
	var round struct {
		Took float64 `json:"took"`
	}
	_ = json.Unmarshal([]byte(text), &round) // none yet
	return round.Took
}
