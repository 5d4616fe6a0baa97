package claim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// ServeAPIGateway serves POST /runners/{id}/claim behind an HTTP API of API
// Gateway, which gives header names in lower case and may encode a body.
func (h Handler) ServeAPIGateway(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	reply := h.serveAPIGateway(ctx, r)
	body, err := json.Marshal(reply.Body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("encode the answer to a claim: %w", err)
	}
	return events.APIGatewayV2HTTPResponse{StatusCode: reply.Status, Headers: reply.header(), Body: string(body)}, nil
}

func (h Handler) serveAPIGateway(ctx context.Context, r events.APIGatewayV2HTTPRequest) Reply {
	raw := []byte(r.Body)
	if r.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(r.Body)
		if err != nil {
			return refuse(http.StatusBadRequest, "", notANonce)
		}
		raw = decoded
	}
	var body fleet.ClaimRequest
	if len(raw) > maxBody || json.Unmarshal(raw, &body) != nil {
		return refuse(http.StatusBadRequest, "", notANonce)
	}
	token, _ := strings.CutPrefix(r.Headers["authorization"], "Bearer ")
	return h.Handle(ctx, Request{RunnerID: r.PathParameters["id"], Token: token, Nonce: body.Nonce, Identity: body.Identity})
}
