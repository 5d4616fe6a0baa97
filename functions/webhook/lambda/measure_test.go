package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
)

func TestDeliveriesAreCounted(t *testing.T) {
	for outcome, want := range map[webhook.Outcome]string{
		webhook.Accepted: `"webhook_accepted":1`, webhook.Refused: `"webhook_accepted":1`, webhook.Ignored: `"webhook_accepted":1`, webhook.Pong: `"webhook_accepted":1`,
		webhook.Unauthorized: `"webhook_rejected":1`, webhook.Forbidden: `"webhook_rejected":1`,
		webhook.Invalid: "", webhook.Failed: "", webhook.Unavailable: "",
	} {
		var out bytes.Buffer
		measure(&metrics.Writer{Out: &out, FleetName: "ci", Now: time.Now}, outcome)
		if (want == "") != (out.Len() == 0) || !strings.Contains(out.String(), want) {
			t.Errorf("%s: measured %q, want %q", outcome, out.String(), want)
		}
	}
}
