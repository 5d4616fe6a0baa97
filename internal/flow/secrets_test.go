//go:build aws

package flow

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// TestSecretsStayWhereTheyBelong looks for the values of all secrets in what the
// functions log, in what Step Functions keeps, and in every request to AWS: events,
// records and signals among them.
func TestSecretsStayWhereTheyBelong(t *testing.T) {
	w := start(t)
	var sent []*faultproxy.Request
	w.proxy.Use(faultproxy.Rule{Name: "unknown tasks and requests", Act: func(r *faultproxy.Request, forward func() faultproxy.Answer) faultproxy.Answer {
		w.mu.Lock()
		sent = append(sent, r)
		w.mu.Unlock()
		return forward()
	}})
	id := w.github.Queue(job())
	w.awaitEnd(id)
	claimKey := w.secretValue(w.environment("claim")[deployment.EnvClaimKey])
	secrets := map[string]string{
		"token": w.token, "webhook secret": w.stack.secrets["webhook"], "claim key": claimKey,
		"claim token": fleet.ClaimToken([]byte(claimKey), w.run(id).RanOn),
	}
	look := func(where, text string, but ...string) {
		for what, secret := range secrets {
			if secret == "" || strings.Contains(strings.Join(but, " "), what) {
				continue
			}
			if strings.Contains(text, secret) {
				t.Errorf("the %s is in %s", what, where)
			}
		}
	}
	started := 0
	for _, r := range sent {
		if r.Service+":"+r.Operation == "ecs:RunTask" {
			started++
			look("RunTask", string(r.Body), "claim token") // good for one claim; docs/security.md
			continue
		}
		look(r.Service+":"+r.Operation, string(r.Body))
	}
	if started == 0 {
		t.Error("no task was started: this test holds for nothing")
	}
	executions, err := w.engine.List(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range executions {
		events, err := w.engine.History(t.Context(), x.Name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal([]any{x, events})
		if err != nil {
			t.Fatal(err)
		}
		look("the history of "+x.Name, string(text))
	}
	for name, f := range w.functions {
		f.Close()
		look("the log of "+name, strings.Join(f.Logs(), "\n"))
	}
	look("the container's output", w.fargate.said())
	if len(executions) == 0 || executions[0].Status != engine.Succeeded {
		t.Errorf("executions %+v", executions)
	}
}

// secretValue is what moto keeps.
func (w *world) secretValue(id string) string {
	out := w.stack.moto.json("secretsmanager", "secretsmanager.GetSecretValue", map[string]any{"SecretId": id})
	return out["SecretString"].(string)
}
