package claim_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestServeAPIGateway(t *testing.T) {
	good := `{"nonce":"nonce"}`
	tests := map[string]struct {
		before func(w *world)
		change func(r *events.APIGatewayV2HTTPRequest)
		status int
		wait   string
	}{
		"a credential":            {status: 200},
		"a credential, in base64": {change: func(r *events.APIGatewayV2HTTPRequest) { encode(r, good) }, status: 200},
		"no base64":               {change: func(r *events.APIGatewayV2HTTPRequest) { r.IsBase64Encoded = true }, status: 400},
		"no token":                {change: func(r *events.APIGatewayV2HTTPRequest) { r.Headers = nil }, status: 401},
		"the token of another":    {change: func(r *events.APIGatewayV2HTTPRequest) { r.PathParameters["id"] = "fleet-8-1" }, status: 401},
		"a body too large":        {change: func(r *events.APIGatewayV2HTTPRequest) { r.Body = good + strings.Repeat(" ", 16<<10) }, status: 400},
		"limited by GitHub": {
			before: func(w *world) { w.GitHub.Fails["Register"] = lifecycletest.Limited(61500 * time.Millisecond) }, status: 503, wait: "62",
		},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			if test.before != nil {
				test.before(w)
			}
			r := events.APIGatewayV2HTTPRequest{
				Headers:        map[string]string{"authorization": "Bearer " + fleet.ClaimToken(key, id)},
				PathParameters: map[string]string{"id": id}, Body: good,
			}
			if test.change != nil {
				test.change(&r)
			}
			resp, err := handler(w).ServeAPIGateway(t.Context(), r)
			if err != nil || resp.StatusCode != test.status || resp.Headers["Retry-After"] != test.wait || resp.Headers["Cache-Control"] != "no-store" {
				t.Errorf("got %d %v %v", resp.StatusCode, resp.Headers, err)
			}
			var body fleet.ClaimResponse
			if err := json.Unmarshal([]byte(resp.Body), &body); err != nil || (body.EncodedJITConfig != "") != (test.status == 200) {
				t.Errorf("%v: %+v", err, body)
			}
		})
	}
}

// A claim that a task signed is accepted behind API Gateway as on one machine.
func TestAClaimFromItsTaskByAPIGateway(t *testing.T) {
	c := newCloud(t)
	body, err := json.Marshal(fleet.ClaimRequest{Nonce: "nonce", Identity: c.sign("nonce", nil)})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.handler().ServeAPIGateway(t.Context(), events.APIGatewayV2HTTPRequest{
		Headers: map[string]string{"authorization": "Bearer " + fleet.ClaimToken(key, c.id)}, PathParameters: map[string]string{"id": c.id}, Body: string(body),
	})
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("got %d %s %v", resp.StatusCode, resp.Body, err)
	}
}

func encode(r *events.APIGatewayV2HTTPRequest, body string) {
	r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(body)), true
}
