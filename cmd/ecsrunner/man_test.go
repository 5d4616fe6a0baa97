//go:build man

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManual has a page of each command that the help shows, with its flags and exit statuses.
func TestManual(t *testing.T) {
	dir := t.TempDir()
	var out, talk bytes.Buffer
	if code := run([]string{"man", dir, "2026-11-30"}, &out, &talk); code != exitOK {
		t.Fatalf("exit status %d: %s", code, talk.String())
	}
	for page, wants := range map[string][]string{
		"ecsrunner.1":              {"ECS Runner Fleet", "Nov 2026", "EXIT STATUS", "ENVIRONMENT"},
		"ecsrunner-runs-list.1":    {"--repository", "WEBHOOK", "EXIT STATUS"},
		"ecsrunner-runners-list.1": {"--status", "ecsrunner-runners"},
		"ecsrunner-why.1":          {"<job URL", "EXIT STATUS"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Error(err)
			continue
		}
		plain := strings.NewReplacer(`\-`, "-", `\fB`, "", `\fI`, "", `\fP`, "", `\fR`, "").Replace(string(text))
		for _, want := range wants {
			if !strings.Contains(plain, want) {
				t.Errorf("%s has no %q:\n%.600s", page, want, plain)
			}
		}
	}
	if pages, err := filepath.Glob(filepath.Join(dir, "*.1")); err != nil || len(pages) < 30 {
		t.Errorf("%d pages, %v", len(pages), err)
	}
}

// TestManualAsAnArchive is the same twice, as a release has to be.
func TestManualAsAnArchive(t *testing.T) {
	var archives [2][]byte
	for i := range archives {
		file := filepath.Join(t.TempDir(), "man.tar.gz")
		var out, talk bytes.Buffer
		if code := run([]string{"man", file, "2026-11-30"}, &out, &talk); code != exitOK {
			t.Fatalf("exit status %d: %s", code, talk.String())
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		archives[i] = text
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two archives of one manual differ")
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archives[0]))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for all := tar.NewReader(unzipped); ; {
		header, err := all.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names[header.Name] = true
	}
	if !names["man1/ecsrunner.1"] || !names["man1/ecsrunner-why.1"] {
		t.Errorf("it has %v", names)
	}
	var out, talk bytes.Buffer
	if code := run([]string{"man", t.TempDir(), "yesterday"}, &out, &talk); code != exitUsage || !strings.Contains(talk.String(), "2026-11-30") {
		t.Errorf("a wrong date: %d, %s", code, talk.String())
	}
}
