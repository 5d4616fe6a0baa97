package claim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// JobPath is the end of the path of a hook's question; any other path is that of a claim.
const JobPath = "/job"

// ServeAPIGateway serves POST /runners/{id}/claim and POST /runners/{id}/job behind an HTTP
// API of API Gateway, which gives header names in lower case and may encode a body.
func (h Handler) ServeAPIGateway(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	token, _ := strings.CutPrefix(r.Headers["authorization"], "Bearer ")
	req := Request{RunnerID: r.PathParameters["id"], Token: token}
	if strings.HasSuffix(r.RouteKey, JobPath) {
		reply := refuseJob(http.StatusBadRequest, notANonce)
		var body fleet.JobRequest
		if readAPIGateway(r, &body) {
			req.Nonce, req.Identity = body.Nonce, body.Identity
			reply = h.HandleJob(ctx, JobRequest{Request: req, Hint: body.JobHint})
		}
		return response(reply.Status, reply.RetryAfter, reply.Body)
	}
	reply := refuse(http.StatusBadRequest, "", notANonce)
	var body fleet.ClaimRequest
	if readAPIGateway(r, &body) {
		req.Nonce, req.Identity, req.CanAsk = body.Nonce, body.Identity, body.CanAsk
		reply = h.Handle(ctx, req)
	}
	return response(reply.Status, reply.RetryAfter, reply.Body)
}

func readAPIGateway(r events.APIGatewayV2HTTPRequest, body any) bool {
	raw := []byte(r.Body)
	if r.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(r.Body)
		if err != nil {
			return false
		}
		raw = decoded
	}
	return len(raw) <= maxBody && json.Unmarshal(raw, body) == nil
}

func response(status int, retryAfter time.Duration, body any) (events.APIGatewayV2HTTPResponse, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("encode an answer to a runner: %w", err)
	}
	return events.APIGatewayV2HTTPResponse{StatusCode: status, Headers: header(retryAfter), Body: string(text)}, nil
}
