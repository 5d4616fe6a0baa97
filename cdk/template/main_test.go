package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

// What is wrong is said before the CDK starts, and nothing is written.
func TestWhatIsWrongIsSaidFirst(t *testing.T) {
	file, folder := filepath.Join(t.TempDir(), "fleet.yaml"), filepath.Join(t.TempDir(), "template")
	for name, test := range map[string]struct{ content, says string }{
		"the configuration": {"github_repo: o/r\nmax_runners: 0", file + ":2: max_runners: "},
		"what it names":     {"github_repo: o/r\nextra_runner_images: {mine: Dockerfile}", "there is no Dockerfile "},
	} {
		if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := run(func(variable string) string {
			return map[string]string{"ECSRUNNER_CONFIG": file}[variable]
		}, runnerfleet.TemplateOptions{Folder: folder})
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("a folder was made")
	}
}
