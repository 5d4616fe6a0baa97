package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func ruled(id int64, rule string) fleet.Run {
	run := fleet.NewRun(jobOf(id), now)
	run.AdmittedBy, run.RuleKnown = rule, true
	return run
}

func launchUnder(most map[string]int, capacity fleet.Capacity, run fleet.Run) fleet.LaunchResult {
	return fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 10, MaxOfRules: most, Run: run, Capacity: capacity, Now: now})
}

func TestARuleHasItsRunnersAndNoMore(t *testing.T) {
	most := map[string]int{"deploy": 2, "nightly": 1}
	capacity := fleet.Capacity{}
	for id, rule := range []string{"deploy", "deploy", "nightly", "", "other"} {
		res := launchUnder(most, capacity, ruled(int64(id+1), rule))
		if res.RunnerID == "" {
			t.Fatalf("a job of rule %q waits: %s", rule, res.Reason)
		}
		equal(t, res.Changes.Runners[0].Rule, rule)
		capacity = *res.Changes.Capacity
	}
	equal(t, fmt.Sprint(capacity.OpenOfRule), "map[deploy:2 nightly:1 other:1]")
	for rule, says := range map[string]string{"deploy": "waits for room: rule deploy has its 2 runners", "nightly": "waits for room: rule nightly has its 1 runner"} {
		res := launchUnder(most, capacity, ruled(9, rule))
		equal(t, res.RunnerID, "")
		equal(t, res.Reason, says)
		list, _ := res.Changes.Runs[0].WaitList()
		equal(t, list, "rule/"+rule)
		if again := launchUnder(most, capacity, res.Changes.Runs[0]); !again.Changes.Empty() {
			t.Errorf("it is written again: %+v", again.Changes)
		}
	}
	// With a place less, or a limit more.
	closed := fleet.Close(fleet.CloseFacts{Runner: fleet.Runner{RunnerID: "fleet-1-1", Repository: "octo/repo", Rule: "deploy"}, Capacity: capacity, Now: now}).Changes.Capacity
	equal(t, fmt.Sprint(closed.OpenOfRule), "map[deploy:1 nightly:1 other:1]")
	equal(t, launchUnder(most, *closed, ruled(9, "deploy")).RunnerID, "fleet-9-1")
	equal(t, launchUnder(map[string]int{"deploy": 3}, capacity, ruled(9, "deploy")).RunnerID, "fleet-9-1")
}

func TestRecountOfRules(t *testing.T) {
	open := []fleet.Runner{{Repository: "octo/a", Rule: "deploy"}, {Repository: "octo/a"}, {Repository: "octo/a", Rule: "deploy"}}
	right, changed := fleet.Capacity{Open: 3, OpenOf: map[string]int{"octo/a": 3}, OpenOfRule: map[string]int{"deploy": 3, "gone": 1}}.Recount(open, time.Time{})
	equal(t, changed, true)
	equal(t, fmt.Sprint(right.OpenOfRule), "map[deploy:2]")
	_, changed = right.Recount(open, time.Time{})
	equal(t, changed, false)
}

// Validate learns the rule of a job that GitHub was asked about.
func TestAdmitCountsARunnerForItsRule(t *testing.T) {
	runner := fleet.Runner{RunnerID: "fleet-1-1", Rule: "other", Phase: fleet.Open}
	facts := fleet.AdmitFacts{
		Run: ruled(1, "other"), Runner: runner, MaxOfRules: map[string]int{"forks": 2}, Rule: "forks",
		Capacity: fleet.Capacity{Open: 2, OpenOfRule: map[string]int{"other": 1, "forks": 1}},
	}
	res := fleet.Admit(facts)
	equal(t, res.Full, "")
	equal(t, res.Runner.Rule+" "+res.Run.AdmittedBy, "forks forks")
	equal(t, fmt.Sprint(res.Capacity.OpenOfRule), "map[forks:2]")

	facts.MaxOfRules["forks"] = 1
	res = fleet.Admit(facts)
	equal(t, res.Full, "waits for room: rule forks has its 1 runner")
	equal(t, res.Runner.Rule+" "+res.Run.AdmittedBy, "other forks")
	if res.Capacity != nil {
		t.Errorf("it is counted: %v", res.Capacity.OpenOfRule)
	}

	facts.Runner.Rule = "forks"
	res = fleet.Admit(facts)
	if res.Full != "" || res.Capacity != nil {
		t.Errorf("it was counted before: %+v", res)
	}
}

// GitHub gives a job to any idle runner: what counts is the rule of the job that it has.
func TestRunnersThatSwapCountForTheRulesOfTheirJobs(t *testing.T) {
	runner := func(id, run, rule string) fleet.Runner {
		return fleet.Runner{RunnerID: id, RunID: run, For: run, Phase: fleet.Open, Rule: rule, Labels: []string{"self-hosted"}}
	}
	expects := func(run fleet.Run, runnerID string) fleet.Run {
		run.RunnerID, run.Status = runnerID, fleet.RunStarting
		return run
	}
	one, two := expects(ruled(1, "deploy"), "fleet-1-1"), expects(ruled(2, "nightly"), "fleet-2-1")
	waits := ruled(3, "nightly")
	capacity := fleet.Capacity{Open: 2, OpenOfRule: map[string]int{"deploy": 1, "nightly": 1}, Version: 3}
	own := runner("fleet-1-1", "job-1", "deploy")
	for name, c := range map[string]struct {
		facts   fleet.TookFacts
		runners string
		open    string // "" if the count stays
		freed   string
	}{
		"each takes the other's job": {
			fleet.TookFacts{Run: one, Runner: runner("fleet-2-1", "job-2", "nightly"), Meant: &two, Expected: &own},
			"fleet-1-1:nightly fleet-2-1:deploy", "", "[]",
		},
		"a job that waits for its rule takes another's runner": {
			fleet.TookFacts{Run: waits, Runner: runner("fleet-1-1", "job-1", "deploy"), Meant: &one},
			"fleet-1-1:nightly", "map[nightly:2]", "[deploy]",
		},
		"a job of no rule does": {
			fleet.TookFacts{Run: ruled(3, ""), Runner: runner("fleet-1-1", "job-1", "deploy"), Meant: &one},
			"fleet-1-1:", "map[nightly:1]", "[deploy]",
		},
		"a job that is not decided about does": {
			fleet.TookFacts{Run: fleet.NewRun(jobOf(3), now), Runner: runner("fleet-1-1", "job-1", "deploy"), Meant: &one},
			"fleet-1-1:deploy", "", "[]",
		},
		"its own runner is let go, and counts no more": {
			fleet.TookFacts{Run: one, Runner: runner("fleet-2-1", "job-2", "nightly"), Expected: &own},
			"fleet-1-1: fleet-2-1:deploy", "map[deploy:1]", "[nightly]",
		},
		"it takes its own runner": {
			fleet.TookFacts{Run: one, Runner: own},
			"fleet-1-1:deploy", "", "[]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.facts.At = now
			if c.facts.MayRecount() {
				c.facts.Capacity = &capacity
			}
			res := fleet.Took(c.facts)
			got := ""
			for _, r := range res.Changes.Runners {
				got += r.RunnerID + ":" + r.Rule + " "
			}
			equal(t, got, c.runners+" ")
			open := ""
			if res.Changes.Capacity != nil {
				open = fmt.Sprint(res.Changes.Capacity.OpenOfRule)
			}
			equal(t, open, c.open)
			equal(t, fmt.Sprint(res.Freed), c.freed)
		})
	}
}
