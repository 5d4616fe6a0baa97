package container_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

func TestPull(t *testing.T) {
	const name = "docker.io/library/node:22"
	for sentence, c := range map[string]struct {
		says   string
		want   string // the error
		passes bool
	}{
		"it is there":           {`{"status":"Pulling fs layer","id":"0a"}{"status":"Download complete","id":"0a"}`, "", false},
		"it is not":             {`{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}`, "the image " + name + " cannot be pulled: manifest unknown", false},
		"the registry is busy":  {`{"errorDetail":{"message":"toomanyrequests: Rate exceeded"},"error":"x"}`, "the image " + name + " cannot be pulled just now: toomanyrequests: Rate exceeded", true},
		"the network is away":   {`{"errorDetail":{"message":"dial tcp: lookup x: no such host"},"error":"x"}`, "the image " + name + " cannot be pulled just now: dial tcp: lookup x: no such host", true},
		"two lines, and colour": {"{\"errorDetail\":{\"message\":\"a\\n\\u001b[31mb\"},\"error\":\"x\"}", "the image " + name + " cannot be pulled: a[31mb", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			e, connected := newEngine(t)
			e.images[name], e.pulls = true, c.says
			id, err := connected.Pull(t.Context(), name, fleet.ARM64, io.Discard)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want || (id == "sha256:image") != (err == nil) || container.Passes(err) != c.passes {
				t.Errorf("got %q, %v, passes %t", id, err, container.Passes(err))
			}
			if len(e.pulled) != 1 || !strings.Contains(e.pulled[0], "fromImage=docker.io%2Flibrary%2Fnode") || !strings.Contains(e.pulled[0], "arm64") {
				t.Errorf("asked for %q", e.pulled)
			}
		})
	}
}

// If an engine stops answering, no image is at fault.
func TestAnEngineThatGoesAway(t *testing.T) {
	e, connected := newEngine(t)
	e.change(func() { e.loses = map[string]bool{"create": true} })
	if _, err := connected.Pull(t.Context(), "docker.io/library/node:22", fleet.X64, io.Discard); err == nil || !container.Passes(err) {
		t.Errorf("a pull: %v", err)
	}
	e.change(func() { e.loses = map[string]bool{"build": true} })
	_, err := connected.Build(t.Context(), container.BuildRequest{Context: strings.NewReader(""), Tag: "x", Output: io.Discard})
	if err == nil || !container.Passes(err) {
		t.Errorf("a build: %v", err)
	}
	if container.Passes(&container.BuildError{Says: "exit status 1"}) || container.Passes(errors.New("musl")) {
		t.Error("a build that fails passes by itself")
	}
}

// saved is an image as an engine saves it.
func saved(t *testing.T, files ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for _, f := range files {
		if err := errors.Join(archive.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1]))}), func() error { _, err := archive.Write([]byte(f[1])); return err }()); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Podman reports ONBUILD for no image, and runs it all the same.
func TestWhatAnImageRunsInBuilds(t *testing.T) {
	config := [2]string{"0a.json", `{"architecture":"amd64","config":{"OnBuild":["RUN sleep 3600"]}}`}
	manifest := [2]string{"manifest.json", `[{"Config":"0a.json","RepoTags":null,"Layers":["0b.tar"]}]`}
	for sentence, c := range map[string]struct {
		engine string
		tells  []string
		saved  []byte
		want   []string
		fails  bool
	}{
		"Docker tells":                  {"Engine", []string{"RUN a"}, nil, []string{"RUN a"}, false},
		"Docker tells of none":          {"Engine", nil, nil, nil, false},
		"Podman, the manifest last":     {"Podman Engine", nil, saved(t, [2]string{"0b.tar", "layer"}, config, manifest), []string{"RUN sleep 3600"}, false},
		"Podman, the manifest first":    {"Podman Engine", nil, saved(t, manifest, config), []string{"RUN sleep 3600"}, false},
		"Podman, none":                  {"Podman Engine", nil, saved(t, manifest, [2]string{"0a.json", `{"config":{"Cmd":["/bin/sh"]}}`}), nil, false},
		"Podman, no configuration":      {"Podman Engine", nil, saved(t, manifest), nil, true},
		"Podman, no manifest":           {"Podman Engine", nil, saved(t, config), nil, true},
		"Podman, half of an image":      {"Podman Engine", nil, saved(t, config, manifest)[:700], nil, true},
		"a later Podman that does tell": {"Podman Engine", []string{"RUN b"}, nil, []string{"RUN b"}, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			e, connected := newEngineOf(t, c.engine)
			e.onBuild, e.saved = c.tells, c.saved
			got, err := connected.OnBuild(t.Context(), "sha256:image")
			if !slices.Equal(got, c.want) || (err != nil) != c.fails {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
