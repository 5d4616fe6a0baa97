package fleet

import (
	"maps"
	"time"
)

// WarmRunner is a runner that waits in a pool for a launch that expects it. It is listed in
// the capacity, so that a launch that looks for one reads nothing more, and takes it in one
// transaction with the counts. The list may have runners that wait no longer: their records
// say so.
type WarmRunner struct {
	Pool   string    `json:"pool"`
	Place  string    `json:"place"`
	Labels []string  `json:"labels"`
	Spec   string    `json:"spec"`
	Since  time.Time `json:"since"` // it idles, or starts
	Made   time.Time `json:"made"`
	// GivesWayTo is the run that waits for its place.
	GivesWayTo string `json:"gives_way_to,omitempty"`
}

// Idle reports whether the runner waits in its pool, or starts for it: no run expects it, and
// it has no job that is known.
func (r Runner) Idle() bool {
	return r.Pool != "" && r.For == "" && r.Took == 0 && r.Phase == Open && r.Status != RunnerRunning
}

// IdleSince is since when a registered runner without a job waits for the job of a run: a
// warm one has waited for none before.
func (r Runner) IdleSince() time.Time {
	if since := r.At(StageRegistered); r.ExpectedAt.Before(since) {
		return since
	}
	return r.ExpectedAt
}

// WarmFate is what became of a warm runner.
type WarmFate string

// The fates of warm runners.
const (
	WarmOpen   WarmFate = "open"   // without a job yet
	WarmServed WarmFate = "served" // it took a job
	WarmFailed WarmFate = "failed"
	WarmEnded  WarmFate = "ended" // by the fleet or an operator, without a job
	WarmLost   WarmFate = "lost"  // GitHub deleted it while it idled, or its machine was taken back
)

// Fate is what became of a warm runner.
func (r Runner) Fate() WarmFate {
	switch {
	case r.Took != 0:
		return WarmServed
	case r.FailureName != "" && (r.For != "" || r.StopCode != StopSpotInterruption):
		return WarmFailed
	case !r.At(StageClosing).IsZero():
		return WarmEnded
	case r.FailureName != "" || r.Phase == Closed:
		return WarmLost
	}
	return WarmOpen
}

// IsWarm reports whether the runner was launched by a pool.
func (r Runner) IsWarm() bool { return r.Pool != "" }

// Input is what the execution of a warm runner begins with.
func (r Runner) Input() Document {
	return Document{Schema: Schema, Pool: r.Pool, Job: jobOfPool(r.Repository, r.Labels)}
}

// expectedBy is the warm runner once a run expects it, or has its job.
func (r Runner) expectedBy(run Run, now time.Time) Runner {
	if !r.IsWarm() {
		return r
	}
	r.RunID, r.ExpectedAt = run.RunID, now.UTC()
	if IsShared(r.RegisteredIn) {
		r.Repository = run.Job.Repository
	}
	return r
}

// returned is a warm runner that no run expects any more.
func (r Runner) returned() Runner {
	r.For, r.Rule = "", ""
	if IsShared(r.RegisteredIn) {
		r.Repository = ""
	}
	return r
}

// expectsIdle reports whether the run is to expect the warm runner that was found. A run that
// had a setback gets a runner of its own: it may have been a warm one that it lost.
func (f LaunchFacts) expectsIdle() bool {
	return f.Idle != nil && f.Run.Setback == nil && f.Run.RuleKnown && !(IsShared(f.Idle.RegisteredIn) && f.fullRepository(f.Run))
}

// expect makes the run and a warm runner expect each other.
func (f LaunchFacts) expect(idle Runner) LaunchResult {
	run := f.Run
	run.RunnerID, run.LastRunner, run.LaunchedAt = idle.RunnerID, idle.RunnerID, f.Now.UTC()
	run.WaitsForRoom, run.WaitsForShare, run.WaitsForRule = false, false, false
	run = run.Move(RunStarting, "").Mark(StageLaunched, f.Now)
	runner := idle.expectedBy(run, f.Now)
	runner.For, runner.Rule = run.RunID, run.AdmittedBy
	capacity := f.Capacity.turned(run).moved(idle.Rule, runner.Rule).keptWarm(idle, runner, f.Now).taken(runner, f.Now)
	return LaunchResult{RunnerID: run.RunnerID, Changes: Changes{Runs: []Run{run.Follow(runner)}, Runners: []Runner{runner}, Capacity: &capacity}}
}

// givesWay has an idle warm runner end for a run that has no room otherwise: one of a
// repository, "" for any. It is the same one when the launch is repeated.
func (f LaunchFacts) givesWay(res LaunchResult, repository string) LaunchResult {
	capacity := f.Capacity
	if res.Changes.Capacity != nil {
		capacity = *res.Changes.Capacity
	}
	var free string
	for _, r := range f.Others {
		switch listed := capacity.Warm[r.RunnerID]; {
		case listed.GivesWayTo == f.Run.RunID:
			res.GivesWay = r.RunnerID
			return res
		case free == "" && listed.GivesWayTo == "" && f.makesRoom(r, repository):
			free = r.RunnerID
		}
	}
	if free == "" {
		return res
	}
	listed := capacity.Warm[free]
	listed.GivesWayTo = f.Run.RunID
	capacity.Warm = maps.Clone(capacity.Warm)
	capacity.Warm[free] = listed
	res.GivesWay, res.Changes.Capacity = free, &capacity
	return res
}

// makesRoom reports whether the end of an idle runner helps the run. That of another
// repository's only runner does not where places are kept for repositories that have none:
// its place would be kept, too.
func (f LaunchFacts) makesRoom(r Runner, repository string) bool {
	own := f.Run.Job.Repository
	switch {
	case repository != "":
		return SameRepository(r.Repository, repository)
	case r.Repository == "", SameRepository(r.Repository, own), f.KeptForOthers == 0:
		return true
	}
	return f.Capacity.OpenOf[RepositoryKey(r.Repository)] > 1 || f.Capacity.OpenOf[RepositoryKey(own)] == 0
}

// Return lets a warm runner idle again: the run that expected it needs none any more.
func Return(run Run, runner Runner, capacity Capacity, now time.Time) Changes {
	was := runner
	run.RunnerID = ""
	runner = runner.returned()
	capacity = capacity.moved(was.Rule, runner.Rule).keptWarm(was, runner, now)
	return Changes{Runs: []Run{run}, Runners: []Runner{runner}, Capacity: &capacity}
}
