package webhook

import (
	"fmt"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// recorded keeps what was measured.
type recorded struct{ values []string }

func (r *recorded) Put(name metric.Name, value float64, _ metric.Labels) {
	r.values = append(r.values, fmt.Sprintf("%s %g", name, value))
}

func TestDeliveriesAreCounted(t *testing.T) {
	for outcome, want := range map[Outcome]string{
		Accepted: "[webhook_accepted 1]", Refused: "[webhook_accepted 1]", Ignored: "[webhook_accepted 1]", Pong: "[webhook_accepted 1]",
		Unauthorized: "[webhook_rejected 1]", Forbidden: "[webhook_rejected 1]",
		Invalid: "[]", Failed: "[]", Unavailable: "[]",
	} {
		var r recorded
		Handler{Metrics: &r}.measure(outcome)
		if got := fmt.Sprint(r.values); got != want {
			t.Errorf("%s: measured %s, want %s", outcome, got, want)
		}
	}
}

func TestADeliveryIsMeasured(t *testing.T) {
	var r recorded
	b := newBench()
	b.Metrics = &r
	b.Handle(t.Context(), Request{Method: "POST"})
	b.Handle(t.Context(), Request{Method: "POST", Header: map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "ping", "X-Hub-Signature-256": sign(secret, []byte("{}"))}, Body: []byte("{}")})
	if got, want := fmt.Sprint(r.values), "[webhook_accepted 1]"; got != want {
		t.Errorf("measured %s, want %s", got, want)
	}
}
