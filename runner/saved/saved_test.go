package saved

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// write writes an archive of names and contents; one that begins with -> is a link.
func write(t *testing.T, files ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := tar.NewWriter(file)
	for i := 0; i < len(files); i += 2 {
		header := &tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644}
		target, link := strings.CutPrefix(files[i+1], "->")
		if link {
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, target, 0
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if !link {
			if _, err := io.WriteString(archive, files[i+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return out.String()
}

func squeezed(t *testing.T, text string) string {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoder.EncodeAll([]byte(text), nil))
}

func TestOpen(t *testing.T) {
	for engine, files := range map[string][]string{
		"Podman":                   {"a.tar", "the first layer", "b.tar", "the second one", "c.json", `{"os":"linux"}`, "manifest.json", `[{"Config":"c.json","Layers":["a.tar","b.tar"]}]`},
		"Docker":                   {"blobs/sha256/a", "the first layer", "blobs/sha256/b", "the second one", "blobs/sha256/c", `{"os":"linux"}`, "index.json", "{}", "manifest.json", `[{"Config":"blobs/sha256/c","Layers":["blobs/sha256/a","blobs/sha256/b"]}]`},
		"an older Docker":          {"a/layer.tar", "the first layer", "b/layer.tar", "->../d/layer.tar", "d/layer.tar", "the second one", "c.json", `{"os":"linux"}`, "manifest.json", `[{"Config":"c.json","Layers":["a/layer.tar","b/layer.tar"]}]`},
		"one that keeps gzip":      {"a", zipped(t, "the first layer"), "b", "the second one", "c.json", `{"os":"linux"}`, "manifest.json", `[{"Config":"c.json","Layers":["a","b"]}]`},
		"one that keeps zstandard": {"a", "the first layer", "b", squeezed(t, "the second one"), "c.json", `{"os":"linux"}`, "manifest.json", `[{"Config":"c.json","Layers":["a","b"]}]`},
	} {
		image, err := Open(write(t, files...))
		if err != nil {
			t.Errorf("%s: %v", engine, err)
			continue
		}
		defer image.Close()
		var layers []string
		for range 2 { // each can be read again
			layers = nil
			for _, layer := range image.Layers {
				content, err := layer.Open()
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(content)
				if err != nil {
					t.Fatal(err)
				}
				content.Close()
				layers = append(layers, string(text))
			}
		}
		if diff := cmp.Diff([]string{"the first layer", "the second one"}, layers); diff != "" || string(image.Config) != `{"os":"linux"}` {
			t.Errorf("%s: configuration %s, layers (-want +got):\n%s", engine, image.Config, diff)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for says, files := range map[string][]string{
		"manifest.json and does not have it": {"a", "a layer"},
		"has 2 images":                       {"manifest.json", `[{},{}]`},
		"has 0 images":                       {"manifest.json", `[]`},
		"read manifest.json":                 {"manifest.json", `{`},
		"names c.json and does not have it":  {"manifest.json", `[{"Config":"c.json"}]`},
		"names a.tar and does not have it":   {"c.json", "{}", "a.tar", "->a.tar", "manifest.json", `[{"Config":"c.json","Layers":["a.tar"]}]`},
	} {
		if _, err := Open(write(t, files...)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v instead of one that says %q", err, says)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("there is no such file")
	}
}
