package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

type noSecretsToRead []string

func (s noSecretsToRead) WebhookSecrets(context.Context) ([]string, error) { return s, nil }

// BenchmarkDelivery is the whole handler for a job that asks for GitHub's own runners.
func BenchmarkDelivery(b *testing.B) {
	for size, body := range payloads(b) {
		b.Run(size, func(b *testing.B) {
			hash := hmac.New(sha256.New, []byte(secret))
			hash.Write(body)
			h := Handler{
				Secrets: noSecretsToRead{secret}, Policy: fleet.Policy{FleetName: "fleet", Repositories: []string{"Codertocat/Hello-World"}, AllowPublic: true},
				Now: time.Now, NewID: func() string { return "id" }, Log: slog.New(slog.DiscardHandler),
			}
			r := Request{Method: http.MethodPost, Body: body, Header: map[string]string{
				"content-type": "application/json", "x-github-event": "workflow_job", "x-github-delivery": "1", "x-hub-signature-256": "sha256=" + hex.EncodeToString(hash.Sum(nil)),
			}}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if resp := h.Handle(b.Context(), r); resp.Body.Status != Ignored {
					b.Fatalf("%+v", resp)
				}
			}
		})
	}
}
