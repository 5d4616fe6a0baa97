package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAPipeThatNothingWritesTo is given as the configuration, or as something else to read:
// Ctrl-C ends the wait.
func TestAPipeThatNothingWritesTo(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "fleet.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	never, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for _, args := range [][]string{
		{"config", "check", pipe},
		{"simulate", "--workload", pipe},
		{"simulate", "--workload", "-"},
		{"simulate", "--config", pipe},
		{"simulate", "--faults", pipe},
	} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		root := newRoot()
		var out bytes.Buffer
		root.SetArgs(args)
		root.SetIn(never)
		root.SetOut(&out)
		root.SetErr(&out)
		if err := root.ExecuteContext(ctx); err == nil || !strings.Contains(err.Error(), "stopped: ") || out.Len() > 0 {
			t.Errorf("%v: %v, %s", args, err, out.String())
		}
	}
}
