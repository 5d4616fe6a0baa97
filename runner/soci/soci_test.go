package soci

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// archive is a layer of three files, the second of them large, and some others.
func archive(t *testing.T, size int) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	large := make([]byte, size)
	words := make([]byte, 1<<16)
	for i := range words {
		words[i] = byte(random.IntN(8)) // it can be compressed
	}
	for i := 0; i < size; i += len(words) {
		copy(large[i:], words[random.IntN(1<<12):])
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range []struct {
		tar.Header
		content string
	}{
		{tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o755}, ""},
		{tar.Header{Typeflag: tar.TypeReg, Name: "etc/hosts", Mode: 0o644, Uid: 7, Gid: 8, ModTime: time.Unix(1e9, 0)}, "localhost"},
		{tar.Header{Typeflag: tar.TypeReg, Name: "large", Mode: 0o600, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}}, string(large)},
		{tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: "etc/hosts"}, ""},
		{tar.Header{Typeflag: tar.TypeReg, Name: "last", Mode: 0o644}, "the last file"},
	} {
		f.Size = int64(len(f.content))
		if err := w.WriteHeader(&f.Header); err != nil {
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

func compress(t *testing.T, layer []byte, part int) ([]byte, Ztoc) {
	t.Helper()
	var out bytes.Buffer
	c, err := NewCompressor(&out)
	if err != nil {
		t.Fatal(err)
	}
	for rest := layer; len(rest) > 0; rest = rest[min(part, len(rest)):] {
		if _, err := c.Write(rest[:min(part, len(rest))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	table, err := c.Table(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), table
}

// A reader can begin at every span, with what is before it as its dictionary.
func TestSpansAreReadByThemselves(t *testing.T) {
	for _, size := range []int{100, SpanSize - 3000, 2*SpanSize + 12345} {
		layer := archive(t, size)
		stored, table := compress(t, layer, 1<<20)
		whole, err := gzip.NewReader(bytes.NewReader(stored))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(whole); err != nil || !bytes.Equal(got, layer) {
			t.Fatalf("%d bytes: it is not the same any more: %v", size, err)
		}
		if want := (len(layer) + SpanSize - 1) / SpanSize; len(table.Spans) != want || table.Compressed != int64(len(stored)) {
			t.Fatalf("%d bytes: %d spans, not %d, of %d bytes and not %d", size, len(table.Spans), want, table.Compressed, len(stored))
		}
		for i, span := range table.Spans {
			end, until := int64(len(stored)), int64(len(layer))
			if i+1 < len(table.Spans) {
				end, until = table.Spans[i+1].In, table.Spans[i+1].Out
			}
			part := stored[span.In:end]
			if sum := fmt.Sprintf("sha256:%x", sha256.Sum256(part)); sum != span.Digest {
				t.Errorf("%d bytes, span %d: digest %s, not %s", size, i, span.Digest, sum)
			}
			got := make([]byte, until-span.Out)
			if _, err := io.ReadFull(flate.NewReaderDict(bytes.NewReader(part), span.Window), got); err != nil || !bytes.Equal(got, layer[span.Out:until]) {
				t.Errorf("%d bytes, span %d cannot be read: %v", size, i, err)
			}
		}
	}
}

func TestTheSameLayerIsTheSameStream(t *testing.T) {
	layer := archive(t, SpanSize)
	first, one := compress(t, layer, 1<<20)
	second, two := compress(t, layer, 4097)
	if !bytes.Equal(first, second) || !bytes.Equal(one.Encode("t"), two.Encode("t")) {
		t.Error("it depends on the parts in which it is written")
	}
}

func TestTable(t *testing.T) {
	layer := archive(t, 1000)
	_, table := compress(t, layer, 1<<20)
	var got []string
	for _, f := range table.Files {
		got = append(got, fmt.Sprintf("%s %s %d", f.Kind, f.Name, f.Size))
		if f.Name == "last" && string(layer[f.Offset:f.Offset+f.Size]) != "the last file" {
			t.Errorf("last is at %d: %q", f.Offset, layer[f.Offset:f.Offset+f.Size])
		}
	}
	want := []string{"dir etc/ 0", "reg etc/hosts 9", "reg large 1000", "symlink link 0", "reg last 13"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if table.Uncompressed != int64(len(layer)) {
		t.Errorf("%d bytes, not %d", table.Uncompressed, len(layer))
	}
}

// The encoded table, read by field numbers. The makers' own library reads it in
// TestContainersOfPublishedImages.
func TestEncode(t *testing.T) {
	_, table := compress(t, archive(t, SpanSize), 1<<20)
	data := table.Encode("a tool")
	root := flatbuffers.Table{Bytes: data, Pos: flatbuffers.GetUOffsetT(data)}
	field := func(of flatbuffers.Table, n int) flatbuffers.UOffsetT {
		return flatbuffers.UOffsetT(of.Offset(flatbuffers.VOffsetT(4+2*n))) + of.Pos
	}
	if v, tool := string(root.ByteVector(field(root, 0))), string(root.ByteVector(field(root, 1))); v != "0.9" || tool != "a tool" {
		t.Errorf("version %q by %q", v, tool)
	}
	spans := flatbuffers.Table{Bytes: data, Pos: root.Indirect(field(root, 5))}
	if last := spans.GetInt32(field(spans, 1)); int(last) != len(table.Spans)-1 {
		t.Errorf("the last span is %d", last)
	}
	checkpoints := spans.ByteVector(field(spans, 3))
	if n := binary.LittleEndian.Uint32(checkpoints); int(n) != len(table.Spans) || len(checkpoints) != 12+len(table.Spans)*(17+windowSize) {
		t.Errorf("%d checkpoints in %d bytes", n, len(checkpoints))
	}
	if in := binary.LittleEndian.Uint64(checkpoints[12:]); in != 10 { // where older readers take it for granted
		t.Errorf("the first span begins at %d", in)
	}
}

func TestWhatCannotHaveATable(t *testing.T) {
	for _, what := range [][]byte{nil, []byte("no archive at all"), bytes.Repeat([]byte{'x'}, 600)} {
		c, err := NewCompressor(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(what); err != nil || c.Close() != nil {
			t.Fatal(err)
		}
		if _, err := c.Table(bytes.NewReader(what)); err == nil {
			t.Errorf("%.20q has a table", what)
		}
	}
}

func TestIndex(t *testing.T) {
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: "sha256:0a", Size: 12 << 20}
	_, table := compress(t, archive(t, 1000), 1<<20)
	blob := TableOf(layer, table)
	index, config, err := Index([]Blob{blob})
	if err != nil {
		t.Fatal(err)
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(index.Content, &manifest); err != nil {
		t.Fatal(err)
	}
	if index.ArtifactType != "application/vnd.amazon.soci.index.v2+json" || manifest.Config.MediaType != index.ArtifactType || string(config.Content) != "{}" || manifest.Config.Digest != config.Digest {
		t.Errorf("index %+v of %s", index.Descriptor, index.Content)
	}
	want := map[string]string{
		"com.amazon.soci.image-layer-digest": "sha256:0a", "com.amazon.soci.image-layer-mediaType": layer.MediaType, "com.amazon.soci.span-size": "4194304",
	}
	if len(manifest.Layers) != 1 || manifest.Layers[0].Digest != blob.Digest || manifest.Layers[0].MediaType != "application/octet-stream" || !cmp.Equal(want, manifest.Layers[0].Annotations) {
		t.Errorf("tables %+v", manifest.Layers)
	}
}
