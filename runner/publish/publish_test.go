package publish

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/saved"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/soci"
)

// file is an entry of a layer.
type file struct {
	name, content string
	mode          int64
	owner         int
	at            time.Time
}

// large is content that gets no smaller.
var large = func() string {
	random := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, soci.LeastLayer+1<<20)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	return string(content)
}()

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func folder(name string, at time.Time) file { return file{name + "/", "", 0o755, 0, at} }

// base are the folders that a base image has.
func base(at time.Time) []file {
	return []file{folder("home", at), folder("usr", at), folder("usr/local", at), folder("usr/local/bin", at), {"etc/os-release", fmt.Sprint("of ", at), 0o644, 0, at}}
}

// user is the layer of the packages, with the runner's user.
func user(at time.Time) []file { return []file{{"home/runner/", "", 0o755, 1001, at}} }

// withRunner is the layer of GitHub's runner, as engines write it: with the folders above.
func withRunner(at time.Time) []file {
	return []file{
		folder("home", at), {"home/runner/", "", 0o755, 1001, at}, {"home/runner/actions-runner/", "", 0o755, 1001, at},
		{"home/runner/actions-runner/run.sh", "#!/bin/sh\n", 0o755, 1001, noon}, {"home/runner/actions-runner/bin", large, 0o755, 1001, noon},
	}
}

func withEntrypoint(at time.Time) []file {
	return []file{folder("usr", at), folder("usr/local", at), folder("usr/local/bin", at), {"usr/local/bin/ecsrunner-entrypoint", "the program", 0o755, 0, at}}
}

func archive(t *testing.T, files []file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: f.mode, Uid: f.owner, Gid: f.owner, ModTime: f.at}
		if strings.HasSuffix(f.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// imageOf is a saved image of layers.
func imageOf(t *testing.T, layers ...[]file) *saved.Image {
	t.Helper()
	image := &saved.Image{}
	var diffIDs []digest.Digest
	history := []map[string]any{{"created_by": "ENV a=b", "empty_layer": true}}
	for i, files := range layers {
		content := archive(t, files)
		image.Layers = append(image.Layers, saved.LayerOf(content))
		diffIDs = append(diffIDs, digest.FromBytes(content))
		history = append(history, map[string]any{"created_by": fmt.Sprint("step ", i)})
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "arm64", "os": "linux", "variant": "v8", "config": map[string]any{"Labels": map[string]string{"ecsrunner.runner": "true"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}, "history": history,
	})
	if err != nil {
		t.Fatal(err)
	}
	image.Config = config
	return image
}

func runnerImage(t *testing.T, at time.Time) *saved.Image {
	return imageOf(t, base(at), user(at), withRunner(at), withEntrypoint(at))
}

func made(t *testing.T, image *saved.Image, format Format) Image {
	t.Helper()
	got, err := Make(image, format, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Two images with other bases share the layers of the runner and the entrypoint.
func TestImagesShareTheRunnersLayers(t *testing.T) {
	for _, format := range []Format{{Gzip, false}, {Zstd, false}, {Gzip, true}} {
		one, other := made(t, runnerImage(t, noon), format), made(t, runnerImage(t, noon.Add(99*time.Hour)), format)
		for i, same := range []bool{false, false, true, true} {
			if (one.Layers[i].Digest == other.Layers[i].Digest) != same {
				t.Errorf("%v: layer %d is %s and %s", format, i, one.Layers[i].Digest, other.Layers[i].Digest)
			}
		}
		if again := made(t, runnerImage(t, noon), format); again.Root.Digest != one.Root.Digest {
			t.Errorf("%v: the same image is %s and %s", format, one.Root.Digest, again.Root.Digest)
		}
	}
}

// A layer that holds anything else, or changes a folder, is published as it is.
func TestOtherLayersStayAsTheyAre(t *testing.T) {
	for what, layer := range map[string][]file{
		"a file beside the runner":         append(withRunner(noon), file{"home/runner/.profile", "", 0o644, 1001, noon}),
		"a folder that becomes another's":  append(withRunner(noon), file{"usr/", "", 0o755, 7, noon}),
		"a folder that was not there":      append(withRunner(noon), folder("srv", noon)),
		"a file of the base that goes":     append(withEntrypoint(noon), file{"etc/.wh.os-release", "", 0o644, 0, noon}),
		"nothing of the fleet's":           {folder("usr", noon)},
		"a folder with another mode below": append(withEntrypoint(noon), file{"home/", "", 0o700, 0, noon}),
	} {
		image := imageOf(t, base(noon), user(noon), layer)
		got := made(t, image, Format{Gzip, false})
		if want := digest.FromBytes(archive(t, layer)); got.Layers[2].diffID != want {
			t.Errorf("%s is rewritten", what)
		}
	}
	gone := imageOf(t, base(noon), []file{{"usr/.wh.local", "", 0, 0, noon}}, withEntrypoint(noon))
	if got := made(t, gone, Format{Gzip, false}); got.Layers[2].diffID != digest.FromBytes(archive(t, withEntrypoint(noon))) {
		t.Error("folders that a layer before removed are left out")
	}
}

func TestZstd(t *testing.T) {
	image := made(t, runnerImage(t, noon), Format{Zstd, false})
	var manifest ocispec.Manifest
	if err := json.Unmarshal(image.Root.Content, &manifest); err != nil {
		t.Fatal(err)
	}
	if image.SOCI() || manifest.MediaType != ocispec.MediaTypeImageManifest || manifest.Config.MediaType != ocispec.MediaTypeImageConfig || len(manifest.Layers) != 4 {
		t.Fatalf("manifest %s", image.Root.Content)
	}
	size := manifest.Config.Size
	for i, layer := range manifest.Layers {
		content, err := os.ReadFile(image.Layers[i].file)
		if err != nil {
			t.Fatal(err)
		}
		if layer.MediaType != "application/vnd.oci.image.layer.v1.tar+zstd" || layer.Digest != digest.FromBytes(content) || layer.Size != int64(len(content)) || !bytes.HasPrefix(content, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
			t.Errorf("layer %d: %+v", i, layer)
		}
		size += layer.Size
	}
	if image.Size() != size {
		t.Errorf("size %d, not %d", image.Size(), size)
	}
}

func TestSOCI(t *testing.T) {
	image := made(t, runnerImage(t, noon), Format{Gzip, true})
	var root ocispec.Index
	if err := json.Unmarshal(image.Root.Content, &root); err != nil {
		t.Fatal(err)
	}
	if !image.SOCI() || len(root.Manifests) != 2 || len(image.children) != 2 {
		t.Fatalf("root %s", image.Root.Content)
	}
	of, index := root.Manifests[0], root.Manifests[1]
	platform := &ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	if diff := cmp.Diff([]*ocispec.Platform{platform, platform}, []*ocispec.Platform{of.Platform, index.Platform}); diff != "" {
		t.Error(diff)
	}
	if index.ArtifactType != soci.IndexType || index.Annotations[soci.ImageOfIndex] != of.Digest.String() || of.Annotations[soci.IndexOfImage] != index.Digest.String() {
		t.Errorf("they do not name each other: %s", image.Root.Content)
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(image.children[0].Content, &manifest); err != nil || manifest.Annotations[soci.IndexOfImage] != index.Digest.String() {
		t.Errorf("manifest %s: %v", image.children[0].Content, err)
	}
	if image.Layers[2].table == nil || image.Layers[0].table != nil {
		t.Error("large layers have a table, and small ones none")
	}
	small := made(t, imageOf(t, base(noon)), Format{Gzip, true})
	if small.SOCI() || small.Root.MediaType != ocispec.MediaTypeImageManifest {
		t.Errorf("an image of small layers is %s", small.Root.Content)
	}
}

// What the configuration has besides the layers stays, labels among it.
func TestConfiguration(t *testing.T) {
	from := runnerImage(t, noon)
	image := made(t, from, Format{Gzip, false})
	var was, is map[string]any
	if err := json.Unmarshal(from.Config, &was); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(image.blobs[0].Content, &is); err != nil {
		t.Fatal(err)
	}
	ids, _ := is["rootfs"].(map[string]any)["diff_ids"].([]any)
	if len(ids) != 4 || ids[0] != was["rootfs"].(map[string]any)["diff_ids"].([]any)[0] || ids[2] != image.Layers[2].diffID.String() {
		t.Errorf("layers %v", ids)
	}
	delete(was, "rootfs")
	delete(is, "rootfs")
	if diff := cmp.Diff(was, is); diff != "" {
		t.Error(diff)
	}
	var list strings.Builder
	image.List(&list)
	if text := list.String(); strings.Count(text, "\n") != 4 || !strings.Contains(text, "step 2") || !strings.Contains(text, "11.5 MB") {
		t.Errorf("listed as\n%s", text)
	}
}

func TestMakeRefuses(t *testing.T) {
	whole := runnerImage(t, noon)
	other := runnerImage(t, noon.Add(time.Hour))
	for says, c := range map[string]struct {
		image  *saved.Image
		format Format
	}{
		`compression "lzma" is neither gzip nor zstd`:      {whole, Format{"lzma", false}},
		"a SOCI index is made of gzip layers only":         {whole, Format{Zstd, true}},
		"has 4 layers, and its configuration names 0":      {&saved.Image{Config: []byte("{}"), Layers: whole.Layers}, Format{Gzip, false}},
		"read the image's configuration":                   {&saved.Image{Config: []byte("{")}, Format{Gzip, false}},
		"layer 1 of the saved image is":                    {&saved.Image{Config: other.Config, Layers: whole.Layers}, Format{Gzip, false}},
		"read layer 1":                                     {&saved.Image{Config: whole.Config, Layers: append([]saved.Layer{saved.LayerOf(bytes.Repeat([]byte{'x'}, 999))}, whole.Layers[1:]...)}, Format{Gzip, false}},
		"saved image has 3 layers, and its configuration ": {&saved.Image{Config: whole.Config, Layers: whole.Layers[1:]}, Format{Gzip, false}},
	} {
		if _, err := Make(c.image, c.format, t.TempDir()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v instead of one that says %q", err, says)
		}
	}
	if _, err := Make(whole, Format{Gzip, false}, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("there is no such folder")
	}
}

func sha(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }
