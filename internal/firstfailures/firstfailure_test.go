package firstfailures

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var update = flag.Bool("update", false, "write "+failuresFile)

const failuresFile = "testdata/first_failures.golden.json"

// failure is what the operator of a fleet with a mistake sees.
type failure struct {
	Error    string            `json:"error"` // of the first execution that ended red
	Cause    string            `json:"cause"` // at most 300 characters: what happened to which thing, and what to do
	Kind     fleet.SetbackKind `json:"kind"`
	Whose    string            `json:"whose"` // business it is
	Shown    fleet.RunStatus   `json:"shown"` // after three hours
	Reason   string            `json:"reason"`
	NextTry  string            `json:"next_try"` // how long after the last one
	Sooner   string            `json:"sooner"`   // what makes it come sooner
	Tasks    int               `json:"tasks"`    // in three hours: what AWS bills
	RunTask  int               `json:"run_task"` // calls
	Builds   int               `json:"builds,omitempty"`
	Recovers string            `json:"recovers"` // how long after the mistake is corrected the job has run
}

// firstFailures are the mistakes that a first deployment has.
var firstFailures = map[string]func(*cloud){
	"the secret of the token is missing": func(c *cloud) {
		c.answers["GetSecretValue"] = refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	},
	"the token lacks a permission": func(c *cloud) {
		c.gitHub = func(*http.Request) (int, string) {
			return 403, `{"message":"Resource not accessible by personal access token","status":"403"}`
		}
	},
	"the token is none": func(c *cloud) {
		c.gitHub = func(*http.Request) (int, string) { return 401, `{"message":"Bad credentials","status":"401"}` }
	},
	"subnets without a way out": func(c *cloud) {
		c.taskEnds = stopped{code: "TaskFailedToStart", reason: "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref 123456789012.dkr.ecr.us-east-1.amazonaws.com/ci@sha256:0a1b: failed to do request: i/o timeout"}
	},
	"a task that cannot be set up": func(c *cloud) {
		c.taskEnds = stopped{code: "TaskFailedToStart", reason: "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."}
	},
	"the account's vCPU quota": func(c *cloud) {
		c.answers["RunTask"] = answer(200, `{"tasks":[],"failures":[{"reason":"You\u2019ve reached the limit on the number of vCPUs you can run concurrently"}]}`)
	},
	"no capacity in the zones": func(c *cloud) {
		c.answers["RunTask"] = answer(200, `{"tasks":[],"failures":[{"reason":"Capacity is unavailable at this time. Please try again later or in a different availability zone"}]}`)
	},
	"a subnet that there is not": func(c *cloud) {
		c.answers["RunTask"] = refuse(400, "InvalidParameterException", "Error retrieving subnet information for [subnet-0a1b2c3d]: The subnet ID 'subnet-0a1b2c3d' does not exist")
	},
	"a queue of builds that stays full": func(c *cloud) {
		c.labels = append(c.labels, "image:node:22")
		c.answers["StartBuild"] = refuse(400, "AccountLimitExceededException", "Cannot have more than 1 builds in queue for the account")
	},
	"a base image that is not there": func(c *cloud) {
		c.labels = append(c.labels, "image:node:2222")
		c.answers["GetLogEvents"] = answer(200, `{"events":[{"message":"pulling docker.io/library/node:2222\n"},{"message":"ecsrunner: the image docker.io/library/node:2222 cannot be pulled: manifest unknown\n"},{"message":"[Container] Phase complete: BUILD State: FAILED\n"}]}`)
	},
	"a build whose log cannot be read": func(c *cloud) {
		c.labels = append(c.labels, "image:node:2222")
		c.answers["GetLogEvents"] = refuse(400, "AccessDeniedException", "User is not authorized to perform: logs:GetLogEvents")
	},
	"a runner that GitHub no longer takes": func(c *cloud) {
		c.taskEnds = stopped{code: "EssentialContainerExited", reason: "Essential container in task exited", exit: new(fleet.ExitVersionDeprecated)}
	},
}

// mostCause is how many characters of a cause people read.
const mostCause = 300

// TestFirstFailures plays a fleet with each mistake for three hours, and corrects it: the
// state machine and its steps, dispatch and the sweep, over AWS's and GitHub's answers as
// bytes. What comes of it is in the golden file, for people to judge: each has a name of
// its own, says what to do, spends little, and its job runs in the end.
func TestFirstFailures(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // so little is alive that the collector would run all the time
	got := map[string]failure{}
	for name, mistake := range firstFailures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { got[name] = play(t, mistake) })
			f := got[name]
			if n := utf8.RuneCountInString(f.Cause); n == 0 || n > mostCause {
				t.Errorf("the cause has %d characters: %s", n, f.Cause)
			}
			if f.Shown != fleet.RunRetrying || !strings.Contains(f.Reason, f.Error) {
				t.Errorf("the run is %s with %s: nobody knows that it waits for the end of %s", f.Shown, f.Reason, f.Error)
			}
			if strings.Contains(f.Cause+f.Reason, theToken) {
				t.Error("the token is told")
			}
		})
	}
	for name, f := range got {
		if strings.Contains(name, "token") && f.Tasks+f.RunTask > 0 {
			t.Errorf("%s: %d tasks were started, which could never work", name, f.Tasks)
		}
	}
	compareFailures(t, got)
}

func compareFailures(t *testing.T, got map[string]failure) {
	t.Helper()
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err == nil {
			err = os.WriteFile(failuresFile, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(failuresFile)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]failure{}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			t.Errorf("%s (-want +got; -update accepts it):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(firstFailures))); diff != "" {
		t.Errorf("%s has other failures than the test (-golden +test):\n%s", failuresFile, diff)
	}
}

// play queues one job, corrects the mistake three hours later and waits until the job
// has run.
func play(t *testing.T, mistake func(*cloud)) failure {
	t.Helper()
	c := newCloud(t)
	mistake(c)
	f := newFleet(t, c)
	defer f.close(t)
	f.queue(t)
	f.pass(t, 3*time.Hour)
	for range 30 { // while a try is under way, the run does not wait for the next one
		if f.run(t).Retrying() {
			break
		}
		f.pass(t, time.Minute)
	}
	run := f.run(t)
	if run.Setback == nil {
		t.Fatalf("the run is %s without a setback: %s", run.Status, run.Reason)
	}
	kind := run.Setback.Kind
	out := failure{
		Error: f.firstError, Cause: f.firstCause,
		Kind: kind, Whose: kind.Whose(), Sooner: kind.Sooner(), Shown: run.Shown(), Reason: run.Reason, NextTry: f.nextTry(t, run).String(),
		Tasks: c.tasks, RunTask: c.calls["RunTask"], Builds: c.calls["StartBuild"],
	}
	c.correct()
	corrected := time.Now()
	for !run.Status.Terminal() && time.Since(corrected) < 3*time.Hour {
		f.pass(t, time.Minute)
		run = f.run(t)
	}
	if run.Status != fleet.RunCompleted || run.Conclusion != "success" {
		t.Errorf("three hours after the mistake was corrected the run is %s %q: %s", run.Status, run.Conclusion, run.Reason)
	}
	out.Recovers = about(time.Since(corrected))
	f.pass(t, 5*time.Minute)
	if open := f.openRunners(t); open > 0 {
		t.Errorf("%d runners are left open", open)
	}
	return out
}

// nextTry is how long after its last failure a run is tried again. 0 is when a request
// of the sweep shows that it may be.
func (w *world) nextTry(t *testing.T, run fleet.Run) time.Duration {
	t.Helper()
	at := w.nextTryAt(t, run)
	if at.IsZero() {
		return 0
	}
	return at.Sub(run.Setback.At)
}

// nextTryAt is when a run that had a setback is tried again, the zero time if that is for
// a request of the sweep to show.
func (w *world) nextTryAt(t *testing.T, run fleet.Run) time.Time {
	t.Helper()
	key := run.Setback.Hold
	if key == "" {
		return run.Setback.NextTry
	}
	found, err := w.store.Holds(t.Context(), []string{key})
	hold, ok := found[key]
	if err != nil || !ok {
		t.Fatalf("the run waits for hold %s, which there is not (%v)", key, err)
	}
	if hold.Width == 0 {
		return time.Time{}
	}
	return hold.NextTry
}

// about rounds: which of two things comes first at one time may differ by a sweep.
func about(d time.Duration) string {
	if d > 10*time.Minute {
		return "about " + d.Round(10*time.Minute).String()
	}
	return "about " + d.Round(time.Minute).String()
}

// idleSweep is the minutes between two sweeps while nothing is due.
const idleSweep = 5

// pass lets time pass, with a sweep each minute. While nothing is due most of them would only
// look; one in a while still shows that they do no more.
func (w *world) pass(t *testing.T, d time.Duration) {
	t.Helper()
	for range d / time.Minute {
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.idle(t) && time.Now().Minute()%idleSweep != 0 {
			continue
		}
		w.sweep(t)
	}
}

// idle reports whether the run alone is left, and waits: for a time that the next minute does
// not bring, or for GitHub, which refuses every request until the mistake is corrected.
func (w *world) idle(t *testing.T) bool {
	t.Helper()
	run := w.run(t)
	if !run.Retrying() || w.openRunners(t) > 0 {
		return false
	}
	at := w.nextTryAt(t, run)
	if at.IsZero() {
		return !w.cloud.works
	}
	return at.After(time.Now().Add(time.Minute))
}

func answer(status int, body string) reply { return reply{status, body} }

func refuse(status int, code, message string) reply {
	return reply{status, fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message)}
}
