package fleet_test

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Every error name is in the table, and so is every name that the state machine matches.
func TestEveryErrorHasAKind(t *testing.T) {
	names := namesOfErrors(t)
	for _, name := range namesInTheStateMachine(t) {
		if !strings.HasPrefix(name, "States.") && !strings.HasPrefix(name, "Lambda.") && !strings.HasPrefix(name, "Runtime.") && !strings.HasPrefix(name, "Sandbox.") {
			names = append(names, name)
		}
	}
	if len(names) < 30 {
		t.Fatalf("only %d names were found", len(names))
	}
	for _, name := range names {
		if !fleet.HasKind(name) {
			t.Errorf("%s has no kind: a setback of that name would be taken for the fleet's own failure", name)
		}
	}
}

func namesOfErrors(t *testing.T) (names []string) {
	t.Helper()
	file, err := os.Open("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	constant := regexp.MustCompile(`^\t\w+\s+= "(\w+\.\w+)"`)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if m := constant.FindStringSubmatch(lines.Text()); m != nil {
			names = append(names, m[1])
		}
	}
	return names
}

func namesInTheStateMachine(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../statemachine/runner.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	type clause struct{ ErrorEquals []string }
	var machine struct {
		States map[string]struct{ Retry, Catch []clause }
	}
	if err := json.Unmarshal(text, &machine); err != nil {
		t.Fatal(err)
	}
	for _, state := range machine.States {
		for _, c := range append(state.Retry, state.Catch...) {
			names = append(names, c.ErrorEquals...)
		}
	}
	return names
}

func TestWhatIsTriedAgainWhen(t *testing.T) {
	for name, want := range map[string]struct {
		kind  fleet.SetbackKind
		tries string // the pauses
	}{
		fleet.RunnerNoCapacity:          {fleet.SetbackCapacity, "1m 2m 3m 5m 5m"},
		fleet.ImageBuildFailed:          {fleet.SetbackBuild, "5m 10m 30m 60m 60m"},
		fleet.ImageBuildsSpent:          {fleet.SetbackQuota, "30m 60m 60m 60m 60m"},
		fleet.ImageSourceUnavailable:    {fleet.SetbackSource, "1m 2m 5m 10m 10m"},
		fleet.RunnerCannotPullContainer: {fleet.SetbackStart, "1m 2m 4m 8m 8m"},
		fleet.RunnerStartTimeout:        {fleet.SetbackStart, "1m 2m 5m 10m 30m"},
		fleet.RunnerLaunchFailed:        {fleet.SetbackConfiguration, "60m 60m 60m 60m 60m"},
		fleet.GitHubUnauthorized:        {fleet.SetbackCredential, "1m 2m 5m 5m 5m"},
		fleet.GitHubNoAccess:            {fleet.SetbackAccess, "1m 2m 5m 5m 5m"},
		fleet.GitHubNotFound:            {fleet.SetbackJob, "1m 2m 5m 10m 10m"},
		fleet.GitHubUnavailable:         {fleet.SetbackGitHub, "1m 2m 5m 5m 5m"},
		fleet.RunnerIdleTimeout:         {fleet.SetbackIdle, "1m 2m 5m 10m 15m"},
		"Lambda.Unknown":                {fleet.SetbackFleet, "1m 2m 5m 10m 30m"},
		"States.Timeout":                {fleet.SetbackFleet, "1m 2m 5m 10m 30m"},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, fleet.KindOf(name), want.kind)
			if want.kind.Whose() == "" || want.kind.Sooner() == "" {
				t.Errorf("%s does not say whose business it is, or what makes it sooner", want.kind)
			}
			w := newHeld(t)
			for _, pause := range strings.Fields(want.tries) {
				id := w.launch()
				if id == "" {
					t.Fatalf("the run is not launched: %s", w.run.Reason)
				}
				w.fail(name)
				d, err := time.ParseDuration(pause)
				if err != nil {
					t.Fatal(err)
				}
				if w.run.Shown() != fleet.RunRetrying {
					t.Fatalf("the run is %s: %s", w.run.Shown(), w.run.Reason)
				}
				if want.kind == fleet.SetbackCredential {
					return // its next try is a request of the sweep, and no launch
				}
				w.now = w.now.Add(d - 1)
				if again := w.launch(); again != "" {
					t.Fatalf("%s is launched before %s", again, pause)
				}
				w.now = w.now.Add(1)
			}
		})
	}
}

// held is one run with the existing holds.
type held struct {
	t      *testing.T
	run    fleet.Run
	runner fleet.Runner
	holds  map[string]fleet.Hold
	now    time.Time
}

func newHeld(t *testing.T) *held {
	run := fleet.NewRun(fleet.Job{JobID: 7, WorkflowRunID: 70, Repository: "octo/app", Labels: []string{"self-hosted"}, Status: fleet.JobQueued}, now)
	return &held{t: t, run: run.Want(fleet.Wants{Class: "small", Image: "base", ImageTag: "0a1b", Rungs: 1}), holds: map[string]fleet.Hold{}, now: now}
}

// another is a further run under the same holds.
func (w *held) another(id int64, change func(*fleet.Run)) *held {
	other := *w
	other.run = newHeld(w.t).run
	other.run.RunID, other.run.Job.JobID = fleet.RunID(id), id
	if change != nil {
		change(&other.run)
	}
	return &other
}

func (w *held) write(c fleet.Changes) {
	for _, h := range c.Holds {
		h.Version++
		if w.holds[h.Key] = h; h.Over {
			delete(w.holds, h.Key)
		}
	}
	for _, run := range c.Runs {
		w.run = run
	}
	for _, runner := range c.Runners {
		w.runner = runner
	}
}

func (w *held) launch() string {
	res := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 100, Queue: 24 * time.Hour, Run: w.run, Holds: w.holds, Deployment: "one", Now: w.now})
	w.write(res.Changes)
	return res.RunnerID
}

func (w *held) fail(name string) fleet.CloseResult {
	if name == fleet.RunnerStoppedEarly {
		exit := fleet.ExitRunnerNotFound
		w.runner.ExitCode = &exit
	}
	res := fleet.Close(fleet.CloseFacts{Runner: w.runner, Run: &w.run, Error: name, Cause: "why", Holds: w.holds, Deployment: "one", Now: w.now})
	w.write(res.Changes)
	return res
}

func (w *held) passed(passed fleet.Passed) {
	for _, key := range w.run.ShownBy(passed, w.runner.Rung) {
		if h, ok := w.holds[key]; ok {
			if h, changed := h.Succeeded(w.runner.RunnerID, passed, w.now); changed {
				w.write(fleet.Changes{Holds: []fleet.Hold{h}})
			}
		}
	}
}

func TestASetbackOfOneRunHoldsWhatWouldMeetTheSame(t *testing.T) {
	otherImage := func(r *fleet.Run) { r.ImageTag = "2c3d" }
	otherClass := func(r *fleet.Run) { r.ClassName = "large" }
	otherRepository := func(r *fleet.Run) { r.Job.Repository = "octo/other" }
	otherWorkflowRun := func(r *fleet.Run) { r.Job.WorkflowRunID = 71 }
	otherLabels := func(r *fleet.Run) { r.Job.Labels = []string{"self-hosted", "run:x"} }
	same := func(*fleet.Run) {}
	for name, c := range map[string]struct {
		fails string
		who   func(*fleet.Run)
		held  bool
	}{
		"no capacity, the same class":               {fleet.RunnerNoCapacity, otherRepository, true},
		"no capacity, another class":                {fleet.RunnerNoCapacity, otherClass, false},
		"a failed build, the same image":            {fleet.ImageBuildFailed, otherRepository, true},
		"a failed build, another image":             {fleet.ImageBuildFailed, otherImage, false},
		"an image that does not start, the same":    {fleet.RunnerCannotPullContainer, same, true},
		"an image that does not start, elsewhere":   {fleet.RunnerCannotPullContainer, otherRepository, false},
		"a refused task, the same class":            {fleet.RunnerLaunchFailed, otherImage, true},
		"a refused credential":                      {fleet.GitHubUnauthorized, otherRepository, true},
		"a refused repository, the same":            {fleet.GitHubNoAccess, otherImage, true},
		"a refused repository, another":             {fleet.GitHubNoAccess, otherRepository, false},
		"an unknown job, another job":               {fleet.GitHubNotFound, same, false},
		"GitHub is down, the same repository":       {fleet.GitHubUnavailable, otherImage, true},
		"GitHub is down for one, another":           {fleet.GitHubUnavailable, otherRepository, false},
		"an idle runner, the same set":              {fleet.RunnerIdleTimeout, same, true},
		"an idle runner, other labels":              {fleet.RunnerIdleTimeout, otherLabels, false},
		"an idle runner, another workflow run":      {fleet.RunnerIdleTimeout, otherWorkflowRun, false},
		"a failure of the fleet, another run":       {"Lambda.Unknown", same, false},
		"a failure of the fleet, in the repository": {"Lambda.Unknown", otherRepository, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHeld(t)
			w.launch()
			w.fail(c.fails)
			other := w.another(8, c.who)
			if id := other.launch(); (id == "") != c.held {
				t.Errorf("launched %q: %s", id, other.run.Reason)
			}
			if c.held && (other.run.Shown() != fleet.RunRetrying || other.run.Reason != c.fails+": why" || other.run.Setback.Hold == "") {
				t.Errorf("the other run is %s: %s, %+v", other.run.Shown(), other.run.Reason, other.run.Setback)
			}
		})
	}
}

// One runner at a time tries whether a hold is over, and each success doubles how many
// may.
func TestAHoldOpensSlowly(t *testing.T) {
	w := newHeld(t)
	w.launch()
	w.fail(fleet.RunnerStartTimeout)
	w.now = w.now.Add(time.Minute)

	tries := []*held{}
	next := int64(8)
	more := func() (n int) {
		for {
			other := w.another(next, nil)
			if other.launch() == "" {
				return n
			}
			n, next, tries = n+1, next+1, append(tries, other)
		}
	}
	equal(t, more(), 1)
	for _, want := range []int{2, 4, 8, 16, 32, 64, 64} {
		for _, tried := range tries {
			tried.now = w.now
		}
		first := tries[0]
		for _, tried := range tries[1:] { // they end without an event
			tried.write(fleet.Close(fleet.CloseFacts{Runner: tried.runner, Run: &tried.run, Holds: w.holds, Now: w.now}).Changes)
		}
		tries = nil
		first.passed(fleet.PassedRegister)
		equal(t, more(), want)
	}
}

// A failure while a hold opens closes it again.
func TestAFailureClosesAHoldThatOpened(t *testing.T) {
	w := newHeld(t)
	w.launch()
	w.fail(fleet.RunnerStartTimeout)
	w.now = w.now.Add(time.Minute)
	first := w.another(8, nil)
	first.launch()
	first.passed(fleet.PassedRegister)
	second := w.another(9, nil)
	second.now = w.now
	second.launch()
	second.fail(fleet.RunnerStartTimeout)
	if id := w.another(10, func(*fleet.Run) {}).launch(); id != "" {
		t.Errorf("%s is launched right after a failure", id)
	}
}

// A runner that was launched before the hold began does not count as another failure.
func TestManyFailuresAtOnceCountOnce(t *testing.T) {
	w := newHeld(t)
	others := []*held{}
	for id := int64(8); id < 20; id++ {
		other := w.another(id, nil)
		other.launch()
		others = append(others, other)
	}
	w.launch()
	w.fail(fleet.RunnerCannotPullContainer)
	for _, other := range others {
		other.fail(fleet.RunnerCannotPullContainer)
		if other.run.Setback.Hold == "" || !other.run.Setback.NextTry.IsZero() {
			t.Errorf("%+v", other.run.Setback)
		}
	}
	for key, h := range w.holds {
		if h.InARow != 1 || h.NextTry.Sub(w.now) != time.Minute {
			t.Errorf("%s: %d in a row, the next try in %s", key, h.InARow, h.NextTry.Sub(w.now))
		}
	}
}

// A failure that two repositories meet is not the fault of either.
func TestTwoRepositoriesThatCannotPull(t *testing.T) {
	w := newHeld(t)
	w.launch()
	w.fail(fleet.RunnerCannotPullContainer)
	second := w.another(8, func(r *fleet.Run) { r.Job.Repository = "octo/second" })
	second.launch()
	second.fail(fleet.RunnerCannotPullContainer)
	third := w.another(9, func(r *fleet.Run) { r.Job.Repository = "octo/third" })
	if id := third.launch(); id != "" {
		t.Errorf("%s is launched into what two repositories met", id)
	}
}

// If so many idle, GitHub assigns nothing: no single job is the cause, and runs that
// never idled are launched.
func TestAnOutageOfAssignment(t *testing.T) {
	w := newHeld(t)
	idle := func(id int64, repository string) *held {
		other := w.another(id, func(r *fleet.Run) { r.Job.Repository, r.Job.WorkflowRunID = repository, id })
		other.launch()
		other.fail(fleet.RunnerIdleTimeout)
		return other
	}
	equal(t, idle(8, "octo/app").run.Setback.Kind, fleet.SetbackIdle)
	second := idle(9, "octo/second")
	equal(t, second.run.Setback.Kind, fleet.SetbackOutage)
	fresh := w.another(10, func(r *fleet.Run) { r.Job.Repository, r.Job.WorkflowRunID = "octo/second", 10 })
	if fresh.launch() == "" {
		t.Errorf("a run that never idled waits: %s", fresh.run.Reason)
	}
	fresh.passed(fleet.PassedJob)
	second.now = second.now.Add(time.Second)
	if second.launch() == "" {
		t.Errorf("a runner of its repository got a job, and the run waits: %s", second.run.Reason)
	}
}

func TestHoldsOnRungs(t *testing.T) {
	spot := func(r *fleet.Run) { r.Rungs = 2 }
	t.Run("Spot is taken back: on demand at once", func(t *testing.T) {
		w := newHeld(t).another(8, spot)
		w.launch()
		w.fail(fleet.RunnerSpotInterrupted)
		w.launch()
		equal(t, w.runner.Rung, 1)
		w.fail(fleet.RunnerSpotInterrupted)
		equal(t, w.launch(), "")
		w.now = w.now.Add(time.Minute)
		w.launch()
		equal(t, w.runner.Rung, 0)
	})
	t.Run("no rung had room: wait", func(t *testing.T) {
		w := newHeld(t).another(8, spot)
		w.launch()
		w.runner.Rung = 4 // beyond the last rung it stays there
		w.fail(fleet.RunnerNoCapacity)
		equal(t, w.launch(), "")
		w.now = w.now.Add(time.Minute)
		w.launch()
		equal(t, w.runner.Rung, 0)
	})
}

func TestADeploymentEndsHoldsOnWhatItDeploys(t *testing.T) {
	for name, ends := range map[string]bool{
		fleet.ImageBuildFailed: true, fleet.RunnerLaunchFailed: true, fleet.RunnerStartTimeout: true,
		fleet.RunnerNoCapacity: false, fleet.GitHubUnauthorized: false, fleet.RunnerIdleTimeout: false,
	} {
		w := newHeld(t)
		w.launch()
		w.fail(name)
		res := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 100, Run: w.run, Holds: w.holds, Deployment: "two", Now: w.now})
		if launched := res.RunnerID != ""; launched != ends {
			t.Errorf("%s: launched %t", name, launched)
		}
	}
}

// A job that GitHub keeps queued for longer than it documents costs one task a day.
func TestAJobThatIsQueuedForEver(t *testing.T) {
	w := newHeld(t)
	launched := 0
	for range 72 * 60 {
		if w.launch() != "" {
			launched++
			w.fail(fleet.RunnerIdleTimeout)
		}
		if w.now.Sub(now) == 24*time.Hour {
			launched = 0
		}
		w.now = w.now.Add(time.Minute)
	}
	if launched != 2 {
		t.Errorf("%d runners in the second and third day", launched)
	}
}

func TestAJobEndedAndAnotherMayBegin(t *testing.T) {
	w := newHeld(t)
	w.launch()
	w.fail(fleet.RunnerIdleTimeout)
	w.now = w.now.Add(time.Minute)
	w.launch()
	w.now = w.now.Add(time.Minute)
	w.fail(fleet.RunnerIdleTimeout)
	var idle fleet.Hold
	for key, h := range w.holds {
		if strings.HasPrefix(key, fleet.IdleHoldsOf("Octo/App")) {
			idle = h
		}
	}
	if _, changed := idle.AfterJobEnded(w.now.Add(-time.Second)); changed {
		t.Error("it is tried twice within a minute")
	}
	sooner, changed := idle.AfterJobEnded(w.now)
	if !changed || sooner.Free(w.now) != 1 {
		t.Errorf("it is not tried: %+v", sooner)
	}
}
