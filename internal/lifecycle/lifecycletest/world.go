// Package lifecycletest is a small simulated world for tests of the steps:
// records, executions, GitHub, a container platform, images and a clock.
//
// Every call from a step into this world is a point at which the step can be killed,
// before the call has its effect or after it: so a function dies between a side effect
// and its answer. The world is for one goroutine.
package lifecycletest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Name is the fleet's name. Its jobs come from Repository, and are of the commit HeadSHA.
const (
	Name       = "fleet"
	Repository = "octo/repo"
	HeadSHA    = "9eab1c8a2d6a0e1a4a4f0a0c7c1a5d4c7f2b3e11"
)

// World is everything outside of the steps.
type World struct {
	t   testing.TB
	now time.Time

	MaxRunners   int
	SpotRetry    int
	Keeps        *fleet.Warm // idle runners of the class small; nil is none
	Records      *Records
	Executions   *Executions
	Control      *Control
	GitHub       *GitHub
	Tasks        *Tasks
	Images       *Images
	Builds       *Builds
	Definitions  *Definitions
	Bus          *Bus
	FailedEvents *FailedEvents
	Log          *strings.Builder

	points   int
	fault    Fault
	meddle   map[string]func()
	meddling bool
	ids      int
}

// New makes an empty world.
func New(t testing.TB) *World {
	w := &World{
		t: t, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), MaxRunners: 20,
		Log: new(strings.Builder), meddle: map[string]func(){},
	}
	w.Records = &Records{w: w, runs: map[string]fleet.Run{}, runners: map[string]fleet.Runner{}, cursors: map[string]string{}, holds: map[string]fleet.Hold{}, Repairs: map[string]int{}}
	w.Executions = &Executions{w: w, inputs: map[string]string{}, open: map[string]string{}, ended: map[string]bool{}}
	w.Control = &Control{w: w, Fails: map[string]error{}}
	w.Builds = &Builds{w: w}
	w.GitHub = &GitHub{w: w, jobs: map[int64]fleet.Job{}, runners: map[string]*Runner{}, Fails: map[string]error{}, Loses: map[string]error{}, Unlisted: map[int64]bool{}, Over: map[int64]string{}, Attempts: map[int64]int{}}
	w.Tasks = &Tasks{w: w, tasks: map[string]*fleet.Task{}, byToken: map[string]string{}, params: map[string]string{}, Fails: map[string]error{}}
	w.Images = &Images{w: w, records: map[string]fleet.ImageRecord{}, owners: map[string]string{}, until: map[string]time.Time{}, lease: map[string]time.Duration{}, waiters: map[string][]string{}}
	w.Definitions = &Definitions{w: w, revisions: map[string]int{}}
	w.Bus = &Bus{w: w}
	w.FailedEvents = &FailedEvents{w: w}
	return w
}

// Fleet is the lifecycle over this world.
func (w *World) Fleet() lifecycle.Fleet {
	return lifecycle.Fleet{
		Name: Name, MaxRunners: w.MaxRunners, Limits: fleet.DefaultLimits(), SpotRetry: w.SpotRetry,
		Records: w.Records, Executions: w.Executions, GitHub: w.GitHub, Tasks: w.Tasks,
		Now: w.Now, Log: w.Logger(),
	}
}

// Notices show refusals on this world's GitHub.
func (w *World) Notices() lifecycle.Notices {
	return lifecycle.Notices{GitHub: w.GitHub, Cursors: w.Records, URL: "https://example.com/labels"}
}

// Reruns run jobs again on this world's GitHub.
func (w *World) Reruns() lifecycle.Reruns {
	return lifecycle.Reruns{GitHub: w.GitHub, Cursors: w.Records}
}

// Logger writes to the world's Log.
func (w *World) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(w.Log, nil)) }

// Policy admits jobs with the label self-hosted and the classes small and large.
func (w *World) Policy() fleet.Policy {
	return fleet.Policy{
		FleetName: Name, Repositories: []string{Repository}, DefaultClass: "small", BaseImage: "v1",
		Classes: map[string]fleet.Class{
			"small": {CPU: 1024, Memory: 2048, Warm: w.Keeps},
			"large": {CPU: 4096, Memory: 8192, Spot: true},
		},
		Registries: fleet.DefaultRegistries, MaxRunners: w.MaxRunners, SpotRetry: w.SpotRetry, Limits: fleet.DefaultLimits(),
		EnforcePolicy: w.Keeps != nil, // pools need it
	}
}

// Now reads the world's clock.
func (w *World) Now() time.Time { return w.now }

// Pass lets time pass.
func (w *World) Pass(d time.Duration) { w.now = w.now.Add(d) }

// NewID makes an id that was not there before.
func (w *World) NewID() string {
	w.ids++
	return fmt.Sprintf("id-%d", w.ids)
}

// Job is a queued job of the repository, and GitHub knows it.
func (w *World) Job(id int64, labels ...string) fleet.Job {
	if len(labels) == 0 {
		labels = []string{"self-hosted"}
	}
	created := w.now
	job := fleet.Job{
		JobID: id, WorkflowRunID: 1, Repository: Repository, Private: true, Name: "build", WorkflowName: "CI", HeadSHA: HeadSHA,
		Labels: labels, Status: fleet.JobQueued, CreatedAt: &created,
	}
	w.GitHub.Set(job)
	return job
}

// InProgress returns the job as it is while the runner with that name has it.
func InProgress(job fleet.Job, runnerName string) fleet.Job {
	job.Status, job.RunnerName = fleet.JobInProgress, runnerName
	return job
}

// Completed returns the job as it is at its end.
func Completed(job fleet.Job, conclusion string) fleet.Job {
	job.Status, job.Conclusion = fleet.JobCompleted, conclusion
	return job
}

// Waiting returns the job as it is while its environment waits for an approval.
func Waiting(job fleet.Job) fleet.Job {
	job.Status = fleet.JobWaiting
	return job
}

// Run reads a run's record, without faults.
func (w *World) Run(id string) fleet.Run {
	w.t.Helper()
	run, ok := w.Records.runs[id]
	if !ok {
		w.t.Fatalf("there is no run %s", id)
	}
	return run
}

// Runner reads a runner's record, without faults.
func (w *World) Runner(id string) fleet.Runner {
	w.t.Helper()
	runner, ok := w.Records.runners[id]
	if !ok {
		w.t.Fatalf("there is no runner %s", id)
	}
	return runner
}

// EditRunner changes a runner's record as another process would.
func (w *World) EditRunner(id string, edit func(*fleet.Runner)) {
	w.t.Helper()
	runner := w.Runner(id)
	edit(&runner)
	runner.Version++
	w.Records.runners[id] = runner
}

// EditRun changes a run's record as another process would.
func (w *World) EditRun(id string, edit func(*fleet.Run)) {
	w.t.Helper()
	run := w.Run(id)
	edit(&run)
	run.Version++
	w.Records.runs[id] = run
}

// Launch queues the job and returns its runner's id.
func (w *World) Launch(job fleet.Job) string {
	w.t.Helper()
	if err := w.Fleet().Queued(w.t.Context(), job, w.Policy().Wants(job), w.now); err != nil {
		w.t.Fatal(err)
	}
	return w.Run(fleet.RunID(job.JobID)).RunnerID
}

// Up queues the job and brings its runner to the point where its task runs and RunTask
// waits for a job.
func (w *World) Up(job fleet.Job) string {
	w.t.Helper()
	id := w.Launch(job)
	w.up(id)
	return id
}

// up brings a launched runner to where its task runs.
func (w *World) up(id string) {
	token := w.Executions.Token(id)
	task, err := w.Tasks.Launch(w.t.Context(), fleet.TaskLaunch{RunnerID: id, ClientToken: id + ".0"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Tasks.tasks[task.ARN].LastStatus = fleet.TaskRunning
	w.EditRunner(id, func(r *fleet.Runner) {
		r.TaskARN, r.TaskStatus, r.TaskVersion = task.ARN, fleet.TaskRunning, 1
		r.TaskToken, r.WaitingFor = token, fleet.WaitForJob
		*r = r.Mark(fleet.StageTaskStarted, w.now)
	})
}

// Idle is Up for a runner that has registered and waits for a job.
func (w *World) Idle(job fleet.Job) string {
	w.t.Helper()
	id := w.Up(job)
	w.register(id)
	w.EditRun(w.Runner(id).RunID, func(r *fleet.Run) { *r = r.Follow(w.Runner(id)) })
	return id
}

// Pool is a pool of so many warm runners of the class small.
func (w *World) Pool(warm fleet.Warm) fleet.Pool {
	w.t.Helper()
	was := w.Keeps
	w.Keeps = &warm
	pools, err := w.Policy().Pools()
	w.Keeps = was
	if err != nil {
		w.t.Fatal(err)
	}
	return pools[0]
}

// Warm has a pool keep so many runners, fills it, and brings them to where they idle. It
// returns those that idle, sorted.
func (w *World) Warm(count int) (ids []string) {
	w.t.Helper()
	w.Keeps = &fleet.Warm{Count: count}
	if _, why, err := w.Fleet().FillPool(w.t.Context(), w.Pool(fleet.Warm{Count: count}), 0, count, func() bool { return false }); err != nil || why != "" {
		w.t.Fatal(why, err)
	}
	for _, id := range slices.Sorted(maps.Keys(w.Records.capacity.Warm)) {
		if ids = append(ids, id); w.Runner(id).TaskARN == "" {
			w.up(id)
			w.register(id)
		}
	}
	return ids
}

// Capacity reads the capacity, without faults.
func (w *World) Capacity() fleet.Capacity { return w.Records.capacity }

// register registers a runner that is up.
func (w *World) register(id string) {
	reg, _, err := w.GitHub.Register(w.t.Context(), Repository, fleet.RunnerName(id, 1), w.Runner(id).Labels)
	if err != nil {
		w.t.Fatal(err)
	}
	w.GitHub.runners[reg.Name].Online = true
	w.EditRunner(id, func(r *fleet.Runner) {
		r.Claims, r.NonceHash, r.RegistrationID = 1, fleet.NonceHash("nonce"), reg.ID
		*r = r.Progress(fleet.RunnerWaitingForJob).Mark(fleet.StageClaimed, w.now).Mark(fleet.StageRegistered, w.now)
	})
}

// Busy is Idle for a runner that has taken its own job, while AwaitCompletion waits for
// the job's end.
func (w *World) Busy(job fleet.Job) string {
	w.t.Helper()
	id := w.Idle(job)
	running := InProgress(job, fleet.RunnerName(id, 1))
	w.GitHub.Set(running)
	w.GitHub.runners[running.RunnerName].Working = true
	if err := w.Fleet().Took(w.t.Context(), running, id, w.now); err != nil {
		w.t.Fatal(err)
	}
	token := w.Executions.Token(id)
	w.EditRunner(id, func(r *fleet.Runner) { r.TaskToken, r.WaitingFor = token, fleet.WaitForStopped })
	return id
}

// Event is an entry on the bus.
func (w *World) Event(detailType string, detail any) fleet.Event {
	w.t.Helper()
	text, err := json.Marshal(detail)
	if err != nil {
		w.t.Fatal(err)
	}
	return fleet.Event{ID: w.NewID(), DetailType: detailType, Time: w.now, Detail: text}
}

// State returns sorted lines of everything that a repetition must not change. It leaves
// out what may differ: versions, times, which token, which claim.
func (w *World) State() string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, r := range w.Records.runs {
		setback := fleet.Setback{}
		if r.Setback != nil {
			setback = *r.Setback
		}
		add("run %s: %s, expects %q, ran on %q, launched %d, fruitless %d, waits for room %t, conclusion %q, setback %q %d, waits for %q",
			r.RunID, r.Status, r.RunnerID, r.RanOn, r.Launched, r.Fruitless, r.WaitsForRoom, r.Conclusion, setback.Name, setback.InARow, setback.Hold)
	}
	for _, r := range w.Records.runs {
		if r.Notice != nil {
			add("the refusal of %s is %s", r.RunID, r.Notice)
		}
	}
	for _, r := range w.Records.runs {
		if r.Rerun != nil {
			add("of %s: %s", r.RunID, r.Rerun)
		}
	}
	for _, id := range w.GitHub.Reruns {
		add("GitHub has run %d again", id)
	}
	for _, r := range w.GitHub.Refusals {
		add("GitHub shows %d of %s at %s: %s", r.Number, r.Workflow, r.SHA, r.Reason)
	}
	for _, h := range w.Records.holds {
		if !h.Shown() {
			continue // it holds no run, and is forgotten after a while
		}
		add("hold %s: %s, %d in a row, %d at once, tried by %q", h.Key, h.Name, h.InARow, h.Width, h.Tries)
	}
	for _, r := range w.Records.runners {
		add("runner %s: %s, %s, for %q, took %d, task %q %s, rung %d, waits for %q, failure %q",
			r.RunnerID, r.Phase, r.Status, r.For, r.Took, r.TaskARN, r.TaskStatus, r.Rung, r.WaitingFor, r.FailureName)
	}
	for _, id := range slices.Sorted(maps.Keys(w.Records.capacity.Warm)) {
		add("runner %s idles, and gives way to %q", id, w.Records.capacity.Warm[id].GivesWayTo)
	}
	add("open runners: %d, of rules %v, paused %q", w.Records.capacity.Open, w.Records.capacity.OpenOfRule, w.Records.capacity.Paused)
	for name := range w.Executions.inputs {
		add("execution %s", name)
	}
	for _, s := range w.Executions.Signals {
		add("signal %s", s)
	}
	for arn, task := range w.Tasks.tasks {
		add("task %s: %s, wanted %s", arn, task.LastStatus, task.DesiredStatus)
	}
	live := map[string]int{}
	for name := range w.GitHub.runners {
		id, _, _ := strings.Cut(name, ".")
		live[id]++
	}
	for id, n := range live {
		add("registrations of %s: %d", id, n)
	}
	for tag, r := range w.Images.records {
		add("image %s: revision %d %s, outdated %q, rebuild %q, failed %t", tag, r.Revision, r.Digest, r.Outdated, r.Rebuild, r.Failure != nil)
	}
	for tag, owner := range w.Images.owners {
		add("build of %s: %s", tag, owner)
	}
	for tag, ids := range w.Images.waiters {
		add("waiters of %s: %s", tag, ids)
	}
	for _, b := range w.Images.Builds {
		add("started to build %s", b)
	}
	for _, d := range w.Definitions.kept {
		add("task definition %s: active %t", d.ARN, d.Active)
	}
	for _, e := range w.FailedEvents.kept {
		add("failed event %s %s", e.Event.DetailType, e.Event.Source)
	}
	for _, e := range w.Bus.Events {
		add("event %s %s", e.DetailType, e.Source)
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}
