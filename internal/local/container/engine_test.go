package container_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

// engine is a small container engine behind a real socket. Tests say how its containers
// behave. It answers as Docker does, for the calls that runners of tasks make.
type engine struct {
	t *testing.T

	mu         sync.Mutex
	changed    chan struct{}
	containers map[string]*box // by id
	created    []map[string]any
	images     map[string]bool
	cpus       int
	memory     int64
	down       bool                // refuses everything
	loses      map[string]bool     // answers, by the last part of the path, once
	stops      []string            // queries of stop
	builds     string              // what the next build says
	quota      bool                // bounds writable layers
	asked      int                 // for containers
	component  string              // of its version
	networks   map[string]*network // by name
	gateway    string              // of all of them
	old        bool                // has no API of Podman 4
	followed   func(string) string // the part of a followed log that arrives; nil for all
	rotated    int                 // bytes of the beginning of a log that are gone once its container has ended
	pulls      string              // what the next pull says
	pulled     []string            // queries of pulls
	onBuild    []string            // as Docker reports it for an image
	saved      []byte              // an image as it is saved
}

// network is one network, in Docker's and in Podman's words.
type network struct {
	Name    string            `json:"name"`
	Options map[string]string `json:"options"`
	Labels  map[string]string `json:"labels"`
	Subnets any               `json:"subnets"`
	IPAM    any
}

// network makes a network, answers about one, or lists those with the requested label.
func (e *engine) network(w http.ResponseWriter, r *http.Request, path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := strings.TrimPrefix(path, "/networks/")
	there := e.networks[name]
	switch {
	case path == "/networks":
		var asked struct{ Label []string }
		_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &asked)
		found := []*network{}
		for _, n := range e.networks {
			for key, value := range n.Labels {
				if slices.Contains(asked.Label, key+"="+value) {
					found = append(found, n)
				}
			}
		}
		answer(w, 200, found)
	case name == "create":
		made := &network{}
		_ = json.NewDecoder(r.Body).Decode(made)
		made.Subnets = []any{map[string]any{"gateway": e.gateway}}
		made.IPAM = map[string]any{"Config": []any{map[string]any{"Gateway": e.gateway}}}
		e.networks[made.Name] = made
		answer(w, 201, made)
	case there == nil:
		answer(w, 404, map[string]string{"message": "no such network"})
	case r.Method == http.MethodDelete:
		delete(e.networks, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(w, 200, there)
	}
}

// box is one container.
type box struct {
	networks         map[string]any // by name, as the engine shows them
	ID, Name, Status string
	Exit             int
	OOM              bool
	Labels           map[string]string
	log              string
}

// exits reports whether the container ran until then.
func (b *box) exits(code int) bool {
	ran := b.Status == "running"
	if ran {
		b.Status, b.Exit = "exited", code
	}
	return ran
}

func newEngine(t *testing.T) (*engine, *container.Engine) { return newEngineOf(t, "Podman Engine") }

func newEngineOf(t *testing.T, component string) (*engine, *container.Engine) {
	t.Helper()
	e := &engine{
		t: t, containers: map[string]*box{}, networks: map[string]*network{}, gateway: "10.1.0.1", images: map[string]bool{"sha256:image": true}, cpus: 2, memory: 4 << 30,
		loses: map[string]bool{}, changed: make(chan struct{}), component: component,
	}
	socket := filepath.Join(t.TempDir(), "e.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: e}
	go server.Serve(listener) // ends with Close
	t.Cleanup(func() { server.Close() })
	connected, err := container.Connect(t.Context(), "unix://"+socket)
	if err != nil {
		t.Fatal(err)
	}
	return e, connected
}

// change changes the engine and wakes those that wait for a change.
func (e *engine) change(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	do()
	close(e.changed)
	e.changed = make(chan struct{})
}

// runs is the running container of a runner, nil if there is none.
func (e *engine) runs(runnerID string) *box {
	for _, b := range e.containers {
		if b.Status == "running" && b.Labels["ecsrunner.runner-id"] == runnerID {
			return b
		}
	}
	return nil
}

// await waits until something holds.
func (e *engine) await(holds func() bool) {
	for {
		e.mu.Lock()
		changed, over := e.changed, holds()
		e.mu.Unlock()
		if over {
			return
		}
		<-changed
	}
}

// exits lets the only container that runs exit.
func (e *engine) exits(code int, says string) {
	e.change(func() {
		for _, b := range e.containers {
			if b.exits(code) {
				b.log += says
			}
		}
	})
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1.") || strings.HasPrefix(path, "/v4.") {
		path = path[strings.Index(path[1:], "/")+1:]
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	last := parts[len(parts)-1]
	e.mu.Lock()
	down, loses := e.down, e.loses[last]
	delete(e.loses, last)
	e.mu.Unlock()
	if down {
		http.Error(w, `{"message":"the engine is down"}`, http.StatusInternalServerError)
		return
	}
	if loses {
		defer func() { panic(http.ErrAbortHandler) }() // it has had its effect
	}
	w.Header().Set("Api-Version", "1.41")
	switch {
	case path == "/_ping":
	case path == "/version":
		answer(w, 200, map[string]any{"Version": "4.3.1", "ApiVersion": "1.41", "Components": []any{map[string]any{"Name": e.component, "Version": "4.3.1"}}})
	case path == "/info":
		answer(w, 200, map[string]any{"NCPU": e.cpus, "MemTotal": e.memory, "Architecture": "x86_64"})
	case parts[0] == "libpod" && e.old:
		answer(w, 404, map[string]string{"message": "no such version"})
	case parts[0] == "libpod" || parts[0] == "networks":
		e.network(w, r, strings.TrimSuffix(strings.TrimPrefix(path, "/libpod"), "/json"))
	case path == "/build":
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, e.builds)
	case path == "/images/create":
		e.change(func() { e.pulled = append(e.pulled, r.URL.RawQuery) })
		fmt.Fprint(w, e.pulls)
	case path == "/images/get":
		_, _ = w.Write(e.saved)
	case parts[0] == "images":
		name := strings.Join(parts[1:len(parts)-1], "/")
		if !e.images[name] {
			answer(w, 404, map[string]string{"message": "no such image"})
			return
		}
		answer(w, 200, map[string]any{"Id": "sha256:image", "Config": map[string]any{"OnBuild": e.onBuild}})
	case path == "/containers/create":
		e.create(w, r)
	case path == "/containers/json":
		e.list(w, r)
	default:
		e.one(w, r, parts[1], last)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (e *engine) create(w http.ResponseWriter, r *http.Request) {
	var asked map[string]any
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		e.t.Error(err)
	}
	e.mu.Lock()
	e.asked++
	e.mu.Unlock()
	if _, wants := asked["HostConfig"].(map[string]any)["StorageOpt"]; wants && !e.quota {
		answer(w, 500, map[string]string{"message": "container create: --storage-opt is supported only for overlay over xfs with 'pquota' mount option"})
		return
	}
	if !e.images[asked["Image"].(string)] {
		answer(w, 404, map[string]string{"message": "no such image"})
		return
	}
	name, status, id := r.URL.Query().Get("name"), http.StatusCreated, ""
	e.change(func() {
		for _, b := range e.containers {
			if b.Name == name {
				status = http.StatusConflict
			}
		}
		if status != http.StatusCreated {
			return
		}
		e.created = append(e.created, asked)
		labels := map[string]string{}
		for key, value := range asked["Labels"].(map[string]any) {
			labels[key] = value.(string)
		}
		id = fmt.Sprintf("%064d", len(e.created))
		e.containers[id] = &box{ID: id, Name: name, Status: "created", Labels: labels, log: "begins\n"}
	})
	answer(w, status, map[string]string{"Id": id, "message": "the name is in use"})
}

func (e *engine) list(w http.ResponseWriter, r *http.Request) {
	var filters map[string]map[string]bool
	_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters)
	e.mu.Lock()
	defer e.mu.Unlock()
	found := []any{}
	for _, b := range e.containers {
		matches := true
		for label := range filters["label"] {
			key, value, _ := strings.Cut(label, "=")
			matches = matches && b.Labels[key] == value
		}
		if matches {
			found = append(found, map[string]any{"Id": b.ID, "Labels": b.Labels, "Names": []string{"/" + b.Name}})
		}
	}
	answer(w, 200, found)
}

// one serves the requests about one container.
func (e *engine) one(w http.ResponseWriter, r *http.Request, id, what string) {
	e.mu.Lock()
	b := e.containers[id]
	for _, other := range e.containers {
		if other.Name == id {
			b = other
		}
	}
	e.mu.Unlock()
	if b == nil {
		answer(w, 404, map[string]string{"message": "no such container"})
		return
	}
	switch {
	case r.Method == http.MethodDelete:
		e.change(func() { delete(e.containers, b.ID) })
		w.WriteHeader(http.StatusNoContent)
	case what == "json":
		e.mu.Lock()
		defer e.mu.Unlock()
		answer(w, 200, map[string]any{"Id": b.ID, "State": map[string]any{"Status": b.Status, "Running": b.Status == "running", "ExitCode": b.Exit, "OOMKilled": b.OOM},
			"NetworkSettings": map[string]any{"Networks": b.networks}})
	case what == "start":
		e.change(func() { b.Status = "running" })
		w.WriteHeader(http.StatusNoContent)
	case what == "stop":
		e.change(func() {
			e.stops = append(e.stops, r.URL.RawQuery)
			b.exits(143)
		})
		w.WriteHeader(http.StatusNoContent)
	case what == "kill":
		e.change(func() { b.exits(137) })
		w.WriteHeader(http.StatusNoContent)
	case what == "wait":
		if e.until(r, func() bool { return b.Status != "running" }) {
			answer(w, 200, map[string]int{"StatusCode": 0}) // runners look for themselves
		}
	case what == "logs":
		e.until(r, func() bool { return b.Status != "running" })
		e.mu.Lock()
		defer e.mu.Unlock()
		log := b.log
		if r.URL.Query().Get("follow") != "1" {
			log = log[min(len(log), e.rotated):]
		} else if e.followed != nil {
			log = e.followed(log)
		}
		frame := make([]byte, 8)
		frame[0] = 1 // standard output
		binary.BigEndian.PutUint32(frame[4:], uint32(len(log)))
		_, _ = w.Write(append(frame, log...))
	default:
		e.t.Errorf("a runner asks for %s %s", r.Method, r.URL)
	}
}

// until waits until something holds, or until the client has gone.
func (e *engine) until(r *http.Request, holds func() bool) bool {
	for {
		e.mu.Lock()
		changed, over := e.changed, holds() || e.down
		e.mu.Unlock()
		if over {
			return true
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return false
		}
	}
}
