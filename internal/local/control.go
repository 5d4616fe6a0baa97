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
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
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
	mux.HandleFunc("POST /health", f.serveHealth)
	mux.HandleFunc("POST /pause", f.servePause)
	mux.HandleFunc("POST /resume", f.serveResume)
	mux.HandleFunc("POST /runs/{id}/retry", f.serveRetry)
	mux.HandleFunc("POST /drain", f.serveDrain)
	mux.HandleFunc("POST /images/build", f.serveBuildImage)
	mux.HandleFunc("POST /images/{tag}/remove", f.serveRemoveImage)
	mux.HandleFunc("POST /images/refresh", f.serveRefreshImages)
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

// ErrNotRunning says that no fleet process serves the data directory.
var ErrNotRunning = errors.New("no fleet is running on this data directory; start it with `ecsrunner local`")

// ask sends a request to the fleet that serves dir and hands its answer over. It
// fails with ErrNotRunning if there is none.
func ask(ctx context.Context, dir, target string, body any, read func(status int, body io.Reader) error) error {
	addr, err := os.ReadFile(filepath.Join(dir, controlAddr))
	if err != nil || !datadir.IsServed(dir) {
		return ErrNotRunning
	}
	socket := strings.TrimSpace(string(addr))
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode what is asked of the fleet: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://fleet"+target, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the fleet: %w", err)
	}
	defer resp.Body.Close()
	return read(resp.StatusCode, resp.Body)
}

// maxAnswer is more than any answer has.
const maxAnswer = 1 << 20

// decode reads one answer, or one line of several.
func decode(body io.Reader, into any) error {
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("read the fleet's answer: %w", err)
	}
	return nil
}
