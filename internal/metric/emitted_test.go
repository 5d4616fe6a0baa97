package metric_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// put is a call of a method Put whose first argument may be a metric.
type put struct {
	at   string
	name string // of the constant, "" if it is none of this package's
}

// puts are the calls in the packages below a folder that import this package.
func puts(t *testing.T, dir string) (all []put) {
	t.Helper()
	set := token.NewFileSet()
	err := filepath.WalkDir("../../"+dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil || !slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return strings.HasSuffix(i.Path.Value, `/internal/metric"`) }) {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			if method, ok := call.Fun.(*ast.SelectorExpr); !ok || method.Sel.Name != "Put" {
				return true
			}
			found := put{at: set.Position(call.Pos()).String()}
			if arg, ok := call.Args[0].(*ast.SelectorExpr); ok {
				if pkg, ok := arg.X.(*ast.Ident); ok && pkg.Name == "metric" {
					found.name = arg.Sel.Name
				}
			}
			all = append(all, found)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// constants are the values of this package's constants of type Name, by their names.
func constants(t *testing.T) map[string]metric.Name {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "list.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]metric.Name{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				values[spec.Names[0].Name] = metric.Name(strings.Trim(literal.Value, `"`))
			}
		}
		return true
	})
	if len(values) == 0 {
		t.Fatal("list.go has no constants: this test would hold for nothing")
	}
	return values
}

// TestWhatIsListedIsMeasured compares the list with every place that measures: the
// functions, which run on AWS and on one machine, and the one machine itself.
func TestWhatIsListedIsMeasured(t *testing.T) {
	values, measured := constants(t), map[metric.Name]metric.Place{}
	for _, world := range []struct {
		dir   string
		place metric.Place
	}{{"internal/local", metric.OneMachine}, {"functions", metric.Everywhere}} {
		for _, p := range puts(t, world.dir) {
			value, known := values[p.name]
			if _, listed := metric.Of(value); !known || !listed {
				t.Errorf("%s measures what is not on the list: name a constant of package metric", p.at)
				continue
			}
			measured[value] = world.place
		}
	}
	for _, m := range metric.All() {
		if measured[m.Name] != m.Place {
			t.Errorf("%s is on the list as measured %s, and is measured %q", m.Name, m.Place, measured[m.Name])
		}
	}
	for name, value := range values {
		if _, listed := metric.Of(value); !listed {
			t.Errorf("%s is not on the list", name)
		}
	}
}
