package forecast

import (
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/cost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stats"
)

// Result is what a workload met on a fleet. Its JSON is stable.
type Result struct {
	// Varied is the value of the key that was varied, as text; absent if none was.
	Varied string `json:"varied,omitempty"`

	Jobs      int `json:"jobs"`       // that the fleet heard of
	Ran       int `json:"jobs_ran"`   // of them
	NotOurs   int `json:"not_ours"`   // jobs whose labels are not the fleet's: GitHub's own runners took them
	NotServed int `json:"not_served"` // jobs of repositories that the fleet does not serve
	Unheard   int `json:"unheard"`    // jobs that ended before the fleet heard of them
	Open      int `json:"open"`       // jobs that had not ended when the simulation did
	// Reruns are how often a job was run again, since Spot had taken its runner back. All of
	// these counts have such a job once, as it ended last.
	Reruns int `json:"reruns"`

	// Outcomes count the fleet's jobs by their run's status, Conclusions those that ran and
	// ended by GitHub's conclusion, NotRan the others by their run's status, and Refusals the
	// refused ones by the reason.
	Outcomes    map[fleet.RunStatus]int `json:"outcomes"`
	Conclusions map[string]int          `json:"conclusions"`
	NotRan      map[fleet.RunStatus]int `json:"not_ran"`
	Refusals    map[string]int          `json:"refusals"`

	// Wait is from GitHub's queueing of a job until a runner took it, of the jobs that ran.
	Wait *stats.Percentiles `json:"wait"` // null if none ran
	// Waited are the parts of that time by what was waited for, each of the jobs that waited
	// for it, and Stages are the same in full.
	Waited []Waited      `json:"waited"`
	Stages []stats.Stage `json:"stages"`

	// Setbacks count runners that failed, by what that is about, and Failures by the name of
	// the failure. Repairs are those of the sweep, and Faults what struck, by kind.
	Setbacks map[fleet.SetbackKind]int `json:"setbacks"`
	Failures map[string]int            `json:"failures"`
	Repairs  map[string]int            `json:"repairs"`
	Faults   map[string]int            `json:"faults"`

	Requests Requests `json:"github_requests"`
	Tasks    Tasks    `json:"tasks"`
	Builds   int      `json:"image_builds"`
	Cost     Cost     `json:"cost"`
	Warm     *Warm    `json:"warm,omitempty"` // nil without warm runners

	// Bound names the limit that kept runners from being launched sooner.
	Bound string `json:"bound"`
	// Lasted is the whole simulated time, in milliseconds.
	Lasted int64 `json:"lasted_ms"`
	// Violations are rules that must always hold for a fleet, and did not: each is a mistake
	// in the fleet or in the simulation.
	Violations []string `json:"violations,omitempty"`
}

// Waited is how long jobs waited for one thing.
type Waited struct {
	For Cause `json:"for"`
	stats.Percentiles
}

// Requests are those to GitHub's API.
type Requests struct {
	All        int            `json:"all"`
	Counted    int            `json:"counted"`          // of them, those that the limit of an hour counts
	MostAnHour int            `json:"most_in_an_hour"`  // of these
	Limit      int            `json:"limit_of_an_hour"` // that the simulated GitHub has
	Operations map[string]int `json:"by_operation"`
}

// Tasks are those on Fargate.
type Tasks struct {
	Count       int   `json:"count"`
	MostAtOnce  int   `json:"most_runners_at_once"`
	MostWaiting int   `json:"most_waiting_at_once"` // jobs
	Seconds     int64 `json:"billed_seconds"`
	SpotSeconds int64 `json:"spot_seconds"` // of them
	Fruitless   int   `json:"fruitless"`    // runners that ended without a job
}

// Cost is at list prices.
type Cost struct {
	Total        price.Amount `json:"total_usd"`
	Fargate      price.Amount `json:"fargate_usd"`
	ControlPlane price.Amount `json:"control_plane_usd"`
	Builds       price.Amount `json:"image_builds_usd"`
	Hosted       price.Amount `json:"github_hosted_usd"` // what GitHub's own runners would have cost
	NotCompared  int          `json:"not_compared"`      // jobs for which GitHub has no runner as large
	Region       string       `json:"region"`
	AsOf         string       `json:"prices_as_of"`
	Estimated    bool         `json:"estimated"` // the region's own prices are not known
}

// Result counts what was played.
func (p Played) Result() Result {
	counter := stats.NewCounter(stats.ByClass, p.End, time.UTC)
	costs := cost.NewCounter(cost.ByClass, p.Plan.book(), p.Plan.Config.RunnerClassSizes, p.End, time.UTC)
	waited := map[Cause][]int64{}
	for _, runner := range p.Warm {
		counter.AddWarm(runner)
		if runner.CountsFor() == "" {
			costs.AddIdle(runner)
		}
	}
	for _, l := range p.Lived {
		counter.Add(l)
		costs.Add(l)
		for cause, ms := range p.causes(l) {
			waited[cause] = append(waited[cause], ms)
		}
	}
	counted, spent := counter.Stats(), costs.Report()
	all := counted.All
	r := Result{
		NotOurs: p.NotOurs, NotServed: p.NotServed, Wait: all.Queue, Waited: []Waited{}, Stages: all.Stages,
		Setbacks: all.Setbacks, Failures: all.Failures, Repairs: p.Repairs, Faults: p.Faults,
		Requests: Requests{All: p.Requests, Counted: sum(p.Counted), MostAnHour: p.MostAnHour, Limit: p.Limit, Operations: p.Calls},
		Tasks:    Tasks{Count: p.Tasks, Seconds: spent.Total.TaskSeconds, SpotSeconds: spent.Total.SpotSeconds, Fruitless: all.Fruitless},
		Builds:   len(p.BuildTimes),
		Cost: Cost{
			Fargate: spent.Total.Fargate, ControlPlane: spent.Total.ControlPlane, Hosted: spent.Total.Hosted, NotCompared: spent.Total.NotCompared,
			Region: spent.Region, AsOf: spent.AsOf, Estimated: spent.Estimated,
		},
		Bound: p.Bound, Lasted: p.Lasted.Milliseconds(), Warm: warmOf(counted, spent.Total),
	}
	r.count(p.Lived, len(p.Plan.Workload.Jobs))
	for _, cause := range Causes() {
		if of := stats.PercentilesOf(waited[cause]); of != nil {
			r.Waited = append(r.Waited, Waited{cause, *of})
		}
	}
	for _, took := range p.BuildTimes {
		r.Cost.Builds += p.Plan.book().Build(took)
	}
	r.Cost.Total = r.Cost.Fargate + r.Cost.ControlPlane + r.Cost.Builds
	for _, b := range p.Series(1).Buckets() {
		r.Tasks.MostAtOnce, r.Tasks.MostWaiting = max(r.Tasks.MostAtOnce, b.Runners), max(r.Tasks.MostWaiting, b.Waiting)
	}
	for _, v := range p.Violations {
		r.Violations = append(r.Violations, v.String())
	}
	return r
}

// Series has the jobs that waited and the runners that were open, in so many buckets at
// most.
func (p Played) Series(most int) *stats.Series {
	s := stats.NewSeries(p.From, p.End, step(p.End.Sub(p.From), most))
	for _, l := range p.Lived {
		s.Add(l)
	}
	for _, runner := range p.Warm {
		if runner.CountsFor() == "" {
			s.Add(report.Lived{Runners: []fleet.Runner{runner}})
		}
	}
	return s
}

// steps are lengths of buckets that people can tell.
var steps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

func step(lasted time.Duration, most int) time.Duration {
	for _, s := range steps {
		if lasted/s < time.Duration(most) {
			return s
		}
	}
	return steps[len(steps)-1]
}

// Cause is what a job waits for.
type Cause string

const (
	Room     Cause = "room"        // max_runners, or the share of a repository or a rule
	Image    Cause = "image"       // a build
	Capacity Cause = "capacity"    // tries that found no room on Fargate, and the pauses after them
	Again    Cause = "another try" // tries that failed otherwise or whose runner took another job, and the pauses
	Start    Cause = "start"       // the fleet's own steps, and Fargate's until the container runs
	GitHub   Cause = "GitHub"      // registration and assignment, and approvals
)

// Causes are all of them.
func Causes() []Cause { return []Cause{Room, Image, Capacity, Again, Start, GitHub} }

// causeOf says what each stage before a job is waiting for. Tries are told apart by what they
// failed for, and another job's runner is waited for after a try if there was one.
var causeOf = map[stages.Name]Cause{
	stages.Webhook: Start, stages.Launch: Start, stages.Other: Start, stages.Admit: Start, stages.Task: Start, stages.Container: Start,
	stages.Room: Room, stages.Image: Image,
	stages.Tries: Again, stages.NextTry: Again,
	stages.Approval: GitHub, stages.Register: GitHub, stages.Assign: GitHub,
}

// causes are the parts of a job's wait in milliseconds, of a job that ran.
func (p Played) causes(l report.Lived) map[Cause]int64 {
	if l.Run.At(fleet.StageJobStarted).IsZero() {
		return nil
	}
	parts := map[Cause]int64{}
	lacked := slices.ContainsFunc(l.Runners, func(r fleet.Runner) bool {
		return r.FailureName != "" && fleet.KindOf(r.FailureName) == fleet.SetbackCapacity
	})
	for _, stage := range stages.Of(l.Run, l.Seen, p.End).Stages {
		cause, waits := causeOf[stage.Name]
		if !waits || stage.Took == 0 {
			continue
		}
		if stage.Name == stages.Other && l.Run.Launched > 0 {
			cause = Again
		}
		if cause == Again || stage.Name == stages.Other { // between tries a job waits for room as well
			room := int64(0)
			for _, span := range p.Room[l.Run.RunID] {
				room += span.Within(stage.From, stage.From.Add(time.Duration(stage.Took)*time.Millisecond)).Milliseconds()
			}
			parts[Room] += room
			stage.Took -= room
		}
		if cause == Again && lacked {
			cause = Capacity
		}
		parts[cause] += stage.Took
	}
	maps.DeleteFunc(parts, func(_ Cause, ms int64) bool { return ms == 0 })
	return parts
}

func sum(counts map[string]int) (n int) {
	for c := range maps.Values(counts) {
		n += c
	}
	return n
}
