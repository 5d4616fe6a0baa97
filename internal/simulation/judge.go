package simulation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

// Rules are what must always hold, in the words of the violations. The numbers are
// those of docs/architecture.md, "What must always hold".
const (
	ruleLost     = "lost job"          // 1, 10: GitHub has it queued, and no runner will come
	ruleTerminal = "terminal once"     // 1: a run that ended ends again
	ruleOneOpen  = "one open runner"   // 2
	ruleOutlives = "task outlives"     // 3
	ruleLeft     = "left over"         // 4
	ruleKilled   = "killed with a job" // 5
	ruleSecret   = "secret shown"      // 6
	ruleSpent    = "spent on a refusal"
	ruleRefused  = "refused wrongly"
	ruleShown    = "shown and not refused"
	ruleAgain    = "run again for Spot alone"
	ruleForeign  = "another's touched" // 9
	ruleFacts    = "facts are written once"
	ruleExpects  = "expectations pair"
	ruleCapacity = "capacity counts"
	ruleShare    = "share of a rule"
	ruleBudget   = "GitHub's budget" // 12
	ruleCost     = "cost of a job"
	ruleWarm     = "warm runners"
	ruleExpected = "expected" // of a scenario
)

// Violation is a rule that did not hold.
type Violation struct {
	Rule string
	At   time.Duration // since the history began
	What string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s (at %s)", v.Rule, v.What, v.At) }

// usedUp is appended to what may be the consequence of one of GitHub's limits.
const usedUp = " (the limit of an hour was met before)"

// mostAnHour is how many tasks without a job one job may cost in an hour.
const mostAnHour = 12

// judge watches every transaction, and looks around at the end.
type judge struct {
	w          *World
	violations []Violation
	seen       map[string]bool
	runs       map[string]fleet.Run
	runners    map[string]fleet.Runner
	idlers     map[string]bool        // of these, those that are idle
	waste      map[string][]time.Time // by run
	launches   []time.Time            // of runners
	mostOpen   int
	bounds     bounds
	room       map[string][]Span // in which runs waited for room
}

func newJudge(w *World) *judge {
	return &judge{w: w, seen: map[string]bool{}, runs: map[string]fleet.Run{}, runners: map[string]fleet.Runner{}, idlers: map[string]bool{}, waste: map[string][]time.Time{}, bounds: bounds{}, room: map[string][]Span{}}
}

// find notes a violation, once for each rule and thing.
func (j *judge) find(rule, thing, format string, args ...any) {
	if key := rule + " " + thing; !j.seen[key] {
		j.seen[key] = true
		v := Violation{rule, j.w.k.Since(), fmt.Sprintf(format, args...)}
		if (rule == ruleLost || rule == ruleLeft) && j.w.GitHub.Usage()[credentialName].RefusedPrimary > 0 {
			v.What += usedUp
		}
		j.violations = append(j.violations, v)
		j.w.k.Log("VIOLATION %s: %s", v.Rule, v.What)
	}
}

// wrote looks at the records of a transaction, all of which are in place.
func (j *judge) wrote(c fleet.Changes) {
	for _, run := range c.Runs {
		j.run(j.runs[run.RunID], run)
		j.inRoom(j.runs[run.RunID], run)
		j.runs[run.RunID] = run
		j.bounds.note(run, j.w.policy, j.w.Table.CapacityNow().Open+j.w.Table.WaitingNow())
	}
	for _, runner := range c.Runners {
		j.runner(j.runners[runner.RunnerID], runner)
		j.runners[runner.RunnerID] = runner
		if runner.Idle() {
			j.idlers[runner.RunnerID] = true
		} else {
			delete(j.idlers, runner.RunnerID)
		}
	}
	for _, run := range c.Runs {
		j.pair(run.RunID)
	}
	for _, runner := range c.Runners {
		j.pair(runner.RunID)
		if runner.For != "" {
			j.pair(runner.For)
		}
	}
	if c.Capacity != nil {
		j.capacity()
		j.idle()
	}
}

func (j *judge) run(was, is fleet.Run) {
	if was.Status != is.Status || was.Reason != is.Reason {
		j.w.k.Log("run %s is %s %s", is.RunID, is.Status, is.Reason)
	}
	if was.Notice.String() != is.Notice.String() {
		j.w.k.Log("the refusal of run %s %s", is.RunID, is.Notice)
	}
	takenBack := is.RanOn == "" && slices.Contains(is.RanBefore, was.RanOn)
	if was.RanOn != "" && was.RanOn != is.RanOn && !takenBack {
		j.find(ruleFacts, is.RunID, "run %s ran on %s, and now on %q", is.RunID, was.RanOn, is.RanOn)
	}
	if (was.Status == fleet.RunCompleted || was.Status == fleet.RunCancelled) && was.Status != is.Status {
		j.find(ruleTerminal, is.RunID, "run %s was %s and is %s", is.RunID, was.Status, is.Status)
	}
}

func (j *judge) runner(was, is fleet.Runner) {
	if was.RunnerID == "" {
		j.w.k.Log("runner %s is launched for %s", is.RunnerID, cmp.Or(is.RunID, is.Pool))
		if is.IsWarm() {
			j.filled(is)
		}
		j.launches = append(j.launches, j.w.k.Now())
	}
	if was.Phase != fleet.Closed && is.Phase == fleet.Closed && is.Took == 0 && is.TaskARN != "" {
		j.wasted(is)
	}
	if was.Status != is.Status || was.Phase != is.Phase {
		j.w.k.Log("runner %s is %s %s %s", is.RunnerID, is.Phase, is.Status, is.Reason)
	}
	if was.For != is.For && is.IsWarm() {
		j.w.k.Log("runner %s of pool %s is for %q", is.RunnerID, is.Pool, is.For)
	}
	j.share(was, is)
	if was.Took != 0 && was.Took != is.Took {
		j.find(ruleFacts, is.RunnerID, "runner %s took job %d, and now %d", is.RunnerID, was.Took, is.Took)
	}
	if was.Phase == fleet.Closed && is.Phase != fleet.Closed {
		j.find(ruleFacts, is.RunnerID, "runner %s was closed and is %s", is.RunnerID, is.Phase)
	}
}

// share looks at the rule of the policy that a runner counts for. The fleet gives no rule
// more runners than it may have. GitHub may, by giving a job of the rule to a runner that
// was launched for another.
func (j *judge) share(was, is fleet.Runner) {
	most := j.w.policy.MaxOfRules()[is.Rule]
	given := is.Took != was.Took || is.For != was.For && was.RunnerID != ""
	if open := j.w.Table.CapacityNow().OpenOfRule[is.Rule]; is.Rule != was.Rule && most > 0 && !given && open > most {
		j.find(ruleShare, is.RunnerID, "runner %s is the %dth of rule %s, which may have %d", is.RunnerID, open, is.Rule, most)
	}
	if is.Took != 0 && was.Took == 0 && is.Phase != fleet.Closed {
		if run := j.runs[fleet.RunID(is.Took)]; run.RuleKnown && run.AdmittedBy != is.Rule {
			j.find(ruleShare, is.RunnerID, "runner %s has a job of rule %q, and counts for %q", is.RunnerID, run.AdmittedBy, is.Rule)
		}
	}
}

// wasted counts a runner whose task ended without a job.
func (j *judge) wasted(runner fleet.Runner) {
	now := j.w.k.Now()
	if runner.IsWarm() && runner.For == "" {
		return // it is its pool's
	}
	recent := slices.DeleteFunc(j.waste[runner.RunID], func(at time.Time) bool { return now.Sub(at) > time.Hour })
	recent = append(recent, now)
	j.waste[runner.RunID] = recent
	if len(recent) > mostAnHour {
		run := j.runs[runner.RunID]
		j.find(ruleCost, runner.RunID, "%d tasks were started for run %s and ended without a job within an hour, %d of them counted; the run says %q", len(recent), runner.RunID, run.Fruitless, run.Reason)
	}
}

// pair looks at the runners of a run: at most one open runner may take its job, and the
// run and that runner expect each other.
func (j *judge) pair(runID string) {
	run, known := j.runs[runID]
	if !known {
		return
	}
	var open []string
	for n := 1; n <= run.Launched+1; n++ {
		r, made := j.runners[fleet.RunnerID(j.w.policy.FleetName, run.Job.JobID, n)]
		if made && r.For == runID && r.Phase == fleet.Open && r.Took == 0 && !r.Stopped() {
			open = append(open, r.RunnerID)
		}
	}
	if expected, made := j.runners[run.RunnerID]; made {
		if (expected.RunID != runID || expected.IsWarm()) && expected.For == runID && expected.Phase == fleet.Open && expected.Took == 0 && !expected.Stopped() {
			open = append(open, expected.RunnerID)
		}
		if expected.Phase != fleet.Closed && expected.For != runID {
			j.find(ruleExpects, runID, "run %s expects runner %s, which is for %q", runID, run.RunnerID, expected.For)
		}
	}
	if len(open) > 1 {
		j.find(ruleOneOpen, runID, "run %s has the open runners %s", runID, strings.Join(open, " and "))
	}
}

func (j *judge) capacity() {
	capacity, open := j.w.Table.CapacityNow(), j.w.Table.OpenNow()
	j.mostOpen = max(j.mostOpen, open)
	if capacity.Open != open {
		j.find(ruleCapacity, "count", "%d runners are open and %d counted", open, capacity.Open)
	}
	if counted := j.w.Table.OpenOfRuleNow(); !maps.Equal(counted, capacity.OpenOfRule) {
		j.find(ruleShare, "count", "open of each rule are %v, and %v are counted", counted, capacity.OpenOfRule)
	}
	if open > j.w.policy.MaxRunners {
		j.find(ruleCapacity, "bound", "%d runners are open and max_runners is %d", open, j.w.policy.MaxRunners)
	}
}

// stopping judges a SIGTERM to a container. A runner with a job may get it from Spot, and
// from the fleet only at the end of max_runtime, or if policy refused the job.
func (j *judge) stopping(c *container) {
	task, known := j.w.ECS.Task(c.arn)
	if c.job == 0 || !known || task.StopCode != fleet.StopUserInitiated {
		return
	}
	job, _ := j.w.GitHub.Job(c.job)
	if j.w.k.Now().Sub(job.StartedAt) >= j.w.policy.Limits.MaxRuntime || j.runs[fleet.RunID(c.job)].Status == fleet.RunRefused {
		return
	}
	j.find(ruleKilled, c.about, "the task of runner %s was stopped while it ran job %d: %s", c.about, c.job, task.StoppedReason)
}

// final looks around once everything has had time to come to rest, for all but what
// waitsOrIsLeft finds: for that it takes two looks.
func (j *judge) final() {
	j.givenUp()
	j.tasks()
	j.budget()
	j.secrets()
	j.refused()
	j.shown()
	j.runAgain()
	j.expected()
}

// refused finds the runs that have been refused although policy admits their jobs.
func (j *judge) refused() {
	for _, id := range slices.Sorted(maps.Keys(j.runs)) {
		run := j.runs[id]
		if job, known := j.w.GitHub.Job(run.Job.JobID); known && run.Status == fleet.RunRefused && j.ours(job) {
			j.find(ruleRefused, id, "job %d, which policy admits, was refused: %s", job.ID, run.Reason)
		}
	}
}

// shown finds the commits that have a failed status although no job of theirs was refused.
func (j *judge) shown() {
	refused := map[string]bool{}
	for _, run := range j.runs {
		if run.Notice != nil {
			refused[run.Job.HeadSHA] = true
		}
	}
	for _, s := range j.w.GitHub.Statuses() {
		if !refused[s.SHA] {
			j.find(ruleShown, s.SHA, "commit %s of %s has the status %q, and no job of it was refused", s.SHA, s.Repository, s.Description)
		}
	}
}

// runAgain finds workflow runs that the fleet had run again twice, or with a job that Spot
// did not interrupt.
func (j *judge) runAgain() {
	interrupted := map[string]bool{}
	for _, task := range j.w.ECS.Tasks() {
		interrupted[task.StartedBy] = interrupted[task.StartedBy] || task.StopCode == fleet.StopSpotInterruption
	}
	times := map[int64]int{}
	for _, again := range j.w.GitHub.Reruns() {
		if times[again.RunID]++; times[again.RunID] > 1 {
			j.find(ruleAgain, fmt.Sprint(again.RunID), "workflow run %d was run again %d times", again.RunID, times[again.RunID])
		}
		for _, id := range again.Jobs {
			job, _ := j.w.GitHub.Job(id)
			if runner, _, _ := fleet.ParseRunnerID(j.w.policy.FleetName, job.RunnerName); !interrupted[runner] {
				j.find(ruleAgain, fleet.RunID(id), "job %d, which ended as %s on %q, was run again, and Spot did not interrupt it", id, job.Conclusion, job.RunnerName)
			}
		}
	}
}

// givenUp finds the jobs that waited for so long that GitHub gave them up.
func (j *judge) givenUp() {
	for _, job := range j.w.GitHub.Jobs() {
		if j.ours(job) && job.Status == "completed" && job.StartedAt.IsZero() && job.CompletedAt.Sub(job.QueuedAt) >= 24*time.Hour {
			run, known := j.runs[fleet.RunID(job.ID)]
			j.find(ruleLost, run.RunID, "job %d was given up by GitHub after a day in its queue; %s", job.ID, describe(run, known))
		}
	}
}

// ours reports whether the fleet has to run the job.
func (j *judge) ours(job simgithub.Job) bool {
	return !job.Hosted && j.w.policy.Admit(jobOf(job)).Verdict == fleet.Admitted
}

func jobOf(job simgithub.Job) fleet.Job {
	return fleet.Job{JobID: job.ID, Repository: job.Repository, Private: true, Labels: job.Labels, Status: fleet.JobQueued}
}

func describe(run fleet.Run, known bool) string {
	if !known {
		return "it has no run"
	}
	return fmt.Sprintf("its run is %s: %s", run.Status, run.Reason)
}

// over reports whether GitHub has the run's job as completed.
func (j *judge) over(run fleet.Run) bool {
	job, known := j.w.GitHub.Job(run.Job.JobID)
	return known && job.Status == "completed"
}

// tasks finds what was spent wrongly.
func (j *judge) tasks() {
	limits := j.w.policy.Limits
	most := limits.Start + limits.Build + limits.MaxRuntime + limits.Inspect + time.Hour
	for _, task := range j.w.ECS.Tasks() {
		_, jobID, ours := fleet.ParseRunnerID(j.w.policy.FleetName, task.StartedBy)
		job, known := j.w.GitHub.Job(jobID)
		if ours && known && j.w.policy.Admit(jobOf(job)).Verdict != fleet.Admitted {
			j.find(ruleSpent, task.StartedBy, "a task was started for job %d, which policy does not admit", jobID)
		}
		if end := task.StoppedAt; !end.IsZero() && end.Sub(task.CreatedAt) > most {
			j.find(ruleOutlives, task.StartedBy, "the task of %s lived for %s", task.StartedBy, end.Sub(task.CreatedAt))
		}
	}
}

// budget finds out whether the fleet used its own token up. It would prove nothing where
// others use the token too, which no scenario has.
func (j *judge) budget() {
	for name, usage := range j.w.GitHub.Usage() {
		if usage.RefusedPrimary > 0 {
			j.find(ruleBudget, name, "%d requests met the limit of an hour; the most in an hour were %d", usage.RefusedPrimary, usage.MaxUsed)
		}
		if usage.RefusedSecondary > 0 {
			j.find(ruleBudget, name+" secondary", "%d requests met the limit of a minute; the most points in a minute were %d", usage.RefusedSecondary, usage.MaxPoints)
		}
	}
}

// secrets looks for secrets where they must not be: the token and the webhook's secret in
// records and executions, and claim tokens in executions.
func (j *judge) secrets() {
	hidden := map[string]string{"the token": firstToken, "the webhook's secret": hookSecret}
	var written bytes.Buffer
	enc := json.NewEncoder(&written)
	look := func(record any) {
		written.Reset()
		_ = enc.Encode(record) // into memory
		for what, secret := range hidden {
			if bytes.Contains(written.Bytes(), []byte(secret)) {
				j.find(ruleSecret, what, "%s is in a record", what)
			}
		}
	}
	for _, run := range j.w.Table.AllRuns() {
		look(&run)
	}
	for _, runner := range j.w.Table.AllRunners() {
		look(&runner)
	}
	all, err := j.w.engine.List(j.w.ctx(), "", 0)
	if err != nil {
		panic(err)
	}
	for _, e := range all {
		hidden["the claim token"] = fleet.ClaimToken(claimKey, e.Name)
		j.execution(e.Name, hidden)
	}
}

func (j *judge) execution(name string, hidden map[string]string) {
	history, err := j.w.engine.History(j.w.ctx(), name)
	if err != nil {
		panic(err)
	}
	for what, secret := range hidden {
		for _, e := range history {
			if bytes.Contains(e.Input, []byte(secret)) || bytes.Contains(e.Output, []byte(secret)) || strings.Contains(e.Cause, secret) {
				j.find(ruleSecret, name+what, "%s is in execution %s", what, name)
			}
		}
	}
}

func (w *World) epoch() time.Time { return w.k.Now().Add(-w.k.Since()) }

func (w *World) ctx() context.Context { return context.Background() }
