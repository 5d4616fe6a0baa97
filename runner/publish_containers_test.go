//go:build containers

package runner_test

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
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/publish"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/saved"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/soci"
)

// shop is a registry of this machine, the CNCF's own, and the program that pushes to it.
type shop struct {
	t       *testing.T
	address string
	program string
}

func newShop(t *testing.T) shop {
	t.Helper()
	dir := t.TempDir()
	s := shop{t: t, program: filepath.Join(dir, "publish")}
	build := exec.Command("go", "build", "-o", s.program, "./cmd/publish")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	listener.Close()
	config := filepath.Join(dir, "registry.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", filepath.Join(dir, "stored"), s.address)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	registry := exec.Command("docker-registry", "serve", config)
	var said bytes.Buffer
	registry.Stderr = &said
	if err := registry.Start(); err != nil {
		t.Fatalf("%v: `make test-containers` installs it", err)
	}
	t.Cleanup(func() {
		_ = registry.Process.Kill()
		_ = registry.Wait()
	})
	for range 300 {
		if response, err := http.Get("http://" + s.address + "/v2/"); err == nil {
			response.Body.Close()
			return s
		}
		time.Sleep(20 * time.Millisecond) // another process listens
	}
	t.Fatalf("the registry does not start: %s", said.String())
	return s
}

const stock = "fleet/images"

// publish pushes a saved image as CodeBuild does, and returns what the fleet records.
func (s shop) publish(image, tag string, flags ...string) (recorded digest.Digest, size int64) {
	s.t.Helper()
	cmd := exec.Command(s.program, append([]string{"-image", image, "-to", s.address + "/" + stock, "-tag", tag}, flags...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%v: %s", err, said.String())
	}
	s.t.Logf("%s:\n%s", tag, said.String())
	if _, err := fmt.Sscan(string(out), &recorded, &size); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return recorded, size
}

// get reads from the registry. What has a digest is compared with it.
func (s shop) get(what, accept string) (content []byte, mediaType string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+s.address+"/v2/"+stock+"/"+what, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err = io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %v %s", what, response.Status, err, content)
	}
	if _, name, ok := strings.Cut(what, "sha256:"); ok && digest.FromBytes(content).Encoded() != name {
		s.t.Fatalf("%s has the digest %s", what, digest.FromBytes(content))
	}
	return content, response.Header.Get("Content-Type")
}

// manifest reads a manifest and its layers back, each of which has to begin with a sign.
func (s shop) manifest(reference string, sign []byte, layerType string) (m ocispec.Manifest, size int64) {
	s.t.Helper()
	content, mediaType := s.get("manifests/"+reference, ocispec.MediaTypeImageManifest)
	if err := json.Unmarshal(content, &m); err != nil || mediaType != ocispec.MediaTypeImageManifest || m.MediaType != mediaType || m.Config.MediaType != ocispec.MediaTypeImageConfig {
		s.t.Fatalf("manifest of %s: %s %v", mediaType, content, err)
	}
	config, _ := s.get("blobs/"+m.Config.Digest.String(), "*/*")
	var image ocispec.Image
	if err := json.Unmarshal(config, &image); err != nil || len(image.RootFS.DiffIDs) != len(m.Layers) || image.Config.Labels["ecsrunner.runner"] != "true" {
		s.t.Errorf("configuration %s: %v", config, err)
	}
	size = m.Config.Size
	for i, layer := range m.Layers {
		stored, _ := s.get("blobs/"+layer.Digest.String(), "*/*")
		if layer.MediaType != layerType || int64(len(stored)) != layer.Size || !bytes.HasPrefix(stored, sign) {
			s.t.Errorf("layer %d: %+v, %d bytes that begin with %x", i, layer, len(stored), stored[:4])
		}
		size += layer.Size
	}
	return m, size
}

// save has the engine save an image, in the form of `docker save`.
func (o *oven) save(name string) (file string) {
	o.t.Helper()
	file = filepath.Join(o.t.TempDir(), "image.tar")
	out, err := os.Create(file)
	if err != nil {
		o.t.Fatal(err)
	}
	defer out.Close()
	response := o.ask(http.MethodGet, "/v1.40/images/get?names="+url.QueryEscape(name))
	defer response.Body.Close()
	if _, err := io.Copy(out, response.Body); err != nil || response.StatusCode != http.StatusOK {
		o.t.Fatalf("%s %v", response.Status, err)
	}
	return file
}

// ask asks the engine through its socket.
func (o *oven) ask(method, path string) *http.Response {
	o.t.Helper()
	socket := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	if socket == "" {
		socket = "/var/run/docker.sock"
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	request, err := http.NewRequest(method, "http://engine"+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	return response
}

// pull has the engine pull an image from a registry without TLS. Podman has to be told.
func (o *oven) pull(reference string) {
	o.t.Helper()
	response := o.ask(http.MethodPost, "/v4.0.0/libpod/images/pull?tlsVerify=false&reference="+url.QueryEscape(reference))
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		if _, err := o.engine.Pull(o.t.Context(), reference, fleet.X64, io.Discard); err != nil {
			o.t.Fatal(err)
		}
		return
	}
	said, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || strings.Contains(string(said), `"error"`) {
		o.t.Fatalf("pull %s: %s %v %s", reference, response.Status, err, said)
	}
}

var (
	zstdSign = []byte{0x28, 0xb5, 0x2f, 0xfd}
	gzipSign = []byte{0x1f, 0x8b}
)

// Images that the engine built, published in each format, read back from the registry, and
// run by an engine that pulled them. Docker's own registry refuses a manifest whose
// parts it does not have.
func TestContainersOfPublishedImages(t *testing.T) {
	o, s := newOven(t), newShop(t)
	const name = "localhost/oven/published:1"
	if _, err := o.layer("docker.io/bases/bookworm:1", name); err != nil {
		t.Fatalf("%v\n%s", err, o.said.String())
	}
	image := o.save(name)

	t.Run("zstd", func(t *testing.T) {
		recorded, size := s.publish(image, "zstd", "-compression", "zstd")
		root, mediaType := s.get("manifests/zstd", ocispec.MediaTypeImageManifest)
		if mediaType != ocispec.MediaTypeImageManifest || digest.FromBytes(root) != recorded {
			t.Fatalf("the record has %s, and the tag %s %s", recorded, mediaType, digest.FromBytes(root))
		}
		if _, pulled := s.manifest(recorded.String(), zstdSign, ocispec.MediaTypeImageLayerZstd); pulled != size {
			t.Errorf("the record has %d bytes, and %d are pulled", size, pulled)
		}
		o.runs(t, s.address+"/"+stock+"@"+recorded.String())
	})

	t.Run("a SOCI index", func(t *testing.T) {
		recorded, size := s.publish(image, "soci", "-soci")
		root, mediaType := s.get("manifests/soci", ocispec.MediaTypeImageIndex)
		var index ocispec.Index
		if err := json.Unmarshal(root, &index); err != nil || mediaType != ocispec.MediaTypeImageIndex || index.MediaType != mediaType || digest.FromBytes(root) != recorded || len(index.Manifests) != 2 {
			t.Fatalf("the record has %s, and the tag %s %s: %v", recorded, mediaType, root, err)
		}
		of, table := index.Manifests[0], index.Manifests[1]
		if of.Platform == nil || of.Platform.OS != "linux" || of.Platform.Architecture != "amd64" || table.ArtifactType != "application/vnd.amazon.soci.index.v2+json" {
			t.Errorf("index %s", root)
		}
		if table.Annotations["com.amazon.soci.image-manifest-digest"] != of.Digest.String() || of.Annotations["com.amazon.soci.index-digest"] != table.Digest.String() {
			t.Errorf("the SOCI index is not bound to its image: %s", root)
		}
		manifest, pulled := s.manifest(of.Digest.String(), gzipSign, ocispec.MediaTypeImageLayerGzip)
		if manifest.Annotations["com.amazon.soci.index-digest"] != table.Digest.String() || pulled != size {
			t.Errorf("annotations %v, %d bytes and not %d", manifest.Annotations, pulled, size)
		}
		s.tables(t, table, manifest.Layers)
		o.runs(t, s.address+"/"+stock+"@"+recorded.String())
	})

	t.Run("layer by layer", func(t *testing.T) {
		s.table(t, image)
	})
}

// lastLayers are the digests of an image's two last layers as they are published.
func (o *oven) lastLayers(name string) (runner, entrypoint digest.Digest) {
	o.t.Helper()
	image, err := saved.Open(o.save(name))
	if err != nil {
		o.t.Fatal(err)
	}
	defer image.Close()
	made, err := publish.Make(image, publish.Format{Compression: publish.Zstd}, o.t.TempDir())
	if err != nil {
		o.t.Fatal(err)
	}
	last := made.Layers[len(made.Layers)-2:]
	return last[0].Digest, last[1].Digest
}

// layersOf are the base image's layers from the base up: what the image's history says of
// each, and what docs/images.md says.
var layersOf = [][2]string{
	{"", "the base | all of `runner_base_image`, or of what the job names | %s | %s | images on the same base"},
	{"install.sh", "`install.sh` | the script of the next layer, which removes it again: every builder can copy it | %s | %s | images of the same release of the fleet"},
	{"/ecsrunner/install.sh", "packages | what GitHub's runner needs, what popular actions call, the user `runner` with number 1001 | %s | %s | one image: package managers write when and what they installed"},
	{"/home/runner/actions-runner", "the runner | GitHub's runner; a stand-in here, since it is downloaded while an image is built | as its release%.0s | as its release%.0s | all images with the same release of the runner"},
	{"/usr/local/bin/ecsrunner-entrypoint", "the entrypoint | the fleet's own program, which claims and starts the runner | %s | %s | all images of the same release of the fleet"},
}

// table makes the table of docs/images.md, and with UPDATE writes it there: sizes change
// with the base.
func (s shop) table(t *testing.T, image string) {
	t.Helper()
	gzip, _ := s.publish(image, "gzip")
	zstd, _ := s.publish(image, "zstd", "-compression", "zstd")
	one, _ := s.manifest(gzip.String(), gzipSign, ocispec.MediaTypeImageLayerGzip)
	two, _ := s.manifest(zstd.String(), zstdSign, ocispec.MediaTypeImageLayerZstd)
	config, _ := s.get("blobs/"+one.Config.Digest.String(), "*/*")
	var known ocispec.Image
	if err := json.Unmarshal(config, &known); err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, step := range known.History {
		if !step.EmptyLayer {
			steps = append(steps, step.CreatedBy)
		}
	}
	if len(one.Layers) != len(layersOf) || len(steps) != len(layersOf) {
		t.Fatalf("%d layers by %q, and the docs have %d", len(one.Layers), steps, len(layersOf))
	}
	table := "| layer, from the base up | what it holds, and why | gzip | zstd | the same in |\n| --- | --- | --- | --- | --- |\n"
	for i, layer := range layersOf {
		if !strings.Contains(steps[i], layer[0]) {
			t.Errorf("layer %d is by %q, and the docs say %s", i, steps[i], layer[1])
		}
		megabytes := func(d ocispec.Descriptor) string { return fmt.Sprintf("%.1f MB", float64(d.Size)/1e6) }
		table += "| " + fmt.Sprintf(layer[1], megabytes(one.Layers[i]), megabytes(two.Layers[i])) + " |\n"
	}
	if os.Getenv("UPDATE") == "" {
		return
	}
	const page, begin, end = "../docs/images.md", "<!-- layers -->\n", "<!-- end of layers -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, also := strings.Cut(rest, end)
	if !ok || !also {
		t.Fatalf("%s has no place for the table", page)
	}
	if err := os.WriteFile(page, []byte(before+begin+table+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tables reads a SOCI index back, and has SOCI's own library read each layer by its table.
func (s shop) tables(t *testing.T, index ocispec.Descriptor, layers []ocispec.Descriptor) {
	t.Helper()
	content, mediaType := s.get("manifests/"+index.Digest.String(), ocispec.MediaTypeImageManifest)
	var manifest ocispec.Manifest
	if err := json.Unmarshal(content, &manifest); err != nil || mediaType != index.MediaType || manifest.Config.MediaType != index.ArtifactType {
		t.Fatalf("SOCI index %s: %v", content, err)
	}
	large := 0
	for _, layer := range layers {
		if layer.Size >= soci.LeastLayer {
			large++
		}
	}
	if large < 2 || len(manifest.Layers) != large {
		t.Errorf("%d tables for %d large layers", len(manifest.Layers), large)
	}
	dir := t.TempDir()
	oracle := filepath.Join(dir, "oracle")
	build := exec.Command("go", "build", "-o", oracle, ".")
	build.Dir, build.Env = filepath.Join("soci", "oracle"), append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, table := range manifest.Layers {
		layer, _ := s.get("blobs/"+table.Annotations["com.amazon.soci.image-layer-digest"], "*/*")
		stored, _ := s.get("blobs/"+table.Digest.String(), "*/*")
		files := []string{filepath.Join(dir, fmt.Sprint("layer", i)), filepath.Join(dir, fmt.Sprint("table", i))}
		if err := errors.Join(os.WriteFile(files[0], layer, 0o644), os.WriteFile(files[1], stored, 0o644)); err != nil {
			t.Fatal(err)
		}
		said, err := exec.Command(oracle, files...).CombinedOutput()
		if err != nil || !strings.Contains(string(said), "are as SOCI's library has them") {
			t.Errorf("table %d: %v: %s", i, err, said)
		}
		t.Logf("table %d, %d bytes for a layer of %d: %s", i, len(stored), len(layer), said)
	}
}

// runs pulls an image and runs it.
func (o *oven) runs(t *testing.T, reference string) {
	t.Helper()
	o.pull(reference)
	defer func() { _ = o.engine.RemoveImage(context.WithoutCancel(t.Context()), reference) }()
	said, exit := o.run(reference, look)
	for _, line := range []string{"user runner runner in /home/runner/actions-runner", "the stand-in runs", "entrypoint", "tools"} {
		if !strings.Contains(said, line) {
			t.Errorf("no %q in (exit status %d)\n%s", line, exit, said)
		}
	}
}
