package statemachine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// reporters are the packages whose errors reach the state machine, or become the
// setback of a run: the functions, what they call, and fleet, which decides.
var reporters = []string{"../functions", "../internal/fleet", "../internal/lifecycle", "../internal/github", "../internal/local", "../internal/aws"}

// awsErrors are names that Step Functions and Lambda report by themselves.
func awsErrors(name string) bool {
	for _, prefix := range []string{"States.", "Lambda.", "Sandbox.", "Runtime."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func TestEveryErrorThatIsCaughtIsReported(t *testing.T) {
	reported := reportedErrors(t)
	for name, s := range load(t).tasks() {
		var named []string
		for _, retrier := range s.Retry {
			named = append(named, retrier.ErrorEquals...)
		}
		for _, catcher := range s.Catch {
			named = append(named, catcher.ErrorEquals...)
		}
		for _, e := range named {
			if !awsErrors(e) && !reported[e] {
				t.Errorf("state %s names %s, which no function reports", name, e)
			}
		}
	}
}

// TestEveryErrorThatIsReportedIsCaught needs TestFailuresAreRecorded beside it: what no
// clause names goes to RecordFailure. What RecordStatus and RecordFailure themselves may
// meet must be retried by name, since no state is left to catch it.
func TestEveryErrorThatIsReportedIsCaught(t *testing.T) {
	d := load(t)
	for _, name := range []string{"RecordStatus", "RecordFailure"} {
		for _, e := range []string{"Records.Conflict", "Records.Unavailable", "AWS.Unavailable", "GitHub.RateLimited", "GitHub.Unavailable"} {
			if !retries(d.States[name], e) {
				t.Errorf("state %s does not retry %s", name, e)
			}
		}
	}
	for e := range reportedErrors(t) {
		if _, known := errorConstants(t)[e]; !known {
			t.Errorf("%s is reported and is no name of package fleet", e)
		}
	}
}

// A step that meets a conflict, or a table or service that is away for a moment, is repeated:
// else the runner that got so far is given up.
func TestEveryStepRetriesWhatPasses(t *testing.T) {
	for name, s := range load(t).tasks() {
		for _, e := range []string{"Records.Conflict", "Records.Unavailable", "AWS.Unavailable"} {
			if !retries(s, e) {
				t.Errorf("state %s does not retry %s", name, e)
			}
		}
	}
}

func retries(s state, name string) bool {
	for _, retrier := range s.Retry {
		for _, e := range retrier.ErrorEquals {
			if e == name {
				return true
			}
		}
	}
	return false
}

// TestNoErrorNameIsDead: some reporter reports each error name of package fleet.
func TestNoErrorNameIsDead(t *testing.T) {
	reported := reportedErrors(t)
	for name := range errorConstants(t) {
		if !reported[name] {
			t.Errorf("%s is a name of package fleet that nobody reports", name)
		}
	}
}

// errorConstants are the error names of package fleet, name → constant.
func errorConstants(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/fleet/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, err := strconv.Unquote(lit.Value); err == nil && strings.Contains(name, ".") {
				names[name] = spec.Names[0].Name
			}
		}
		return true
	})
	if len(names) == 0 {
		t.Fatal("package fleet names no errors")
	}
	return names
}

// reportedErrors are the names that the reporters use other than to compare: a
// mention inside IsNamed or a case clause asks for an error, any other makes one.
// Package fleet has tables of all names: there only the Name of a setback makes one.
func reportedErrors(t *testing.T) map[string]bool {
	t.Helper()
	byConstant := map[string]string{}
	for name, constant := range errorConstants(t) {
		byConstant[constant] = name
	}
	reported := map[string]bool{}
	for _, dir := range reporters {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "lifecycletest") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
			if err != nil {
				return err
			}
			ast.Walk(finder{byConstant, reported}, file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return reported
}

type finder struct {
	byConstant map[string]string
	reported   map[string]bool
}

func (f finder) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.CallExpr:
		if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "IsNamed" {
			return nil
		}
	case *ast.CaseClause:
		for _, stmt := range n.Body {
			ast.Walk(f, stmt)
		}
		return nil
	case *ast.ReturnStmt: // in package fleet itself
		for _, result := range n.Results {
			if value, ok := result.(*ast.Ident); ok && f.byConstant[value.Name] != "" {
				f.reported[f.byConstant[value.Name]] = true
			}
		}
	case *ast.KeyValueExpr:
		key, _ := n.Key.(*ast.Ident)
		value, _ := n.Value.(*ast.Ident)
		if key != nil && value != nil && key.Name == "Name" && f.byConstant[value.Name] != "" {
			f.reported[f.byConstant[value.Name]] = true
		}
	case *ast.SelectorExpr:
		if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "fleet" {
			if name, ok := f.byConstant[n.Sel.Name]; ok {
				f.reported[name] = true
			}
		}
	}
	return f
}
