package local

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// api serves the records as JSON to people on this machine. It asks for no password, so
// it does not listen on the address that GitHub and the runners reach.
func (f *Fleet) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		health := f.Health(r.Context())
		answer(w, httpStatus(health), health)
	})
	mux.Handle("GET /metrics", f.measured.Handler())
	mux.HandleFunc("GET /api/runs", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(report.Runs(r.Context(), f.store, time.Now()))
	})
	mux.HandleFunc("GET /api/runs/{id}", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(report.ShowRun(r.Context(), f.store, r.PathValue("id"), time.Now()))
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
	named, _, _ := net.SplitHostPort(f.cfg.APIListen)
	return onlyAs(named, mux)
}

// onlyAs refuses requests that call this machine by a name other than localhost or the
// one given. A stranger's page, open in a browser here, can make a name of its own lead
// to this machine (DNS rebinding); it cannot do so with an address.
func onlyAs(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		if net.ParseIP(host) == nil && !strings.EqualFold(host, "localhost") && (name == "" || !strings.EqualFold(host, name)) {
			answer(w, http.StatusMisdirectedRequest, map[string]string{"error": "this is not the name of this server: use localhost, or name it with --api-listen"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// apiAddress is where the API listens: the configured address, or else this machine
// alone, on the port after the fleet's own.
func (f *Fleet) apiAddress() (string, error) {
	if f.cfg.APIListen != "" {
		return f.cfg.APIListen, nil
	}
	_, text, err := net.SplitHostPort(f.cfg.Listen)
	if err != nil {
		return "", fmt.Errorf("read the fleet's own address: %w", err)
	}
	port, err := net.LookupPort("tcp", cmp.Or(text, "0"))
	if err != nil {
		return "", fmt.Errorf("read the fleet's own address: %w", err)
	}
	if port != 0 {
		port++
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}
