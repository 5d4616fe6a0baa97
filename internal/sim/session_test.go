package sim_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

func spec(name string, labels ...string) sim.JobSpec {
	return sim.JobSpec{Name: name, Workflow: "w", Labels: labels, Steps: []sim.StepSpec{{Run: "echo one\necho two"}, {Name: "second", Run: "true"}}}
}

func TestTheOldestJobGoesToARunnerWithItsLabels(t *testing.T) {
	w := newWorld(t, sim.Config{})
	large := w.Queue(spec("large", "self-hosted", "class:large"))
	older := w.Queue(spec("older", "Self-Hosted", "CLASS:small"))
	newer := w.Queue(spec("newer", "class:small"))

	// This runner was launched for the newer job. GitHub does not care.
	w.start("for-newer", "self-hosted", "linux", "class:small").take(older)
	w.start("for-older", "self-hosted", "linux", "class:small").take(newer)
	w.start("big", "self-hosted", "class:large").take(large)

	if j := w.job(older); j.RunnerName != "for-newer" || j.Status != "in_progress" {
		t.Errorf("the older job is %s on %q", j.Status, j.RunnerName)
	}
}

func TestAWaitingRunnerGetsAJobAtOnce(t *testing.T) {
	w := newWorld(t, sim.Config{PollFor: 20 * time.Second})
	r := w.start("r", "x")
	told := make(chan int64)
	go func() {
		_, _, job := r.poll()
		told <- job
	}()
	w.clock.Await(20 * time.Second)
	w.Queue(spec("other", "y"))
	id := w.Queue(spec("j", "x"))
	if got := <-told; got != id {
		t.Errorf("the runner was told of job %d, want %d", got, id)
	}
}

func TestAQuestionWithoutAnswerEnds(t *testing.T) {
	w := newWorld(t, sim.Config{PollFor: 20 * time.Second})
	r := w.start("r", "x")
	told := make(chan int)
	go func() {
		status, _, _ := r.poll()
		told <- status
	}()
	w.clock.Await(20 * time.Second)
	w.clock.Advance(20 * time.Second)
	if got := <-told; got != http.StatusNoContent {
		t.Errorf("the answer is %d, want 204", got)
	}
}

func TestAJobThatWasNotAcceptedIsQueuedAgain(t *testing.T) {
	for name, breakOff := range map[string]func(*world, *agent){
		"the session closes":       func(_ *world, a *agent) { a.ask("DELETE", protocol.SessionPath(a.session), nil) },
		"the session falls silent": func(w *world, _ *agent) { w.clock.Advance(30 * time.Second) },
		"it takes too long": func(w *world, a *agent) {
			w.clock.Advance(20 * time.Second)
			a.poll()
			w.clock.Advance(20 * time.Second)
			a.poll()
			w.clock.Advance(20 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sim.Config{LostAfter: 30 * time.Second})
			id := w.Queue(spec("j", "x"))
			a := w.start("a", "x")
			if _, _, got := a.poll(); got != id {
				t.Fatalf("told of %d", got)
			}
			if r := w.Runners()[0]; !r.Busy || r.JobID != id || w.job(id).Status != "queued" {
				t.Errorf("given but not accepted: runner is %+v, job %s", r, w.job(id).Status)
			}
			breakOff(w, a)
			if r := w.Runners()[0]; r.Busy {
				t.Errorf("afterwards the runner is %+v", r)
			}
			if got := a.tell(id, "accept", nil); got != http.StatusGone && got != http.StatusNotFound {
				t.Errorf("a late accept gets %d", got)
			}
			w.start("b", "x").take(id)
		})
	}
}

func TestARunnerThatVanishesFailsItsJob(t *testing.T) {
	w := newWorld(t, sim.Config{})
	id := w.Queue(spec("j", "x"))
	r := w.start("r", "x")
	r.take(id)
	r.tell(id, "step", protocol.StepResult{Index: 0})
	w.clock.Advance(59 * time.Second)
	if j := w.job(id); j.Status != "in_progress" {
		t.Fatalf("after 59 s the job is %s", j.Status)
	}
	w.clock.Advance(time.Second)
	j := w.job(id)
	if j.Status != "completed" || j.Conclusion != "failure" || j.RunnerName != "r" {
		t.Errorf("the job is %s %s on %q", j.Status, j.Conclusion, j.RunnerName)
	}
	if log := strings.Join(w.JobLog(id), "\n"); !strings.Contains(log, "simulated GitHub: runner r lost communication with the server") {
		t.Errorf("the log is %s", log)
	}
	if len(w.Runners()) != 0 {
		t.Errorf("its registration is still there: %+v", w.Runners())
	}
	if got := r.tell(id, "complete", protocol.Result{Conclusion: "success"}); got != http.StatusGone {
		t.Errorf("a late completion gets %d, want 410", got)
	}
}

func TestAnIdleRunnerThatVanishesIsOffline(t *testing.T) {
	w := newWorld(t, sim.Config{})
	w.start("r", "x")
	w.clock.Advance(time.Minute)
	if r := w.Runners(); len(r) != 1 || r[0].Online {
		t.Errorf("runners are %+v", r)
	}
	w.clock.Advance(24 * time.Hour)
	if r := w.Runners(); len(r) != 0 {
		t.Errorf("a day later runners are %+v", r)
	}
}

func TestAConfigWorksOnce(t *testing.T) {
	w := newWorld(t, sim.Config{})
	r := w.start("r", "x")
	if got := r.open(); got != http.StatusConflict {
		t.Errorf("a second session gets %d, want 409", got)
	}
	thief := *r
	thief.reg.Secret = "guess"
	if got := thief.open(); got != http.StatusUnauthorized {
		t.Errorf("a wrong secret gets %d, want 401", got)
	}
	thief.reg.RunnerID = 1
	if got := thief.open(); got != http.StatusNotFound {
		t.Errorf("an unknown registration gets %d, want 404", got)
	}
}

func TestADeletedRunnerIsToldSo(t *testing.T) {
	w := newWorld(t, sim.Config{PollFor: 20 * time.Second})
	r := w.start("r", "x")
	told := make(chan int)
	go func() {
		status, _, _ := r.poll()
		told <- status
	}()
	w.clock.Await(20 * time.Second)
	if got := w.api("DELETE", "/actions/runners/"+itoa(r.reg.RunnerID), nil); got.status != http.StatusNoContent {
		t.Fatalf("delete: %d", got.status)
	}
	if got := <-told; got != http.StatusGone {
		t.Errorf("the waiting runner gets %d, want 410", got)
	}
	if got := r.open(); got != http.StatusNotFound {
		t.Errorf("its config gets %d, want 404", got)
	}
}

func TestCancelBeforeTheStart(t *testing.T) {
	for name, prepare := range map[string]func(*world) int64{
		"a queued job":  func(w *world) int64 { return w.Queue(spec("j", "x")) },
		"a waiting job": func(w *world) int64 { s := spec("j", "x"); s.Environment = "prod"; return w.Queue(s) },
		"a job that was given away but not accepted": func(w *world) int64 {
			id := w.Queue(spec("j", "x"))
			w.start("r", "x").poll()
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sim.Config{})
			id := prepare(w)
			if err := w.Cancel(id); err != nil {
				t.Fatal(err)
			}
			got := w.api("GET", "/actions/jobs/"+itoa(id), nil).body
			want := map[string]any{"status": "completed", "conclusion": "cancelled", "runner_id": 0.0, "runner_name": "", "steps": []any{}}
			for key, value := range want {
				if diff := cmp.Diff(value, got[key]); diff != "" {
					t.Errorf("%s: %s", key, diff)
				}
			}
			if err := w.Cancel(id); err == nil {
				t.Error("a second cancel is accepted")
			}
			for _, r := range w.Runners() {
				if r.Busy {
					t.Errorf("runner is %+v", r)
				}
			}
		})
	}
}

func TestCancelWhileItRuns(t *testing.T) {
	start := func(t *testing.T) (*world, *agent, int64) {
		w := newWorld(t, sim.Config{LostAfter: time.Hour})
		id := w.Queue(spec("j", "x"))
		r := w.start("r", "x")
		r.take(id)
		if err := w.Cancel(id); err != nil {
			t.Fatal(err)
		}
		return w, r, id
	}
	t.Run("the runner is told and ends it", func(t *testing.T) {
		w, r, id := start(t)
		if status, kind, _ := r.poll(); kind != protocol.CancelMessage {
			t.Fatalf("the runner was told %d %q", status, kind)
		}
		r.finish(id, protocol.Cancelled)
		if j := w.job(id); j.Conclusion != "cancelled" || j.RunnerName != "r" {
			t.Errorf("the job is %s on %q", j.Conclusion, j.RunnerName)
		}
	})
	t.Run("a deaf runner loses it after five minutes", func(t *testing.T) {
		w, _, id := start(t)
		w.clock.Advance(5 * time.Minute)
		if j := w.job(id); j.Conclusion != "cancelled" {
			t.Errorf("the job is %s %s", j.Status, j.Conclusion)
		}
	})
}

func TestNobodyWaitsForEver(t *testing.T) {
	w := newWorld(t, sim.Config{})
	id := w.Queue(spec("j", "x"))
	w.register("r", "y")
	w.clock.Advance(24 * time.Hour)
	if j := w.job(id); j.Conclusion != "cancelled" {
		t.Errorf("after a day in the queue the job is %s %s", j.Status, j.Conclusion)
	}
	if len(w.Runners()) != 0 {
		t.Error("after a day offline the registration is still there")
	}
}

func TestStepsAndLog(t *testing.T) {
	w := newWorld(t, sim.Config{})
	id := w.Queue(spec("j", "x"))
	r := w.start("r", "x")
	r.take(id)
	w.clock.Advance(time.Second)
	r.tell(id, "step", protocol.StepResult{Index: 0})
	r.tell(id, "log", protocol.Log{Lines: []string{"one", "two"}})
	w.clock.Advance(time.Second)
	r.tell(id, "step", protocol.StepResult{Index: 0, Conclusion: "failure"})
	r.finish(id, protocol.Failure)

	t0 := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	t1, t2 := t0.Add(time.Second), t0.Add(2*time.Second)
	want := []sim.Step{
		{Number: 1, Name: "Set up job", Status: "completed", Conclusion: "success", StartedAt: t0, CompletedAt: t1},
		{Number: 2, Name: "Run echo one", Status: "completed", Conclusion: "failure", StartedAt: t1, CompletedAt: t2},
		{Number: 3, Name: "second", Status: "completed", Conclusion: "skipped", StartedAt: t2, CompletedAt: t2},
		{Number: 4, Name: "Complete job", Status: "completed", Conclusion: "success", StartedAt: t2, CompletedAt: t2},
	}
	if diff := cmp.Diff(want, w.job(id).Steps); diff != "" {
		t.Error(diff)
	}
	wantLog := []string{
		`simulated GitHub: job "j" was taken by runner r`, "one", "two",
		`simulated GitHub: job "j" completed with conclusion failure`,
	}
	if diff := cmp.Diff(wantLog, w.JobLog(id)); diff != "" {
		t.Error(diff)
	}
	if got := r.tell(id, "step", protocol.StepResult{Index: 0}); got != http.StatusGone {
		t.Errorf("after the job the runner gets %d, want 410", got)
	}
}

func TestNonsenseFromARunnerChangesNothing(t *testing.T) {
	w := newWorld(t, sim.Config{})
	id := w.Queue(spec("j", "x"))
	r := w.start("r", "x")
	r.take(id)
	before := w.job(id)
	for name, tc := range map[string]struct {
		job  int64
		what string
		body any
		want int
	}{
		"a step that is not there":     {id, "step", protocol.StepResult{Index: 2}, http.StatusUnprocessableEntity},
		"a conclusion that is none":    {id, "complete", protocol.Result{Conclusion: "fine"}, http.StatusUnprocessableEntity},
		"what is not JSON":             {id, "log", "{", http.StatusUnprocessableEntity},
		"a job that is not its own":    {id + 1, "complete", protocol.Result{Conclusion: "success"}, http.StatusNotFound},
		"an address that is not known": {id, "dance", nil, http.StatusNotFound},
	} {
		if got := r.tell(tc.job, tc.what, tc.body); got != tc.want {
			t.Errorf("%s gets %d, want %d", name, got, tc.want)
		}
	}
	if diff := cmp.Diff(before, w.job(id)); diff != "" {
		t.Error(diff)
	}
}

func TestCloseEndsEveryQuestion(t *testing.T) {
	w := newWorld(t, sim.Config{PollFor: 20 * time.Second})
	r := w.start("r", "x")
	told := make(chan int)
	go func() {
		status, _, _ := r.poll()
		told <- status
	}()
	w.clock.Await(20 * time.Second)
	w.Close()
	w.Close()
	if got := <-told; got != http.StatusServiceUnavailable {
		t.Errorf("the waiting runner gets %d, want 503", got)
	}
	if err := w.Wait(t.Context(), func() bool { return false }); err == nil {
		t.Error("waiting for a closed server ends without an error")
	}
}
