// Package doctor looks at a fleet's set-up and says what is wrong with it, whose business
// that is, and what to do.
//
// Nothing that a check asks changes anything. A check that could not be made is not a
// healthy one: it is a finding of its own severity. Whatever a finding repeats of others'
// errors goes through Secrets, which hides every secret that a check has read.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Severity says how bad a finding is.
type Severity string

const (
	Error     Severity = "error"     // jobs do not run, or not as they should
	Warning   Severity = "warning"   // jobs run, and will not for long, or not all of them
	Unchecked Severity = "unchecked" // the check could not be made
)

// worst first
var severities = []Severity{Error, Warning, Unchecked}

// Finding is one thing that is wrong.
type Finding struct {
	Check    string   `json:"check"`    // name of the check
	About    []string `json:"about"`    // repositories, images, queues: what it is wrong with; never null
	Severity Severity `json:"severity"` //
	What     string   `json:"what"`     // one sentence
	Whose    string   `json:"whose"`    // whose business it is: the token's, the webhook's, AWS's, …
	Do       string   `json:"do"`       // what to do, one sentence
	Command  string   `json:"command"`  // that does it, "" if there is none
}

// Result is what a check came to. One without findings that was not skipped is healthy.
type Result struct {
	Findings []Finding
	Says     string // what is so, for those who want to see every check
	Skipped  bool   // another check has the finding that this one would have: Says says which
	by       string // that check
}

// Check is one look at one thing. Run may be called from any goroutine, and ends with its
// context as soon as it can.
type Check struct {
	Name  string // stable, of letters and underscores
	About string // a repository, an image, a queue; "" for the fleet as a whole
	Needs string // the permission that it needs of GitHub or AWS, "" for none
	Run   func(ctx context.Context) Result
}

// What a check came to, in a report.
const (
	CheckOK        = "ok"
	CheckFound     = "found"
	CheckUnchecked = "unchecked"
	CheckSkipped   = "skipped"
	CheckLeftOut   = "left_out" // it needs a check that was not to be made
)

// Checked is one check in a report.
type Checked struct {
	Name   string `json:"name"`
	About  string `json:"about"`
	Needs  string `json:"needs"`
	Result string `json:"result"`
	Says   string `json:"says"`
}

// Report is what all checks came to. The worst finding is the first.
type Report struct {
	FleetName string    `json:"fleet_name"`
	CheckedAt time.Time `json:"checked_at"`
	Healthy   bool      `json:"healthy"` // nothing was found, and every check could be made
	Findings  []Finding `json:"findings"`
	Checks    []Checked `json:"checks"`
	LeftOut   []string  `json:"left_out"` // names of checks that were not to be made
}

// Limits of a run, unless Options has others.
const (
	atOnce    = 8
	eachCheck = 20 * time.Second
)

// Options say how checks are made.
type Options struct {
	AtOnce  int           // checks at the same time
	Each    time.Duration // how long one may take
	Skip    []string      // names of checks that are not made
	Secrets *Secrets      // what is hidden; nil hides tokens by their looks alone
	Now     func() time.Time
}

// Run makes the checks and reports what they found. It fails only if the context ends
// before they do. A check that goes on beyond its time is left behind.
func Run(ctx context.Context, fleetName string, checks []Check, o Options) (Report, error) {
	checks = slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return slices.Contains(o.Skip, c.Name) })
	results := make([]Result, len(checks))
	free := make(chan struct{}, cmp.Or(o.AtOnce, atOnce))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() {
			select {
			case free <- struct{}{}:
				defer func() { <-free }()
				results[i] = one(ctx, check, cmp.Or(o.Each, eachCheck))
			case <-ctx.Done():
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("stopped before all checks were made: %w", context.Cause(ctx))
	}
	return reportOf(fleetName, checks, results, o), nil
}

// one makes one check in its time.
func one(ctx context.Context, check Check, limit time.Duration) Result {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan Result, 1)
	go func() { done <- check.Run(limited) }()
	select {
	case result := <-done:
		if limited.Err() == nil {
			return result
		}
	case <-limited.Done():
	}
	return Found(Finding{
		Severity: Unchecked, What: fmt.Sprintf("there was no answer within %s", limit), Whose: "network",
		Do: "look at the network and at proxies, and try again",
	})
}

func reportOf(fleetName string, checks []Check, results []Result, o Options) Report {
	r := Report{FleetName: fleetName, CheckedAt: o.Now().UTC(), Findings: []Finding{}, Checks: []Checked{}, LeftOut: append([]string{}, o.Skip...)}
	for i, check := range checks {
		c := Checked{Name: check.Name, About: check.About, Needs: check.Needs, Result: CheckOK, Says: o.Secrets.Hide(results[i].Says)}
		switch by := results[i].by; {
		case results[i].Skipped && slices.Contains(o.Skip, by):
			c.Result, c.Says = CheckLeftOut, "not made: it needs the check "+by+", which was left out"
		case results[i].Skipped:
			c.Result = CheckSkipped
		}
		for _, f := range results[i].Findings {
			c.Result = CheckFound
			if f.Severity == Unchecked {
				c.Result = CheckUnchecked
			}
			f.Check = check.Name
			if len(f.About) == 0 && check.About != "" {
				f.About = []string{check.About}
			}
			f.What, f.Do, f.Command = o.Secrets.Hide(f.What), o.Secrets.Hide(f.Do), o.Secrets.Hide(f.Command)
			if c.Says == "" {
				c.Says = f.What
			}
			r.Findings = joined(r.Findings, f)
		}
		r.Checks = append(r.Checks, c)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return slices.Index(severities, a.Severity) - slices.Index(severities, b.Severity)
	})
	r.Healthy = len(r.Findings) == 0
	return r
}

// joined adds a finding. What is the same of several repositories is one finding about all
// of them.
func joined(all []Finding, f Finding) []Finding {
	for i, other := range all {
		if other.Check == f.Check && other.Severity == f.Severity && other.What == f.What && other.Whose == f.Whose && other.Do == f.Do && other.Command == f.Command {
			all[i].About = append(all[i].About, f.About...)
			return all
		}
	}
	if f.About == nil {
		f.About = []string{}
	}
	return append(all, f)
}

// mostNamed is how many things a line names.
const mostNamed = 3

// Subject is what a finding is about, in few words; "" for the fleet as a whole.
func (f Finding) Subject() string {
	if len(f.About) <= mostNamed {
		return strings.Join(f.About, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(f.About[:mostNamed], ", "), len(f.About)-mostNamed)
}

// Found is a result with findings.
func Found(findings ...Finding) Result { return Result{Findings: findings} }

// Healthy is a result without one.
func Healthy(format string, args ...any) Result { return Result{Says: fmt.Sprintf(format, args...)} }

// Skip is the result of a check whose finding another check has.
func Skip(by string) Result {
	return Result{Skipped: true, by: by, Says: "not made: see the check " + by}
}

// once keeps what was read first, for the checks that share it.
type once[T any] struct {
	mu    sync.Mutex
	known bool
	value T
	err   error
}

func (o *once[T]) get(ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.known {
		o.value, o.err = read(ctx)
		o.known = true
	}
	return o.value, o.err
}
