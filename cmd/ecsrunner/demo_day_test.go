package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// The visitor of a demo sees jobs that run, and one that is refused with a reason.
func TestTheJobsOfADay(t *testing.T) {
	cfg, err := demoConfig(&demoWorld{}, t.TempDir(), "token", "secret")
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, push := range demoPushes {
		for _, task := range push.jobs {
			spec := task.spec(7, push.workflow)
			decision := cfg.Policy.Admit(fleet.Job{JobID: 1, Repository: demoRepository, Private: true, Labels: spec.Labels})
			switch decision.Verdict {
			case fleet.Admitted:
			case fleet.Refused:
				refused++
			default:
				t.Errorf("%s: %+v", task.name, decision)
			}
			if spec.Workflow != push.workflow || !strings.Contains(spec.Steps[1].Run, "sleep 1") {
				t.Errorf("%+v", spec)
			}
		}
	}
	if refused != 1 {
		t.Errorf("%d kinds of jobs are refused, want 1", refused)
	}
}

func TestWorkday(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gh, err := sim.New(sim.Config{Repository: demoRepository, Private: true, Token: "token"})
		if err != nil {
			t.Fatal(err)
		}
		defer gh.Close()
		queued, err := workday(t.Context(), gh, 60)
		if err != nil || queued != 60 {
			t.Fatalf("%d queued, %v", queued, err)
		}
		workflows := map[string]bool{}
		for _, job := range gh.Jobs() {
			workflows[job.Workflow] = true
			if job.Status != "queued" {
				t.Errorf("%s is %s: no runner took it, and nothing waits for an approval any more", job.Name, job.Status)
			}
		}
		if len(gh.Jobs()) != 60 || len(workflows) < 3 {
			t.Errorf("%d jobs of the workflows %v", len(gh.Jobs()), workflows)
		}
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		if queued, err := workday(ctx, gh, 1000); err != nil || queued == 0 || queued > 30 {
			t.Errorf("in twenty seconds %d were queued, %v", queued, err)
		}
	})
}
