package publish

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// registry takes pushes, as registries do in two requests for each blob.
type registry struct {
	mu        sync.Mutex
	blobs     map[string][]byte
	manifests map[string][]byte // by digest and by tag
	types     map[string]string
	fails     int // uploads, from the first on
	immutable bool
	sent      []string // digests of blobs, as they came
}

func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	path := strings.TrimPrefix(q.URL.Path, "/v2/fleet/images/")
	kind, name, _ := strings.Cut(path, "/")
	content, _ := io.ReadAll(q.Body)
	switch {
	case q.Method == http.MethodHead:
		found, ok := map[string]map[string][]byte{"blobs": r.blobs, "manifests": r.manifests}[kind][name]
		if !ok {
			http.NotFound(w, q)
			return
		}
		w.Header().Set("Content-Type", r.types[name])
		w.Header().Set("Docker-Content-Digest", sha(found))
		w.Header().Set("Content-Length", "7")
	case q.Method == http.MethodPost:
		w.Header().Set("Location", q.URL.Path+"1")
		w.WriteHeader(http.StatusAccepted)
	case r.fails > 0 && kind == "blobs":
		r.fails--
		http.Error(w, `{"errors":[{"code":"UNKNOWN","message":"try again"}]}`, http.StatusBadRequest)
	case kind == "blobs":
		digest := q.URL.Query().Get("digest")
		if digest != sha(content) {
			http.Error(w, "digest", http.StatusBadRequest)
			return
		}
		r.blobs[digest], r.sent = content, append(r.sent, digest)
		w.WriteHeader(http.StatusCreated)
	case r.immutable && r.manifests[name] != nil && !strings.Contains(name, ":"):
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errors":[{"code":"TAG_INVALID","message":"The image tag 'a' already exists in the 'fleet/images' repository and cannot be overwritten because the tag is immutable."}]}`)
	default:
		r.manifests[name], r.manifests[sha(content)] = content, content
		r.types[name], r.types[sha(content)] = q.Header.Get("Content-Type"), q.Header.Get("Content-Type")
		w.WriteHeader(http.StatusCreated)
	}
}

func newRegistry(t *testing.T) (*registry, *Repository) {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	r := &registry{blobs: map[string][]byte{}, manifests: map[string][]byte{}, types: map[string]string{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	repository, err := Open(strings.TrimPrefix(server.URL, "http://") + "/fleet/images")
	if err != nil {
		t.Fatal(err)
	}
	repository.pauses = []time.Duration{0, 0}
	return r, repository
}

func TestPush(t *testing.T) {
	for _, format := range []Format{{Gzip, false}, {Zstd, false}, {Gzip, true}} {
		r, repository := newRegistry(t)
		image := made(t, runnerImage(t, noon), format)
		digest, err := repository.Push(t.Context(), image, "a-1", "base")
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range []string{"a-1", "base"} {
			if sha(r.manifests[tag]) != digest.String() || digest != image.Root.Digest || r.types[tag] != image.Root.MediaType {
				t.Errorf("%v: %s names %s %s", format, tag, r.types[tag], r.manifests[tag])
			}
		}
		for _, child := range image.children {
			if diff := cmp.Diff(string(child.Content), string(r.manifests[child.Digest.String()])); diff != "" {
				t.Error(diff)
			}
		}
		for _, layer := range image.Layers {
			if int64(len(r.blobs[layer.Digest.String()])) != layer.Size {
				t.Errorf("%v: layer %s has %d bytes", format, layer.Digest, len(r.blobs[layer.Digest.String()]))
			}
		}
		for _, blob := range image.blobs {
			if r.blobs[blob.Digest.String()] == nil {
				t.Errorf("%v: %s %s is missing", format, blob.MediaType, blob.Digest)
			}
		}
	}
}

// Of an image with another base, the runner and the entrypoint are not sent again.
func TestPushSendsWhatIsNew(t *testing.T) {
	r, repository := newRegistry(t)
	one, other := made(t, runnerImage(t, noon), Format{Gzip, true}), made(t, runnerImage(t, noon.Add(time.Hour)), Format{Gzip, true})
	for i, image := range []Image{one, other} {
		if _, err := repository.Push(t.Context(), image, string(rune('a'+i))); err != nil {
			t.Fatal(err)
		}
	}
	sorted := slices.Sorted(slices.Values(r.sent))
	if len(slices.Compact(slices.Clone(sorted))) != len(sorted) || len(sorted) != 4+3+2+1 { // layers, configuration, table and empty one; then two layers and a configuration
		t.Errorf("sent %d blobs: %s", len(sorted), strings.Join(sorted, " "))
	}
}

func TestPushTriesLayersAgain(t *testing.T) {
	r, repository := newRegistry(t)
	image := made(t, imageOf(t, base(noon)), Format{Gzip, false})
	r.fails = 2
	if _, err := repository.Push(t.Context(), image, "a"); err != nil {
		t.Errorf("it passes: %v", err)
	}
	r.blobs, r.fails = map[string][]byte{}, 9
	if _, err := repository.Push(t.Context(), image, "a"); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("it does not pass: %v", err)
	}
}

func TestATagThatCannotChange(t *testing.T) {
	r, repository := newRegistry(t)
	r.immutable = true
	first, second := made(t, imageOf(t, base(noon)), Format{Gzip, false}), made(t, imageOf(t, base(noon.Add(time.Hour))), Format{Gzip, false})
	for _, image := range []Image{first, second} {
		digest, err := repository.Push(t.Context(), image, "a")
		if err != nil || digest != first.Root.Digest {
			t.Errorf("pushed %s and not %s: %v", digest, first.Root.Digest, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open("no repository"); err == nil || !strings.Contains(err.Error(), `"no repository"`) {
		t.Errorf("got %v", err)
	}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	if repository, err := Open("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a"); err != nil || repository.remote.PlainHTTP {
		t.Errorf("a registry elsewhere without TLS: %v", err)
	}
}
