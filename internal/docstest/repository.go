package docstest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// read is the text of a file of the repository, "" if there is none.
func (r repository) read(name string) string {
	text, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(name)))
	if err != nil {
		return ""
	}
	return string(text)
}

// folder is where a page's commands are typed: in its own folder if that is a module or has
// npm packages, else at the root.
func (r repository) folder(c Command) string {
	dir := path.Dir(c.File)
	if r.read(path.Join(dir, "go.mod")) != "" {
		return dir
	}
	return "."
}

// isOutput says no if the stack has no such output.
func (r repository) isOutput(name string) error {
	var template struct{ Outputs map[string]json.RawMessage }
	const golden = "cdk/runnerfleet/testdata/template.golden.json"
	if err := json.Unmarshal([]byte(r.read(golden)), &template); err != nil {
		return fmt.Errorf("read %s: %w", golden, err)
	}
	if _, ok := template.Outputs[name]; !ok {
		return fmt.Errorf("the stack has no output %s", name)
	}
	return nil
}

// isVariable says no if no program, script or make target looks at the environment variable.
func (r repository) isVariable(name string) error {
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
	found := false
	err := filepath.WalkDir(r.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || found {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", ".cache", "node_modules", "testdata", "build"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		source := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !strings.Contains(filepath.ToSlash(path), "/docstest/")
		if source || entry.Name() == "Makefile" || filepath.Base(filepath.Dir(path)) == "scripts" {
			text, err := os.ReadFile(path)
			found = word.Match(text)
			return err
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("nothing reads the environment variable %s", name)
	}
	return err
}

// make checks targets and variables. A bare `make` is the target help.
func (r repository) make(c Command) error {
	makefile := r.read("Makefile")
	for _, word := range c.Words[1:] {
		if name := assigned.FindStringSubmatch(word); name != nil {
			if !strings.Contains(makefile, "$("+name[1]+")") {
				return fmt.Errorf("the Makefile does not use %s", name[1])
			}
			continue
		}
		if !strings.Contains(makefile, "\n"+word+":") {
			return fmt.Errorf("the Makefile has no target %s", word)
		}
	}
	return nil
}

func isScript(word string) bool {
	return strings.HasPrefix(word, "scripts/") || strings.HasPrefix(word, ".ci/")
}

// builtBy is the program that a script builds and hands its arguments to.
var builtBy = regexp.MustCompile(`build -o \S+ \./(\S+)`)

func (r repository) script(c Command) error {
	info, err := os.Stat(filepath.Join(r.root, filepath.FromSlash(c.Words[0])))
	if err != nil {
		return fmt.Errorf("there is no %s", c.Words[0])
	}
	if info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not executable", c.Words[0])
	}
	args := c.Words[1:]
	if len(args) == 0 {
		return nil
	}
	m := builtBy.FindStringSubmatch(r.read(c.Words[0]))
	if m == nil || !strings.Contains(r.read(c.Words[0]), `"$@"`) {
		return fmt.Errorf("this test does not know how to check what %s makes of %s", c.Words[0], strings.Join(args, " "))
	}
	return r.program(m[1], args)
}

// npm: only what the lock file pins is installed.
func (r repository) npm(c Command) error {
	if !slices.Equal(c.Words[1:], []string{"ci"}) {
		return fmt.Errorf("this test does not know how to check `%s`", strings.Join(c.Words, " "))
	}
	if dir := r.folder(c); r.read(path.Join(dir, "package-lock.json")) == "" {
		return fmt.Errorf("there is no package-lock.json in %s", dir)
	}
	return nil
}

// npx: a program of a package that package.json pins; without one npx would ask the registry.
func (r repository) npx(c Command) error {
	if len(c.Words) < 2 || c.Words[1] != "cdk" {
		return fmt.Errorf("this test does not know which package `%s` runs", strings.Join(c.Words, " "))
	}
	if dir := r.folder(c); !strings.Contains(r.read(path.Join(dir, "package.json")), `"aws-cdk":`) {
		return fmt.Errorf("package.json in %s does not pin aws-cdk", dir)
	}
	c.Words = c.Words[1:]
	return r.cdk(c)
}

func (r repository) cdk(c Command) error { return r.others(c) }

// cp: a path that begins with the clone's name is one of the repository.
func (r repository) cp(c Command) error {
	args := slices.DeleteFunc(slices.Clone(c.Words[1:]), func(word string) bool { return word == "-r" })
	if len(args) != 2 {
		return fmt.Errorf("cp needs a source and a place")
	}
	source, ok := strings.CutPrefix(args[0], path.Base(r.module())+"/")
	if _, err := os.Stat(filepath.Join(r.root, filepath.FromSlash(source))); !ok || err != nil {
		return fmt.Errorf("the repository has no %s", args[0])
	}
	return nil
}

func (r repository) module() string {
	return strings.TrimPrefix(strings.SplitN(r.read("go.mod"), "\n", 2)[0], "module ")
}
