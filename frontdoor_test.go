package repository_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// TestEveryManifestIsKeptUpToDate compares Dependabot's list with the manifests there are.
func TestEveryManifestIsKeptUpToDate(t *testing.T) {
	text, err := os.ReadFile(".github/dependabot.yml")
	if err != nil {
		t.Fatal(err)
	}
	var listed, there []string
	for _, m := range regexp.MustCompile(`package-ecosystem: (\S+), directory: (\S+),`).FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1]+" "+m[2])
	}
	there = append(there, "github-actions /")
	for suffix, ecosystem := range map[string]string{"go.mod": "gomod", "package.json": "npm", "requirements.txt": "pip"} {
		for _, path := range manifests(t, suffix) {
			dir := filepath.ToSlash(filepath.Dir(path))
			there = append(there, ecosystem+" /"+strings.TrimPrefix(dir, "."))
		}
	}
	slices.Sort(listed)
	slices.Sort(there)
	if !slices.Equal(listed, there) {
		t.Errorf("Dependabot looks at\n%s\nand there are\n%s", strings.Join(listed, "\n"), strings.Join(there, "\n"))
	}
}

// manifests lists the files of a name, also those below testdata but for a test's toys.
func manifests(t *testing.T, name string) (found []string) {
	t.Helper()
	out, err := exec.Command("git", "-c", "safe.directory=*", "ls-files", "--", name, "*/"+name).Output()
	if err != nil {
		t.Skip("this is no clone: git does not list its files")
	}
	for _, path := range strings.Fields(string(out)) {
		if !strings.Contains(path, "testdata/toy/") {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no %s: this test would hold for nothing", name)
	}
	return found
}

// TestWorkflowsCallMakeTargets holds the workflows to what developers call, so that there
// is one way to check a change.
func TestWorkflowsCallMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := 0
	for _, path := range files(t, ".github/workflows", ".yml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		called := regexp.MustCompile(`make ([a-z-]+)`).FindAllStringSubmatch(string(text), -1)
		if matrix := regexp.MustCompile(`target: \[(.*)\]`).FindStringSubmatch(string(text)); matrix != nil {
			for _, target := range regexp.MustCompile(`[a-z][a-z-]+`).FindAllString(matrix[1], -1) {
				called = append(called, []string{"", target})
			}
		}
		for _, target := range called {
			targets++
			if !strings.Contains(string(makefile), "\n"+target[1]+":") {
				t.Errorf("%s calls make %s, which there is not", path, target[1])
			}
		}
	}
	if targets < 5 {
		t.Errorf("%d targets: this test would hold for little", targets)
	}
}

// TestTheDocsExplainEveryLabel compares the developers' table with the labels that every fleet knows.
func TestTheDocsExplainEveryLabel(t *testing.T) {
	text, err := os.ReadFile("docs/labels.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| label | meaning |")
	table, _, _ = strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("docs/labels.md has no table of labels: this test would hold for nothing")
	}
	for _, label := range fleet.BuiltInLabels() {
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + regexp.QuoteMeta(label) + "(<[^`]+>)?`").MatchString(table) {
			t.Errorf("docs/labels.md lacks %s", label)
		}
	}
}
