// Package registrytest is a registry for tests: engines pull from it, and it takes no
// pushes.
//
// It speaks the part of the distribution protocol that a pull needs, over plain HTTP.
package registrytest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// Image is one image of a single layer.
type Image struct {
	Name    string // as bases/bookworm, without the registry
	Tag     string
	Layer   string   // the file of its root file system, a tar archive
	Arch    string   // GOARCH; "" is amd64
	OnBuild []string // what its ONBUILD instructions are
}

// Docker's own kinds of documents: those of OCI have no ONBUILD.
const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar"
)

// Registry serves images.
type Registry struct {
	manifests map[string][]byte // by name:tag and by name@digest
	blobs     map[string][]byte // by digest
	layers    map[string]string // files by digest
}

// New reads the layers of images.
func New(images ...Image) (*Registry, error) {
	r := &Registry{manifests: map[string][]byte{}, blobs: map[string][]byte{}, layers: map[string]string{}}
	for _, image := range images {
		if err := r.add(image); err != nil {
			return nil, fmt.Errorf("add %s:%s: %w", image.Name, image.Tag, err)
		}
	}
	return r, nil
}

func (r *Registry) add(image Image) error {
	layer, err := os.Open(image.Layer)
	if err != nil {
		return err
	}
	defer layer.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, layer)
	if err != nil {
		return err
	}
	digest := fmt.Sprintf("sha256:%x", hash.Sum(nil))
	r.layers[digest] = image.Layer
	arch := image.Arch
	if arch == "" {
		arch = "amd64"
	}
	config, err := json.Marshal(map[string]any{
		"architecture": arch, "os": "linux", "config": map[string]any{"OnBuild": image.OnBuild, "Cmd": []string{"/bin/sh"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest}}, "history": []any{map[string]any{"created_by": "registrytest"}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": configType, "size": len(config), "digest": r.blob(config)},
		"layers": []any{map[string]any{"mediaType": layerType, "size": size, "digest": digest}},
	})
	if err != nil {
		return err
	}
	r.manifests[image.Name+":"+image.Tag], r.manifests[image.Name+"@"+digestOf(manifest)] = manifest, manifest
	return nil
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func (r *Registry) blob(content []byte) string {
	digest := digestOf(content)
	r.blobs[digest] = content
	return digest
}

func (r *Registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	path, ok := strings.CutPrefix(q.URL.Path, "/v2/")
	if !ok {
		http.NotFound(w, q)
		return
	}
	if path == "" {
		return
	}
	if name, ref, ok := strings.Cut(path, "/manifests/"); ok {
		r.manifest(w, name, ref)
		return
	}
	_, digest, _ := strings.Cut(path, "/blobs/")
	if file, ok := r.layers[digest]; ok {
		http.ServeFile(w, q, file)
		return
	}
	content, ok := r.blobs[digest]
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return
	}
	_, _ = w.Write(content)
}

func (r *Registry) manifest(w http.ResponseWriter, name, ref string) {
	separator := ":"
	if strings.HasPrefix(ref, "sha256:") {
		separator = "@"
	}
	manifest, ok := r.manifests[name+separator+ref]
	if !ok {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", manifestType)
	w.Header().Set("Docker-Content-Digest", digestOf(manifest))
	w.Header().Set("Content-Length", fmt.Sprint(len(manifest)))
	_, _ = w.Write(manifest)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
}
