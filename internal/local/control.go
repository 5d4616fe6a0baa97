package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// The control socket is how a person who may write the data directory tells the
// fleet to do something. The network never reaches it, and it needs no password.
const (
	controlAddr   = "control.addr" // the file that says where the socket is
	controlSocket = "control.sock"
	// maxSocketPath is what every system allows: macOS ends at 104 bytes.
	maxSocketPath = 100
)

type control struct {
	dir    string // data directory
	socket string
	temp   string // directory made for the socket, "" if it is in dir
	server *http.Server
}

func listenControl(dir string, f *Fleet) (*control, error) {
	c := &control{dir: dir, socket: filepath.Join(dir, controlSocket)}
	if len(c.socket) > maxSocketPath {
		temp, err := os.MkdirTemp("", "ecsrunner-")
		if err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
		c.temp, c.socket = temp, filepath.Join(temp, controlSocket)
	}
	_ = os.Remove(c.socket) // of a process that was killed: we hold the lock
	listener, err := net.Listen("unix", c.socket)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, controlAddr), []byte(c.socket+"\n"), 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /runners/{id}/terminate", f.serveTerminate)
	c.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go c.server.Serve(listener) // ends with Close
	return c, nil
}

func (c *control) Close() {
	_ = c.server.Close()
	_ = os.Remove(filepath.Join(c.dir, controlAddr))
	if c.temp != "" {
		_ = os.RemoveAll(c.temp)
	}
}

// Termination is what became of a request to terminate a runner.
type Termination struct {
	RunnerID string `json:"runner_id"`
	Outcome  string `json:"outcome"` // ending, stopping_job, closed, busy, unknown
	Message  string `json:"message"`
}

func (f *Fleet) serveTerminate(w http.ResponseWriter, r *http.Request) {
	force := r.URL.Query().Get("force") == "true"
	t, err := f.terminate(r.Context(), r.PathValue("id"), force)
	switch {
	case err != nil:
		answer(w, http.StatusInternalServerError, Termination{RunnerID: r.PathValue("id"), Message: err.Error()})
	case t.Outcome == "unknown":
		answer(w, http.StatusNotFound, t)
	case t.Outcome == "busy":
		answer(w, http.StatusConflict, t)
	default:
		answer(w, http.StatusOK, t)
	}
}

// terminate ends a runner because a person says so. One that has a job is only
// stopped with force.
func (f *Fleet) terminate(ctx context.Context, runnerID string, force bool) (Termination, error) {
	t := Termination{RunnerID: runnerID}
	runner, known, err := f.store.Runner(ctx, runnerID)
	switch {
	case err != nil:
		return t, err
	case !known:
		t.Outcome, t.Message = "unknown", "there is no runner "+runnerID
		return t, nil
	case runner.Phase == fleet.Closed:
		t.Outcome, t.Message = "closed", "the runner had ended already"
		return t, nil
	}
	ended, err := f.lifecycle.End(ctx, runnerID, "terminated by a person")
	if err != nil {
		return t, err
	}
	if ended == lifecycle.EndDone {
		t.Outcome, t.Message = "ending", "the runner is ending; if its job still waits, the next runner is launched for it"
		return t, nil
	}
	if !force {
		t.Outcome, t.Message = "busy", "the runner has a job; --force stops it, and GitHub will show the job as cancelled or failed"
		return t, nil
	}
	if runner, err = f.lifecycle.ReadRunner(ctx, runnerID); err != nil {
		return t, err
	}
	t.Outcome, t.Message = "stopping_job", "the runner and its job are being stopped"
	return t, f.launcher.Stop(ctx, runner.TaskARN, "terminated by a person")
}

// ErrNotRunning says that no fleet process serves the data directory.
var ErrNotRunning = errors.New("no fleet is running on this data directory; start it with `ecsrunner local`")

// Terminate asks the fleet that serves dir to terminate a runner.
func Terminate(ctx context.Context, dir, runnerID string, force bool) (Termination, error) {
	var t Termination
	addr, err := os.ReadFile(filepath.Join(dir, controlAddr))
	if err != nil || !IsServed(dir) {
		return t, ErrNotRunning
	}
	socket := strings.TrimSpace(string(addr))
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	target := fmt.Sprintf("http://fleet/runners/%s/terminate?force=%t", url.PathEscape(runnerID), force)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, http.NoBody)
	if err != nil {
		return t, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return t, fmt.Errorf("ask the fleet: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(body)).Decode(&t)
	}
	if err != nil {
		return t, fmt.Errorf("read the fleet's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return t, fmt.Errorf("terminate runner %s: %s", runnerID, t.Message)
	}
	return t, nil
}
