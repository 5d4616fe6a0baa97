package claim_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// sized is what a runner's record has of the moment of its launch.
func sized(r *fleet.Runner) {
	r.ClassName, r.Image, r.Rung = "large", "image:docker.io/library/node:22", 1
	r.Digest, r.Size = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/ci@sha256:0a1b", &fleet.Class{CPU: 4096, Memory: 8192, Arch: fleet.X64, Spot: true}
	r.Times = fleet.Times{fleet.StageTaskStarted: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
}

func TestWhatTheJobsLogSaysOfItsRunner(t *testing.T) {
	r := fleet.Runner{RunnerID: "ci-7-1", RunID: "job-7", For: "job-8"}
	sized(&r)
	want := fleet.JobLog{
		RunnerID: "ci-7-1", RunID: "job-8", ClassName: "large", CPU: 4096, Memory: 8192, Arch: fleet.X64, Image: "image:docker.io/library/node:22", Digest: "sha256:0a1b",
		Provider: fleet.Fargate, Since: r.At(fleet.StageTaskStarted), Why: "ecsrunner why ci-7-1",
	}
	got := claim.JobLogOnAWS(fleet.Policy{FleetName: "ci"}, "us-east-1")(r)
	if math.Abs(got.PerMinute-0.0033) > 0.001 { // 4 vCPU and 8 GiB on demand
		t.Errorf("a minute costs %f", got.PerMinute)
	}
	got.PerMinute = 0
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("on AWS (-want +got):\n%s", diff)
	}
	r.Rung = 0
	onDemand := claim.JobLogOnAWS(fleet.Policy{}, "us-east-1")(r)
	if onDemand.Provider != fleet.FargateSpot || onDemand.PerMinute <= 0 || onDemand.Estimated {
		t.Errorf("on the first rung: %+v", onDemand)
	}
	if got := claim.JobLogOnAWS(fleet.Policy{}, "ap-south-2")(r); !got.Estimated {
		t.Errorf("in a region without prices: %+v", got)
	}
	if got := claim.JobLog(" --data-dir /srv/fleet", nil)(r); got.PerMinute != 0 || got.Provider != "" || got.Why != "ecsrunner why ci-7-1 --data-dir /srv/fleet" {
		t.Errorf("on one machine: %+v", got)
	}
	r.Size, r.Digest = nil, "" // of the release before
	if got := claim.JobLogOnAWS(fleet.Policy{}, "us-east-1")(r); got.PerMinute != 0 || got.CPU != 0 || got.Digest != "" {
		t.Errorf("of the release before: %+v", got)
	}
	if claim.JobLogOnAWS(fleet.Policy{NoJobLog: true}, "us-east-1") != nil {
		t.Error("it is switched off and says something")
	}
}

// The claim's answer brings it, and nothing is asked for it.
func TestTheClaimSaysWhatTheJobsLogShows(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.EditRunner(id, sized)
	h := handler(w)
	h.JobLog = claim.JobLogOnAWS(fleet.Policy{FleetName: "ci"}, "us-east-1")
	reply := h.Handle(t.Context(), claim.Request{RunnerID: id, Token: fleet.ClaimToken(key, id), Nonce: "nonce"})
	if reply.Status != 200 || reply.Body.JobLog == nil || reply.Body.JobLog.RunnerID != id || reply.Body.JobLog.Digest != "sha256:0a1b" {
		t.Errorf("%+v", reply)
	}
}
