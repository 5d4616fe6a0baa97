package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsWrongIsToldBeforeTheCDKStarts needs no Node, and so do such mistakes.
func TestWhatIsWrongIsToldBeforeTheCDKStarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fleet.yaml")
	for name, test := range map[string]struct{ content, says string }{
		"the configuration": {"github_repo: o/r\nmax_runners: 0", file + ":2: max_runners: "},
		"what it names":     {"github_repo: o/r\nextra_runner_images: {mine: Dockerfile}", "there is no Dockerfile " + filepath.Join(filepath.Dir(file), "Dockerfile")},
	} {
		if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := run(func(variable string) string {
			if variable == "ECSRUNNER_CONFIG" {
				return file
			}
			return ""
		})
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
