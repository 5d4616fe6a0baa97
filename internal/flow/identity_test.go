//go:build aws

package flow

import (
	"io"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// callSTS is STS in place of moto's, which accepts every signature.
func (w *world) callSTS(r *faultproxy.Request, _ func() faultproxy.Answer) faultproxy.Answer {
	asked := r.Received.Clone(r.Received.Context())
	asked.URL.Scheme, asked.URL.Host = "http", r.Received.Host
	answer, err := w.sts.RoundTrip(asked)
	if err != nil {
		w.t.Error(err)
		return faultproxy.Answer{Lost: true}
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Error(err)
	}
	return faultproxy.Answer{Status: answer.StatusCode, Header: answer.Header, Body: body}
}

// The claim of a task whose image was built by this release is compared with the task:
// the deployed functions and the entrypoint agree about every byte that is signed.
func TestClaimsShowTheirTask(t *testing.T) {
	w := start(t)
	id := w.github.Queue(job("image:node:22"))
	w.awaitEnd(id)
	runner, _, err := w.records.Runner(t.Context(), w.run(id).RanOn)
	if err != nil || !runner.Identity || runner.Status != fleet.RunnerOffline {
		t.Errorf("the runner is %+v, %v\n%s", runner, err, w.fargate.said())
	}
	var asked int
	for _, c := range w.proxy.Calls() {
		if c.Service == "sts" {
			if asked++; c.Operation != "GetCallerIdentity" || c.Status != 200 || !strings.HasPrefix(c.Client, "ASIA") {
				t.Errorf("STS got %+v", c)
			}
		}
	}
	if asked == 0 {
		t.Error("nobody asked STS")
	}
}
