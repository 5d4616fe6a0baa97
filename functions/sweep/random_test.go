package sweep_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// history plays the real steps over the simulated world, minute by minute. While
// it is rough, events are lost, functions are killed, and executions vanish.
type history struct {
	t      *testing.T
	w      *world
	random *rand.Rand
	rough  bool
	jobs   []int64
	states map[string]*execution
	until  map[int64]time.Time // when a job that runs will end
}

// execution is as much of the state machine as the sweep depends on.
type execution struct {
	state   string
	doc     fleet.Document
	seen    int // signals before its token
	waits   bool
	timeout time.Time
}

var key = []byte("claim key")

func (h *history) chance(percent int) bool { return h.random.IntN(100) < percent }

// does calls a function, which may be killed at some point or get an error there.
func (h *history) does(call func() error) error {
	var f lifecycletest.Fault
	if h.rough && h.chance(25) {
		f = lifecycletest.Fault{Point: 1 + h.random.IntN(12), After: h.chance(50), Error: h.chance(50)}
	}
	died, err := h.w.Suffer(f, call)
	if died {
		err = fmt.Errorf("killed")
	}
	if err != nil && !h.rough && fleet.ErrorName(err) == "" {
		h.t.Errorf("without a fault: %v", err)
	}
	return err
}

// tell is an event, which may get lost.
func (h *history) tell(detailType string, detail any) {
	if h.rough && h.chance(35) {
		return
	}
	e := h.w.Event(detailType, detail)
	_ = h.does(func() error {
		return dispatch.Handler{Fleet: h.w.Fleet(), Images: h.w.Images}.Handle(context.Background(), e)
	})
}

func (h *history) tellJob(job fleet.Job) {
	h.w.GitHub.Set(job)
	h.tell(fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: job.Status, Delivery: h.w.NewID(), ReceivedAt: h.w.Now(), Job: job})
}

func (h *history) minute() {
	h.giveJobs()
	h.endJobs()
	h.containers()
	h.executions()
	_ = h.does(func() error { _, err := run(h.w); return err })
	events := h.w.Bus.Events
	h.w.Bus.Events = nil
	for _, e := range events {
		if e.Source == fleet.SweepSource {
			_ = h.does(func() error {
				return dispatch.Handler{Fleet: h.w.Fleet(), Images: h.w.Images}.Handle(context.Background(), e)
			})
		}
	}
	h.w.Pass(time.Minute)
}

// giveJobs has GitHub give queued jobs to any idle runner with their labels.
func (h *history) giveJobs() {
	for _, id := range h.jobs {
		job := h.w.GitHub.Has(id)
		if job.Status != fleet.JobQueued {
			continue
		}
		var idle []string
		for _, name := range h.w.GitHub.Names() {
			if r := h.w.GitHub.Runner(name); r.Online && !r.Working && fleet.CanRun(r.Labels, job) {
				idle = append(idle, name)
			}
		}
		if len(idle) == 0 {
			continue
		}
		name := idle[h.random.IntN(len(idle))]
		h.w.GitHub.Runner(name).Working = true
		h.until[id] = h.w.Now().Add(time.Duration(h.random.IntN(40)) * time.Minute)
		h.tellJob(started(h.w, inProgress(job, name)))
	}
}

func (h *history) endJobs() {
	for _, id := range h.jobs {
		job := h.w.GitHub.Has(id)
		switch {
		case job.Status == fleet.JobQueued && h.rough && h.chance(3):
			h.w.GitHub.Unlisted[id] = true
			h.tellJob(ended(h.w, completed(job, fleet.ConclusionCancelled)))
		case job.Status == fleet.JobInProgress && !h.w.Now().Before(h.until[id]):
			h.w.GitHub.Unlisted[id] = true
			h.w.GitHub.Remove(job.RunnerName)
			runnerID, _, _ := strings.Cut(job.RunnerName, ".")
			h.tellJob(ended(h.w, completed(job, "success")))
			if task := h.w.Tasks.Of(runnerID); task.LastStatus != fleet.TaskStopped {
				h.tell(fleet.TaskEvent, h.w.Tasks.Ends(runnerID, 0))
			}
		}
	}
}

func (h *history) containers() {
	tasks, _ := h.w.Tasks.Tasks(context.Background())
	for _, task := range tasks {
		id := task.StartedBy
		switch {
		case task.LastStatus == fleet.TaskStopped:
		case task.DesiredStatus == fleet.TaskStopped:
			for _, name := range h.w.GitHub.Names() {
				if r := h.w.GitHub.Runner(name); strings.HasPrefix(name, id+".") {
					if r.Working {
						h.t.Errorf("%s was stopped while it had a job", name)
					}
					r.Online = false
				}
			}
			h.tell(fleet.TaskEvent, h.w.Tasks.Ends(id, 143))
		case task.LastStatus == fleet.TaskPending:
			h.tell(fleet.TaskEvent, h.w.Tasks.Runs(id))
		default:
			h.claims(id)
		}
	}
}

func (h *history) claims(id string) {
	for _, name := range h.w.GitHub.Names() {
		if strings.HasPrefix(name, id+".") && h.w.GitHub.Runner(name).Online {
			return
		}
	}
	var reply claim.Reply
	err := h.does(func() error {
		reply = claim.Handler{Fleet: h.w.Fleet(), GitHub: h.w.GitHub, Keys: [][]byte{key}, Log: h.w.Logger()}.Handle(context.Background(),
			claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce of " + id})
		return nil
	})
	switch {
	case err != nil || reply.Status == 503 || reply.Status == 200 && h.rough && h.chance(20): // the answer got lost
	case reply.Status == 200:
		h.w.GitHub.Runner(reply.Body.RunnerName).Online = true
	default:
		h.tell(fleet.TaskEvent, h.w.Tasks.Ends(id, fleet.ExitClaimGone))
	}
}

func (h *history) executions() {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(h.w.Executions.Starts))) {
		e := h.states[id]
		if e == nil {
			if h.w.Executions.Input(id) == "" {
				continue
			}
			if h.rough && h.chance(10) {
				h.w.Executions.Forget(id) // StartExecution never came
				continue
			}
			e = &execution{state: "RunTask"}
			h.states[id] = e
		}
		if e.state != "" && h.rough && h.chance(2) {
			h.w.Executions.End(id) // an operator aborts it
			e.state = ""
		}
		for range 4 {
			if e.state == "" || !h.step(id, e) {
				break
			}
		}
	}
}

// step makes a step of an execution and reports whether it goes on at once.
func (h *history) step(id string, e *execution) bool {
	if e.waits {
		return h.wait(id, e)
	}
	call := fleet.Call{RunnerID: id, State: e.state, Document: e.doc}
	if e.state == "RunTask" || e.state == recordstatus.AwaitCompletion {
		call.TaskToken = h.w.Executions.Token(id)
		e.seen = len(h.w.Executions.Signals)
	}
	size := fleet.Class{CPU: 1024, Memory: 2048}
	call.Document.Plan = &fleet.Plan{Decision: fleet.Admitted, Size: &size}
	call.Document.TaskDefinition = &fleet.TaskDefinitionPart{ARN: "definition"}
	var waits fleet.Wait
	err := h.does(func() (err error) {
		switch e.state {
		case "RunTask":
			_, err = runtask.Step{Fleet: h.w.Fleet(), Launcher: h.w.Tasks, ClaimURL: "https://fleet.example", ClaimKey: key}.Run(context.Background(), call)
		case "InspectRunner":
			waits, err = inspectrunner.Step{Fleet: h.w.Fleet(), Budgets: h.w.GitHub, Platform: h.w.Tasks}.Run(context.Background(), call)
		default:
			_, err = recordstatus.Step{Fleet: h.w.Fleet(), Bus: h.w.Bus, NewID: h.w.NewID}.Run(context.Background(), call)
		}
		return err
	})
	switch {
	case fleet.IsNamed(err, fleet.RunnerNotWanted):
		e.state = recordstatus.RecordStatus
	case err != nil:
		return false // Step Functions tries again
	case e.state == "RunTask":
		e.waits, e.timeout = true, h.w.Now().Add(fleet.DefaultLimits().Idle)
	case e.state == recordstatus.AwaitCompletion:
		e.waits, e.timeout = true, h.w.Now().Add(fleet.DefaultLimits().Inspect)
	case e.state == "InspectRunner":
		e.doc.Wait = &waits
		e.state = map[string]string{
			fleet.OutcomeBusy: recordstatus.AwaitCompletion, fleet.OutcomeWaiting: "RunTask",
			fleet.OutcomeStopped: recordstatus.RecordStatus, fleet.OutcomeReaped: recordstatus.RecordFailure,
		}[waits.Outcome]
	default:
		e.state = ""
		h.w.Executions.End(id)
	}
	return true
}

func (h *history) wait(id string, e *execution) bool {
	for _, signal := range h.w.Executions.Signals[e.seen:] {
		what, ours := strings.CutPrefix(signal, id+" ")
		if !ours {
			continue
		}
		e.waits = false
		name, cause, _ := strings.Cut(strings.TrimPrefix(what, "failed "), ": ")
		switch {
		case !strings.HasPrefix(what, "failed ") && e.state == "RunTask":
			e.state = recordstatus.AwaitCompletion
		case !strings.HasPrefix(what, "failed "), name == fleet.RunnerNotWanted:
			e.state = recordstatus.RecordStatus
		default:
			e.state, e.doc.Error = recordstatus.RecordFailure, &fleet.CaughtError{Error: name, Cause: cause}
		}
		return true
	}
	if h.w.Now().Before(e.timeout) {
		return false
	}
	h.w.Executions.TimeOut(id)
	e.state, e.waits = "InspectRunner", false
	return true
}

// unrest returns what is wrong after a quiet time; "" if nothing.
func (h *history) unrest() string {
	var is []string
	open, _ := h.w.Records.OpenRunners(context.Background())
	for _, r := range open {
		is = append(is, "open runner "+r.RunnerID)
	}
	for _, id := range h.jobs {
		job := h.w.GitHub.Has(id)
		run, known, _ := h.w.Records.Run(context.Background(), fleet.RunID(id))
		if job.Status != fleet.JobCompleted && run.Status != fleet.RunFailed {
			is = append(is, fmt.Sprintf("job %d is %s, its run %s expects %q", id, job.Status, run.Status, run.RunnerID))
		}
		if known && !run.Status.Terminal() {
			is = append(is, fmt.Sprintf("%s is %s (%s) and its job %s on %q", run.RunID, run.Status, run.Reason, job.Status, job.RunnerName))
		}
	}
	tasks, _ := h.w.Tasks.Tasks(context.Background())
	for _, task := range tasks {
		if task.LastStatus != fleet.TaskStopped {
			is = append(is, "task of "+task.StartedBy)
		}
	}
	for _, name := range h.w.GitHub.Names() {
		is = append(is, "registration "+name)
	}
	if capacity, _ := h.w.Records.Capacity(context.Background()); capacity.Open != len(open) {
		is = append(is, fmt.Sprintf("%d runners are counted", capacity.Open))
	}
	return strings.Join(is, "\n")
}

// TestRandomHistories loses a third of all events, kills and fails functions at random
// points, forgets executions and aborts some. When that is over, the world must come to
// rest by itself: every job has run, every run has ended, and nothing is left.
func TestRandomHistories(t *testing.T) {
	seeds := 300 // of three or four jobs each
	if testing.Short() {
		seeds = 50
	}
	longest, failed, unheard, unrecorded := 0, 0, 0, 0
	counts := map[string]int{}
	for seed := range uint64(seeds) {
		w := lifecycletest.New(t)
		h := &history{t: t, w: w, random: rand.New(rand.NewPCG(seed, 1)), rough: true, states: map[string]*execution{}, until: map[int64]time.Time{}}
		w.MaxRunners = 1 + h.random.IntN(5)
		for id := range int64(2 + h.random.IntN(4)) {
			labels := [][]string{{"self-hosted"}, {"self-hosted", "class:large"}}[h.random.IntN(2)]
			h.jobs = append(h.jobs, id+1)
			h.tellJob(w.Job(id+1, labels...))
			for range h.random.IntN(8) {
				h.minute()
			}
		}
		for range 10 {
			h.minute()
		}
		h.rough = false
		quiet := 0
		for h.unrest() != "" && quiet < 8*60 && !t.Failed() {
			h.minute()
			quiet++
		}
		if is := h.unrest(); is != "" || t.Failed() {
			t.Fatalf("seed %d: after %d quiet minutes:\n%s\n\n%s", seed, quiet, is, w.State())
		}
		longest = max(longest, quiet)
		for cause, n := range w.Records.Repairs {
			counts[cause] += n
		}
		for _, id := range h.jobs {
			run, known, _ := w.Records.Run(t.Context(), fleet.RunID(id))
			switch {
			case known:
			case w.GitHub.Has(id).RunnerName != "":
				unrecorded++
			default:
				unheard++
			}
			if run.Status == fleet.RunFailed {
				failed++
			}
		}
	}
	t.Logf("the longest way to rest took %d minutes; repairs: %v", longest, counts)
	t.Logf("%d runs failed; never heard of were %d cancelled jobs and %d that ran on our runners", failed, unheard, unrecorded)
}
