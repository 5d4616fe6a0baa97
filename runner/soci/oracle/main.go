// Command oracle reads a layer by its table with SOCI's own library: every file, and every
// span's digest. It is a second opinion on package soci, in a module of its own, since the
// library is in C and brings containerd along.
//
//	oracle LAYER TABLE
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"

	"github.com/awslabs/soci-snapshotter/ztoc"
	"github.com/awslabs/soci-snapshotter/ztoc/compression"
	"github.com/opencontainers/go-digest"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: oracle LAYER TABLE")
		os.Exit(2)
	}
	said, err := check(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(said)
}

func check(layerFile, tableFile string) (said string, err error) {
	encoded, err := os.ReadFile(tableFile)
	if err != nil {
		return "", err
	}
	table, err := ztoc.Unmarshal(bytes.NewReader(encoded))
	if err != nil {
		return "", err
	}
	layer, err := os.ReadFile(layerFile)
	if err != nil {
		return "", err
	}
	if err := same(*table, layerFile); err != nil {
		return "", err
	}
	if err := digests(*table, layer); err != nil {
		return "", err
	}
	files, err := contents(*table, layer)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d files and %d spans are as SOCI's library wants them", files, len(table.SpanDigests)), nil
}

// same compares with the table that the library itself makes of the layer. Only where the
// spans begin may differ.
func same(table ztoc.Ztoc, layerFile string) error {
	theirs, err := ztoc.NewBuilder(table.BuildToolIdentifier).BuildZtoc(layerFile, 4<<20)
	if err != nil {
		return err
	}
	if table.Version != theirs.Version || table.CompressedArchiveSize != theirs.CompressedArchiveSize || table.UncompressedArchiveSize != theirs.UncompressedArchiveSize || table.CompressionAlgorithm != theirs.CompressionAlgorithm {
		return fmt.Errorf("version %s, %d and %d bytes of %s; the library's has version %s, %d and %d bytes of %s", table.Version, table.CompressedArchiveSize, table.UncompressedArchiveSize, table.CompressionAlgorithm,
			theirs.Version, theirs.CompressedArchiveSize, theirs.UncompressedArchiveSize, theirs.CompressionAlgorithm)
	}
	if len(table.FileMetadata) != len(theirs.FileMetadata) {
		return fmt.Errorf("%d files, and the library's has %d", len(table.FileMetadata), len(theirs.FileMetadata))
	}
	for i, file := range theirs.FileMetadata {
		ours := table.FileMetadata[i]
		if !ours.ModTime.Equal(file.ModTime) {
			return fmt.Errorf("%s is of %s, and the library's of %s", ours.Name, ours.ModTime, file.ModTime)
		}
		ours.ModTime = file.ModTime // the same time has two forms
		if !ours.Equal(file) {
			return fmt.Errorf("file %d is %+v, and the library's is %+v", i, ours, file)
		}
	}
	return nil
}

func digests(table ztoc.Ztoc, layer []byte) error {
	spans, err := table.Zinfo()
	if err != nil {
		return err
	}
	defer spans.Close()
	if spans.MaxSpanID() != table.MaxSpanID || len(table.SpanDigests) != int(table.MaxSpanID)+1 {
		return fmt.Errorf("%d spans with %d digests; the last one is %d", spans.MaxSpanID()+1, len(table.SpanDigests), table.MaxSpanID)
	}
	for id := range table.SpanDigests {
		span := compression.SpanID(id)
		begin, end := spans.StartCompressedOffset(span), spans.EndCompressedOffset(span, compression.Offset(len(layer)))
		if got := digest.FromBytes(layer[begin:end]); got != table.SpanDigests[id] {
			return fmt.Errorf("span %d is %s, not %s", id, got, table.SpanDigests[id])
		}
		// As the snapshotter reads it: the whole span by itself.
		from, to := spans.StartUncompressedOffset(span), spans.EndUncompressedOffset(span, table.UncompressedArchiveSize)
		if _, err := spans.ExtractDataFromBuffer(layer[begin:end], to-from, from, span); err != nil {
			return fmt.Errorf("read span %d by itself: %w", id, err)
		}
	}
	return nil
}

// contents compares every file with what is in the archive.
func contents(table ztoc.Ztoc, layer []byte) (files int, err error) {
	archive, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		return 0, err
	}
	spans, err := table.Zinfo() // once: the library never frees what it points to
	if err != nil {
		return 0, err
	}
	defer spans.Close()
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return 0, err
		}
		if header.Typeflag != tar.TypeReg || header.Size == 0 {
			continue
		}
		want, err := io.ReadAll(reader)
		if err != nil {
			return 0, err
		}
		at, err := table.GetMetadataEntry(header.Name)
		if err != nil {
			return 0, err
		}
		first, last := spans.UncompressedOffsetToSpanID(at.UncompressedOffset), spans.UncompressedOffsetToSpanID(at.UncompressedOffset+at.UncompressedSize)
		part := layer[spans.StartCompressedOffset(first):spans.EndCompressedOffset(last, compression.Offset(len(layer)))]
		got, err := spans.ExtractDataFromBuffer(part, at.UncompressedSize, at.UncompressedOffset, first)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", header.Name, err)
		}
		if !bytes.Equal(got, want) {
			return 0, fmt.Errorf("%s is another file", header.Name)
		}
		files++
	}
}
