package engine

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
)

// BenchmarkRunnerLife is the deployed definition on its happy path, with
// functions that do nothing and a store in memory: what the engine itself costs.
func BenchmarkRunnerLife(b *testing.B) {
	definition, values := runnerDefinition(b)
	m, err := Parse(definition, values)
	if err != nil {
		b.Fatal(err)
	}
	answers := map[string]json.RawMessage{
		arnPrefix + "Validate":               json.RawMessage(plan),
		arnPrefix + "ResolveImage":           json.RawMessage(`{"outcome":"ready","digest":"sha256:1"}`),
		arnPrefix + "RegisterTaskDefinition": json.RawMessage(`{"arn":"arn:aws:ecs:td"}`),
	}
	var e *Engine
	invoke := func(ctx context.Context, arn string, payload json.RawMessage) (json.RawMessage, error) {
		if out := answers[arn]; out != nil {
			return out, nil
		}
		if token, ok := textOf(payload, "task_token"); ok {
			return nil, e.SendTaskSuccess(ctx, token, json.RawMessage(`{"outcome":"busy","seconds":1800}`))
		}
		return nil, nil
	}
	ended := make(chan Execution, 1)
	store := NewMemoryStore()
	e = newEngine(b, m, invoke, func(cfg *Config) {
		cfg.Store = store
		cfg.OnEnd = func(x Execution) { ended <- x }
	})
	input := json.RawMessage(`{"schema":1,"run_id":"job-1001","job":{"id":1001,"repository":"octo/app","labels":["self-hosted","class:medium","image:node:22"]}}`)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if _, err := e.Start(context.Background(), "fleet-1001-"+strconv.Itoa(n), input); err != nil {
			b.Fatal(err)
		}
		if x := <-ended; x.Status != Succeeded {
			b.Fatal(x.Status, x.Error, x.Cause)
		}
		store.forget()
	}
}

// forget keeps a long benchmark from filling the memory.
func (m *MemoryStore) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.kept)
}

func textOf(payload json.RawMessage, key string) (string, bool) {
	start, end, found := member(payload, key)
	if !found {
		return "", false
	}
	return unquote(payload[start:end]), true
}
