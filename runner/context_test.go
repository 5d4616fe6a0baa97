package runner

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// program is an entrypoint of some age, somewhere else each time.
func program(t *testing.T, content string, age time.Time) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "built")
	if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chtimes(path, age, age)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTarIsTheSameEverywhere(t *testing.T) {
	pack := func(year int) []byte {
		var out bytes.Buffer
		age := time.Date(year, 11, 27, 12, 0, 0, 0, time.UTC)
		if err := Tar(&out, map[string]string{"arm64": program(t, "arm", age), "amd64": program(t, "amd", age)}); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	packed := pack(2025)
	if !bytes.Equal(packed, pack(2026)) {
		t.Error("the same files are another archive")
	}
	var got []string
	for archive := tar.NewReader(bytes.NewReader(packed)); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		what := "text"
		if string(content) != Context()[header.Name] {
			what = string(content)
		}
		got = append(got, fmt.Sprintf("%s %o %s", header.Name, header.Mode, what))
	}
	want := []string{"Dockerfile 644 text", "Dockerfile.again 644 text", "install.sh 644 text", "entrypoint-amd64 755 amd", "entrypoint-arm64 755 arm"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTarWithoutTheEntrypoint(t *testing.T) {
	if err := Tar(io.Discard, map[string]string{"amd64": filepath.Join(t.TempDir(), "gone")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// What ends up in an image is part of its source; the way it is built is not.
func TestWhichFilesAreSources(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	sources := func() map[string]string {
		got, err := Sources(Inputs{Archs: []fleet.Arch{fleet.X64}, Extra: map[string]Folder{"android": {dir, "Dockerfile"}}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	all := []string{"base:x64", "extra:android:x64", "on_demand:x64"}
	for name, c := range map[string]struct {
		file *string
		want []string
	}{
		"Dockerfile": {&dockerfile, all}, "install.sh": {&install, all}, Again: {&again, all[1:2]}, "build.sh": {&build, nil}, "buildspec.yml": {&Buildspec, nil},
	} {
		before, was := sources(), *c.file
		*c.file += "\n"
		after := sources()
		*c.file = was
		var changed []string
		for _, key := range slices.Sorted(maps.Keys(after)) {
			if before[key] != after[key] {
				changed = append(changed, key)
			}
		}
		if !slices.Equal(changed, c.want) {
			t.Errorf("a change of %s changes %q, want %q", name, changed, c.want)
		}
	}
}
