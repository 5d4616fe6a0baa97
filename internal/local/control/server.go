package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Over the control socket, a person who may write the data directory operates the
// fleet. The network never reaches it, and it needs no password.
const (
	addrName   = "control.addr" // the file that says where the socket is
	socketName = "control.sock"
	// maxSocketPath is what every system allows: macOS ends at 104 bytes.
	maxSocketPath = 100
)

// Server serves a fleet on the control socket of its data directory.
type Server struct {
	dir    string // data directory
	socket string
	temp   string // directory made for the socket, "" if it is in dir
	server *http.Server
}

// Doctor is who looks at the fleet's set-up when it is asked to.
type Doctor func(context.Context, Examination) (doctor.Report, error)

// Serve serves f on the control socket of dir until Close. The caller holds the lock of
// dir.
func Serve(dir string, f operate.Fleet, health func(context.Context) report.Health, examine Doctor) (*Server, error) {
	s := &Server{dir: dir, socket: filepath.Join(dir, socketName)}
	if len(s.socket) > maxSocketPath {
		temp, err := os.MkdirTemp("", "ecsrunner-")
		if err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
		s.temp, s.socket = temp, filepath.Join(temp, socketName)
	}
	_ = os.Remove(s.socket) // of a process that was killed: the caller holds the lock
	listener, err := net.Listen("unix", s.socket)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(s.socket, 0o600); err != nil { // whatever the umask: the directory may let others in
		listener.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, addrName), []byte(s.socket+"\n"), 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	s.server = &http.Server{Handler: routes(f, health, examine), ReadHeaderTimeout: 10 * time.Second, ConnContext: withPeer}
	go s.server.Serve(listener) // ends with Close
	return s, nil
}

// Close ends open requests, and removes the socket.
func (s *Server) Close() {
	_ = s.server.Close()
	_ = os.Remove(filepath.Join(s.dir, addrName))
	if s.temp != "" {
		_ = os.RemoveAll(s.temp)
	}
}

// routes serves the requests of a Client.
func routes(f operate.Fleet, health func(context.Context) report.Health, examine Doctor) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /health", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, health(r.Context()))
	})
	mux.HandleFunc("POST /doctor", func(w http.ResponseWriter, r *http.Request) {
		var asked Examination
		if err := read(r, &asked); err != nil {
			answer(w, http.StatusBadRequest, failure{"look at the set-up: what is asked cannot be read"})
			return
		}
		reply(w)(examine(r.Context(), asked))
	})
	mux.HandleFunc("POST /pause", func(w http.ResponseWriter, r *http.Request) {
		var request pauseRequest
		if err := read(r, &request); err != nil {
			answer(w, http.StatusBadRequest, failure{"pause the fleet: its reason cannot be read"})
			return
		}
		by := operatorOf(r)
		by.Reason = request.Reason
		reply(w)(f.Pause(r.Context(), by))
	})
	mux.HandleFunc("POST /resume", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(f.Resume(r.Context(), operatorOf(r)))
	})
	mux.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) {
		drain(w, r, f)
	})
	mux.HandleFunc("POST /drain/plan", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(f.PlanDrain(r.Context(), r.URL.Query().Get("now") == "true"))
	})
	mux.HandleFunc("POST /runs/{id}/retry", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(f.Retry(r.Context(), r.PathValue("id"), operatorOf(r)))
	})
	mux.HandleFunc("POST /runners/{id}/terminate", func(w http.ResponseWriter, r *http.Request) {
		result, err := f.Terminate(r.Context(), r.PathValue("id"), r.URL.Query().Get("force") == "true", operatorOf(r))
		if err != nil {
			answer(w, http.StatusInternalServerError, failure{err.Error()})
			return
		}
		answer(w, http.StatusOK, result)
	})
	mux.HandleFunc("POST /images/build", func(w http.ResponseWriter, r *http.Request) {
		var spec fleet.ImageSpec
		if err := read(r, &spec); err != nil {
			answer(w, http.StatusBadRequest, failure{"build an image: its spec cannot be read"})
			return
		}
		reply(w)(f.BuildImage(r.Context(), spec, operatorOf(r)))
	})
	mux.HandleFunc("POST /images/{tag}/remove", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(f.RemoveImage(r.Context(), r.PathValue("tag"), operatorOf(r)))
	})
	mux.HandleFunc("POST /images/refresh", func(w http.ResponseWriter, r *http.Request) {
		reply(w)(f.RefreshImages(r.Context(), r.URL.Query().Get("all") == "true", operatorOf(r)))
	})
	return mux
}

// drain answers line by line. A client that hangs up ends the drain; the fleet stays
// paused.
func drain(w http.ResponseWriter, r *http.Request, f operate.Fleet) {
	lines, flush := json.NewEncoder(w), http.NewResponseController(w)
	tell := func(line drainLine) {
		_ = lines.Encode(line) // the client is gone: the context says so
		_ = flush.Flush()
	}
	result, err := f.Drain(r.Context(), r.URL.Query().Get("now") == "true", operatorOf(r), func(line string) { tell(drainLine{Progress: line}) })
	if err != nil {
		tell(drainLine{failure: failure{err.Error()}})
		return
	}
	tell(drainLine{Result: &result})
}

func read(r *http.Request, into any) error {
	return json.NewDecoder(io.LimitReader(r.Body, maxAnswer)).Decode(into)
}

// reply answers with a result, or with why there is none.
func reply(w http.ResponseWriter) func(result any, err error) {
	return func(result any, err error) {
		if err != nil {
			answer(w, http.StatusInternalServerError, failure{err.Error()})
			return
		}
		answer(w, http.StatusOK, answered[any]{Result: result})
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}
