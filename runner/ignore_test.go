package runner_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

func put(t *testing.T, folder runner.Folder, name, content string) {
	t.Helper()
	at := filepath.Join(folder.Dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func walked(t *testing.T, folder runner.Folder) string {
	t.Helper()
	var names []string
	if err := folder.Walk(func(name string, _ fs.FileInfo) error { names = append(names, name); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestWhatIsLeftOutOfAContext(t *testing.T) {
	for sentence, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing says so":        {nil, "Dockerfile files/empty files/tool link"},
		"a folder":               {map[string]string{".dockerignore": "# made by builds\n\nfiles\n"}, ".dockerignore Dockerfile link"},
		"all but a file":         {map[string]string{".dockerignore": "*\n!files/tool\n"}, ".dockerignore Dockerfile files/tool"},
		"by an ending, anywhere": {map[string]string{".dockerignore": "**/*.log", "a.log": "", "files/deep/b.log": "", "files/c.txt": ""}, ".dockerignore Dockerfile files/c.txt files/empty files/tool link"},
		"the Dockerfile itself":  {map[string]string{".dockerignore": "Dockerfile\n.dockerignore\nlink"}, ".dockerignore Dockerfile files/empty files/tool"},
		"the Dockerfile's own":   {map[string]string{".dockerignore": "*", "Dockerfile.dockerignore": "link"}, ".dockerignore Dockerfile Dockerfile.dockerignore files/empty files/tool"},
	} {
		t.Run(sentence, func(t *testing.T) {
			folder := kitchen(t)
			for name, content := range c.files {
				put(t, folder, name, content)
			}
			if got := walked(t, folder); got != c.want {
				t.Errorf("the context is %s\nwant %s", got, c.want)
			}
		})
	}
	folder := kitchen(t)
	put(t, folder, ".dockerignore", "[")
	if err := folder.Walk(func(string, fs.FileInfo) error { return nil }); err == nil || !strings.Contains(err.Error(), ".dockerignore has a pattern that cannot be read") {
		t.Errorf("got %v", err)
	}
}

// A file that is left out changes no image; the ignore file itself may.
func TestSourcesWithoutWhatIsLeftOut(t *testing.T) {
	in := inputs(t)
	folder := in.Extra["android"]
	put(t, folder, ".dockerignore", "build/\n")
	was := sources(t, in)
	put(t, folder, "build/output", "of today")
	if got := sources(t, in); got["extra:android:x64"] != was["extra:android:x64"] {
		t.Error("a file that is left out changes the image")
	}
	put(t, folder, ".dockerignore", "")
	if got := sources(t, in); got["extra:android:x64"] == was["extra:android:x64"] {
		t.Error("a file that is not left out any more does not change the image")
	}
}
