package fleet

import (
	"fmt"
	"maps"
	"strings"
)

// A rule that allows may say how many runners the jobs that it admits have at once. Its
// runners are counted in the capacity, so that a launch and its count are one transaction.

const rulePrefix = "policy."

// RuleName is the name of the policy's rule that led to the decision, "" if it was none.
// An undecided job has none yet.
func (d Decision) RuleName() string {
	if d.Verdict == Undecided {
		return ""
	}
	return ruleName(d.Rule)
}

// RuleName is the name of the policy's rule that led to Validate's decision, "" if it was
// none.
func (p Plan) RuleName() string { return ruleName(p.Rule) }

func ruleName(key string) string {
	name, ok := strings.CutPrefix(key, rulePrefix)
	if !ok {
		return ""
	}
	return name
}

// MaxOfRules are the most runners at once of each rule that says it, by the rule's name.
func (p Policy) MaxOfRules() map[string]int {
	return limits(p.Rules, func(r Rule) int { return r.MaxRunners })
}

// BuildsOfRules are the most builds of a day of each rule that says it, by the rule's name.
func (p Policy) BuildsOfRules() map[string]int {
	return limits(p.Rules, func(r Rule) int { return r.OnDemandBuilds })
}

func limits(rules []Rule, limit func(Rule) int) (of map[string]int) {
	for _, r := range rules {
		if n := limit(r); n > 0 {
			if of == nil {
				of = map[string]int{}
			}
			of[r.Name] = n
		}
	}
	return of
}

// RuleOf is the name of the rule that admits a job, "" if the job is admitted without one.
// known is false for a job that is not admitted or not decided about, as every job is by a
// policy without its classes, which some functions have.
func (p Policy) RuleOf(job Job) (name string, known bool) {
	if len(p.Rules) == 0 {
		return "", true
	}
	d := p.Admit(job)
	return d.RuleName(), d.Verdict == Admitted
}

// RuleList is the WaitList of the runs that a rule admits which has as many runners as it
// may have.
func RuleList(rule string) string { return "rule/" + rule }

// fullRule is why a rule may have no further runner, "" if it may. A rule that is not in
// most has no limit.
func (c Capacity) fullRule(rule string, most map[string]int) string {
	if most[rule] == 0 || c.OpenOfRule[rule] < most[rule] {
		return ""
	}
	return fmt.Sprintf("waits for room: rule %s has its %s", rule, runners(most[rule]))
}

func runners(n int) string {
	if n == 1 {
		return "1 runner"
	}
	return fmt.Sprintf("%d runners", n)
}

// RuleLeft is how many more runners a rule may have.
func (c Capacity) RuleLeft(most int, rule string) int { return max(0, most-c.OpenOfRule[rule]) }

// moved counts an open runner for another rule than before, "" for none.
func (c Capacity) moved(from, to string) Capacity {
	if from != to {
		c.OpenOfRule = count(count(c.OpenOfRule, from, -1), to, 1)
	}
	return c
}

// HasShare reports whether neither its repository nor its rule has all the runners that it
// may have, so that a run which waits for room could start if there were some.
func (f LaunchFacts) HasShare(run Run) bool {
	return f.Capacity.fullRule(run.AdmittedBy, f.MaxOfRules) == "" && !f.fullRepository(run)
}

func (r Runner) countedFor(rule string) Runner {
	r.Rule = rule
	return r
}

// AdmitFacts are what counting a runner for the rule that admits its job needs.
type AdmitFacts struct {
	Run        Run // that expects the runner
	Runner     Runner
	Capacity   Capacity
	MaxOfRules map[string]int
	Rule       string // that admits the run's job, by its name; "" if none is needed
}

// AdmitResult is what follows from the facts.
type AdmitResult struct {
	Run      Run
	Runner   Runner
	Capacity *Capacity // nil if it stays
	Full     string    // why the rule may have no further runner, "" if it may
}

// Admit counts a runner for the rule that admits its job, which was not known at the
// launch, or was another one. If that rule has as many runners as it may have, only the
// run learns its rule: it waits for the rule once this runner is closed.
func Admit(f AdmitFacts) AdmitResult {
	res := AdmitResult{Run: f.Run, Runner: f.Runner}
	res.Run.AdmittedBy, res.Run.RuleKnown = f.Rule, true
	if f.Runner.Rule == f.Rule || f.Runner.Phase == Closed {
		return res
	}
	if res.Full = f.Capacity.fullRule(f.Rule, f.MaxOfRules); res.Full != "" {
		return res
	}
	moved := f.Capacity.moved(f.Runner.Rule, f.Rule)
	res.Capacity, res.Runner.Rule = &moved, f.Rule
	return res
}

// countFor counts the runners of a job that began for the rules of the jobs that they now
// have: the runner that took it for the job's own rule, and the job's own runner for the
// rule of the run that it is now meant for, if there is one.
func (res *TookResult) countFor(f TookFacts) {
	if f.Capacity == nil {
		return
	}
	was := map[string]string{f.Runner.RunnerID: f.Runner.Rule}
	if f.Expected != nil {
		was[f.Expected.RunnerID] = f.Expected.Rule
	}
	capacity := *f.Capacity
	for _, r := range res.Changes.Runners {
		if r.Phase != Closed {
			capacity = capacity.moved(was[r.RunnerID], r.Rule)
		}
	}
	if maps.Equal(capacity.OpenOfRule, f.Capacity.OpenOfRule) {
		return
	}
	res.Changes.Capacity = &capacity
	for rule, open := range f.Capacity.OpenOfRule {
		if capacity.OpenOfRule[rule] < open {
			res.Freed = append(res.Freed, rule)
		}
	}
}
