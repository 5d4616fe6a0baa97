//go:build aws

package flow

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// TestTheFirstHour plays an account's first hour in its order: the deployment, the
// first sweep and the first job while no token is stored; the token; a GitHub that
// limits its look-ups; a registry that limits its pulls. The job runs, and the operator
// only stores the token. Each state on the way is explained in one sentence.
func TestTheFirstHour(t *testing.T) {
	w := start(t)
	w.storeToken(`{"` + fleet.NoTokenYet + `":true,"random":"x"}`) // what the deployment generates
	w.unpublishBaseImage()

	w.trySweep()
	if w.builds() != 0 {
		t.Error("an image is built before GitHub has said which runner goes into it")
	}
	first := w.github.Queue(job())
	w.says(first, fleet.SecretMissing, "no token is stored yet as github_pat: the output StoreGitHubPatCommand")
	if tasks := w.fargate.count(); tasks != 0 {
		t.Errorf("%d tasks were started that could never register", tasks)
	}

	w.storeToken(w.token)
	off := w.limitLookUps()
	pulls := w.limitPulls()
	w.freshEnvironments()
	w.trySweep() // its request about the credential is accepted: the job is tried
	w.says(first, fleet.ImageSourceUnavailable, "takes no more pulls")
	off()
	if before := w.builds(); before != 1 {
		t.Errorf("%d builds, want the one that the job asked for", before)
	}

	pulls()
	w.timePasses()
	w.sweep()
	w.awaitEnd(first)
	if run := w.run(first); run.Conclusion != "success" {
		t.Errorf("%s %s %s", run.Status, run.Conclusion, run.Reason)
	}
	if tasks := w.fargate.count(); tasks != 1 {
		t.Errorf("%d tasks for one job", tasks)
	}
}

// says waits until a run waits for its next try, and checks what people read.
func (w *world) says(jobID int64, name, sentence string) {
	w.t.Helper()
	w.await(name, func() bool {
		run := w.run(jobID)
		return run.Retrying() && strings.HasPrefix(run.Reason, name+": ")
	})
	if run := w.run(jobID); !strings.Contains(run.Reason, sentence) || run.Setback.Kind.Whose() == "" || run.Setback.Kind.Sooner() == "" {
		w.t.Errorf("the run says %q, want …%s…", run.Reason, sentence)
	}
}

// storeToken is what the output StoreGitHubPatCommand does.
func (w *world) storeToken(value string) {
	w.stack.moto.json("secretsmanager", "secretsmanager.PutSecretValue", map[string]any{
		"SecretId": w.environment("validate")[deployment.EnvGitHubPAT], "SecretString": value, "ClientRequestToken": rand.Text() + rand.Text()[:10],
	})
}

func (w *world) unpublishBaseImage() {
	_, repository, _ := strings.Cut(w.environment("resolveimage")[deployment.EnvRepository], "/")
	w.stack.moto.json("ecr", "AmazonEC2ContainerRegistry_V20150921.BatchDeleteImage", map[string]any{
		"repositoryName": repository, "imageIds": []any{map[string]any{"imageTag": "base"}},
	})
}

// trySweep runs a sweep whose parts that need GitHub may fail.
func (w *world) trySweep() { _, _ = w.invoke("sweep", []byte(`{"source":"aws.scheduler"}`)) }

// freshEnvironments gives each function a new environment, as Lambda does at any time.
// An environment that has read a secret keeps its value for a while.
func (w *world) freshEnvironments() {
	for _, f := range w.functions {
		f.Recycle()
	}
}

// limitLookUps makes GitHub refuse to list runners.
func (w *world) limitLookUps() (off func()) {
	return w.gitHubRefuses("/actions/runners/downloads", http.StatusTooManyRequests, `{"message":"API rate limit exceeded"}`)
}

// limitPulls makes builds fail as they do when a registry accepts no more pulls.
func (w *world) limitPulls() (off func()) {
	w.buildLog = map[string]string{"group-name": "builds", "stream-name": "build"}
	w.buildEnds = func(context.Context) string { return "FAILED" }
	events, err := json.Marshal(map[string]any{"events": []any{
		map[string]any{"message": "ecsrunner: try again: public.ecr.aws takes no more pulls from here for now\n"},
		map[string]any{"message": "[Container] Phase complete: BUILD State: FAILED\n"},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	logs := w.proxy.Use(faultproxy.Rule{Name: "builds' logs", Match: faultproxy.Match{Service: "logs", Operation: "GetLogEvents"}, Act: func(*faultproxy.Request, func() faultproxy.Answer) faultproxy.Answer {
		return faultproxy.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: events}
	}})
	return func() { w.buildEnds = nil; logs() }
}

// timePasses makes the next tries due that holds wait for: a minute after the failure.
func (w *world) timePasses() {
	w.t.Helper()
	ctx := w.t.Context()
	holds, err := w.records.HoldsBelow(ctx, "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var changes fleet.Changes
	for _, h := range holds {
		if h.NextTry.After(time.Now()) {
			h.NextTry = time.Now().Add(-time.Second)
			changes.Holds = append(changes.Holds, h)
		}
	}
	if len(changes.Holds) == 0 {
		w.t.Fatal("nothing waits for its next try")
	}
	if err := w.records.Write(ctx, changes); err != nil {
		w.t.Fatal(err)
	}
	images, err := w.records.Images(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, image := range images {
		if image.Failure != nil {
			image.Failure.At = image.Failure.At.Add(-time.Minute)
			if err := w.records.PutImage(ctx, image); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}
