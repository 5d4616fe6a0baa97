// Package soci makes SOCI indexes: for each large layer of an image a table of its files
// (zTOC), by which Fargate starts a container before it has the layers.
//
// A layer is one gzip stream, which can be read from its beginning only. A zTOC has
// checkpoints: places in the stream with the 32 KiB before them, from which a reader can
// go on. Our layers are compressed by [NewCompressor], which ends a block of the stream at
// each of them. Where the stream comes from somewhere else, checkpoints have to be found
// by decompressing it, which the makers' library does in C.
//
// The format is that of https://github.com/awslabs/soci-snapshotter, whose library reads
// what this package writes in the tests with containers.
package soci

import (
	"archive/tar"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Ztoc is the table of a layer.
type Ztoc struct {
	Files        []File
	Spans        []Span
	Compressed   int64 // bytes of the layer as it is stored
	Uncompressed int64 // bytes of its archive, without what pads it
}

// File is one entry of a layer's archive.
type File struct {
	tar.Header
	Kind   string
	Offset int64 // of its content in the archive
}

// Span is a part of a layer that can be read by itself.
type Span struct {
	In, Out int64  // where it begins in the stream, and in the archive
	Window  []byte // what is before it in the archive, 32 KiB at most
	Digest  string // of its bytes in the stream
}

const (
	// SpanSize is how much of an archive is in one span, as soci has it by default.
	SpanSize   = 4 << 20
	windowSize = 32 << 10
	version    = "0.9"
)

var kinds = map[byte]string{
	tar.TypeLink: "hardlink", tar.TypeSymlink: "symlink", tar.TypeDir: "dir", tar.TypeReg: "reg",
	tar.TypeChar: "char", tar.TypeBlock: "block", tar.TypeFifo: "fifo",
}

// counted counts what is read. It hides that its reader can seek.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// list reads a layer's archive to its end.
func (z *Ztoc) list(archive io.Reader) error {
	from := &counted{Reader: archive}
	for entries := tar.NewReader(from); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			z.Uncompressed = from.n
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the layer's archive: %w", err)
		}
		kind, ok := kinds[header.Typeflag]
		if !ok {
			return fmt.Errorf("the layer's archive has %s, an entry of the unknown kind %q", header.Name, header.Typeflag)
		}
		z.Files = append(z.Files, File{Header: *header, Kind: kind, Offset: from.n})
	}
}

// checkpoints are the places of the spans in the form of the makers' library: their
// number, the size of a span, and for each its two places, the bits that it shares with the
// byte before it, and its window.
func (z Ztoc) checkpoints() []byte {
	all := binary.LittleEndian.AppendUint32(nil, uint32(len(z.Spans)))
	all = binary.LittleEndian.AppendUint64(all, SpanSize)
	for _, span := range z.Spans {
		all = binary.LittleEndian.AppendUint64(all, uint64(span.In))
		all = binary.LittleEndian.AppendUint64(all, uint64(span.Out))
		all = append(all, 0) // a flushed block ends with its byte
		all = append(all, make([]byte, windowSize-len(span.Window))...)
		all = append(all, span.Window...)
	}
	return all
}

// Encode writes the table as a flatbuffer. The numbers are the fields of soci's schema,
// in its order.
func (z Ztoc) Encode(tool string) []byte {
	b := flatbuffers.NewBuilder(1 << 20)
	text := func(slot int, at flatbuffers.UOffsetT) { b.PrependUOffsetTSlot(slot, at, 0) }

	toc := vector(b, z.Files, func(f File) flatbuffers.UOffsetT {
		attributes := vector(b, slices.Sorted(maps.Keys(f.PAXRecords)), func(key string) flatbuffers.UOffsetT {
			name, value := b.CreateString(key), b.CreateString(f.PAXRecords[key])
			b.StartObject(2)
			text(0, name)
			text(1, value)
			return b.EndObject()
		})
		name, kind, link, user, group := b.CreateString(f.Name), b.CreateString(f.Kind), b.CreateString(f.Linkname), b.CreateString(f.Uname), b.CreateString(f.Gname)
		modified := b.CreateString(f.ModTime.Format(time.RFC3339Nano))
		b.StartObject(14)
		text(0, name)
		text(1, kind)
		b.PrependInt64Slot(2, f.Offset, 0)
		b.PrependInt64Slot(3, f.Size, 0)
		text(4, link)
		b.PrependInt64Slot(5, f.Mode, 0)
		b.PrependUint32Slot(6, uint32(f.Uid), 0)
		b.PrependUint32Slot(7, uint32(f.Gid), 0)
		text(8, user)
		text(9, group)
		text(10, modified)
		b.PrependInt64Slot(11, f.Devmajor, 0)
		b.PrependInt64Slot(12, f.Devminor, 0)
		text(13, attributes)
		return b.EndObject()
	})
	b.StartObject(1)
	text(0, toc)
	toc = b.EndObject()

	digests := vector(b, z.Spans, func(s Span) flatbuffers.UOffsetT { return b.CreateString(s.Digest) })
	checkpoints := b.CreateByteVector(z.checkpoints())
	b.StartObject(4) // its first field is the compression, which is gzip if it is left out
	b.PrependInt32Slot(1, int32(len(z.Spans)-1), 0)
	text(2, digests)
	text(3, checkpoints)
	spans := b.EndObject()

	of, by := b.CreateString(version), b.CreateString(tool)
	b.StartObject(6)
	text(0, of)
	text(1, by)
	b.PrependInt64Slot(2, z.Compressed, 0)
	b.PrependInt64Slot(3, z.Uncompressed, 0)
	text(4, toc)
	text(5, spans)
	b.Finish(b.EndObject())
	return b.FinishedBytes()
}

// vector writes a list of tables or texts.
func vector[T any](b *flatbuffers.Builder, list []T, write func(T) flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	places := make([]flatbuffers.UOffsetT, 0, len(list))
	for _, item := range list {
		places = append(places, write(item))
	}
	return b.CreateVectorOfTables(places)
}
