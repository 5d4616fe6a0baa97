// Package pools says how the pools of warm runners are: what each wants and has, why it is
// not full, and what it did and cost today.
//
// It decides nothing. Why a pool gets no runner just now is what fleet's Fill answers about
// the same records, as the sweep does.
package pools

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

// Facts are the records that pools are told from.
type Facts struct {
	Policy   fleet.Policy
	Capacity fleet.Capacity
	Runners  []fleet.Runner // that are open
	Runs     []fleet.Run    // that have not ended
	Holds    []fleet.Hold
	GitHub   *fleet.GitHubUsage // nil before the first sweep
	Book     price.Book
	Now      time.Time
}

// Pool is a pool as it is shown. Its JSON is stable.
type Pool struct {
	Pool     string `json:"pool"` // its name
	Class    string `json:"class"`
	Place    string `json:"registered_in"` // a repository, or what all runners are registered in
	Image    string `json:"image,omitempty"`
	Schedule string `json:"schedule,omitempty"` // "" is always
	// Count is what the configuration wants within the schedule, and Wanted what it wants now.
	Count  int `json:"count"`
	Wanted int `json:"wanted"`

	Idle     int `json:"idle"`     // registered, and no run expects them
	Starting int `json:"starting"` // to idle
	Expected int `json:"expected"` // by a run, and without a job yet
	Running  int `json:"running"`  // a job
	Ending   int `json:"ending"`

	// Reason is why fewer runners idle than are to, "" if they do; and NextLaunch is when the
	// next one may be launched, where that time is known.
	Reason     string    `json:"reason,omitempty"`
	NextLaunch time.Time `json:"next_launch_at,omitzero"`
	Today      Day       `json:"today"`
	LostAt     time.Time `json:"lost_at,omitzero"` // the last one
	Failure    string    `json:"failure,omitempty"`
	// Gone reports that the configuration no longer has the pool, or must not have it: what
	// idles is ended.
	Gone bool `json:"gone,omitempty"`
}

// Day is what a pool did on this day of UTC.
type Day struct {
	Day      string `json:"day"`
	Launched int    `json:"launched"`
	Taken    int    `json:"taken"`  // by jobs
	Lost     int    `json:"lost"`   // GitHub deleted them while they idled, or their machine was taken back
	Ended    int    `json:"ended"`  // by the fleet, while they idled
	Failed   int    `json:"failed"` // before they idled
	// IdleSeconds are those of all its runners, and IdleHoursPerDay bounds them; 0 is no limit.
	IdleSeconds     int `json:"idle_seconds"`
	IdleHoursPerDay int `json:"idle_hours_per_day,omitempty"`
	// IdleCost is what that time costs on Fargate, and MostCost what a day can cost with the
	// limit.
	IdleCost price.Amount `json:"idle_usd"`
	MostCost price.Amount `json:"most_usd,omitempty"`
}

// Of are the pools of the configuration, sorted by name, with those that it no longer has and
// that have runners. A class that must not have warm runners stands for its pools.
func Of(facts Facts) []Pool {
	f, all := known{Facts: facts, deployment: facts.Policy.Fingerprint(), holds: map[string]fleet.Hold{}, waits: map[string]bool{}}, []Pool{}
	for _, h := range f.Holds {
		f.holds[h.Key] = h
	}
	for _, run := range f.Runs {
		list, _ := run.WaitList()
		f.waits[list] = true
	}
	configured, err := f.Policy.Pools()
	for _, pool := range configured {
		all = append(all, f.of(pool))
	}
	for _, r := range f.Runners {
		if r.IsWarm() && r.Phase != fleet.Closed && !slices.ContainsFunc(all, func(p Pool) bool { return p.Pool == r.Pool }) {
			gone := f.counted(fleet.Pool{Key: r.Pool, Class: r.ClassName, Place: r.RegisteredIn})
			gone.Gone, gone.Reason = true, "the configuration has no such pool any more"
			all = append(all, gone)
		}
	}
	refused, _ := errors.AsType[fleet.PoolErrors](err)
	for _, class := range refused {
		p := f.counted(fleet.Pool{Key: class.Class, Class: class.Class, Warm: *f.Policy.Classes[class.Class].Warm})
		p.Gone, p.Reason = true, class.Err.Error()
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Pool) int { return cmp.Compare(a.Pool, b.Pool) })
	return all
}

// known are the facts, as each pool needs them.
type known struct {
	Facts
	deployment string
	holds      map[string]fleet.Hold
	waits      map[string]bool // lists that runs wait in
}

func (f known) of(pool fleet.Pool) Pool {
	if f.GitHub != nil {
		pool = pool.NamedNow(f.GitHub.Renamed[fleet.RepositoryKey(pool.Repository)])
	}
	p := f.counted(pool)
	p.Wanted = pool.Wanted(f.Now)
	if p.Wanted == 0 {
		p.Reason, p.NextLaunch = "its schedule wants none now", pool.WantedFrom(f.Now)
		return p
	}
	res := f.fill(pool)
	p.Reason, p.NextLaunch = res.Reason, res.Next
	switch low, until := f.gitHubLow(); {
	case res.RunnerID != "" && low != "":
		p.Reason, p.NextLaunch = low, until
	case res.RunnerID != "":
		p.Reason = f.sweeps()
	case p.Reason == "" && p.Starting > 0:
		p.Reason = "its last runners start"
	}
	return p
}

// counted counts the pool's runners, and what it did today.
func (f known) counted(pool fleet.Pool) Pool {
	state, warm := f.Capacity.State(pool.Key, f.Now), pool.Warm
	class := f.Policy.Classes[pool.Class]
	idle := f.Capacity.IdleToday(pool.Key, f.Now)
	p := Pool{
		Pool: pool.Key, Class: pool.Class, Place: pool.Place, Image: warm.Image, Schedule: warm.Schedule, Count: warm.Count,
		LostAt: state.LostAt, Failure: state.Failure,
		Today: Day{
			Day: state.Day, Launched: state.Launched, Taken: state.Taken, Lost: state.Lost, Ended: state.Ended, Failed: state.Failed,
			IdleSeconds: int(idle / time.Second), IdleHoursPerDay: warm.IdleHoursPerDay,
			IdleCost: f.Book.Time(class, class.CapacityProvider(0), idle),
			MostCost: f.Book.Time(class, class.CapacityProvider(0), time.Duration(warm.IdleHoursPerDay)*time.Hour),
		},
	}
	for _, r := range f.Runners {
		switch {
		case r.Pool != pool.Key || r.Phase == fleet.Closed:
		case r.Phase == fleet.Closing:
			p.Ending++
		case !r.Idle() && (r.Took != 0 || r.For == ""):
			p.Running++
		case r.For != "":
			p.Expected++
		case r.At(fleet.StageRegistered).IsZero():
			p.Starting++
		default:
			p.Idle++
		}
	}
	return p
}

// fill asks whether the next sweep would launch a runner.
func (f known) fill(pool fleet.Pool) fleet.FillResult {
	// A run that waits for room, or for its repository's share, would take what the pool takes.
	waiting := f.waits[fleet.RoomList] || pool.Repository != "" && f.waits[fleet.ShareList(pool.Repository)]
	return fleet.PoolFacts{
		FleetName: f.Policy.FleetName, MaxRunners: f.Policy.MaxRunners, MaxPerRepository: f.Policy.Share(), KeptForOthers: f.Policy.KeptForOthers(),
		Repositories: f.Policy.Serves(), Pool: pool, Capacity: f.Capacity, Waiting: waiting, Holds: f.holds,
		Deployment: f.deployment, Now: f.Now,
	}.Fill()
}

// gitHubLow says that what is left of GitHub's limit is kept for claims, and until when; "" if
// it is not. Of several credentials it must be so of all: which of them serves a pool is in no
// record.
func (f known) gitHubLow() (says string, until time.Time) {
	if f.GitHub == nil {
		return "", time.Time{}
	}
	for _, b := range f.GitHub.Budgets {
		left := b.Left(f.Now)
		if !b.Known() || left > b.Reserve(min(f.Capacity.Open, f.Policy.MaxRunners), 0) {
			return "", time.Time{}
		}
		if says == "" || b.Reset.Before(until) {
			says, until = fmt.Sprintf("GitHub's limit leaves %d requests, which are kept for the claims of jobs", left), b.Reset
		}
	}
	return says, until
}

const (
	sweepName = "sweep warm runners: " // that part of a sweep, in what it could not do
	lateSweep = 5 * time.Minute
)

// sweeps says why a runner that a pool may have is not there: the sweep comes each minute.
func (f known) sweeps() string {
	if f.GitHub != nil {
		if _, failed, found := strings.Cut(f.GitHub.Failed, sweepName); found {
			failed, _, _ = strings.Cut(failed, "\n")
			return "the last sweep could not launch one: " + failed
		}
		if f.Now.Sub(f.GitHub.At) > lateSweep {
			return "only the sweep launches them, and the last one was at " + f.GitHub.At.UTC().Format("15:04 UTC")
		}
	}
	return "the next sweep launches one, within a minute"
}

// Full reports whether as many runners idle as are to now.
func (p Pool) Full() bool { return p.Reason == "" }

// Has lists the runners that the pool has, in words.
func (p Pool) Has() string {
	parts := []string{fmt.Sprintf("%d of %d idle", p.Idle, p.Wanted)}
	for _, part := range []struct {
		n    int
		says string
	}{{p.Starting, "starting"}, {p.Expected, "expected"}, {p.Running, "with a job"}, {p.Ending, "ending"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.says))
		}
	}
	return strings.Join(parts, ", ")
}

// Did says what became of its runners today.
func (d Day) Did() string {
	parts := []string{fmt.Sprintf("%d launched, %d taken", d.Launched, d.Taken)}
	for _, part := range []struct {
		n    int
		says string
	}{{d.Lost, "lost while they idled"}, {d.Ended, "ended idle"}, {d.Failed, "failed"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.says))
		}
	}
	return strings.Join(parts, ", ")
}

// Idled is how long its runners idled today, and of how much.
func (d Day) Idled() string {
	text := hours(time.Duration(d.IdleSeconds) * time.Second)
	if d.IdleHoursPerDay > 0 {
		text += fmt.Sprintf(" of %d h", d.IdleHoursPerDay)
	}
	return text
}

func hours(d time.Duration) string {
	if d = d.Round(time.Minute); d < time.Hour {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
}
