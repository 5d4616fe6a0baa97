// Package runner is what the runner images are built from: the Dockerfile, the
// scripts and what CodeBuild runs. Deployments and one-machine fleets build from the
// same files.
package runner

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

// Buildspec is what CodeBuild runs.
//
//go:embed buildspec.yml
var Buildspec string

//go:embed Dockerfile
var dockerfile string

//go:embed build.sh
var build string

//go:embed install.sh
var install string

// WriteContext writes the build's files into a folder. Beside them the build wants
// the entrypoint as entrypoint-amd64 and entrypoint-arm64, and the folder of each
// extra image as extra/<label>, with the name of its Dockerfile in a file .dockerfile.
func WriteContext(dir string) error {
	for name, text := range Context() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the build's %s: %w", name, err)
		}
	}
	return nil
}

// Context is the build's files by name.
func Context() map[string]string {
	return map[string]string{"Dockerfile": dockerfile, "build.sh": build, "install.sh": install}
}
