package sweep_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// newest is a list of builds, or the error of listing them.
type newest struct {
	builds []fleet.Build
	err    error
	asked  int
}

func (n *newest) Newest(context.Context) ([]fleet.Build, error) {
	n.asked++
	return n.builds, n.err
}

const lease = 15 * time.Minute

// waits is a world in which two runners wait for the build of an image. The first of
// them owns the build.
func waits(t *testing.T) (w *world, owner string) {
	t.Helper()
	w = lifecycletest.New(t)
	if err := w.Images.PutImage(t.Context(), fleet.ImageRecord{Tag: "tag", Spec: node}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{1, 2} {
		runnerID := w.Launch(w.Job(id))
		token := w.Executions.Token(runnerID)
		w.EditRunner(runnerID, func(r *fleet.Runner) { r.TaskToken, r.WaitingFor = token, fleet.WaitForImage })
		joined, err := w.Images.JoinBuild(t.Context(), "tag", runnerID, w.Now(), lease)
		if err != nil {
			t.Fatal(err)
		}
		if owner == "" {
			owner = joined
		}
	}
	return w, owner
}

func TestLocksOnBuilds(t *testing.T) {
	ready := []string{`fleet-1-1 succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`, `fleet-2-1 succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`}
	lost := []string{"fleet-1-1 failed Image.BuildLost: nothing is known of the build any more", "fleet-2-1 failed Image.BuildLost: nothing is known of the build any more"}
	for name, c := range map[string]struct {
		passed  time.Duration // since the lock was taken
		build   *fleet.Build  // its owner is the lock's unless the case says otherwise
		before  func(*world)
		signals []string
		beats   int
		renewed bool
		free    bool
		cause   sweep.Cause
	}{
		"a build that has just begun is left alone":                   {passed: 2 * time.Minute, build: &fleet.Build{Status: fleet.BuildInProgress}},
		"a build that goes on keeps its lock and its waiters":         {passed: 6 * time.Minute, build: &fleet.Build{Status: fleet.BuildInProgress}, beats: 2, renewed: true},
		"a build that goes on though its lease has run out, too":      {passed: 20 * time.Minute, build: &fleet.Build{Status: fleet.BuildInProgress}, beats: 2, renewed: true},
		"the end of a build was not heard":                            {passed: 6 * time.Minute, build: &fleet.Build{Status: fleet.BuildSucceeded, Digest: "sha256:1"}, signals: ready, free: true, cause: sweep.BuildEventLost},
		"an earlier build has succeeded":                              {passed: 2 * time.Minute, build: &fleet.Build{Owner: "fleet-9-1@1", Status: fleet.BuildSucceeded, Digest: "sha256:1"}, signals: ready, free: true},
		"an earlier build has failed":                                 {passed: 2 * time.Minute, build: &fleet.Build{Owner: "fleet-9-1@1", Status: fleet.BuildFailed}},
		"another image's build says nothing":                          {passed: 2 * time.Minute, build: &fleet.Build{Tag: "other", Status: fleet.BuildSucceeded}},
		"the owner still tries to start it":                           {passed: 10 * time.Minute},
		"nothing builds, and the lease has run out":                   {passed: 16 * time.Minute, signals: lost, free: true, cause: sweep.BuildOwnerGone},
		"the owner is gone before it started one":                     {passed: 2 * time.Minute, before: closes, signals: lost[1:], free: true, cause: sweep.BuildOwnerGone},
		"the owner is gone a moment ago, its build may be on its way": {passed: 30 * time.Second, before: closes},
		"the owner is gone and its build goes on":                     {passed: 6 * time.Minute, before: closes, build: &fleet.Build{Status: fleet.BuildInProgress}, beats: 1, renewed: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, owner := waits(t)
			if c.before != nil {
				c.before(w)
			}
			until := w.Images.Until("tag")
			w.Pass(c.passed)
			h := handler(w)
			n := &newest{}
			if c.build != nil {
				b := *c.build
				b.Tag, b.Owner, b.Revision = orElse(b.Tag, "tag"), orElse(b.Owner, owner), 1
				n.builds = []fleet.Build{b}
			}
			h.Builds = n
			beats := w.Executions.Heartbeats
			before := len(w.Executions.Signals)
			repairs, err := h.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := w.Executions.Signals[before:]; !slices.Equal(got, c.signals) || w.Executions.Heartbeats-beats != c.beats {
				t.Errorf("signals %q and %d heartbeats, want %q and %d", got, w.Executions.Heartbeats-beats, c.signals, c.beats)
			}
			lock, _ := w.Images.BuildLock(t.Context(), "tag")
			if (lock.Owner == "") != c.free || (lock.Until.After(until)) != c.renewed {
				t.Errorf("lock %+v; it ran until %s", lock, until)
			}
			if c.cause != "" && repairs[c.cause] != 1 {
				t.Errorf("repairs %v, want one of %s", repairs, c.cause)
			}
		})
	}
}

// closes ends the owner's runner, as a cancelled job does.
func closes(w *world) {
	w.EditRunner("fleet-1-1", func(r *fleet.Runner) { *r = r.Forget(); r.Phase = fleet.Closed })
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// A fleet without builds asks CodeBuild for nothing.
func TestBuildsAreListedForLocksOnly(t *testing.T) {
	w := lifecycletest.New(t)
	if err := w.Images.PutImage(t.Context(), fleet.ImageRecord{Tag: "tag", Spec: node}); err != nil {
		t.Fatal(err)
	}
	h, n := handler(w), &newest{}
	h.Builds = n
	if _, err := h.Run(t.Context()); err != nil || n.asked != 0 {
		t.Errorf("asked %d times, %v", n.asked, err)
	}
}

func TestBuildsThatCannotBeListed(t *testing.T) {
	w, _ := waits(t)
	w.Pass(time.Hour)
	h := handler(w)
	h.Builds = &newest{err: errors.New("throttled")}
	before := w.State()
	if _, err := h.Run(t.Context()); err == nil {
		t.Error("the sweep does not say that it left the locks")
	}
	if lock, _ := w.Images.BuildLock(t.Context(), "tag"); lock.Owner == "" {
		t.Errorf("a lock was given up unseen:\n%s\n%s", before, w.State())
	}
}
