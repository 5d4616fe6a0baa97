package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// looksApart is the time between the two looks that find what waits or is left. By the
// second look a runner that tries for a job has got and finished one, or has ended; and a
// task that was stopping has stopped.
const looksApart = 45 * time.Minute

// noticeGrace is how long a refusal may be due to be shown, or a job to be run again: some
// sweeps.
const noticeGrace = 10 * time.Minute

// waits is a rule that did not hold at one look, for a thing that may only be under way.
type waits struct{ rule, thing, what string }

// waitsOrIsLeft is what one look finds: jobs that GitHub has in its queue and that could
// start, and things that a fleet at rest has none of. Jobs that GitHub holds back are
// tried again and again for as long as it has them, so a fleet may be busy at any moment:
// only what two looks find is a violation.
func (j *judge) waitsOrIsLeft() (found []waits) {
	w := j.w
	left := map[string]bool{}
	is := func(rule, thing, format string, args ...any) {
		found = append(found, waits{rule, thing, fmt.Sprintf(format, args...)})
	}
	for _, job := range w.GitHub.Jobs() {
		if j.ours(job) && job.Status == "queued" && job.Held == "" && !job.Stuck && !job.RunOver {
			run, known := j.runs[fleet.RunID(job.ID)]
			is(ruleLost, fleet.RunID(job.ID), "job %d is queued on GitHub since %s; %s", job.ID, job.QueuedAt.Sub(w.epoch()).Round(time.Second), describe(run, known))
		}
	}
	for _, runner := range w.Table.AllRunners() {
		if runner.Phase != fleet.Closed {
			left[runner.RunnerID] = true
			is(ruleLeft, runner.RunnerID, "runner %s is %s since %s%s", runner.RunnerID, runner.Phase, runner.At(fleet.StageLaunched).Sub(w.epoch()).Round(time.Second), j.busyWith(runner))
		}
		if runner.Phase == fleet.Closed && runner.TaskToken != "" {
			is(ruleLeft, runner.RunnerID+" token", "runner %s is closed and has a token", runner.RunnerID)
		}
	}
	for _, e := range w.executions() {
		if !left[e.Name] {
			is(ruleLeft, "execution "+e.Name, "execution %s is in %s since %s", e.Name, e.State, e.StateEnteredAt.Sub(w.epoch()).Round(time.Second))
		}
	}
	for _, task := range w.ECS.Running() {
		if !left[task.StartedBy] {
			is(ruleLeft, "task "+task.StartedBy, "a task of %s is %s since %s", task.StartedBy, task.Status, task.CreatedAt.Sub(w.epoch()).Round(time.Second))
		}
	}
	for _, reg := range w.GitHub.Registrations() {
		if _, _, ours := fleet.ParseRunnerID(w.policy.FleetName, reg.Name); ours && !reg.Foreign {
			is(ruleLeft, "registration "+reg.Name, "GitHub still has runner %s", reg.Name)
		}
	}
	locks := w.Table.LocksNow()
	for _, tag := range slices.Sorted(maps.Keys(locks)) {
		is(ruleLeft, "lock "+tag, "the build of image %s is locked, with a lease until %s", tag, locks[tag].Sub(w.epoch()).Round(time.Second))
	}
	for _, run := range w.Table.AllRuns() {
		if !run.Status.Terminal() && j.over(run) {
			is(ruleLeft, run.RunID, "run %s is %s though its job is completed on GitHub: %s", run.RunID, run.Status, run.Reason)
		}
	}
	for _, run := range w.Table.AllRuns() {
		if run.Notice.Due(w.k.Now().Add(-noticeGrace)) {
			is(ruleLeft, run.RunID+" refusal", "the refusal of run %s %s", run.RunID, run.Notice)
		}
		if run.Rerun.Due(w.k.Now().Add(-noticeGrace)) {
			is(ruleLeft, run.RunID+" rerun", "of run %s: %s", run.RunID, run.Rerun)
		}
	}
	if n := w.deadLetters.left(); n > 0 {
		is(ruleLeft, "events", "%d events are left that dispatch could not handle", n)
	}
	return found
}

// still notes as violations what an earlier look found as well.
func (j *judge) still(before []waits) {
	for _, now := range j.waitsOrIsLeft() {
		if slices.ContainsFunc(before, func(was waits) bool { return was.rule == now.rule && was.thing == now.thing }) {
			j.find(now.rule, now.thing, "%s", now.what)
		}
	}
}

// busyWith says what an open runner does.
func (j *judge) busyWith(runner fleet.Runner) string {
	if runner.Took == 0 {
		return ": " + cmp.Or(runner.Reason, string(runner.Status)+" without a job")
	}
	job, _ := j.w.GitHub.Job(runner.Took)
	return fmt.Sprintf(": it took job %d, which is %s", runner.Took, job.Status)
}
