package fleet_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// only is the one hold that keeps runs back.
func (w *held) only() fleet.Hold {
	w.t.Helper()
	var found []fleet.Hold
	for _, h := range w.holds {
		if h.Holds("one") || h.Holds("two") {
			found = append(found, h)
		}
	}
	if len(found) != 1 {
		w.t.Fatalf("%d holds: %+v", len(found), found)
	}
	return found[0]
}

func TestAHoldKnowsWhenItBegan(t *testing.T) {
	w := newHeld(t)
	for range 3 {
		w.launch()
		w.fail(fleet.ImageBuildFailed)
		equal(t, w.only().Since, now)
		w.now = w.now.Add(time.Hour)
	}
}

// A runner launched before a deployment that meets the same failure after it shows that
// the deployment did not repair it.
func TestAFailureUnderANewDeploymentCounts(t *testing.T) {
	w := newHeld(t)
	second := w.another(8, nil)
	second.launch()
	w.launch()
	w.fail(fleet.ImageBuildFailed)

	res := fleet.Close(fleet.CloseFacts{Runner: second.runner, Run: &second.run, Error: fleet.ImageBuildFailed, Cause: "why", Holds: w.holds, Deployment: "two", Now: w.now})

	w.write(fleet.Changes{Holds: res.Changes.Holds})
	if h := w.only(); !h.Holds("two") || h.InARow != 2 {
		t.Errorf("it holds under the new deployment: %t, %d in a row", h.Holds("two"), h.InARow)
	}
}

// If two repositories meet the same failure a quarter of an hour apart, each has met it
// for itself.
func TestWhatWasMetLongAgoDoesNotCount(t *testing.T) {
	for name, c := range map[string]struct {
		apart time.Duration
		held  bool
	}{
		"ten minutes apart": {10 * time.Minute, true},
		"a moment longer":   {10*time.Minute + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHeld(t)
			w.launch()
			w.fail(fleet.RunnerCannotPullContainer)
			second := w.another(8, func(r *fleet.Run) { r.Job.Repository = "octo/second" })
			second.now = w.now.Add(c.apart)
			second.launch()
			second.fail(fleet.RunnerCannotPullContainer)
			third := w.another(9, func(r *fleet.Run) { r.Job.Repository = "octo/third" })
			third.now = second.now
			if id := third.launch(); (id == "") != c.held {
				t.Errorf("launched %q: %s", id, third.run.Reason)
			}
		})
	}
}

// If one repository's runners idle for three sets of labels, that is no mistake of a
// workflow.
func TestThreeSetsOfLabelsThatIdleAreAnOutage(t *testing.T) {
	w := newHeld(t)
	for id, want := range []fleet.SetbackKind{fleet.SetbackIdle, fleet.SetbackIdle, fleet.SetbackOutage} {
		other := w.another(int64(8+id), func(r *fleet.Run) { r.Job.Labels = []string{"self-hosted", "run:" + strconv.Itoa(id)} })
		other.launch()
		other.fail(fleet.RunnerIdleTimeout)
		equal(t, other.run.Setback.Kind, want)
	}
}

// A class's ladder was made shorter while its runner was on the last rung.
func TestARungThatIsNoMoreIsTheLastOne(t *testing.T) {
	w := newHeld(t)
	w.launch()
	w.runner.Rung = 1
	w.fail(fleet.RunnerSpotInterrupted)
	equal(t, w.launch(), "")
	equal(t, w.only().Key, "capacity/small/0")
}

func TestHowFarARunnerCameEndsHolds(t *testing.T) {
	kinds := map[string]fleet.Passed{
		fleet.RunnerNoCapacity:          fleet.PassedStart,
		fleet.RunnerLaunchFailed:        fleet.PassedStart,
		fleet.ImageBuildFailed:          fleet.PassedStart,
		fleet.RunnerCannotPullContainer: fleet.PassedRegister,
		fleet.GitHubUnauthorized:        fleet.PassedRegister,
		fleet.GitHubNoAccess:            fleet.PassedRegister,
		fleet.GitHubUnavailable:         fleet.PassedRegister,
		fleet.RunnerIdleTimeout:         fleet.PassedJob,
		"Lambda.Unknown":                fleet.PassedJob,
	}
	for name, ends := range kinds {
		for passed := fleet.PassedStart; passed <= fleet.PassedJob; passed++ {
			w := newHeld(t)
			w.launch()
			w.fail(name)
			before := map[string]int{}
			for key, h := range w.holds {
				before[key] = h.InARow
			}
			w.passed(passed)
			for key := range before {
				if over := w.holds[key].InARow == 0; over != (passed >= ends) {
					t.Errorf("%s, passed %d: %s is over: %t", name, passed, key, over)
				}
			}
		}
	}
}

// GitHub lets a token list that may not register: a listing shows the hold to be over, a
// try proves it is not.
func TestAListingDoesNotEndWhatTriesRefute(t *testing.T) {
	w := newHeld(t)
	listed := func() {
		if h, changed := w.holds[fleet.CredentialHold()].Succeeded("", fleet.PassedJob, w.now); changed {
			w.write(fleet.Changes{Holds: []fleet.Hold{h}})
		}
	}
	w.launch()
	w.fail(fleet.GitHubUnauthorized)
	equal(t, w.launch(), "")
	listed()
	var pauses []time.Duration
	for range 5 {
		began := w.now
		for w.launch() == "" {
			listed()
			w.now = w.now.Add(time.Minute)
		}
		pauses = append(pauses, w.now.Sub(began))
		w.fail(fleet.GitHubUnauthorized)
	}
	if want := []time.Duration{0, time.Minute, 2 * time.Minute, 5 * time.Minute, 5 * time.Minute}; !slices.Equal(pauses, want) {
		t.Errorf("tries after %v, want %v", pauses, want)
	}

	listed()
	w.now = w.now.Add(5 * time.Minute)
	w.launch()
	w.passed(fleet.PassedRegister)
	h := w.only()
	if h.InARow != 0 || h.FailedTries != 0 || h.Free(w.now) != 2 {
		t.Errorf("a runner has registered: %+v", h)
	}
}
