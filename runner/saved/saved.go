// Package saved reads an image as Docker and Podman save it: a tar archive with the
// image's configuration and its layers.
//
// Layers are saved uncompressed by most engines, and as they were pulled by some: both
// are read as the archives they hold.
package saved

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/klauspost/compress/zstd"
)

// Image is an image in an archive, which has to stay open while its layers are read.
type Image struct {
	Config []byte  // as OCI and Docker describe an image's configuration
	Layers []Layer // the base's first
	file   *os.File
}

// Layer is a changeset of files.
type Layer struct{ section *io.SectionReader }

// place is where a file is in an archive.
type place struct{ offset, size int64 }

// mostLinks is how many links lead from one to the next.
const mostLinks = 8

// Open reads which layers an archive has. The archive holds one image.
func Open(name string) (*Image, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the saved image: %w", err)
	}
	image, err := read(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("read the saved image %s: %w", name, err)
	}
	return image, nil
}

func read(file *os.File) (*Image, error) {
	places, links := map[string]place{}, map[string]string{}
	archive := tar.NewReader(file)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean(header.Name)
		switch header.Typeflag {
		case tar.TypeReg:
			offset, err := file.Seek(0, io.SeekCurrent) // tar reads headers alone
			if err != nil {
				return nil, err
			}
			places[name] = place{offset, header.Size}
		case tar.TypeSymlink: // older engines save a layer once
			links[name] = path.Join(path.Dir(name), header.Linkname)
		case tar.TypeLink:
			links[name] = path.Clean(header.Linkname)
		}
	}
	section := func(name string) (*io.SectionReader, error) {
		at := path.Clean(name)
		for range mostLinks {
			if found, ok := places[at]; ok {
				return io.NewSectionReader(file, found.offset, found.size), nil
			}
			at = links[at]
		}
		return nil, fmt.Errorf("it names %s and does not have it", name)
	}
	document := func(name string) ([]byte, error) {
		found, err := section(name)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(found)
	}
	list, err := document("manifest.json")
	if err != nil {
		return nil, err
	}
	var manifests []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(list, &manifests); err != nil {
		return nil, fmt.Errorf("read manifest.json: %w", err)
	}
	if len(manifests) != 1 {
		return nil, fmt.Errorf("it has %d images and not one", len(manifests))
	}
	image := &Image{file: file}
	if image.Config, err = document(manifests[0].Config); err != nil {
		return nil, err
	}
	for _, name := range manifests[0].Layers {
		found, err := section(name)
		if err != nil {
			return nil, err
		}
		image.Layers = append(image.Layers, Layer{found})
	}
	return image, nil
}

// Close closes the archive.
func (i *Image) Close() error { return i.file.Close() }

// LayerOf is a layer of an archive that is in memory.
func LayerOf(archive []byte) Layer {
	return Layer{io.NewSectionReader(bytes.NewReader(archive), 0, int64(len(archive)))}
}

// LayerIn is a layer in a file.
func LayerIn(file *os.File, size int64) Layer { return Layer{io.NewSectionReader(file, 0, size)} }

// Open reads the layer's archive from its beginning, uncompressed. It may be read more
// than once, also at the same time.
func (l Layer) Open() (io.ReadCloser, error) {
	begin := bufio.NewReader(io.NewSectionReader(l.section, 0, l.section.Size()))
	sign, _ := begin.Peek(4) // a layer that is shorter is no archive, which its reader says
	switch {
	case bytes.HasPrefix(sign, []byte{0x1f, 0x8b}):
		return gzip.NewReader(begin)
	case bytes.Equal(sign, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		decoder, err := zstd.NewReader(begin)
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	}
	return io.NopCloser(begin), nil
}
