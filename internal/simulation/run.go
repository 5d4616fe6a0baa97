package simulation

import (
	"cmp"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

// Watch says where a history is written to; the zero value is nowhere.
type Watch struct {
	// Trace gets a line for everything that happens.
	Trace func(at time.Time, line string)
	// Story gets what became of every run in the end, as `ecsrunner runs show` has it.
	Story io.Writer
}

// Run plays a scenario from a seed to its end and judges it.
func Run(s Scenario, seed uint64, watch Watch) Result {
	w := newWorld(s, seed, watch.Trace, false)
	defer w.k.Close()
	defer w.explain(seed)
	w.play(func() bool { return true })
	w.judge.final()
	result := w.result()
	if found := w.judge.waitsOrIsLeft(); len(found) > 0 {
		w.playUntil(w.k.Now().Add(looksApart))
		w.judge.still(found)
		result.Violations = w.judge.violations
	}
	if watch.Story != nil {
		if err := w.tell(watch.Story); err != nil {
			panic(err)
		}
	}
	return result
}

// explain says of a panic in which history it was.
func (w *World) explain(seed uint64) {
	if cause := recover(); cause != nil {
		panic(fmt.Sprintf("seed %d of %q, after %s: %v\n%s", seed, w.scenario.Name, w.k.Since(), cause, debug.Stack()))
	}
}

// turnsAtOnce is how many turns are played before play asks again.
const turnsAtOnce = 2000

// play lets everything happen until the fleet is at rest, or the scenario's time is over. A
// history that is played for its numbers has time for as long as its jobs end. It
// asks now and then whether to go on, and reports whether it came to the end.
func (w *World) play(goOn func() bool) bool {
	w.schedule()
	s := w.scenario
	end, last := kernel.Epoch.Add(s.end()), s.lastTrouble()
	patience := s.longestJob() + longestWait
	if w.forNumbers { // no one asks what a fault does once the jobs have ended
		last, end = s.lastJob(), end.Add(patience)
	}
	quiet, ended := 0, 0
	for at := kernel.Epoch; at.Before(end); {
		at = at.Add(time.Minute)
		for n := 1; w.k.Step(at); n++ {
			if n%turnsAtOnce == 0 && !goOn() {
				return false
			}
		}
		if !goOn() {
			return false
		}
		if now := w.GitHub.Ended(); w.forNumbers && now > ended {
			if ended = now; end.Before(at.Add(patience)) {
				end = at.Add(patience)
			}
		}
		// Looking whether all is at rest costs more, the longer the history is.
		if quiet++; w.k.Since() <= last-restful*time.Minute || !w.atRest() {
			quiet = 0
		}
		if quiet >= restful && w.k.Since() > last && s.Lasts.Duration == 0 {
			break
		}
	}
	return true
}

func (w *World) playUntil(at time.Time) {
	for w.k.Step(at) {
	}
}

// longestWait is how long a history that is played for its numbers goes on though no job
// ends: longer than a limit of a day holds jobs back, and than GitHub keeps them queued.
const longestWait = 25 * time.Hour

// restful is how many minutes in a row nothing must be under way.
const restful = 6

// prepare makes what a deployment has made before the first job.
func (w *World) prepare() {
	if w.scenario.Fleet.Unbuilt {
		return
	}
	version := w.policy.RunnerVersion
	if version == fleet.LatestRunner {
		version = "2.336.0"
	}
	for i, spec := range w.policy.StandingImages() {
		if spec.Kind != fleet.BaseImage {
			continue // the first sweep has them built
		}
		digest := "sha256:" + strings.Repeat(fmt.Sprintf("%02x", 10+i), 32)
		w.ECR.Push(digest, spec.Tag()+"-1")
		if err := w.Table.PutImage(w.ctx(), fleet.ImageRecord{
			Tag: spec.Tag(), Spec: spec, Revision: 1, Digest: w.repositoryURI() + "@" + digest, RunnerVersion: version, Identity: true, BuiltAt: kernel.Epoch, UsedAt: kernel.Epoch,
		}); err != nil {
			panic(err)
		}
	}
}

// schedule puts the workload, the events and the sweeps into the future.
func (w *World) schedule() {
	runs := map[string]int64{}
	for _, job := range w.scenario.Jobs {
		for i := range max(job.Count, 1) {
			one := job
			one.Labels = numbered(job.Labels, i+1)
			if active := w.scenario.active(); job.Spread && len(active) > 0 {
				one.Repository = active[i%len(active)]
			}
			w.at(job.At.Duration+time.Duration(i)*job.Every.Duration, func() { w.queue(one, runs) })
		}
	}
	for _, event := range w.scenario.Events {
		w.at(event.At.Duration, func() { w.does(event) })
	}
	var tick func()
	tick = func() {
		w.k.After(time.Minute, tick)
		if _, skipped := w.k.Strikes(scheduleSkipped, "sweep"); skipped {
			return
		}
		w.sweepNow()
		if _, doubled := w.k.Strikes(scheduleDoubled, "sweep"); doubled {
			w.k.After(w.k.Between(scheduleDoubled, 0, 5*time.Second), w.sweepNow)
		}
	}
	w.k.After(w.k.Between("schedule", time.Second, time.Minute), tick)
}

// numbered puts a job's number into its labels.
func numbered(labels []string, n int) []string {
	labels = slices.Clone(labels)
	for i, label := range labels {
		labels[i] = strings.ReplaceAll(label, numberInLabel, strconv.Itoa(n))
	}
	return labels
}

func (w *World) at(since time.Duration, do func()) { w.k.At(kernel.Epoch.Add(since), do) }

func (w *World) queue(job Job, runs map[string]int64) {
	spec := simgithub.JobSpec{
		Repository: cmp.Or(job.Repository, w.scenario.repositories()[0]), Name: "build", Labels: job.Labels, Takes: job.takes(),
		Environment: job.ApprovedAt.Duration != 0, Concurrency: job.Concurrency, MaxParallel: job.MaxParallel, Fails: job.Fails, Hosted: job.Hosted, Unpushed: job.Unpushed,
	}
	if len(spec.Labels) == 0 {
		spec.Labels = []string{"self-hosted"}
	}
	if job.Run != "" {
		key := spec.Repository + " " + job.Run
		if runs[key] == 0 {
			runs[key] = w.GitHub.NewRun(spec.Repository)
		}
		spec.RunID = runs[key]
	}
	id := w.GitHub.Queue(spec)
	w.k.Log("job %d of %s is queued with %q", id, spec.Repository, spec.Labels)
	if job.ApprovedAt.Duration != 0 {
		w.at(job.ApprovedAt.Duration, func() { w.GitHub.Approve(id) })
	}
	if job.CancelledAt.Duration != 0 {
		w.at(job.CancelledAt.Duration, func() { w.GitHub.Cancel(id) })
	}
	if job.RerunAt.Duration != 0 {
		w.at(job.RerunAt.Duration, func() {
			if made, ok := w.GitHub.Job(id); ok {
				w.GitHub.Rerun(made.RunID)
			}
		})
	}
}

// does is what a person does.
func (w *World) does(e Event) {
	w.k.Log("an operator does %s %s %s", e.Does, e.Of, e.With)
	switch e.Does {
	case "rename":
		w.GitHub.Rename(e.Of, e.With)
	case "foreign_runner":
		w.GitHub.AddForeignRunner(cmp.Or(e.Of, w.scenario.repositories()[0]), strings.Fields(e.With))
	case "copy_names":
		w.GitHub.CopyNames(e.Of, e.With)
	case "replace_token":
		// With says what comes first; "" is GitHub.
		if e.With == "secret" {
			w.secretStore.put(tokenSecret, secondToken)
		} else {
			w.GitHub.ReplaceToken(credentialName, secondToken)
			if e.With != "github" {
				w.secretStore.put(tokenSecret, secondToken)
			}
		}
	case "new_runner_release":
		w.GitHub.ReleaseRunner(e.With)
	case "deploy":
		if e.With != "" { // another source of all images built on demand
			w.policy.ImageSources = map[string]string{fleet.SourceOf(fleet.OnDemandImage, "", fleet.X64): e.With}
		}
		w.lambdas.recycle()
	case "open_group", "close_group":
		w.GitHub.OpenRunnerGroup(w.policy.Organization, w.policy.RunnerGroup, e.Does == "open_group")
	case "delete_group":
		w.GitHub.DeleteRunnerGroup(w.policy.Organization, w.policy.RunnerGroup)
	case "make_group":
		w.GitHub.AddRunnerGroup(w.policy.Organization, w.policy.RunnerGroup)
	case "abort_execution":
		w.abort()
	case "delete_image":
		for _, image := range w.ECR.Images() {
			if slices.ContainsFunc(image.Tags, func(tag string) bool { return strings.HasPrefix(tag, e.Of) }) {
				w.ECR.Delete(image.Digest)
				return
			}
		}
	}
}

const secondToken = "ghp_simulated1111111111111111111111111111"

// abort stops the execution that was started first of those that run.
func (w *World) abort() {
	running := w.executions()
	if len(running) == 0 {
		return
	}
	w.k.Count(statesHistoryEnd)
	name := running[len(running)-1].Name
	if err := w.engine.Stop(w.ctx(), name, "", "stopped by an operator"); err != nil {
		panic(err)
	}
}

func (w *World) executions() []engine.Execution {
	running, err := w.engine.List(w.ctx(), engine.Running, 0)
	if err != nil {
		panic(err)
	}
	return running
}

// atRest reports whether nothing is under way: no job of ours that could go on, no run
// of a job that is over or that may be run again, no runner, task, build or execution, and no event that dispatch
// could not handle.
func (w *World) atRest() bool {
	if w.Table.OpenNow() > 0 || len(w.ECS.Running()) > 0 || w.deadLetters.left() > 0 {
		return false
	}
	for _, build := range w.CodeBuild.Builds() {
		if build.EndedAt.IsZero() {
			return false
		}
	}
	for _, job := range w.GitHub.Jobs() {
		if !job.Hosted && job.Status != "completed" && !job.Stuck && !job.RunOver && !w.givenUp(job) {
			return false
		}
	}
	for _, run := range w.Table.AllRuns() {
		if _, order := run.WaitList(); !run.Status.Terminal() && w.judge.over(run) || run.Rerun != nil && order != "" {
			return false
		}
	}
	return len(w.executions()) == 0
}

// givenUp reports whether the fleet has ended the run of a job, refused it, or never
// heard of it, and that is final. The judge decides whether it was right.
func (w *World) givenUp(job simgithub.Job) bool {
	run, known := w.Table.RunNow(fleet.RunID(job.ID))
	if !known {
		return w.policy.Admit(jobOf(job)).Verdict == fleet.Ignored
	}
	return run.Status.Terminal()
}

// Result is what came of a history.
type Result struct {
	Violations []Violation
	Turns      int
	Lasted     time.Duration
	Jobs       int
	Ran        int
	Tasks      int
	Builds     int
	Executions int
	Requests   int
	Faults     map[string]int
	Repairs    map[string]int
	Red        map[string]int
	Calls      map[string]int // requests to GitHub by operation
	Counted    map[string]int // of them, those that the limit of the hour counts
	MostAnHour int            // of these
	MostPoints int            // in a minute, of the 900 of GitHub's secondary limit
	Reaps      Reaps
	// Waits are the times from when each job that ran was queued last, or the last fault
	// that ends was over, until a runner took it.
	Waits []time.Duration
	// Bound names the limit that kept runners from being launched sooner.
	Bound string
	// Cost is what it all would cost on AWS, in dollars.
	Cost float64
	// TaskTime is how long all tasks lived together.
	TaskTime time.Duration
	// RanOf are the jobs that ran and LastStartOf the longest wait in seconds, by
	// repository.
	RanOf, LastStartOf map[string]int
	// WaitOf is the longest wait in seconds since a job was queued, by repository: what a
	// fault elsewhere may not prolong.
	WaitOf map[string]int
	// LastAt is when the last job began, from the beginning of the history.
	LastAt time.Duration
}

func seconds(d time.Duration) int { return int(d.Round(time.Second) / time.Second) }

func (w *World) result() Result {
	r := Result{
		Violations: w.judge.violations, Turns: w.k.Turns, Lasted: w.k.Since(), Tasks: len(w.ECS.Tasks()), Builds: len(w.CodeBuild.Builds()),
		Faults: w.k.Counts(), Repairs: w.repaired, Red: w.redEnds, Calls: map[string]int{}, Counted: map[string]int{}, RanOf: map[string]int{}, LastStartOf: map[string]int{}, WaitOf: map[string]int{}, Reaps: w.reaps,
	}
	for _, task := range w.ECS.Tasks() {
		r.TaskTime += w.lived(task)
	}
	for _, usage := range w.GitHub.Usage() {
		for operation, n := range usage.Requests {
			r.Calls[operation] += n
			r.Requests += n
			if counted := n - usage.Free[operation]; counted > 0 {
				r.Counted[operation] += counted
			}
		}
		r.MostAnHour, r.MostPoints = max(r.MostAnHour, usage.MaxUsed), max(r.MostPoints, usage.MaxPoints)
	}
	trouble := kernel.Epoch.Add(w.scenario.faultsEnd())
	for _, job := range w.GitHub.Jobs() {
		if job.Hosted {
			continue
		}
		r.Jobs++
		if job.StartedAt.IsZero() {
			continue
		}
		r.Ran++
		from := job.QueuedAt
		if trouble.After(from) {
			from = trouble
		}
		wait := max(0, job.StartedAt.Sub(from))
		r.Waits = append(r.Waits, wait)
		r.RanOf[job.Repository]++
		r.LastStartOf[job.Repository] = max(r.LastStartOf[job.Repository], seconds(wait))
		r.WaitOf[job.Repository] = max(r.WaitOf[job.Repository], seconds(job.StartedAt.Sub(job.QueuedAt)))
		r.LastAt = max(r.LastAt, job.StartedAt.Sub(kernel.Epoch))
	}
	r.Executions = len(w.judge.runners)
	r.Cost, r.Bound = w.cost(r.Executions), w.judge.bound()
	return r
}
