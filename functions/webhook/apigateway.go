package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/aws/aws-lambda-go/events"
)

// ServeAPIGateway serves deliveries behind an HTTP API of API Gateway, which
// gives header names in lower case and may encode a body.
func (h Handler) ServeAPIGateway(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	resp := h.Handle(ctx, Request{
		Method: r.RequestContext.HTTP.Method, Header: r.Headers, Body: []byte(r.Body), IsBase64: r.IsBase64Encoded,
	})
	body, err := json.Marshal(resp.Body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("encode the answer to a delivery: %w", err)
	}
	header := map[string]string{"Content-Type": jsonType}
	maps.Copy(header, resp.Header)
	return events.APIGatewayV2HTTPResponse{StatusCode: resp.Status, Headers: header, Body: string(body)}, nil
}
