package docstest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// golang checks a command of Go's: its packages, tags, names of tests and flags.
func (r repository) golang(c Command) error {
	if len(c.Words) < 2 {
		return errors.New("go needs a command")
	}
	command, args := c.Words[1], c.Words[2:]
	if c.IsName(args) && slices.Contains([]string{"get", "build", "run", "test"}, command) {
		return nil
	}
	dir := r.folder(c)
	switch command {
	case "run":
		if len(args) == 0 {
			return errors.New("go run needs a package")
		}
		return r.run(c, dir, args)
	case "build":
		packages, err := takeFlags(args, options{"-o": true, "-trimpath": false, "-tags": true})
		return errors.Join(err, r.packages(dir, packages.rest))
	case "test":
		return r.test(dir, args)
	case "mod":
		return r.mod(args)
	case "get":
		for _, arg := range args {
			if !regexp.MustCompile(`^` + regexp.QuoteMeta(r.module()) + `@v\d+\.\d+\.\d+$`).MatchString(arg) {
				return fmt.Errorf("%s is no version of this module", arg)
			}
		}
		return nil
	}
	return fmt.Errorf("this test does not know how to check go %s", command)
}

func (r repository) mod(args []string) error {
	switch {
	case slices.Equal(args, []string{"tidy"}):
		return nil
	case len(args) == 3 && args[0] == "edit" && args[1] == "-replace":
		if module, _, _ := strings.Cut(args[2], "="); module != r.module() {
			return fmt.Errorf("%s is not this module", module)
		}
		return nil
	}
	return fmt.Errorf("this test does not know how to check go mod %s", strings.Join(args, " "))
}

func (r repository) run(c Command, dir string, args []string) error {
	pkg := path.Join(dir, args[0])
	if err := r.packages(dir, args[:1]); err != nil {
		return err
	}
	if name := r.packageName(pkg); name != "main" {
		return fmt.Errorf("%s is package %s, which go does not run", args[0], name)
	}
	if rule := r.rules.Programs[path.Base(pkg)]; rule != nil {
		c.Words = append([]string{path.Base(pkg)}, args[1:]...)
		return rule(c)
	}
	return r.program(pkg, args[1:])
}

// packages says which of the patterns names no package.
func (r repository) packages(dir string, patterns []string) error {
	if len(patterns) == 0 {
		return errors.New("no package is named")
	}
	for _, pattern := range patterns {
		if pattern != "." && !strings.HasPrefix(pattern, "./") {
			return fmt.Errorf("%s is no path of a package", pattern)
		}
		folder := path.Join(dir, strings.TrimSuffix(pattern, "/..."))
		info, err := os.Stat(filepath.Join(r.root, folder))
		if err != nil || !info.IsDir() {
			return fmt.Errorf("there is no folder %s", folder)
		}
		if !strings.HasSuffix(pattern, "/...") && r.packageName(folder) == "" {
			return fmt.Errorf("%s has no Go files", folder)
		}
	}
	return nil
}

// parsed are the files of a package; testdata and other folders are left out.
func (r repository) parsed(dir string, wanted func(name string) bool) (files []*ast.File) {
	paths, _ := filepath.Glob(filepath.Join(r.root, dir, "*.go"))
	for _, name := range paths {
		if file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0); err == nil && wanted(filepath.Base(name)) {
			files = append(files, file)
		}
	}
	return files
}

func (r repository) packageName(dir string) string {
	for _, file := range r.parsed(dir, func(name string) bool { return !strings.HasSuffix(name, "_test.go") }) {
		return file.Name.Name
	}
	return ""
}

// test checks `go test`. Flags that it does not know must be those of the tests.
func (r repository) test(dir string, args []string) error {
	known := options{
		"-run": true, "-tags": true, "-race": false, "-count": true, "-cpu": true, "-v": false, "-bench": true, "-timeout": true, "-args": false,
	}
	var patterns []string
	for _, arg := range args {
		if arg == "." || strings.HasPrefix(arg, "./") {
			patterns = append(patterns, arg)
		}
	}
	if err := r.packages(dir, patterns); err != nil {
		return err
	}
	var folders []string
	for _, pattern := range patterns {
		folders = append(folders, r.folders(path.Join(dir, strings.TrimSuffix(pattern, "/...")), strings.HasSuffix(pattern, "/..."))...)
	}
	for _, folder := range folders {
		for name, takes := range r.flagsOf(folder) {
			known["-"+name] = takes
		}
	}
	given, err := takeFlags(args, known)
	if err != nil {
		return err
	}
	return r.tests(folders, given.values["-tags"], given.values["-run"])
}

// folders is the folder, with those below it if they are meant too.
func (r repository) folders(dir string, below bool) []string {
	found := []string{dir}
	entries, err := os.ReadDir(filepath.Join(r.root, dir))
	if err != nil || !below {
		return found
	}
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "testdata" && entry.Name() != "node_modules" && !strings.HasPrefix(entry.Name(), ".") {
			found = append(found, r.folders(path.Join(dir, entry.Name()), true)...)
		}
	}
	return found
}

// tests says no if a tag chooses no file of the packages, or the expression no test.
func (r repository) tests(dirs []string, tags, run string) error {
	expression, err := regexp.Compile(strings.SplitN(run, "/", 2)[0])
	if err != nil {
		return err
	}
	var chosen []string
	if tags != "" {
		chosen = strings.Split(tags, ",")
	}
	for i, tag := range chosen {
		others := slices.Delete(slices.Clone(chosen), i, i+1)
		if slices.Equal(r.chosen(dirs, chosen), r.chosen(dirs, others)) {
			return fmt.Errorf("no file in %s is for the tag %s", strings.Join(dirs, ", "), tag)
		}
	}
	if run == "" {
		return nil
	}
	for _, name := range r.chosen(dirs, chosen) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && expression.MatchString(f.Name.Name) {
				return nil
			}
		}
	}
	return fmt.Errorf("%s has no test %s", strings.Join(dirs, ", "), run)
}

// chosen are the files of tests that are built with the tags.
func (r repository) chosen(dirs, tags []string) (files []string) {
	context := build.Default
	context.BuildTags = tags
	for _, dir := range dirs {
		paths, _ := filepath.Glob(filepath.Join(r.root, dir, "*_test.go"))
		for _, name := range paths {
			if ok, err := context.MatchFile(filepath.Dir(name), filepath.Base(name)); ok && err == nil {
				files = append(files, name)
			}
		}
	}
	return files
}

var flagFunction = regexp.MustCompile(`^(Bool|String|Int|Int64|Uint|Uint64|Float64|Duration|Text|Func|BoolFunc)?(Var)?$`)

// flagsOf are the flags that a package declares with package flag, and whether each takes a
// value.
func (r repository) flagsOf(dir string) options {
	found := options{}
	for _, file := range r.parsed(dir, func(string) bool { return true }) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			function, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !flagFunction.MatchString(function.Sel.Name) {
				return true
			}
			if set, ok := function.X.(*ast.Ident); !ok || set.Name != "flag" && set.Name != "flags" {
				return true
			}
			for _, arg := range call.Args[:min(2, len(call.Args))] {
				if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					name, _ := strconv.Unquote(literal.Value)
					found[name] = !strings.HasPrefix(function.Sel.Name, "Bool")
					break
				}
			}
			return true
		})
	}
	return found
}

// program checks the arguments of a program of this repository that uses package flag.
func (r repository) program(dir string, args []string) error {
	known := options{"-h": false, "-help": false}
	for name, takes := range r.flagsOf(dir) {
		known["-"+name] = takes
	}
	given, err := takeFlags(args, known)
	if err != nil {
		return fmt.Errorf("%s: %w", path.Base(dir), err)
	}
	if len(given.rest) > 0 {
		return fmt.Errorf("%s takes no argument such as %q", path.Base(dir), given.rest[0])
	}
	if only := given.values["-only"]; only != "" {
		return r.mutant(only)
	}
	return nil
}

// mutant says no if no mutant has the name, which may be a pattern.
func (r repository) mutant(pattern string) error {
	lists, _ := filepath.Glob(filepath.Join(r.root, "internal/mutation/mutants/*.diff"))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			return err
		}
		for _, m := range regexp.MustCompile(`(?m)^== (\S+)$`).FindAllStringSubmatch(string(text), -1) {
			if ok, err := path.Match(pattern, m[1]); ok || err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("there is no mutant %s", pattern)
}

// flags checks flags that stand alone in the text, as `-simulate 0`: those of go test, of
// the simulation and of the mutations.
func (r repository) flags(c Command) error {
	if isOthersFlag(c.Words[0]) {
		return nil
	}
	known := options{"-race": false, "-count": true, "-cpu": true}
	for _, dir := range []string{"internal/simulation/cmd/simulate", "internal/mutation/cmd/mutate"} {
		for name, takes := range r.flagsOf(dir) {
			known["-"+name] = takes
		}
	}
	if name := c.Words[0]; c.IsName(c.Words[1:]) && !strings.Contains(name, "=") {
		if _, ok := known[name]; !ok {
			return fmt.Errorf("there is no flag %s", name)
		}
		return nil
	}
	given, err := takeFlags(c.Words, known)
	if err == nil && len(given.rest) > 0 {
		err = fmt.Errorf("%s is no flag", given.rest[0])
	}
	return err
}
