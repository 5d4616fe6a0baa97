package deployed

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
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

// failure is what somebody sees who deploys a fleet that has a mistake.
type failure struct {
	Error        string `json:"error"`               // of the first execution that ended red, or what RunTask still met
	Cause        string `json:"cause"`               // at most 300 characters: what happened to which thing, and what to do
	RunStatus    string `json:"run_status"`          // of the job's run, in the end
	RunReason    string `json:"run_reason"`          // what `ecsrunner runs list` shows
	Meanwhile    string `json:"meanwhile,omitempty"` // what it showed after ten minutes
	Ended        string `json:"ended"`               // how long it took, in virtual time
	TasksStarted int    `json:"tasks_started"`       // what AWS bills
	RunTaskCalls int    `json:"run_task_calls"`
	BuildsAsked  int    `json:"builds_asked,omitempty"`
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

// TestFirstFailures plays a fleet with each mistake, for up to two days: the state machine
// and its steps, dispatch and the sweep, over AWS's and GitHub's answers as bytes.
// What comes of it is in the golden file, for people to judge: each has a name of
// its own, says what to do, and stops spending.
func TestFirstFailures(t *testing.T) {
	got := map[string]failure{}
	for name, mistake := range firstFailures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { got[name] = play(t, mistake) })
			f := got[name]
			if n := utf8.RuneCountInString(f.Cause); n == 0 || n > mostCause {
				t.Errorf("the cause has %d characters: %s", n, f.Cause)
			}
			if f.RunStatus != string(fleet.RunFailed) {
				t.Errorf("the run is %s: its job would wait for nothing", f.RunStatus)
			}
			if strings.Contains(f.Cause+f.RunReason, theToken) {
				t.Error("the token is told")
			}
		})
	}
	for name, f := range got {
		if strings.Contains(name, "token") && f.TasksStarted+f.RunTaskCalls > 0 {
			t.Errorf("%s: %d tasks were started, which could never work", name, f.TasksStarted)
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

// play queues one job and watches it to its end, and an hour longer.
func play(t *testing.T, mistake func(*cloud)) failure {
	t.Helper()
	c := newCloud(t)
	mistake(c)
	f := newFleet(t, c)
	defer f.close(t)
	var out failure
	begun := time.Now()
	f.queue(t)
	for out.Ended == "" && time.Since(begun) < 2*24*time.Hour {
		f.pass(t, time.Since(begun)) // a look before it would be a race with the first steps
		run := f.run(t)
		if out.Meanwhile == "" && time.Since(begun) >= 10*time.Minute {
			out.Meanwhile = clockTime.ReplaceAllString(run.Reason, "[time]")
		}
		if run.Status.Terminal() {
			out.Ended = about(time.Since(begun))
		}
	}
	for range 60 {
		f.pass(t, 0)
	}
	run := f.run(t)
	out.Error, out.Cause, out.RunStatus, out.RunReason = f.firstError, f.firstCause, string(run.Status), run.Reason
	out.TasksStarted, out.RunTaskCalls, out.BuildsAsked = c.tasks, c.calls["RunTask"], c.calls["StartBuild"]
	if open := f.openRunners(t); open > 0 {
		t.Errorf("%d runners are left open", open)
	}
	return out
}

// clockTime is when something is tried again, which may differ by a sweep too.
var clockTime = regexp.MustCompile(`\d\d:\d\d:\d\d UTC`)

// about rounds: which of two things comes first at one time may differ by a sweep.
func about(d time.Duration) string {
	switch {
	case d > 10*time.Hour:
		d = d.Round(time.Hour)
	case d > 10*time.Minute:
		d = d.Round(30 * time.Minute)
	default:
		d = d.Round(time.Minute)
	}
	return "about " + d.String()
}

// pass lets time pass until the next sweep: a minute, and after an hour fifteen, for
// the test's sake.
func (w *world) pass(t *testing.T, since time.Duration) {
	t.Helper()
	pause := time.Minute
	if since > time.Hour {
		pause = 15 * time.Minute
	}
	time.Sleep(pause)
	synctest.Wait()
	w.sweep(t)
}

func answer(status int, body string) reply { return reply{status, body} }

func refuse(status int, code, message string) reply {
	return reply{status, fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message)}
}
