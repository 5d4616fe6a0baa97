package recordstatus_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func refusedDocument(change func(*fleet.Plan)) fleet.Document {
	plan := &fleet.Plan{Decision: fleet.Refused, Rule: "class.unknown", Reason: `class "huge" is not one of large, small`}
	change(plan)
	return fleet.Document{Plan: plan}
}

func sameDocument(*fleet.Plan) {}

func step(w *world) recordstatus.Step {
	return recordstatus.Step{Fleet: w.Fleet(), Images: w.Images, Notices: w.Notices(), Bus: w.Bus, NewID: w.NewID}
}

func TestARefusalIsShownOnceItIsRecorded(t *testing.T) {
	cases := map[string]struct {
		setup  func(w *world)
		doc    fleet.Document
		shown  int
		notice string
	}{
		"a job of a private repository": {
			doc: refusedDocument(sameDocument), shown: 1, notice: "shown to its developer as a failed commit status",
		},
		"GitHub is down": {
			setup:  func(w *world) { w.GitHub.Fails["ShowRefusal"] = fleet.Errorf(fleet.GitHubUnavailable, "502") },
			doc:    refusedDocument(sameDocument),
			notice: "is to be shown to its developer; not yet: GitHub.Unavailable: 502",
		},
		"the credential may not": {
			setup:  func(w *world) { w.GitHub.Fails["ShowRefusal"] = fleet.Errorf(fleet.GitHubNoAccess, "403") },
			doc:    refusedDocument(sameDocument),
			notice: "could not be shown: GitHub.NoAccess: 403",
		},
		"a job that is another's by its labels": {
			doc: refusedDocument(func(p *fleet.Plan) { p.NotOurs = true }),
		},
		"a job that was not wanted": {
			doc: refusedDocument(func(p *fleet.Plan) { p.Decision = fleet.NotWanted }),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Launch(w.Job(7, "self-hosted", "class:huge"))
			if c.setup != nil {
				c.setup(w)
			}
			_, err := step(w).Run(t.Context(), fleet.Call{RunnerID: id, State: recordstatus.RecordStatus, Document: c.doc})
			if err != nil {
				t.Fatalf("the execution ends red: %v", err)
			}
			if run := w.Run("job-7"); run.Notice.String() != c.notice || len(w.GitHub.Refusals) != c.shown {
				t.Errorf("shown %d times, %q", len(w.GitHub.Refusals), run.Notice)
			}
			if len(w.Bus.Events) != 1 {
				t.Errorf("%d events", len(w.Bus.Events))
			}
		})
	}
}

// An error after the runner is closed concerns the notice alone.
func TestTheNoticeFailsNothing(t *testing.T) {
	play := func(f lifecycletest.Fault) (w *world, announced int, err error) {
		w = lifecycletest.New(t)
		id := w.Launch(w.Job(7, "self-hosted", "class:huge"))
		w.After("Bus.Put", func() { announced = w.Points() })
		_, err = w.Suffer(f, func() error {
			_, err := step(w).Run(t.Context(), fleet.Call{RunnerID: id, State: recordstatus.RecordStatus, Document: refusedDocument(sameDocument)})
			return err
		})
		return w, announced, err
	}
	calm, announced, err := play(lifecycletest.Fault{})
	if err != nil || announced == 0 || calm.Points() < announced+5 {
		t.Fatalf("%d calls, %d of them until the end is announced: %v", calm.Points(), announced, err)
	}
	for n := announced + 1; n <= calm.Points(); n++ {
		for _, after := range []bool{false, true} {
			if _, _, err := play(lifecycletest.Fault{Point: n, After: after, Error: true}); err != nil {
				t.Errorf("call %d fails, and so does the step: %v", n, err)
			}
		}
	}
}

func TestARefusalMayBeKilledAnywhere(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := lifecycletest.New(t)
		w.Launch(w.Job(7, "self-hosted", "class:huge"))
		return w
	}
	call := func(w *world) error {
		_, err := step(w).Run(t.Context(), fleet.Call{RunnerID: "fleet-7-1", State: recordstatus.RecordStatus, Document: refusedDocument(sameDocument)})
		return err
	}
	settle := func(w *world) {
		for range 3 {
			w.Pass(time.Minute)
			if err := w.Fleet().ShowRefusal(t.Context(), w.Notices(), "job-7"); err != nil {
				t.Error(err)
			}
		}
	}
	lifecycletest.KillEverywhere(t, setup, call, settle)
}
