package local

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// routes is the fleet's one HTTP server: what API Gateway serves on AWS, and a
// read-only API of the records.
func (f *Fleet) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/webhook", f.refuseWhenStopping(f.webhook()))
	mux.Handle("POST /runners/{id}/claim", f.claim)
	mux.HandleFunc("GET /healthz", f.healthz)
	mux.HandleFunc("GET /api/runs", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(report.Runs(r.Context(), f.store))
	})
	mux.HandleFunc("GET /api/runs/{id}", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(report.ShowRun(r.Context(), f.store, r.PathValue("id")))
	})
	mux.HandleFunc("GET /api/runners", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(report.Runners(r.Context(), f.store))
	})
	mux.HandleFunc("GET /api/runners/{id}", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(report.ShowRunner(r.Context(), f.store, r.PathValue("id")))
	})
	mux.HandleFunc("GET /api/executions", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(report.Executions(r.Context(), f.store))
	})
	mux.HandleFunc("GET /api/executions/{id}", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(report.ShowExecution(r.Context(), f.store, r.PathValue("id")))
	})
	return mux
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

func (f *Fleet) healthz(w http.ResponseWriter, r *http.Request) {
	capacity, err := f.store.Capacity(r.Context())
	if err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": "the records do not answer"})
		return
	}
	status := "ok"
	if f.stopping.Load() {
		status = "stopping"
	}
	answer(w, http.StatusOK, map[string]any{"status": status, "fleet_name": f.cfg.Policy.FleetName, "open_runners": capacity.Open})
}

// reply answers with what was read, or with 404 for what there is not.
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
	_ = enc.Encode(v) // the client is gone: nobody to tell
}
