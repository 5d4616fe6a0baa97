//go:build aws

package flow

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Why a permission may go unused in the scenes below. Before adding a line, look for
// the call in the code.
const (
	again    = "the sweep runs dispatch's handler for events that failed, and repeats signals that were lost"
	learns   = "what GitHub says of a job may end the runner of another, or give the job its runner"
	late     = "called late, or again: what it waits for has happened already"
	retiring = "task definitions that nobody has used for a day"
)

// unreached are permissions that need not be used in the scenes.
var unreached = map[string]string{
	"dispatch dynamodb:DeleteItem":         "the entry of a runner that is closed, if its execution did not close it, and a hold that is over",
	"sweep dynamodb:DeleteItem":            again,
	"sweep dynamodb:UpdateItem":            again,
	"sweep dynamodb:BatchGetItem":          again,
	"sweep ecs:StopTask":                   again,
	"sweep logs:GetLogEvents":              again,
	"sweep codebuild:ListBuildsForProject": "a sweep while an image is built",
	"sweep codebuild:BatchGetBuilds":       "a sweep while an image is built",
	"sweep codebuild:StartBuild":           "an image that no job waits for: a standing one, or one with an old runner",
	"sweep events:PutEvents":               "a task's event that was lost, two minutes after the task's start",
	"sweep states:DescribeExecution":       "a runner that has been open for a minute",
	"sweep states:SendTaskFailure":         again,
	"sweep states:SendTaskHeartbeat":       again,
	"sweep states:SendTaskSuccess":         again,
	"sweep states:StartExecution":          again,
	"sweep ecs:DescribeTaskDefinition":     retiring,
	"sweep ecs:DeregisterTaskDefinition":   retiring,
	"sweep ecs:DeleteTaskDefinitions":      retiring,
	"sweep ecs:ListTaskDefinitions":        retiring,

	"validate dynamodb:BatchGetItem":  learns,
	"validate dynamodb:DeleteItem":    learns,
	"validate dynamodb:Query":         learns,
	"validate ecs:StopTask":           learns,
	"validate states:SendTaskFailure": learns,
	"validate states:SendTaskSuccess": learns,
	"validate states:StartExecution":  learns,

	"inspectrunner dynamodb:BatchGetItem":  learns,
	"inspectrunner dynamodb:DeleteItem":    learns,
	"inspectrunner dynamodb:Query":         learns,
	"inspectrunner states:SendTaskFailure": learns,
	"inspectrunner states:SendTaskSuccess": learns,
	"inspectrunner states:StartExecution":  learns,

	"recordstatus ecs:StopTask":           learns,
	"recordstatus states:SendTaskFailure": late,
	"recordstatus states:SendTaskSuccess": late,
	"buildimage states:SendTaskFailure":   late,
	"buildimage states:SendTaskSuccess":   late,
	"runtask states:SendTaskFailure":      late,
	"runtask states:SendTaskSuccess":      late,
	"runtask ecs:StopTask":                "the runner was let go while its task was started",
	"sweep ecr:BatchDeleteImage":          "a revision whose successor has served for a week",
	"resolveimage dynamodb:PutItem":       "an image that was last used a day ago: the day is noted",
	"buildimage dynamodb:DeleteItem":      "CodeBuild refuses the build for good: its waiters are told and the lock goes",
	"dispatch logs:GetLogEvents":          "a build that failed: what it said last is the reason",
	"claim ecs:DescribeTasks":             "a task that claims before RunTask has recorded it",
	"dispatch dynamodb:BatchGetItem":      "runs wait for room when a runner ends by an event",
}

// TestPermissionsAreUsed plays scenes through everything that is deployed, with every
// call checked against the policy of the function that makes it, action and resource.
// In the end each function has used every permission that it has, except those above.
func TestPermissionsAreUsed(t *testing.T) {
	w := startWith(t, setup{policy: func(p *fleet.Policy) { p.EnforcePolicy = true }})
	used := w.guarded(t)
	w.scenes(t)
	known := map[string]bool{}
	for _, f := range functions.All {
		name := f.Folder()
		granted := map[string]bool{}
		for _, s := range f.Role().May {
			for _, action := range s.Actions {
				if !s.Implied && !s.Deny {
					granted[action] = true
				}
			}
		}
		for _, action := range slices.Sorted(maps.Keys(granted)) {
			permission := name + " " + action
			known[permission] = true
			if !used[name][action] && unreached[permission] == "" {
				t.Errorf("%s may do %s and does not use it: take it away, or say when it does", name, action)
			}
		}
	}
	for permission := range unreached {
		if !known[permission] {
			t.Errorf("%s is reviewed here and is not granted", permission)
		}
	}
	w.leftNothing()
}

// scenes are the events that a fleet meets.
func (w *world) scenes(t *testing.T) {
	t.Helper()
	// A job runs, one is built for, one is refused.
	runs, built, refused := w.github.Queue(job("class:medium")), w.github.Queue(job("image:node:22")), w.github.Queue(job("image:evil.example/x:1"))
	w.awaitEnd(runs, built, refused)

	// A job is cancelled while its runner starts: the runner is let go.
	release := w.fargate.hold()
	cancelled := w.github.Queue(job())
	w.await("a task", func() bool { return w.fargate.waiting() > 0 })
	if err := w.github.Cancel(cancelled); err != nil {
		t.Fatal(err)
	}
	w.await("the cancelled run", func() bool { return w.run(cancelled).Status == fleet.RunCancelled })
	release()
	w.awaitEnd(cancelled)

	// Another fleet's job ends: webhook checks whether a run waits for that.
	others := job()
	others.Labels = []string{"ubuntu-latest"}
	if err := w.github.Cancel(w.github.Queue(others)); err != nil {
		t.Fatal(err)
	}

	// A container does not come up within the start limit: the runner is ended, and the
	// job gets another.
	release = w.fargate.hold()
	stuck := w.github.Queue(job())
	w.await("a task", func() bool { return w.fargate.waiting() > 0 })
	w.inspect(t, w.run(stuck).RunnerID)
	release()
	w.awaitEnd(stuck)

	// ECS has no room, on Spot first.
	off := w.proxy.Use(faultproxy.TaskFailures("runtask", 1, "Capacity is unavailable at this time. Please try again later or in a different availability zone", ""))
	spot := w.github.Queue(job("class:cheap"))
	w.awaitEnd(spot)
	off()

	// dispatch fails for good with an event: the sweep sends it again.
	off = w.proxy.Use(faultproxy.ServerErrors(faultproxy.Match{Client: "dispatch", Service: "dynamodb"}, 9*3))
	lost := w.github.Queue(job())
	w.await("the failed event", func() bool { return w.failedEvents() > 0 })
	off()
	w.sweep()
	w.awaitEnd(lost)
	w.sweep()
	for _, id := range []int64{runs, built, stuck, spot, lost} {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("job %d: %s %s %s", id, run.Status, run.Conclusion, run.Reason)
		}
	}
}

// failedEvents is how many events wait for the sweep.
func (w *world) failedEvents() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failedSent
}

// inspect does what the state machine does after the start limit, in a world where that
// time has passed.
func (w *world) inspect(t *testing.T, runnerID string) {
	t.Helper()
	w.await("an hour", func() bool {
		runner, ok, err := w.records.Runner(t.Context(), runnerID)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		for stage, at := range runner.Times {
			runner.Times[stage] = at.Add(-time.Hour)
		}
		err = w.records.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{runner}})
		if err != nil && !fleet.IsNamed(err, fleet.RecordsConflict) {
			t.Fatal(err)
		}
		return err == nil // a function may have changed it meanwhile
	})
	payload, err := json.Marshal(fleet.Call{RunnerID: runnerID, State: "InspectRunner"})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := w.invoke("inspectrunner", payload); err != nil || !strings.Contains(string(out), fleet.OutcomeReaped) {
		t.Fatalf("inspected: %s %v", out, err)
	}
}
