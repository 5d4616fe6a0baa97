// Package runner is what the runner images are built from: the Dockerfile, the
// scripts and what CodeBuild runs. Deployments and one-machine fleets build from the
// same files.
package runner

import (
	"archive/tar"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Buildspec is what CodeBuild runs.
//
//go:embed buildspec.yml
var Buildspec string

//go:embed Dockerfile
var dockerfile string

//go:embed Dockerfile.again
var again string

//go:embed build.sh
var build string

//go:embed install.sh
var install string

// WriteContext writes the build's files into a folder. In addition the build needs the
// entrypoint as entrypoint-amd64 and entrypoint-arm64, and the folder of each extra
// image as extra/<label>, with the name of its Dockerfile in a file .dockerfile.
func WriteContext(dir string) error {
	for name, text := range Context() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the build's %s: %w", name, err)
		}
	}
	return nil
}

// Again is the Dockerfile that makes a runner image of an image that was built from one.
const Again = "Dockerfile.again"

// Context is the build's files by name.
func Context() map[string]string {
	return map[string]string{"Dockerfile": dockerfile, Again: again, "build.sh": build, "install.sh": install}
}

// Tar writes the context for an engine that builds the Dockerfile by itself: the
// Dockerfile, what it copies, and the entrypoint's programs by their GOARCH. The same
// files make the same archive, which an engine's cache recognizes.
func Tar(w io.Writer, entrypoint map[string]string) error {
	archive := tar.NewWriter(w)
	add := func(name string, mode, size int64, content io.Reader) error {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: size}); err != nil {
			return err
		}
		_, err := io.Copy(archive, content)
		return err
	}
	for _, name := range []string{"Dockerfile", Again, "install.sh"} {
		text := Context()[name]
		if err := add(name, 0o644, int64(len(text)), strings.NewReader(text)); err != nil {
			return fmt.Errorf("pack the build's %s: %w", name, err)
		}
	}
	for _, arch := range slices.Sorted(maps.Keys(entrypoint)) {
		program, err := os.Open(entrypoint[arch])
		if err != nil {
			return fmt.Errorf("pack the entrypoint: %w", err)
		}
		info, err := program.Stat()
		if err == nil {
			err = add("entrypoint-"+arch, 0o755, info.Size(), program)
		}
		program.Close()
		if err != nil {
			return fmt.Errorf("pack the entrypoint: %w", err)
		}
	}
	return archive.Close()
}
