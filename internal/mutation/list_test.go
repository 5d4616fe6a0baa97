package mutation_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/mutation"
)

// TestTheListFitsTheCode notices at once, and without running anything, that a mutant's
// code or tests have moved on.
func TestTheListFitsTheCode(t *testing.T) {
	const root = "../.."
	mutants, err := mutation.Load(os.DirFS(filepath.Join(root, mutation.Folder)))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{} // the tests of packages
	for _, m := range mutants {
		text, err := os.ReadFile(filepath.Join(root, m.File))
		if err != nil {
			t.Errorf("mutant %s: %v", m.Name, err)
			continue
		}
		wrong, err := m.Apply(string(text))
		if err != nil {
			t.Errorf("mutant %s: %v", m.Name, err)
			continue
		}
		switch filepath.Ext(m.File) {
		case ".go":
			_, err = parser.ParseFile(token.NewFileSet(), m.File, wrong, parser.SkipObjectResolution)
		case ".json":
			err = json.Unmarshal([]byte(wrong), new(any))
		}
		if err != nil {
			t.Errorf("mutant %s can be read by nothing: %v", m.Name, err)
		}
		for _, tests := range m.Tests {
			if known[tests.Package] == "" {
				known[tests.Package] = testsOf(t, filepath.Join(root, tests.Package))
			}
			for _, name := range tests.Names {
				name, part, _ := strings.Cut(name, "/")
				if !strings.Contains(known[tests.Package], strings.ReplaceAll(part, "_", " ")) {
					t.Errorf("mutant %s: %s has no %s of %s", m.Name, tests.Package, part, name)
				}
				if !regexp.MustCompile(`(?m)^func ` + name + `\(`).MatchString(known[tests.Package]) {
					t.Errorf("mutant %s: %s has no %s that runs without a build tag", m.Name, tests.Package, name)
				}
			}
		}
	}
}

// testsOf is the text of a package's tests and of their data, without those that a build
// tag leaves out.
func testsOf(t *testing.T, dir string) (all string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := filepath.Glob(filepath.Join(dir, "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, data...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "//go:build ") {
			all += string(text)
		}
	}
	if all == "" {
		t.Errorf("%s has no tests", dir)
	}
	return all
}
