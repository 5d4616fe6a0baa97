//go:build aws

package flow

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// roomy lets fifty jobs wait for an image at once.
func roomy(p *fleet.Policy) { p.MaxRunners = 60 }

// waiting queues jobs that need one image, and waits until all of them wait for it.
func (w *world) waiting(n int) (jobs []int64, tag string) {
	w.t.Helper()
	for range n {
		jobs = append(jobs, w.github.Queue(job("image:node:22")))
	}
	w.await("all waiters", func() bool {
		image, ok := w.nodeImage()
		if !ok {
			return false
		}
		tag = image.Tag
		lock, err := w.records.BuildLock(w.t.Context(), tag)
		return err == nil && len(lock.Waiters) == n
	})
	return jobs, tag
}

func (w *world) nodeImage() (fleet.ImageRecord, bool) {
	images, err := w.records.Images(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, image := range images {
		if image.Spec.Name == "docker.io/library/node:22" {
			return image, true
		}
	}
	return fleet.ImageRecord{}, false
}

func (w *world) builds() (n int) {
	for _, call := range w.proxy.Calls() {
		if call.Operation == "StartBuild" {
			n++
		}
	}
	return n
}

// atGate is the end of a build that waits for the test.
func atGate(status string) (ends func(context.Context) string, let func()) {
	gate := make(chan struct{})
	return func(ctx context.Context) string {
		select {
		case <-gate:
			return status
		case <-ctx.Done():
			return ""
		}
	}, sync.OnceFunc(func() { close(gate) })
}

func TestFiftyJobsOneBuild(t *testing.T) {
	w := startWith(t, setup{policy: roomy})
	var let func()
	w.buildEnds, let = atGate("SUCCEEDED")
	jobs, tag := w.waiting(50)
	let()
	w.awaitEnd(jobs...)
	for _, id := range jobs {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("run %+v", run)
		}
	}
	if w.builds() != 1 {
		t.Errorf("%d builds for one image", w.builds())
	}
	image, _ := w.nodeImage()
	if image.Revision != 1 || image.RunnerVersion != "2.336.0" || !image.Usable() {
		t.Errorf("the record of %s is %+v", tag, image)
	}
	w.leftNothing()
}

func TestFiftyJobsWithABaseThatFails(t *testing.T) {
	w := startWith(t, setup{policy: roomy})
	var let func()
	w.buildEnds, let = atGate("FAILED")
	jobs, _ := w.waiting(50)
	let()
	late := w.github.Queue(job("image:node:22"))
	jobs = append(jobs, late)
	for _, id := range jobs {
		w.await("setback of "+fleet.RunID(id), func() bool { return w.run(id).Retrying() })
		if run := w.run(id); !strings.HasPrefix(run.Reason, fleet.ImageBuildFailed+": ") || !strings.Contains(run.Reason, "phase BUILD") {
			t.Errorf("run %s: %s", run.Shown(), run.Reason)
		}
	}
	if w.builds() != 1 {
		t.Errorf("%d builds for one image", w.builds())
	}
	other := w.github.Queue(job())
	w.awaitEnd(other)
	if run := w.run(other); run.Conclusion != "success" {
		t.Errorf("a job with another image: %+v", run)
	}
	for _, id := range jobs {
		if err := w.github.Cancel(id); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitEnd(jobs...)
	w.leftNothing()
}

// No event of a build comes any more, and CodeBuild lists none: a lease later one of the
// waiting runners starts another. If the first build then fails, that changes nothing.
func TestABuildOfWhichNothingIsHeard(t *testing.T) {
	w := startWith(t, setup{policy: func(p *fleet.Policy) {
		roomy(p)
		p.Limits.BuildLease = 20 * time.Second
	}})
	ends, late := atGate("FAILED")
	var mu sync.Mutex
	begun := 0
	w.unlisted = true
	secondEnds, let := atGate("SUCCEEDED")
	w.buildEnds = func(ctx context.Context) string {
		mu.Lock()
		begun++
		first := begun == 1
		mu.Unlock()
		if first {
			return ends(ctx)
		}
		return secondEnds(ctx)
	}
	jobs, tag := w.waiting(5)
	before, err := w.records.BuildLock(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	w.await("the second build", func() bool { return w.builds() == 2 })
	failed := w.heard()
	late()
	w.await("the first one's end", func() bool { return w.heard() > failed })
	if image, _ := w.nodeImage(); image.Failure != nil {
		t.Errorf("a stale build's end was recorded: %+v", image)
	}
	if lock, err := w.records.BuildLock(t.Context(), tag); err != nil || lock.Owner == before.Owner || lock.Owner == "" {
		t.Errorf("the lock was %+v and is %+v, %v", before, lock, err)
	}
	let()
	w.awaitEnd(jobs...)
	for _, id := range jobs {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("run %+v", run)
		}
	}
	if w.builds() != 2 {
		t.Errorf("%d builds", w.builds())
	}
	w.leftNothing()
}

// heard is the number of dispatch's invocations.
func (w *world) heard() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.invoked {
		if name == "dispatch" {
			n++
		}
	}
	return n
}
