package runnerfleet

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// What a Dockerfile's .dockerignore leaves out is not deployed.
func TestADeploymentTakesNothingAlongThatIsLeftOut(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{"Dockerfile": "FROM x\n", ".dockerignore": "*\n!bin\n", "secret": "s", "bin/tool": "", "node_modules/a/b": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Virtual environments have links.
	if err := os.Symlink("elsewhere", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if err := copyContext(runner.Folder{Dir: from, Dockerfile: "Dockerfile"}, to); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(to, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(to, path)
			got = append(got, name)
		}
		return err
	})
	if want := []string{".dockerignore", "Dockerfile", "bin/tool"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("taken along are %q, %v", got, err)
	}
}
