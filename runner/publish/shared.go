package publish

import (
	"archive/tar"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/saved"
)

// What layers hold that all images have: the Dockerfile copies both.
const (
	runnerFolder   = "home/runner/actions-runner"
	entrypointFile = "usr/local/bin/ecsrunner-entrypoint"
)

// tree is the folders of an image's lower layers, with their owners and modes.
type tree map[string]string

// entry is one entry of a layer.
type entry struct {
	name   string // without a slash at either end
	folder bool
	looks  string // owner, mode and attributes
}

// shared rewrites the layers that hold nothing but the runner or the entrypoint, so that
// they are the same in all images: an engine puts the folders above them in as well, with
// the times that those have in this image. It returns the layers, and which are rewritten.
func shared(layers []saved.Layer, dir string) (all []saved.Layer, rewritten []bool, err error) {
	lower := tree{}
	for i, layer := range layers {
		entries, err := list(layer)
		if err != nil {
			return nil, nil, fmt.Errorf("read layer %d: %w", i+1, err)
		}
		ours := lower.ours(entries)
		if ours {
			if layer, err = lower.rewrite(layer, filepath.Join(dir, fmt.Sprintf("archive-%d", i))); err != nil {
				return nil, nil, fmt.Errorf("rewrite layer %d: %w", i+1, err)
			}
		}
		lower.add(entries)
		all, rewritten = append(all, layer), append(rewritten, ours)
	}
	return all, rewritten, nil
}

func list(layer saved.Layer) (entries []entry, err error) {
	archive, err := layer.Open()
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entryOf(header))
	}
}

func entryOf(h *tar.Header) entry {
	e := entry{name: nameOf(h), folder: h.Typeflag == tar.TypeDir}
	e.looks = fmt.Sprintf("%d:%d %o %v", h.Uid, h.Gid, h.Mode&0o7777, attributes(h))
	return e
}

func nameOf(h *tar.Header) string { return strings.TrimPrefix(path.Clean("/"+h.Name), "/") }

// attributes are the extended ones, in their order.
func attributes(h *tar.Header) (list []string) {
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		if strings.HasPrefix(key, "SCHILY.xattr.") {
			list = append(list, key, h.PAXRecords[key])
		}
	}
	return list
}

// kept reports whether an entry is the runner's or the entrypoint.
func kept(name string) bool {
	return name == entrypointFile || name == runnerFolder || strings.HasPrefix(name, runnerFolder+"/")
}

// ours reports whether a layer holds the runner or the entrypoint, and beside them only
// folders that are below it as they are.
func (t tree) ours(entries []entry) bool {
	some := false
	for _, e := range entries {
		switch {
		case kept(e.name):
			some = true
		case !e.folder || e.name != "" && t[e.name] != e.looks:
			return false
		}
	}
	return some
}

// add applies a layer.
func (t tree) add(entries []entry) {
	remove := func(name string) {
		delete(t, name)
		for below := range t {
			if strings.HasPrefix(below, name+"/") {
				delete(t, below)
			}
		}
	}
	for _, e := range entries {
		dir, base := path.Split(e.name)
		dir = strings.TrimSuffix(dir, "/")
		switch hidden, whiteout := strings.CutPrefix(base, ".wh."); {
		case base == ".wh..wh..opq":
			for below := range t {
				if strings.HasPrefix(below, dir+"/") {
					delete(t, below)
				}
			}
		case whiteout:
			remove(path.Join(dir, hidden))
		case e.folder:
			t[e.name] = e.looks
		default:
			if _, was := t[e.name]; was {
				remove(e.name)
			}
		}
	}
}

// rewrite writes a layer without the folders above what it holds, and without all that
// depends on the engine and the time.
func (t tree) rewrite(layer saved.Layer, file string) (saved.Layer, error) {
	from, err := layer.Open()
	if err != nil {
		return saved.Layer{}, err
	}
	defer from.Close()
	to, err := os.Create(file) // stays open: it is read until the program ends
	if err != nil {
		return saved.Layer{}, err
	}
	writer := tar.NewWriter(to)
	for reader := tar.NewReader(from); ; {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return saved.Layer{}, err
		}
		name := nameOf(header)
		if !kept(name) {
			continue
		}
		if err := writer.WriteHeader(canonical(header, name)); err != nil {
			return saved.Layer{}, err
		}
		if _, err := io.Copy(writer, reader); err != nil {
			return saved.Layer{}, err
		}
	}
	if err := writer.Close(); err != nil {
		return saved.Layer{}, err
	}
	size, err := to.Seek(0, io.SeekCurrent)
	return saved.LayerIn(to, size), err
}

func canonical(h *tar.Header, name string) *tar.Header {
	out := &tar.Header{
		Typeflag: h.Typeflag, Name: name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode & 0o7777, Uid: h.Uid, Gid: h.Gid,
		ModTime: h.ModTime.Truncate(time.Second), Devmajor: h.Devmajor, Devminor: h.Devminor, Format: tar.FormatPAX,
	}
	if h.Typeflag == tar.TypeDir {
		out.Name += "/"
	}
	if name == runnerFolder || name == entrypointFile { // made in this build
		out.ModTime = time.Unix(0, 0)
	}
	for list := attributes(h); len(list) > 0; list = list[2:] {
		if out.PAXRecords == nil {
			out.PAXRecords = map[string]string{}
		}
		out.PAXRecords[list[0]] = list[1]
	}
	return out
}
