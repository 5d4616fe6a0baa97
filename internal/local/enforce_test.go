package local_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// enforcing admits jobs that name an image, and no others.
func enforcing(c *local.Config, _ *sim.Config) {
	c.Policy.EnforcePolicy = true
	c.Policy.Rules = []fleet.Rule{
		{Name: "images", Image: fleet.Patterns{"*"}, Allow: true},
		{Name: "no-base-image", Refuse: "Name an image: the base image is for nobody."},
	}
}

func with(variables ...string) option {
	return func(c *local.Config, _ *sim.Config) { c.RunnerEnv = append(c.RunnerEnv, variables...) }
}

// refusedJob is one that policy refuses, each part of which would say that it ran.
func refusedJob() sim.JobSpec {
	spec := job()
	spec.Steps = []sim.StepSpec{
		{Name: "action", Run: "echo ran: main", Pre: "echo ran: pre", Post: "echo ran: post"},
		{Name: "clean up", Run: "echo ran: always", If: "always()"},
		{Name: "on failure", Run: "echo ran: failure", If: "failure()"},
	}
	return spec
}

// stolen queues a job that is refused, and then one that is admitted, whose runner GitHub
// gives to the first.
func (w *world) stolen() (refused, admitted int64) {
	refused = w.github.Queue(refusedJob())
	w.await("refusal", func() bool { return w.run(refused).Status == fleet.RunRefused })
	return refused, w.github.Queue(job("image:node:22"))
}

func (w *world) jobLog(id int64) string { return strings.Join(w.github.JobLog(id), "\n") }

const sentence = "Name an image: the base image is for nobody (rule policy.no-base-image). The job got a runner that was started for another job; it ends here, before its first step."

func TestARefusedJobOnTheRunnerOfAnother(t *testing.T) {
	w := newWorld(t, enforcing)
	refused, admitted := w.stolen()
	w.awaitEnd(admitted)
	w.await("end of the refused job", func() bool { return w.run(refused).Conclusion != "" })

	log := w.jobLog(refused)
	if !strings.Contains(log, sentence) || strings.Contains(log, "ran: ") {
		t.Errorf("the job's log is\n%s", log)
	}
	if run := w.run(refused); run.Status != fleet.RunRefused || run.Conclusion != "cancelled" || run.Rule != "policy.no-base-image" || run.RanOn == "" {
		t.Errorf("the refused run is %s with %q, by %q, on %q", run.Status, run.Conclusion, run.Rule, run.RanOn)
	}
	if run := w.run(admitted); run.Status != fleet.RunCompleted || run.Conclusion != "success" || run.Launched != 2 {
		t.Errorf("the run whose runner was taken is %s with %q after %d runners (%s)", run.Status, run.Conclusion, run.Launched, run.Reason)
	}
	taken := w.runner(w.run(refused).RanOn)
	if taken.Took != refused || taken.RunID != fleet.RunID(admitted) || taken.Judged == nil || taken.Judged.Verdict != fleet.Refused || taken.Hook != fleet.HookAsks {
		t.Errorf("the runner that was taken: %+v", taken)
	}
	w.awaitNothingLeft()
}

func TestAnAdmittedJobGoesOn(t *testing.T) {
	w := newWorld(t, enforcing)
	id := w.github.Queue(job("image:node:22"))
	w.awaitEnd(id)
	if run := w.run(id); run.Status != fleet.RunCompleted || run.Conclusion != "success" {
		t.Errorf("%s %s (%s)", run.Status, run.Conclusion, run.Reason)
	}
	log := w.jobLog(id)
	if asked := strings.Index(log, "ecsrunner: the fleet's policy admits it"); asked < 0 || asked > strings.Index(log, "hello") {
		t.Errorf("the job's log is\n%s", log)
	}
}

// The webhook about the start of the job is lost, and no sweep looks. The hook's question
// makes the job known, also one that goes to the runner of another.
func TestALostStartIsRepairedByTheHook(t *testing.T) {
	path, open := gate(t)
	w := newWorld(t, enforcing, func(c *local.Config, s *sim.Config) {
		c.SweepEvery, c.SweepGrace = time.Hour, time.Hour
		s.Deliver = func(d sim.Delivery) []sim.Delivery {
			if d.Action == fleet.JobInProgress {
				return nil
			}
			return []sim.Delivery{d}
		}
	})
	spec := jobThat(atGate(path), "image:node:22")
	first, second := w.github.Queue(spec), w.github.Queue(spec)
	for _, id := range []int64{first, second} {
		w.await("start of "+fleet.RunID(id), func() bool { return w.run(id).Status == fleet.RunRunning })
		if took := w.runner(w.run(id).RanOn).Took; took != id {
			t.Errorf("the runner of job %d has taken %d", id, took)
		}
	}
	open()
	open()
	w.awaitEnd(first, second)
}

// The fleet is away for longer than a hook waits: the job goes on, and its log says so.
func TestTheFleetIsAwayWhileAHookAsks(t *testing.T) {
	w := newWorld(t, enforcing, with(fleetAway+"=1"))
	refused, admitted := w.stolen()
	w.awaitEnd(admitted)
	w.await("end of the refused job", func() bool { return w.run(refused).Conclusion != "" })
	for _, id := range []int64{refused, admitted} {
		if log := w.jobLog(id); !strings.Contains(log, "the fleet gave no answer for 2m0s, so the job goes on without one: it could not be reached: connection refused") {
			t.Errorf("the job's log is\n%s", log)
		}
		if run := w.run(id); run.Status != fleet.RunCompleted || run.Conclusion != "success" {
			t.Errorf("%s is %s with %q", run.RunID, run.Status, run.Conclusion)
		}
	}
}

// A hook of the image's own runs as well.
func TestTheHookOfTheBaseImage(t *testing.T) {
	own := filepath.Join(t.TempDir(), "own.sh")
	if err := os.WriteFile(own, []byte("echo own hook of $GITHUB_REPOSITORY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, enforcing, with("ACTIONS_RUNNER_HOOK_JOB_STARTED="+own))
	refused, admitted := w.stolen()
	w.awaitEnd(admitted)
	if log := w.jobLog(admitted); !strings.Contains(log, "own hook of "+repository) {
		t.Errorf("the admitted job's log is\n%s", log)
	}
	w.await("end of the refused job", func() bool { return w.run(refused).Conclusion != "" })
	if log := w.jobLog(refused); strings.Contains(log, "own hook") || !strings.Contains(log, sentence) {
		t.Errorf("the refused job's log is\n%s", log)
	}
}

// An image whose entrypoint knows of no hook is noted, and its refused job is stopped by the
// webhook's way, as without enforcing.
func TestAnImageWithoutTheHook(t *testing.T) {
	w := newWorld(t, enforcing, with(oldImage+"=1"))
	refused, admitted := w.stolen()
	w.awaitEnd(refused, admitted)
	if hook := w.runner(w.run(refused).RanOn).Hook; hook != fleet.HookMissing || !strings.Contains(w.logged(), "policy is not enforced on a runner") {
		t.Errorf("the runner's hook is %q", hook)
	}
	if run := w.run(admitted); run.Conclusion != "success" {
		t.Errorf("the admitted run is %s with %q", run.Status, run.Conclusion)
	}
}

// The job's log says what its runner is, and how long it was up.
func TestTheLogOfAJobSaysWhatItsRunnerIs(t *testing.T) {
	own := filepath.Join(t.TempDir(), "own.sh")
	if err := os.WriteFile(own, []byte("echo own hook of $GITHUB_REPOSITORY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, with("ACTIONS_RUNNER_HOOK_JOB_STARTED="+own))
	id := w.github.Queue(job())
	w.awaitEnd(id)
	run, log := w.run(id), w.jobLog(id)
	for _, says := range []string{
		"own hook of " + repository + "\n::group::Runner " + run.RanOn + "\n", "class          small (", "run            " + run.RunID + ", unless", "to explain it  ecsrunner why " + run.RanOn + " --data-dir /", "\n::endgroup::\n",
		"ecsrunner: runner " + run.RanOn + " was up for ",
	} {
		if !strings.Contains(log, says) {
			t.Errorf("the job's log lacks %q:\n%s", says, log)
		}
	}
	if run.Conclusion != "success" || strings.Contains(log, "asking the fleet") {
		t.Errorf("%s:\n%s", run.Conclusion, log)
	}
}

// Without enforce_policy nothing asks, and without job_log nothing is said.
func TestWithoutEnforcing(t *testing.T) {
	w := newWorld(t, func(c *local.Config, _ *sim.Config) { c.Policy.NoJobLog = true })
	id := w.github.Queue(job())
	w.awaitEnd(id)
	if log := w.jobLog(id); strings.Contains(log, "ecsrunner:") || slices.Contains(w.github.JobLog(id), "##[group]Set up runner") {
		t.Errorf("the job's log is\n%s", log)
	}
}
