// Command oracle reads a layer by its table with SOCI's own library, and compares the table
// with the one that the library makes. It is a second opinion on package soci, in a module of its own, since the
// library is in C and brings containerd along.
//
//	oracle LAYER TABLE
package main

import (
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
	read, err := spans(*table, layer)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d files in %d spans are as SOCI's library has them; it read all spans, and %d files", len(table.FileMetadata), len(table.SpanDigests), read), nil
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

// spans reads each span by itself, as the snapshotter does, and compares what comes out with
// the archive. Of the files it reads some by their places: each takes half a span.
func spans(table ztoc.Ztoc, layer []byte) (files int, err error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		return 0, err
	}
	archive, err := io.ReadAll(unzipped)
	if err != nil {
		return 0, err
	}
	all, err := table.Zinfo() // once: the library does not free all of it
	if err != nil {
		return 0, err
	}
	defer all.Close()
	if all.MaxSpanID() != table.MaxSpanID || len(table.SpanDigests) != int(table.MaxSpanID)+1 {
		return 0, fmt.Errorf("%d spans with %d digests; the last one is %d", all.MaxSpanID()+1, len(table.SpanDigests), table.MaxSpanID)
	}
	size := compression.Offset(len(layer))
	for id := range table.SpanDigests {
		span := compression.SpanID(id)
		begin, end := all.StartCompressedOffset(span), all.EndCompressedOffset(span, size)
		if got := digest.FromBytes(layer[begin:end]); got != table.SpanDigests[id] {
			return 0, fmt.Errorf("span %d is %s, not %s", id, got, table.SpanDigests[id])
		}
		from, to := all.StartUncompressedOffset(span), all.EndUncompressedOffset(span, table.UncompressedArchiveSize)
		content, err := all.ExtractDataFromBuffer(layer[begin:end], to-from, from, span)
		if err != nil {
			return 0, fmt.Errorf("read span %d: %w", id, err)
		}
		if !bytes.Equal(content, archive[from:to]) {
			return 0, fmt.Errorf("span %d has other content", id)
		}
	}
	const some = 50
	for i, file := range table.FileMetadata {
		if i%some != 0 || file.UncompressedSize == 0 {
			continue
		}
		from, to := file.UncompressedOffset, file.UncompressedOffset+file.UncompressedSize
		first, last := all.UncompressedOffsetToSpanID(from), all.UncompressedOffsetToSpanID(to)
		content, err := all.ExtractDataFromBuffer(layer[all.StartCompressedOffset(first):all.EndCompressedOffset(last, size)], to-from, from, first)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", file.Name, err)
		}
		if !bytes.Equal(content, archive[from:to]) {
			return 0, fmt.Errorf("%s is another file", file.Name)
		}
		files++
	}
	return files, nil
}
