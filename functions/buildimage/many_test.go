package buildimage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

const lease = 15 * time.Minute

// queue is many jobs that want one image. It takes their executions through the states
// that deal with images: ResolveImage, BuildImage, and back after a lease of silence.
type queue struct {
	*world
	t     *testing.T
	ids   []string
	state map[string]string // by runner id: "resolve", "wait", then how it ended
	heard map[string]time.Time
}

func queued(t *testing.T, n int) *queue {
	w := lifecycletest.New(t)
	w.MaxRunners = n + 9
	q := &queue{world: w, t: t, state: map[string]string{}, heard: map[string]time.Time{}}
	for id := range int64(n) {
		q.add(w.Job(id + 1))
	}
	return q
}

func (q *queue) add(job fleet.Job) string {
	id := q.Launch(job)
	if id == "" { // no more may start in this minute
		q.Pass(time.Minute)
		if err := q.Fleet().LaunchWaiting(q.t.Context()); err != nil {
			q.t.Fatal(err)
		}
		id = q.Run(fleet.RunID(job.JobID)).RunnerID
	}
	q.ids, q.state[id] = append(q.ids, id), "resolve"
	return id
}

// goOn takes every execution as far as it gets without time passing.
func (q *queue) goOn() {
	q.t.Helper()
	for _, id := range q.ids {
		if q.state[id] == "wait" && q.Executions.Open(id) && q.Now().Sub(q.heard[id]) >= lease {
			q.Executions.TimeOut(id)
			q.state[id] = "resolve"
		}
		if q.state[id] == "resolve" {
			q.resolve(id)
		}
	}
	for _, signal := range q.Executions.Signals {
		id, how, _ := strings.Cut(signal, " ")
		if q.state[id] == "wait" {
			q.state[id] = how
		}
	}
}

func (q *queue) resolve(id string) {
	call := callOf(q.world, id, "")
	image, err := resolveimage.Step{Images: q.Images, Now: q.Now}.Run(q.t.Context(), call)
	if err == nil && image.Outcome == fleet.ImageMissing {
		call.Document.Image = &image
		q.state[id], q.heard[id] = "wait", q.Now()
		_, err = buildimage.Step{Fleet: q.Fleet(), Images: q.Images, Builder: q.Images}.Run(q.t.Context(), call)
	}
	switch {
	case err != nil:
		q.state[id] = "failed " + fleet.ErrorName(err) + ": " + err.Error()
	case image.Outcome == fleet.ImageReady:
		q.state[id] = "ready " + image.Digest
	}
}

// tell has dispatch handle the end of the n-th build that was ordered.
func (q *queue) tell(n int, status, digest, reason string) {
	q.t.Helper()
	order := q.Images.Orders[n]
	event := fleet.Build{
		BuildID: fmt.Sprint(n), Tag: order.Tag, Owner: order.Owner, Revision: order.Revision,
		Status: status, Digest: digest, Reason: reason,
	}
	if err := q.Fleet().BuildEvent(q.t.Context(), q.Images, event); err != nil {
		q.t.Fatal(err)
	}
	q.goOn()
}

// count returns how many executions ended in each way.
func (q *queue) count() map[string]int {
	counts := map[string]int{}
	for _, s := range q.state {
		how, _, _ := strings.Cut(s, " ")
		if strings.Contains(s, "succeeded") {
			how = "ready"
		}
		counts[how]++
	}
	return counts
}

func (q *queue) want(what string, builds int, counts map[string]int) {
	q.t.Helper()
	if got := q.count(); fmt.Sprint(got) != fmt.Sprint(counts) || len(q.Images.Orders) != builds {
		q.t.Fatalf("%s: %d builds and %v, want %d and %v", what, len(q.Images.Orders), got, builds, counts)
	}
}

func TestManyJobsOneBuild(t *testing.T) {
	for _, n := range []int{50, 500} {
		q := queued(t, n)
		q.goOn()
		q.want("all have asked", 1, map[string]int{"wait": n})
		q.tell(0, fleet.BuildSucceeded, "sha256:1", "")
		q.want("it is built", 1, map[string]int{"ready": n})
		q.add(q.Job(int64(n) + 1))
		q.goOn()
		q.want("one more job", 1, map[string]int{"ready": n + 1})
	}
}

// The owner of the lock is killed before or after it has started the build, and for a
// lease nothing is heard of that build. Then one more is built. If the first build
// succeeds after all, all jobs run; if it fails, that says nothing.
func TestTheOwnerIsKilledHalfWay(t *testing.T) {
	for _, started := range []bool{false, true} {
		q := queued(t, 50)
		killed := "Images.Build"
		died, _ := q.Suffer(lifecycletest.Fault{Point: pointOf(t, killed), After: started}, func() error { q.resolve(q.ids[0]); return nil })
		if before := len(q.Images.Orders); !died || (before == 1) != started {
			t.Fatalf("the owner was not killed at %s: died %t with %d builds", killed, died, before)
		}
		first := len(q.Images.Orders)
		q.goOn()
		q.want("the others wait", first, map[string]int{"wait": 50})
		q.Pass(lease + time.Second)
		q.goOn()
		q.want("a lease later", first+1, map[string]int{"wait": 50})
		if started {
			q.tell(0, fleet.BuildFailed, "", "the first one")
			q.want("the first build fails late", 2, map[string]int{"wait": 50})
			q.tell(0, fleet.BuildSucceeded, "sha256:1", "")
			q.want("the first build succeeds late", 2, map[string]int{"ready": 50})
			q.tell(1, fleet.BuildSucceeded, "sha256:2", "")
			if r, _, _ := q.Images.Image(t.Context(), spec.Tag()); r.Digest != "sha256:1" || r.Failure != nil {
				t.Errorf("the second build of a revision is recorded: %+v", r)
			}
			continue
		}
		q.tell(first, fleet.BuildSucceeded, "sha256:2", "")
		q.want("it is built", first+1, map[string]int{"ready": 50})
	}
}

// pointOf is the number of a call among the calls of the first job's steps.
func pointOf(t *testing.T, call string) int {
	q := queued(t, 1)
	point := 0
	q.After(call, func() { point = q.Points() })
	_, _ = q.Suffer(lifecycletest.Fault{}, func() error { q.resolve(q.ids[0]); return nil })
	if point == 0 {
		t.Fatalf("there is no call of %s", call)
	}
	return point
}

// A long build renews the lease for as long as it takes.
func TestALongBuild(t *testing.T) {
	q := queued(t, 50)
	q.goOn()
	for range 6 {
		q.Pass(10 * time.Minute)
		for id := range q.heard {
			q.heard[id] = q.Now() // heartbeats
		}
		q.tell(0, fleet.BuildInProgress, "", "")
	}
	q.want("an hour later", 1, map[string]int{"wait": 50})
	if q.Executions.Heartbeats != 300 {
		t.Errorf("%d heartbeats", q.Executions.Heartbeats)
	}
	q.tell(0, fleet.BuildSucceeded, "sha256:1", "")
	q.want("it is built", 1, map[string]int{"ready": 50})
}

func TestAFailingBase(t *testing.T) {
	const why = "the base image is built on musl, and GitHub's runner needs glibc"
	q := queued(t, 50)
	q.goOn()
	q.tell(0, fleet.BuildFailed, "", why)
	q.want("it failed", 1, map[string]int{"failed": 50})
	for id, s := range q.state {
		if !strings.HasPrefix(s, "failed "+fleet.ImageBuildFailed+": "+why) {
			t.Fatalf("%s: %s", id, s)
		}
	}
	q.Pass(fleet.FailedBuildPause - time.Minute)
	late := q.add(q.Job(51))
	q.goOn()
	q.want("soon after", 1, map[string]int{"failed": 51})
	if s := q.state[late]; !strings.HasPrefix(s, "failed "+fleet.ImageBuildFailed+": "+why) {
		t.Errorf("a late job: %s", s)
	}
	q.Pass(time.Minute)
	q.add(q.Job(52))
	q.goOn()
	q.want("at the next try", 2, map[string]int{"failed": 51, "wait": 1})
	q.tell(1, fleet.BuildSucceeded, "sha256:1", "")
	q.want("it is built", 2, map[string]int{"failed": 51, "ready": 1})
}
