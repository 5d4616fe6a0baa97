package webhook

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestServeAPIGateway(t *testing.T) {
	body := queued(t)
	request := func(change func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
		r := events.APIGatewayV2HTTPRequest{
			Headers: map[string]string{"content-type": "application/json", "x-github-event": "workflow_job", "x-hub-signature-256": sign(secret, body)},
			Body:    string(body),
		}
		r.RequestContext.HTTP.Method = "POST"
		change(&r)
		return r
	}
	tests := map[string]struct {
		change  func(*events.APIGatewayV2HTTPRequest)
		status  int
		outcome Outcome
	}{
		"a delivery": {func(*events.APIGatewayV2HTTPRequest) {}, 202, Accepted},
		"a delivery in base64": {func(r *events.APIGatewayV2HTTPRequest) {
			r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
		}, 202, Accepted},
		"a body that says base64 and is none": {func(r *events.APIGatewayV2HTTPRequest) { r.IsBase64Encoded = true }, 400, Invalid},
		"another method":                      {func(r *events.APIGatewayV2HTTPRequest) { r.RequestContext.HTTP.Method = "GET" }, 405, Invalid},
		"no signature":                        {func(r *events.APIGatewayV2HTTPRequest) { delete(r.Headers, "x-hub-signature-256") }, 401, Unauthorized},
		"two signatures, joined": {func(r *events.APIGatewayV2HTTPRequest) {
			r.Headers["x-hub-signature-256"] += "," + r.Headers["x-hub-signature-256"]
		}, 401, Unauthorized},
		"a body that was changed": {func(r *events.APIGatewayV2HTTPRequest) { r.Body += " " }, 401, Unauthorized},
		"no headers":              {func(r *events.APIGatewayV2HTTPRequest) { r.Headers = nil }, 415, Invalid},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			b := newBench()
			resp, err := b.ServeAPIGateway(t.Context(), request(test.change))
			if err != nil || resp.StatusCode != test.status || !strings.Contains(resp.Body, `"status":"`+string(test.outcome)+`"`) || resp.Headers["Content-Type"] != "application/json" {
				t.Errorf("got %d %s %v, want %d %s", resp.StatusCode, resp.Body, err, test.status, test.outcome)
			}
		})
	}
}
