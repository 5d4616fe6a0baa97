package local

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// routes serves what API Gateway serves on AWS, and the fleet's health in one word.
func (f *Fleet) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/webhook", f.refuseWhenStopping(f.webhook()))
	handleRunners(mux, f.claim)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		health := f.Health(r.Context())
		answer(w, httpStatus(health), map[string]any{"status": health.Status})
	})
	return mux
}

// handleRunners serves what the runners' containers ask.
func handleRunners(mux *http.ServeMux, h claim.Handler) {
	mux.Handle("POST /runners/{id}/claim", h)
	mux.HandleFunc("POST /runners/{id}/job", h.ServeJob)
}

func (f *Fleet) refuseWhenStopping(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.stopping.Load() {
			answer(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": "the fleet is stopping: redeliver this later"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// reply answers with what was read, or with 404 if it does not exist.
func reply(w http.ResponseWriter) func(any, error) {
	return func(v any, err error) {
		var missing report.NotFound
		switch {
		case errors.As(err, &missing):
			answer(w, http.StatusNotFound, map[string]string{"error": missing.Error()})
		case err != nil:
			answer(w, http.StatusServiceUnavailable, map[string]string{"error": "the records do not answer"})
		default:
			answer(w, http.StatusOK, v)
		}
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client is gone
}
