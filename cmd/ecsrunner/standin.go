package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
)

// standinArchive is the runner's download from a simulated GitHub: the stand-in,
// started by run.sh as GitHub's is.
func standinArchive(ctx context.Context, dir string) ([]byte, error) {
	program, err := staticProgram(ctx, dir, simulatedRunnerName)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(program)
	if err != nil {
		return nil, err
	}
	const script = "#!/bin/sh\nexec \"$(dirname \"$0\")/" + simulatedRunnerName + "\" \"$@\"\n"
	var packed bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(zipped)
	for _, file := range []struct {
		name string
		size int64
		fill func() error
	}{
		{"run.sh", int64(len(script)), func() error { _, err := archive.Write([]byte(script)); return err }},
		{simulatedRunnerName, info.Size(), func() error { return copyTo(archive, program) }},
	} {
		if err := archive.WriteHeader(&tar.Header{Name: file.name, Mode: 0o755, Size: file.size}); err != nil {
			return nil, fmt.Errorf("pack the stand-in for the runner: %w", err)
		}
		if err := file.fill(); err != nil {
			return nil, fmt.Errorf("pack the stand-in for the runner: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack the stand-in for the runner: %w", err)
	}
	if err := zipped.Close(); err != nil {
		return nil, fmt.Errorf("pack the stand-in for the runner: %w", err)
	}
	return packed.Bytes(), nil
}
