package simulation

import (
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// dice draw a scenario from a seed.
type dice struct {
	seed uint64
	n    uint64
}

func (d *dice) float() float64 {
	d.n++
	return float64(kernel.Mix(d.seed, "scenario", d.n)>>11) / (1 << 53)
}

func (d *dice) between(least, most int) int {
	return least + int(d.float()*float64(most-least+1))
}
func (d *dice) chance(p float64) bool { return d.float() < p }

// minutes is a time of whole tens of seconds, so that people can read it.
func (d *dice) minutes(least, most float64) kernel.Duration {
	t := time.Duration((least + d.float()*(most-least)) * float64(time.Minute))
	return kernel.Duration{Duration: t.Round(10 * time.Second)}
}

func pickOf[T any](d *dice, from []T) T { return from[d.between(0, len(from)-1)] }

// History draws the scenario of a seed: 5 to 50 jobs, and faults of any kind. It is the
// whole of the seed's workload and plan; Run draws the rest from the seed as it goes.
func History(seed uint64) Scenario {
	d := &dice{seed: seed}
	s := Scenario{Name: fmt.Sprintf("seed %d", seed)}
	s.Fleet.MaxRunners = d.between(3, 30)
	s.Fleet.Repositories = []string{"octo/app", "octo/lib", "acme/site"}[:d.between(1, 3)]
	s.Fleet.ExtraImage = d.chance(0.5)
	s.Fleet.Unbuilt = d.chance(0.1)
	s.Fleet.SpotRetry = int(seed % 2) // without dice: the rest of a seed stays as it was
	s.Fleet.Idle, s.Fleet.Inspect = d.minutes(3, 5), d.minutes(10, 30)
	jobs(d, &s)
	people(d, &s)
	for range d.between(0, 7) {
		t := pickOf(d, menu)
		s.Faults = append(s.Faults, t.draw(d, s))
	}
	if d.chance(0.3) {
		s.Fleet.Rules = []fleet.Rule{
			{Name: "large", Class: fleet.Patterns{"large"}, Allow: true, MaxRunners: d.between(1, 2)},
			{Name: "app", Repository: fleet.Patterns{"octo/app"}, Allow: true, MaxRunners: d.between(1, 3)},
		}
	}
	return s
}

// arrivals are the minutes over which jobs come, most of them in bursts.
var arrivals = []float64{0, 0, 0.2, 2, 10, 20}

// labelSets are what jobs ask for. The more often one stands here, the more jobs do.
var labelSets = [][]string{
	{"self-hosted"}, {"self-hosted"}, {"self-hosted"}, {"self-hosted"}, {"self-hosted", "linux", "x64"}, {"self-hosted", "class:large"}, {"self-hosted", "class:spot"},
	{"self-hosted", "image:node:22"}, {"self-hosted", "gpu"}, {"self-hosted", "class:huge"}, {"ubuntu-latest"},
}

func jobs(d *dice, s *Scenario) {
	u := d.float()
	left := 5 + int(45*u*u*u)
	for left > 0 {
		j := Job{Count: min(left, d.between(1, 12)), Repository: pickOf(d, s.Fleet.Repositories), Labels: pickOf(d, labelSets), Takes: d.minutes(0.2, 12)}
		j.At = d.minutes(0, pickOf(d, arrivals))
		if j.Count > 1 {
			j.Every = kernel.Duration{Duration: time.Duration(d.between(0, 20)) * time.Second}
		}
		left -= j.Count
		switch d.between(0, 11) {
		case 0:
			j.CancelledAt = kernel.Duration{Duration: j.At.Duration + d.minutes(0, 8).Duration}
		case 1:
			j.ApprovedAt = kernel.Duration{Duration: j.At.Duration + d.minutes(0.5, 30).Duration}
		case 2:
			j.Run, j.Concurrency = "deploy", "production"
		case 3:
			j.Run, j.MaxParallel = "matrix", d.between(1, 4)
		case 4:
			j.Hosted = true
		case 5:
			j.Run, j.RerunAt = "again", kernel.Duration{Duration: j.At.Duration + d.minutes(10, 30).Duration}
		}
		s.Jobs = append(s.Jobs, j)
	}
}

func people(d *dice, s *Scenario) {
	if !d.chance(0.2) {
		return
	}
	e := Event{At: d.minutes(0.5, 30), Does: pickOf(d, eventVerbs)}
	switch e.Does {
	case "rename":
		e.Of = s.Fleet.Repositories[0]
		e.With = e.Of + "-renamed"
	case "foreign_runner":
		e.With = "self-hosted linux x64"
	case "copy_names":
		if len(s.Fleet.Repositories) == 1 {
			return
		}
		e.Of, e.With = s.Fleet.Repositories[1], s.Fleet.Repositories[0]
	case "new_runner_release":
		e.With = "2.337.0"
	}
	s.Events = append(s.Events, e)
}

// entry is a kind of fault as histories have it: what is struck, how often at most, for
// how many minutes the fault is in force, and how many minutes one strike lasts.
type entry struct {
	kind    string
	of      []string
	rate    float64 // at most; 0 is always
	minutes float64 // at most
	lasts   float64 // minutes, at most
	with    []string
	times   int // at most
}

// longestTrouble is how many minutes a fault of a history is in force at most: what takes
// longer is for scenarios.
const longestTrouble = 25

func (t entry) draw(d *dice, s Scenario) kernel.Fault {
	f := kernel.Fault{Kind: t.kind}
	if len(t.of) > 0 {
		f.Of = pickOf(d, t.of)
	}
	if len(t.with) > 0 {
		f.With = pickOf(d, t.with)
	}
	if t.rate > 0 {
		// Rates of one or two digits: half of the histories have few strikes.
		f.Rate = t.rate * d.float()
		if d.chance(0.5) {
			f.Rate /= 5
		}
		f.Rate = max(float64(int(f.Rate*1000))/1000, 0.001)
	}
	if t.times > 0 {
		f.Times = d.between(1, t.times)
	}
	if t.lasts > 0 {
		f.For = d.minutes(t.lasts/10, t.lasts)
		if t.lasts < 1 {
			f.For.Duration = time.Duration((0.1 + 0.9*d.float()) * t.lasts * float64(time.Minute)).Round(10 * time.Millisecond)
		}
	}
	if d.chance(0.5) {
		f.From = d.minutes(0, 15)
	}
	f.Until = kernel.Duration{Duration: f.From.Duration + d.minutes(1, min(t.minutes, longestTrouble)).Duration}
	return f
}
