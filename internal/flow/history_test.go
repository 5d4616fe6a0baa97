//go:build aws

package flow

import (
	"context"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
)

// seconds is how the JSON protocols write a time.
func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

// history is GetExecutionHistory: our engine's events with the details where Step
// Functions has them.
func (s *stepFunctions) history(ctx context.Context, name string) (any, error) {
	events, err := s.engine.History(ctx, name)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, e := range events {
		wire := map[string]any{"id": e.ID, "previousEventId": e.PreviousEventID, "timestamp": seconds(e.Timestamp), "type": e.Type}
		if key, details := detailsOf(e); key != "" {
			wire[key] = details
		}
		out = append(out, wire)
	}
	return map[string]any{"events": out}, nil
}

func detailsOf(e engine.Event) (string, map[string]any) {
	details := map[string]any{}
	put := func(key, text string) {
		if text != "" {
			details[key] = text
		}
	}
	put("input", string(e.Input))
	put("output", string(e.Output))
	put("error", e.Error)
	put("cause", e.Cause)
	switch {
	case strings.HasSuffix(e.Type, "StateEntered"):
		put("name", e.State)
		return "stateEnteredEventDetails", details
	case strings.HasSuffix(e.Type, "StateExited"):
		put("name", e.State)
		return "stateExitedEventDetails", details
	}
	put("resource", e.Resource)
	if len(details) == 0 {
		return "", nil
	}
	return strings.ToLower(e.Type[:1]) + e.Type[1:] + "EventDetails", details
}
