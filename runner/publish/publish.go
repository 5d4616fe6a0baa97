// Package publish makes of a saved image what a registry keeps, and pushes it: layers as
// gzip or zstd, an OCI manifest, and with a SOCI index an image index that binds the two.
//
// The same image gives the same digests on every machine. Layers with GitHub's runner or
// the entrypoint are the same in all images, whatever is below them (see [shared]), so
// that a registry keeps and takes each only once.
package publish

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/saved"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/soci"
)

// Compression of layers, by the names that image_compression has.
type Compression string

const (
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// Format is how an image is published.
type Format struct {
	Compression Compression
	SOCI        bool // with a SOCI index, which is for gzip only
}

// Check refuses what no platform can start.
func (f Format) Check() error {
	switch {
	case f.Compression != Gzip && f.Compression != Zstd:
		return fmt.Errorf("compression %q is neither gzip nor zstd", f.Compression)
	case f.SOCI && f.Compression != Gzip:
		return fmt.Errorf("a SOCI index is made of gzip layers only, not of %s", f.Compression)
	}
	return nil
}

// Layer is a layer as it is published.
type Layer struct {
	ocispec.Descriptor
	CreatedBy string // what the image's history says
	diffID    digest.Digest
	file      string
	table     *soci.Blob
}

// Image is an image as it is published.
type Image struct {
	Layers []Layer
	// Root is what a tag names: the manifest, or an image index with it and its SOCI index.
	Root     soci.Blob
	children []soci.Blob // manifests below an index
	blobs    []soci.Blob // configurations and tables
}

// Size is how many bytes are pulled of the image: its layers and its configuration.
func (i Image) Size() (bytes int64) {
	for _, layer := range i.Layers {
		bytes += layer.Size
	}
	return bytes + i.blobs[0].Size
}

// atOnce is how many layers are compressed or pushed at the same time.
const atOnce = 3

// Make compresses an image's layers into files in a folder, and describes them.
func Make(from *saved.Image, format Format, dir string) (Image, error) {
	if err := format.Check(); err != nil {
		return Image{}, err
	}
	config, history, err := readConfig(from)
	if err != nil {
		return Image{}, err
	}
	sources, rewritten, err := shared(from.Layers, dir)
	if err != nil {
		return Image{}, err
	}
	image := Image{Layers: make([]Layer, len(sources))}
	err = each(len(sources), func(i int) (err error) {
		if image.Layers[i], err = compress(sources[i], format, filepath.Join(dir, fmt.Sprintf("layer-%d", i))); err != nil {
			return fmt.Errorf("compress layer %d: %w", i+1, err)
		}
		image.Layers[i].CreatedBy = history[i]
		return nil
	})
	if err != nil {
		return Image{}, err
	}
	document, err := config.with(image.Layers, rewritten)
	if err != nil {
		return Image{}, err
	}
	image.blobs = append(image.blobs, soci.BlobOf(ocispec.MediaTypeImageConfig, document))
	return image, image.describe(config.Platform, format)
}

// each calls do for all numbers below n, a few at a time, and joins the errors.
func each(n int, do func(int) error) error {
	errs := make([]error, n)
	free := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range n {
		free <- struct{}{}
		all.Go(func() {
			errs[i] = do(i)
			<-free
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func compress(source saved.Layer, format Format, file string) (Layer, error) {
	out, err := os.Create(file)
	if err != nil {
		return Layer{}, err
	}
	defer out.Close()
	archive, err := source.Open()
	if err != nil {
		return Layer{}, err
	}
	defer archive.Close()
	layer := Layer{file: file, Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}}
	stored, unpacked := sha256.New(), sha256.New()
	to := bufio.NewWriterSize(io.MultiWriter(out, stored), 1<<20)
	var compressor io.WriteCloser
	var spans *soci.Compressor
	if format.Compression == Zstd {
		layer.MediaType = ocispec.MediaTypeImageLayerZstd
		compressor, err = zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	} else {
		spans, err = soci.NewCompressor(to)
		compressor = spans
	}
	if err != nil {
		return Layer{}, err
	}
	if _, err := io.CopyBuffer(io.MultiWriter(compressor, unpacked), struct{ io.Reader }{archive}, make([]byte, 1<<20)); err != nil {
		return Layer{}, err
	}
	if err := errors.Join(compressor.Close(), to.Flush()); err != nil {
		return Layer{}, err
	}
	if layer.Size, err = out.Seek(0, io.SeekCurrent); err != nil {
		return Layer{}, err
	}
	layer.Digest, layer.diffID = sum(stored), sum(unpacked)
	if format.SOCI && layer.Size >= soci.LeastLayer {
		again, err := source.Open()
		if err != nil {
			return Layer{}, err
		}
		defer again.Close()
		table, err := spans.Table(bufio.NewReaderSize(again, 1<<20))
		if err != nil {
			return Layer{}, err
		}
		blob := soci.TableOf(layer.Descriptor, table)
		layer.table = &blob
	}
	return layer, nil
}

func sum(h hash.Hash) digest.Digest { return digest.NewDigest(digest.SHA256, h) }

// describe writes the manifests. A SOCI index without a table would be refused: an image
// of small layers goes without.
func (i *Image) describe(platform ocispec.Platform, format Format) error {
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: i.blobs[0].Descriptor}
	var tables []soci.Blob
	for _, layer := range i.Layers {
		manifest.Layers = append(manifest.Layers, layer.Descriptor)
		if layer.table != nil {
			tables = append(tables, *layer.table)
		}
	}
	if len(tables) == 0 {
		content, err := json.Marshal(manifest)
		i.Root = soci.BlobOf(ocispec.MediaTypeImageManifest, content)
		return err
	}
	index, empty, err := soci.Index(tables)
	if err != nil {
		return err
	}
	i.blobs = append(append(i.blobs, empty), tables...)
	manifest.Annotations = map[string]string{soci.IndexOfImage: index.Digest.String()}
	content, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	image := soci.BlobOf(ocispec.MediaTypeImageManifest, content)
	image.Platform, image.Annotations = &platform, manifest.Annotations
	index.Platform, index.Annotations = &platform, map[string]string{soci.ImageOfIndex: image.Digest.String()}
	i.children = []soci.Blob{image, index}
	content, err = json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{image.Descriptor, index.Descriptor},
	})
	i.Root = soci.BlobOf(ocispec.MediaTypeImageIndex, content)
	return err
}

// SOCI reports whether the image has a SOCI index.
func (i Image) SOCI() bool { return i.Root.MediaType == ocispec.MediaTypeImageIndex }

// List writes the layers for people, as they are pulled, the base's first.
func (i Image) List(w io.Writer) {
	for _, layer := range i.Layers {
		table := ""
		if layer.table != nil {
			table = ", with a table"
		}
		fmt.Fprintf(w, "%8.1f MB  %s  %s%s\n", float64(layer.Size)/1e6, layer.Digest.Encoded()[:12], strings.Join(strings.Fields(layer.CreatedBy), " "), table)
	}
}
