package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAPipeThatNothingWritesTo is given as the configuration: Ctrl-C ends the wait.
func TestAPipeThatNothingWritesTo(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "fleet.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	root := newRoot()
	var out bytes.Buffer
	root.SetArgs([]string{"config", "check", pipe})
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.ExecuteContext(ctx); err == nil || !strings.Contains(err.Error(), "stopped: ") || out.Len() > 0 {
		t.Errorf("%v, %s", err, out.String())
	}
}
