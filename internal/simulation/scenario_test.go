package simulation

import (
	"strings"
	"testing"
	"time"
)

func TestScenariosThatAreRefused(t *testing.T) {
	const jobs = "name: a\njobs: [{at: 1s}]\n"
	for name, c := range map[string]struct{ text, want string }{
		"a key that there is not":        {jobs + "job: []\n", "unknown field"},
		"a time without a unit":          {"name: a\njobs: [{at: 1}]\n", "missing unit"},
		"no name":                        {"jobs: [{at: 1s}]\n", "it has no name"},
		"nothing to do":                  {"name: a\njobs: []\n", "it has neither jobs nor a time that it lasts"},
		"a fault that there is not":      {jobs + "faults: [{kind: github.sulks}]\n", `there is no kind of fault "github.sulks"; there are api.answer_lost, `},
		"a rate that is none":            {jobs + "faults: [{kind: github.slow, rate: 2}]\n", "rate 2 is not between 0 and 1"},
		"a fault that ends too early":    {jobs + "faults: [{kind: github.slow, from: 2m, until: 1m}]\n", "it ends at 1m, before it begins at 2m"},
		"a fault that is an event":       {jobs + "faults: [{kind: states.aborted}]\n", "states.aborted is what the event abort_execution does"},
		"an event that there is not":     {jobs + "events: [{does: dance}]\n", `event "dance" is not known; does is one of rename, `},
		"names copied to where they are": {jobs + "events: [{does: copy_names, of: octo/app, with: octo/app}]\n", "event copy_names: of is the repository that copies"},
		"a repository of others":         {"name: a\njobs: [{at: 1s, repository: octo/lib}]\n", "a job is of octo/lib, which is not among fleet.repositories"},
		"an expectation without a form":  {jobs + "expect: [all is well]\n", `expectation "all is well": write "every job runs"`},
		"a measure that there is not":    {jobs + "expect: [tears == 0]\n", `there is no measure "tears"; there are `},
		"a time that leads nowhere":      {jobs + "expect: [time from dusk == 1m]\n", `there is no measure "time from dusk"`},
		"known, but not how":             {jobs + "known_failure: because\n", "known_failure and shows_as go together"},
		"how, but not known":             {jobs + "shows_as: [x]\n", "known_failure and shows_as go together"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadScenario([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestAllProblemsOfAScenarioAreToldAtOnce(t *testing.T) {
	_, err := ReadScenario([]byte("jobs: []\nexpect: [tears == 0]\nevents: [{does: dance}]\n"))
	for _, want := range []string{"no name", "neither jobs", "dance", "tears"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %q", err, want)
		}
	}
}

func TestAScenarioIsReadAsItWasWritten(t *testing.T) {
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(200) {
		all = append(all, History(seed+1))
	}
	for _, s := range all {
		again, err := ReadScenario([]byte(s.Write()))
		if err != nil || again.Write() != s.Write() {
			t.Errorf("%s: %v\n%s\nwant\n%s", s.Name, err, again.Write(), s.Write())
		}
	}
}

func TestLabelsMayHaveTheNumberOfTheJob(t *testing.T) {
	s, err := ReadScenario([]byte(`{name: a, jobs: [{at: 1s, count: 3, every: 1s, labels: [self-hosted, "image:node:{n}"], cancelled_at: 1m}], lasts: 2m}`))
	if err != nil {
		t.Fatal(err)
	}
	var queued []string
	Run(s, 1, Watch{Trace: func(_ time.Time, line string) {
		if _, labels, found := strings.Cut(line, " is queued with "); found {
			queued = append(queued, labels)
		}
	}})
	if got := strings.Join(queued, " "); got != `["self-hosted" "image:node:1"] ["self-hosted" "image:node:2"] ["self-hosted" "image:node:3"]` {
		t.Errorf("queued %s", got)
	}
}
