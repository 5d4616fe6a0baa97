package local

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

func TestAContextHasNothingThatIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"Dockerfile.ci": "FROM x\n", ".dockerignore": "secret\n*.log\n", "secret": "s", "a.log": "", "bin/tool": "#!/bin/sh\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("bin/tool", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tarFolder(&b, runner.Folder{Dir: dir, Dockerfile: "Dockerfile.ci"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for archive := tar.NewReader(&b); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join([]string{header.Name, header.Linkname, string(content)}, "|"))
	}
	slices.Sort(got)
	if want := []string{".dockerignore||secret\n*.log\n", "Dockerfile.ci||FROM x\n", "bin/tool||#!/bin/sh\n", "link|bin/tool|"}; !slices.Equal(got, want) {
		t.Errorf("the context is %q", got)
	}
}
