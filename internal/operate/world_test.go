package operate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

const (
	webhookURL = "https://fleet.example/webhook"
)

// ada is the operator.
var ada = fleet.Operator{By: "ada"}

// world is a fleet in virtual time: what was asked to end does so while the operator
// waits.
type world struct {
	*lifecycletest.World
	t        *testing.T
	stubborn map[string]bool // runners whose task or execution does not end
	lines    []string        // of progress
	waited   time.Duration
	onWait   func()        // if not nil
	pace     time.Duration // how much faster time passes than the operator waits
}

func newWorld(t *testing.T) *world {
	return &world{World: lifecycletest.New(t), t: t, stubborn: map[string]bool{}, pace: 1}
}

func (w *world) operator() operate.Operator {
	return operate.Operator{
		Fleet: w.Fleet(), Repositories: []string{lifecycletest.Repository}, WebhookURL: webhookURL,
		Records: w.Records, GitHub: w.GitHub, Bus: w.Bus, Executions: w.Control, Platform: w.Tasks,
		Builds: w.Builds, Definitions: w.Definitions, NewID: w.NewID,
		Wait: w.wait,
	}
}

// progress keeps what a drain reports.
func (w *world) progress(line string) { w.lines = append(w.lines, line) }

// wait lets time pass and the world go on.
func (w *world) wait(ctx context.Context, d time.Duration) error {
	if w.waited += d; w.waited > 24*time.Hour {
		w.t.Fatalf("it waits for ever:\n%s", strings.Join(w.lines, "\n"))
	}
	w.Pass(d * w.pace)
	w.Undisturbed(w.goOn)
	if w.onWait != nil {
		w.onWait()
	}
	return ctx.Err()
}

// goOn is what the platform, GitHub and the state machine do by themselves.
func (w *world) goOn() {
	ctx := context.Background()
	tasks, err := w.Tasks.Tasks(ctx)
	w.must(err)
	for _, task := range tasks {
		if task.DesiredStatus != fleet.TaskStopped || task.LastStatus == fleet.TaskStopped || w.stubborn[task.StartedBy] {
			continue
		}
		if task.StartedBy == "" {
			continue
		}
		name := fleet.RunnerName(task.StartedBy, 1)
		if r := w.GitHub.Runner(name); r != nil && r.Working {
			w.GitHub.Remove(name)
			w.finish(task.StartedBy, fleet.ConclusionCancelled)
		}
		w.dispatch(fleet.TaskEvent, w.Tasks.Ends(task.StartedBy, 0))
	}
	open, err := w.Records.OpenRunners(ctx)
	w.must(err)
	for _, r := range open {
		ended := r.Stopped() || r.Phase == fleet.Closing && r.TaskARN == ""
		if !ended || w.stubborn[r.RunnerID] {
			continue
		}
		_, _, err := w.Fleet().Finish(ctx, r.RunnerID, nil, "", "")
		w.must(err)
		w.Executions.End(r.RunnerID)
	}
}

// finish ends the job of a runner on GitHub.
func (w *world) finish(runnerID, conclusion string) {
	job := lifecycletest.Completed(w.GitHub.Has(w.Runner(runnerID).Took), conclusion)
	w.GitHub.Set(job)
	w.dispatch(fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: fleet.JobCompleted, Job: job, ReceivedAt: w.Now()})
}

func (w *world) dispatch(detailType string, detail any) {
	w.must(dispatch.Handler{Fleet: w.Fleet(), Images: w.Images}.Handle(context.Background(), w.Event(detailType, detail)))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// building launches a job whose runner waits for an image that is being built.
func (w *world) building(id int64) string {
	runnerID := w.Launch(w.Job(id))
	token := w.Executions.Token(runnerID)
	w.EditRunner(runnerID, func(r *fleet.Runner) {
		r.Status, r.TaskToken, r.WaitingFor = fleet.RunnerImageCreating, token, fleet.WaitForImage
	})
	w.Builds.Add(fmt.Sprintf("fleet-images:%d", id))
	return runnerID
}

// full is a fleet with so many busy runners, waiting runs, and a build; and beside it
// another fleet whose name begins alike, which must not be touched.
func full(t *testing.T, busy, idle, queued int) *world {
	w := newWorld(t)
	w.MaxRunners = busy + idle + 1
	id := int64(0)
	for range busy {
		id++
		w.Busy(w.Job(id))
	}
	for range idle {
		id++
		w.Idle(w.Job(id))
	}
	id++
	w.building(id)
	for range queued {
		id++
		w.Launch(w.Job(id))
	}
	for i := range 12 {
		w.Definitions.Add(fmt.Sprintf("fleet-%032x", i), w.Now())
	}
	w.Definitions.Add(fmt.Sprintf("fleet-2-%032x", 1), w.Now())
	_, _, err := w.GitHub.Register(t.Context(), lifecycletest.Repository, "fleet-2-7-1.1", nil)
	w.must(err)
	_, _, err = w.GitHub.Register(t.Context(), lifecycletest.Repository, "fleet-99-1.1", nil) // of a record that was deleted
	w.must(err)
	w.Tasks.Add("task-of-another", "fleet-2-7-1")
	w.GitHub.Hooked = []fleet.Hook{{ID: 1, URL: "https://elsewhere.example/webhook"}, {ID: 5, URL: webhookURL}}
	return w
}

// left is what is left of the fleet, and whether the other one still has everything.
func (w *world) left() (left []string) {
	ctx := w.t.Context()
	open, err := w.Records.OpenRunners(ctx)
	w.must(err)
	for _, r := range open {
		left = append(left, "open runner "+r.RunnerID)
	}
	running, err := w.Control.Running(ctx)
	w.must(err)
	for _, name := range running {
		left = append(left, "execution "+name)
	}
	tasks, err := w.Tasks.Tasks(ctx)
	w.must(err)
	for _, task := range tasks {
		if task.LastStatus != fleet.TaskStopped {
			left = append(left, "task of "+task.StartedBy)
		}
	}
	for _, name := range w.GitHub.Names() {
		left = append(left, "registration "+name)
	}
	builds, err := w.Builds.Running(ctx)
	w.must(err)
	for _, b := range builds {
		left = append(left, "build "+b)
	}
	if n := w.Definitions.Count(); n != 1 {
		left = append(left, fmt.Sprintf("%d task definitions", n))
	}
	if known, active := w.Definitions.Has(fmt.Sprintf("definition/fleet-2-%032x:1", 1)); !known || !active {
		left = append(left, "the other fleet's task definition is gone")
	}
	return left
}

// others is what left returns when nothing of the fleet is left.
var others = []string{"task of fleet-2-7-1", "registration fleet-2-7-1.1"}
